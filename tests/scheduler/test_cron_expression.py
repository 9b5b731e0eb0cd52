"""Cron expressions mean what an enumeration of the calendar finds, and nothing else is one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.errors import DeveloperError
from rtdb.scheduler.cron_expression import parse_cron_expression
from tests.scheduler.cron_oracle import Drawn, drawn_expressions, enumerate_next

SEARCHED_DAYS = 1500
"""Four years and a bit: every leap day, most month ends on every day of the week."""

moments = st.datetimes(datetime(1969, 6, 1), datetime(2150, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: int(moment.timestamp() * 1000)
)


def ms(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


def runs(expression: str, after: str, count: int) -> list[str]:
    """The first matches after a moment."""
    found, times = ms(after), []
    for _ in range(count):
        following = parse_cron_expression(expression).next_after(found)
        assert following is not None
        found = following
        times.append(datetime.fromtimestamp(found / 1000, UTC).strftime("%Y-%m-%d %H:%M"))
    return times


@settings(max_examples=150, deadline=None)
@given(drawn_expressions(), moments)
def test_the_next_match_is_the_one_an_enumeration_of_the_calendar_finds(drawn: Drawn, after_ms: int) -> None:
    found = parse_cron_expression(drawn.text).next_after(after_ms)
    expected = enumerate_next(drawn, after_ms, SEARCHED_DAYS)
    if expected is None:
        assert found is None or found > after_ms + SEARCHED_DAYS * 86_400_000
    else:
        assert found == expected


@settings(max_examples=60, deadline=None)
@given(drawn_expressions(), moments, st.integers(0, 86_400_000 * 40))
def test_no_match_lies_between_a_moment_and_the_next_one(drawn: Drawn, after_ms: int, later: int) -> None:
    """Starting later, before the match, finds the same match; starting on it finds another one."""
    expression = parse_cron_expression(drawn.text)
    found = expression.next_after(after_ms)
    if found is None:
        assert expression.next_after(after_ms + later) is None
        return
    assert found > after_ms
    assert found % 60_000 == 0
    assert expression.next_after(min(after_ms + later, found - 1)) == found
    following = expression.next_after(found)
    assert following is None or following > found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("0 0 29 2 *", "2096-03-01", ["2104-02-29 00:00", "2108-02-29 00:00"]),
        ("30 23 31 * *", "2026-01-31 23:30", ["2026-03-31 23:30", "2026-05-31 23:30"]),
        ("59 23 L * *", "2027-02-01", ["2027-02-28 23:59", "2027-03-31 23:59"]),
        ("59 23 L * *", "2028-02-01", ["2028-02-29 23:59"]),
        ("0 0 LW * *", "2026-10-01", ["2026-10-30 00:00", "2026-11-30 00:00"]),
        ("0 0 1W 8 *", "2026-01-01", ["2026-08-03 00:00", "2027-08-02 00:00"]),
        ("0 0 31W * *", "2026-05-01", ["2026-05-29 00:00", "2026-07-31 00:00"]),
        ("0 22-2/2 * * *", "2026-05-01", ["2026-05-01 02:00", "2026-05-01 22:00", "2026-05-02 00:00"]),
        ("0 0 13 * FRI", "2026-05-09", ["2026-05-13 00:00", "2026-05-15 00:00", "2026-05-22 00:00"]),
        ("0 0 * * L", "2026-05-01", ["2026-05-02 00:00", "2026-05-09 00:00"]),
        ("0 0 * 2 1#5", "2026-01-01", ["2044-02-29 00:00"]),
        ("59 23 31 DEC *", "1999-12-31 23:59", ["2000-12-31 23:59"]),
        ("* * * * *", "1969-12-31 23:59:59.999", ["1970-01-01 00:00", "1970-01-01 00:01"]),
    ],
)
def test_leap_days_and_month_ends(expression: str, after: str, expected: list[str]) -> None:
    assert runs(expression, after, len(expected)) == expected


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 L-30 2,4 *", "0 0 31W 2 *"])
def test_a_day_that_no_month_has_never_comes(expression: str) -> None:
    assert parse_cron_expression(expression).next_after(0) is None


def test_time_ends_with_the_year_9999() -> None:
    expression = parse_cron_expression("59 23 31 12 *")
    assert expression.next_after(ms("9999-12-31 23:58")) == ms("9999-12-31 23:59")
    assert expression.next_after(ms("9999-12-31 23:59")) is None
    assert expression.next_after(10**18) is None


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "* * * * * *",
        " * * * * *",
        "* * * * * ",
        "*\n* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 7",
        "* * * FOO *",
        "* * * * MONDAY",
        "1,* * * * *",
        "5,*/2 * * * *",
        "* * *,1 * *",
        "*-5 * * * *",
        "*/0 * * * *",
        "*/60 * * * *",
        "* */24 * * *",
        "* * */31 * *",
        "* * * */12 *",
        "* * * * */7",
        "*/ * * * *",
        "1- * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "٣ * * * *",
        "001 * * * *",
        "* * ? * *",
        "* * L-0 * *",
        "* * L-31 * *",
        "* * L,1 * *",
        "* * 32W * *",
        "* * W * *",
        "* * * * 1#0",
        "* * * * 1#6",
        "* * * * 7L",
        "* * * * 1L,2",
        "@daily",
    ],
)
def test_anything_else_is_refused(expression: str) -> None:
    with pytest.raises(DeveloperError, match="Failed to parse cron expression: ") as raised:
        parse_cron_expression(expression)
    assert raised.value.code == "InvalidCron"
