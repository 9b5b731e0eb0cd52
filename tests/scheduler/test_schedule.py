"""When cron jobs run, over years of made-up time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.errors import DeveloperError
from rtdb.scheduler.schedule import (
    Cron,
    Daily,
    Hourly,
    Interval,
    Monthly,
    Schedule,
    Weekly,
    check_schedule,
    first_run,
    next_run,
    schedule_from_json,
    schedule_to_json,
)

START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)

minutes = st.none() | st.integers(0, 59)
hours = st.integers(0, 23)
clock_schedules: st.SearchStrategy[Schedule] = (
    st.builds(Hourly, minutes)
    | st.builds(Daily, hours, minutes)
    | st.builds(Weekly, st.integers(0, 6), hours, minutes)
    | st.builds(Monthly, st.integers(1, 31), hours, minutes)
)
schedules = clock_schedules | st.builds(Interval, st.integers(1, 10**7)) | st.just(Cron("0 3 * * *"))


def moment(time_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)


def is_due(schedule: Schedule, minute: int, at: datetime) -> bool:
    """Say of one minute whether the schedule means it, by the words of its fields."""
    if at.minute != minute or at.second or at.microsecond:
        return False
    match schedule:
        case Hourly():
            return True
        case Daily(hour):
            return at.hour == hour
        case Weekly(day_of_week, hour):
            return at.hour == hour and at.isoweekday() % 7 == day_of_week
        case Monthly(day, hour):
            return at.hour == hour and at.day == day
    raise AssertionError(schedule)


@settings(max_examples=60, deadline=None)
@given(clock_schedules, st.text(max_size=10), st.integers(0, 5 * 366 * 86_400_000))
def test_a_clock_schedule_runs_in_every_minute_that_its_fields_name_and_in_no_other(
    schedule: Schedule, name: str, ahead: int
) -> None:
    begin = START + ahead
    found = first_run(schedule, name, begin)
    minute = moment(found).minute
    declared = schedule.minute  # type: ignore[union-attr]  # an interval is no clock schedule
    assert minute == declared or declared is None
    runs = [found]
    for _ in range(3):
        following = next_run(schedule, name, runs[-1], runs[-1] + 5)
        assert following.skipped == 0
        runs.append(following.time_ms)
    # Hour by hour at the one minute there is: what is due is what was returned.
    at = moment(begin).replace(minute=minute, second=0, microsecond=0)
    enumerated: list[int] = []
    while len(enumerated) < 4 and at < moment(begin) + timedelta(days=250):
        time_ms = round(at.timestamp() * 1000)
        if time_ms > begin and is_due(schedule, minute, at):
            enumerated.append(time_ms)
        at += timedelta(hours=1)
    assert runs[: len(enumerated)] == enumerated
    assert len(enumerated) >= 2


@given(st.integers(1, 10**6), st.integers(0, 10**10), st.integers(-(10**6), 10**10))
def test_an_interval_stays_anchored_and_counts_what_it_skips(seconds: int, begin: int, late: int) -> None:
    schedule = Interval(seconds)
    check_schedule(schedule)
    assert first_run(schedule, "job", begin) == begin
    now = begin + late
    following = next_run(schedule, "job", begin, now)
    step = seconds * 1000
    assert (following.time_ms - begin) % step == 0
    assert following.time_ms > begin
    assert following.time_ms >= now
    assert following.skipped == (following.time_ms - begin) // step - 1
    # Nothing that is still ahead was skipped.
    assert following.skipped == 0 or following.time_ms - step < now


@settings(deadline=None)
@given(schedules, st.integers(0, 10**11), st.integers(0, 10**11))
def test_the_next_run_is_after_the_last_one_and_never_in_the_past(schedule: Schedule, begin: int, late: int) -> None:
    first = first_run(schedule, "job", begin)
    following = next_run(schedule, "job", first, first + late)
    assert following.time_ms > first
    assert following.time_ms >= first + late


def test_ten_years_of_month_ends_have_each_run_once() -> None:
    schedule, name = Monthly(31, 12, 0), "reckoning"
    time_ms, seen = first_run(schedule, name, START), []
    while moment(time_ms).year < 2036:
        seen.append((moment(time_ms).year, moment(time_ms).month))
        time_ms = next_run(schedule, name, time_ms, time_ms).time_ms
    assert seen == [(year, month) for year in range(2026, 2036) for month in (1, 3, 5, 7, 8, 10, 12)]


def test_leap_days_come_every_four_years_but_for_some_centuries() -> None:
    schedule = Cron("0 0 29 2 *")
    time_ms, years = first_run(schedule, "leap", START), []
    while moment(time_ms).year <= 2112:
        years.append(moment(time_ms).year)
        time_ms = next_run(schedule, "leap", time_ms, time_ms).time_ms
    assert years == [*range(2028, 2097, 4), 2104, 2108, 2112]


def test_an_open_minute_is_the_same_for_ever_and_not_the_same_for_all() -> None:
    names = [f"job {number}" for number in range(50)]
    found = {name: moment(first_run(Hourly(), name, START)).minute for name in names}
    assert found == {name: moment(first_run(Daily(4), name, START + 10**9)).minute for name in names}
    assert len(set(found.values())) > 10


@given(schedules)
def test_a_schedule_survives_its_json(schedule: Schedule) -> None:
    data = schedule_to_json(schedule)
    assert schedule_from_json(msgspec.json.decode(msgspec.json.encode(data))) == schedule
    assert data["type"] == type(schedule).__name__.lower()


def test_numbers_of_a_stored_schedule_may_be_floats() -> None:
    """Documents know no integers."""
    stored = {"type": "weekly", "dayOfWeek": 1.0, "hourUTC": 2.0, "minuteUTC": None}
    assert schedule_from_json(stored) == Weekly(1, 2)


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        (Interval(0), "Interval must be an integer greater than 0"),
        (Interval(10**12), "Interval must be at most 1000000000 seconds"),
        (Hourly(60), 'minuteUTC must be 0-59 in {"type":"hourly","minuteUTC":60}'),
        (Daily(24), "hourUTC must be 0-23 in"),
        (Daily(3, -1), "minuteUTC must be 0-59 in"),
        (Weekly(7, 3), "dayOfWeek must be 0-6 in"),
        (Monthly(0, 3), "day of month must be 1-31 in"),
        (Cron("every day"), "Failed to parse cron expression"),
        (Cron("0 0 31 2 *"), 'The cron spec "0 0 31 2 *" will never match any time'),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(schedule: Schedule, problem: str) -> None:
    with pytest.raises(DeveloperError) as raised:
        check_schedule(schedule)
    assert raised.value.code == "InvalidCron"
    assert problem in raised.value.message
