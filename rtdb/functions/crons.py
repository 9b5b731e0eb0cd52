"""What an app calls again and again: the cron jobs of its module ``crons.py``.

::

    crons = Crons()
    crons.interval("cleanup presence", presence.cleanup, minutes=5)
    crons.daily("cleanup notifications", "notifications:cleanup", hour_utc=3, minute_utc=0)
    crons.cron("reckoning", "0 0 L * *", billing.close, {"strict": True})

Times are UTC; a ``minute_utc`` that is left out is some minute, always the same. A mutation or an action can be called,
public or internal. Mistakes are errors at import; whether the function exists is seen when the whole app is loaded.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from rtdb.errors import DeveloperError
from rtdb.functions.definition import FunctionDefinition
from rtdb.scheduler.schedule import (
    Cron,
    Daily,
    Hourly,
    Interval,
    Monthly,
    Schedule,
    Weekly,
    check_schedule,
)
from rtdb.values.json_codec import encode

__all__ = ["ARGUMENTS_BYTES_MAX", "CronDefinition", "Crons"]

ARGUMENTS_BYTES_MAX: Final = 1024 * 1024

_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_SECONDS: Final = {"seconds": 1, "minutes": 60, "hours": 3600}

FunctionReference = str | FunctionDefinition
Arguments = dict[str, Any] | None


class CronDefinition(NamedTuple):
    """One cron job; ``args`` is the encoded JSON of its arguments."""

    name: str
    schedule: Schedule
    function: FunctionReference
    args: bytes


class Crons:
    """The cron jobs of an app."""

    def __init__(self) -> None:
        self._jobs: dict[str, CronDefinition] = {}

    @property
    def jobs(self) -> list[CronDefinition]:
        """Those defined so far, in order of their names."""
        return [self._jobs[name] for name in sorted(self._jobs)]

    def interval(
        self,
        name: str,
        function: FunctionReference,
        args: Arguments = None,
        *,
        seconds: int | None = None,
        minutes: int | None = None,
        hours: int | None = None,
    ) -> None:
        """Call a function when it is deployed, and then again each time so long has passed."""
        given = {"seconds": seconds, "minutes": minutes, "hours": hours}
        units = [unit for unit, count in given.items() if count is not None]
        if len(units) != 1:
            raise _invalid("Must specify one of seconds, minutes, or hours")
        count = given[units[0]]
        if not _is_whole(count, 1, None):
            raise _invalid("Interval must be an integer greater than 0")
        assert count is not None
        self._add(name, Interval(count * _SECONDS[units[0]]), function, args)

    def hourly(
        self, name: str, function: FunctionReference, args: Arguments = None, *, minute_utc: int | None = None
    ) -> None:
        """Call a function once an hour."""
        self._add(name, Hourly(_minute(minute_utc)), function, args)

    def daily(
        self,
        name: str,
        function: FunctionReference,
        args: Arguments = None,
        *,
        hour_utc: int,
        minute_utc: int | None = None,
    ) -> None:
        """Call a function once a day."""
        self._add(name, Daily(_hour(hour_utc), _minute(minute_utc)), function, args)

    def weekly(
        self,
        name: str,
        function: FunctionReference,
        args: Arguments = None,
        *,
        day_of_week: str,
        hour_utc: int,
        minute_utc: int | None = None,
    ) -> None:
        """Call a function once a week; the day is written like ``"monday"``."""
        if day_of_week not in _WEEKDAYS:
            raise _invalid('Day of week must be a string like "monday".')
        schedule = Weekly(_WEEKDAYS.index(day_of_week), _hour(hour_utc), _minute(minute_utc))
        self._add(name, schedule, function, args)

    def monthly(
        self,
        name: str,
        function: FunctionReference,
        args: Arguments = None,
        *,
        day: int,
        hour_utc: int,
        minute_utc: int | None = None,
    ) -> None:
        """Call a function once a month, in those months that have the day."""
        if not _is_whole(day, 1, 31):
            raise _invalid("Day of month must be an integer from 1 to 31")
        self._add(name, Monthly(day, _hour(hour_utc), _minute(minute_utc)), function, args)

    def cron(self, name: str, expression: str, function: FunctionReference, args: Arguments = None) -> None:
        """Call a function as a cron expression of five fields says: ``"0 3 * * *"``."""
        if not isinstance(expression, str):
            raise _invalid(f"A cron expression is a string, not {type(expression).__name__}")
        self._add(name, Cron(expression), function, args)

    def _add(self, name: str, schedule: Schedule, function: FunctionReference, args: Arguments) -> None:
        if not isinstance(name, str) or not name or not (name.isascii() and name.isprintable()):
            raise _invalid(f"Invalid cron identifier {name}: use ASCII letters that are not control characters")
        if name in self._jobs:
            raise _invalid(f"Cron identifier registered twice: {name}")
        if not isinstance(function, str | FunctionDefinition):
            raise _invalid(
                f"The cron job '{name}' is to call a function, named by its path or given itself, "
                f"not by {type(function).__name__}"
            )
        if args is not None and not isinstance(args, dict):
            raise _invalid(f"The arguments of the cron job '{name}' are a dict, not {type(args).__name__}")
        check_schedule(schedule)
        data = encode({} if args is None else args)
        if len(data) > ARGUMENTS_BYTES_MAX:
            raise _invalid(f"Cron job args too large ({len(data)} bytes, limit: {ARGUMENTS_BYTES_MAX} bytes)")
        self._jobs[name] = CronDefinition(name, schedule, function, data)


def _is_whole(value: object, first: int, last: int | None) -> bool:
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return is_int and value >= first and (last is None or value <= last)  # type: ignore[operator]  # it is an int


def _minute(minute_utc: int | None) -> int | None:
    if minute_utc is not None and not _is_whole(minute_utc, 0, 59):
        raise _invalid("Minute of hour must be an integer from 0 to 59")
    return minute_utc


def _hour(hour_utc: int) -> int:
    if not _is_whole(hour_utc, 0, 23):
        raise _invalid("Hour of day must be an integer from 0 to 23")
    return hour_utc


def _invalid(message: str) -> DeveloperError:
    return DeveloperError(message, code="InvalidCron")
