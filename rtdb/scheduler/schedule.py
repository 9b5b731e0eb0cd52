"""When a cron job runs: its schedule as the app declares it, and the arithmetic of its runs. Times are whole
milliseconds since the epoch, UTC.

==========  ======================================================================  ====================================
type        fields                                                                  runs
==========  ======================================================================  ====================================
interval    seconds                                                                 at once, then every so many seconds
hourly      minuteUTC                                                               in that minute of every hour
daily       hourUTC, minuteUTC                                                      once a day
weekly      dayOfWeek (0 is Sunday), hourUTC, minuteUTC                             once a week
monthly     day, hourUTC, minuteUTC                                                 in months that have the day
cron        cronExpr                                                                as the expression says
==========  ======================================================================  ====================================

A minute that is left open is one that follows from the job's name: always the same, and not the same for all jobs.

Invariant: pure functions of their arguments; the runs of one schedule never lie before one another.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from blake3 import blake3

from rtdb.errors import DeveloperError
from rtdb.scheduler.cron_expression import CronExpression, parse_cron_expression

__all__ = [
    "Cron",
    "Daily",
    "Hourly",
    "Interval",
    "Monthly",
    "NextRun",
    "Schedule",
    "Weekly",
    "check_schedule",
    "first_run",
    "next_run",
    "schedule_from_json",
    "schedule_to_json",
]

INTERVAL_SECONDS_MAX: Final = 10**9
"""Some thirty years: times stay exact, and nobody waits for longer."""

_SECOND_MS: Final = 1000


class _Schedule(msgspec.Struct, frozen=True, tag_field="type", rename="camel"):
    pass


class Interval(_Schedule, frozen=True, tag="interval"):
    seconds: int


class Hourly(_Schedule, frozen=True, tag="hourly"):
    minute: int | None = msgspec.field(name="minuteUTC", default=None)


class Daily(_Schedule, frozen=True, tag="daily"):
    hour: int = msgspec.field(name="hourUTC")
    minute: int | None = msgspec.field(name="minuteUTC", default=None)


class Weekly(_Schedule, frozen=True, tag="weekly"):
    day_of_week: int
    hour: int = msgspec.field(name="hourUTC")
    minute: int | None = msgspec.field(name="minuteUTC", default=None)


class Monthly(_Schedule, frozen=True, tag="monthly"):
    day: int
    hour: int = msgspec.field(name="hourUTC")
    minute: int | None = msgspec.field(name="minuteUTC", default=None)


class Cron(_Schedule, frozen=True, tag="cron"):
    expression: str = msgspec.field(name="cronExpr")


Schedule = Interval | Hourly | Daily | Weekly | Monthly | Cron


class NextRun(NamedTuple):
    """When a cron job runs next, and how many runs it has missed for good."""

    time_ms: int
    skipped: int


def check_schedule(schedule: Schedule) -> None:
    """Raise DeveloperError ``InvalidCron`` for a schedule that cannot be, or that never comes."""
    match schedule:
        case Interval(seconds):
            if seconds < 1:
                raise _invalid("Interval must be an integer greater than 0")
            if seconds > INTERVAL_SECONDS_MAX:
                raise _invalid(f"Interval must be at most {INTERVAL_SECONDS_MAX} seconds")
        case Cron(expression):
            if parse_cron_expression(expression).next_after(0) is None:
                raise _invalid(f'The cron spec "{expression}" will never match any time')
        case _:
            _check_fields(schedule)


def first_run(schedule: Schedule, name: str, now_ms: int) -> int:
    """Return when a job whose schedule begins at ``now_ms`` runs first."""
    if isinstance(schedule, Interval):
        return now_ms
    return _next_match(schedule, name, now_ms)


def next_run(schedule: Schedule, name: str, previous_ms: int, now_ms: int) -> NextRun:
    """Return the run after the one that was due at ``previous_ms`` and has ended at ``now_ms``.

    Runs that were due before now are not made up for. Those of an interval stay ``previous_ms`` plus a multiple of it,
    and are counted; a clock schedule just goes on.
    """
    if isinstance(schedule, Interval):
        step = schedule.seconds * _SECOND_MS
        missed = max(0, (now_ms - previous_ms - 1) // step)
        return NextRun(previous_ms + (missed + 1) * step, missed)
    return NextRun(_next_match(schedule, name, max(previous_ms, now_ms)), 0)


def schedule_to_json(schedule: Schedule) -> dict[str, Any]:
    """Return the schedule as an object of the description."""
    return msgspec.to_builtins(schedule)  # type: ignore[no-any-return]  # a struct becomes a dict


def schedule_from_json(data: object) -> Schedule:
    """Read what :func:`schedule_to_json` returned. Raises ``msgspec.ValidationError`` for anything else."""
    return msgspec.convert(data, Schedule, strict=False)  # type: ignore[no-any-return]  # a union type is Any to it


def _next_match(schedule: Schedule, name: str, after_ms: int) -> int:
    found = _expression(schedule, name).next_after(after_ms)
    if found is None:
        raise _invalid(f"The schedule of {name!r} comes to an end before the year 10,000")
    return found


@lru_cache(maxsize=1024)
def _expression(schedule: Schedule, name: str) -> CronExpression:
    """Return the expression that a clock schedule amounts to."""
    match schedule:
        case Hourly(minute):
            text = f"{_minute(minute, name)} * * * *"
        case Daily(hour, minute):
            text = f"{_minute(minute, name)} {hour} * * *"
        case Weekly(day_of_week, hour, minute):
            text = f"{_minute(minute, name)} {hour} * * {day_of_week}"
        case Monthly(day, hour, minute):
            text = f"{_minute(minute, name)} {hour} {day} * *"
        case Cron(expression):
            text = expression
        case Interval():
            raise AssertionError("an interval is not bound to the clock")
    return parse_cron_expression(text)


def _minute(minute: int | None, name: str) -> int:
    return blake3(name.encode()).digest()[0] % 60 if minute is None else minute


def _check_fields(schedule: Hourly | Daily | Weekly | Monthly) -> None:
    shown = msgspec.json.encode(schedule).decode()
    if schedule.minute is not None and not 0 <= schedule.minute <= 59:
        raise _invalid(f"minuteUTC must be 0-59 in {shown}")
    if not isinstance(schedule, Hourly) and not 0 <= schedule.hour <= 23:
        raise _invalid(f"hourUTC must be 0-23 in {shown}")
    if isinstance(schedule, Weekly) and not 0 <= schedule.day_of_week <= 6:
        raise _invalid(f"dayOfWeek must be 0-6 in {shown}")
    if isinstance(schedule, Monthly) and not 1 <= schedule.day <= 31:
        raise _invalid(f"day of month must be 1-31 in {shown}")


def _invalid(message: str) -> DeveloperError:
    return DeveloperError(message, code="InvalidCron")
