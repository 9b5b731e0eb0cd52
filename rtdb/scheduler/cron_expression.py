"""Cron expressions: which minutes they mean, and the first of those after a given time. UTC throughout.

::

    minute   hour   day of month   month   day of week
    0–59     0–23   1–31           1–12    0–6, 0 is Sunday
                    L L-n LW       JAN–DEC SUN–SAT
                    L-nW nW                L nL n#k

A field is ``*``, one of the special forms, or a list of values ``a``, ranges ``a-b`` and steps ``a/n``, ``a-b/n`` and,
at the head of the list, ``*/n``. A range may wrap around: ``22-2``. Fields are separated by spaces or tabs. If both day
fields are restricted, a day need only match one of them.

Invariant: everything here is a pure function of its arguments. The calendar repeats after 400 years, so a search that
has found nothing in that time never will.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from rtdb.errors import DeveloperError

__all__ = ["CronExpression", "parse_cron_expression"]

MINUTE_MS: Final = 60_000
CALENDAR_YEARS: Final = 400

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_SATURDAY: Final = 6

DayRule = Callable[[int, int], set[int]]
"""Which days of (year, month) match."""


class _Field:
    """The values one field may have."""

    def __init__(self, what: str, first: int, last: int, names: tuple[str, ...] = ()) -> None:
        self._what = what
        self.first = first
        self.last = last
        self._numbers = {name: first + place for place, name in enumerate(names)}

    def value(self, text: str) -> int:
        """Return the number that a text means; it is a member of the field."""
        number = self._numbers.get(text.upper())
        if number is None:
            if not re.fullmatch("[0-9]{1,2}", text):
                raise _unreadable(f"{text!r} is not {self._what}")
            number = int(text)
            if not self.first <= number <= self.last:
                raise _unreadable(f"{text} is not {self._what}: it goes from {self.first} to {self.last}")
        return number

    def members(self, text: str) -> list[int]:
        """Return the numbers that a list means, in order."""
        found: set[int] = set()
        for place, item in enumerate(text.split(",")):
            found.update(self._item(item, is_first=place == 0))
        return sorted(found)

    def _item(self, item: str, *, is_first: bool) -> list[int]:
        span, slash, step_text = item.partition("/")
        step = self._step(step_text) if slash else 1
        if span == "*":
            if not slash or not is_first:
                raise _unreadable(f"`*` stands alone or begins its field as `*/n`, unlike in {item!r}")
            return list(range(self.first, self.last + 1, step))
        start_text, dash, stop_text = span.partition("-")
        start = self.value(start_text)
        open_stop = self.last if slash else start
        stop = self.value(stop_text) if dash else open_stop
        size = self.last - self.first + 1
        length = (stop - start) % size + 1
        return [self.first + (start - self.first + ahead) % size for ahead in range(0, length, step)]

    def _step(self, text: str) -> int:
        steps_max = self.last - self.first
        if not re.fullmatch("[0-9]{1,2}", text) or not 1 <= int(text) <= steps_max:
            raise _unreadable(f"a step of {self._what} is a number from 1 to {steps_max}, not {text!r}")
        return int(text)


_MINUTE: Final = _Field("a minute", 0, 59)
_HOUR: Final = _Field("an hour", 0, 23)
_DAY: Final = _Field("a day of the month", 1, 31)
_MONTH: Final = _Field("a month", 1, 12, _MONTHS)
_WEEKDAY: Final = _Field("a day of the week", 0, 6, _WEEKDAYS)


class CronExpression:
    """The minutes that an expression means."""

    __slots__ = ("_days", "_months", "_times")

    def __init__(self, minutes: list[int], hours: list[int], months: list[int], days: DayRule) -> None:
        self._times = [hour * 60 + minute for hour in hours for minute in minutes]
        """Minutes of a day, in order."""
        self._months = frozenset(months)
        self._days = days

    def next_after(self, time_ms: int) -> int | None:
        """Return the first matching minute that begins after ``time_ms``, in milliseconds since the epoch.

        None when there is none at all, or none before the year 10,000.
        """
        try:
            earliest = _EPOCH + timedelta(minutes=time_ms // MINUTE_MS + 1)
        except OverflowError:
            return None
        day, minute = earliest.date(), earliest.hour * 60 + earliest.minute
        while True:
            found = self._day_from(day)
            if found is None:
                return None
            if found > day:
                minute = 0
            place = bisect_left(self._times, minute)
            if place < len(self._times):
                return (found - _EPOCH.date()).days * 24 * 60 * MINUTE_MS + self._times[place] * MINUTE_MS
            if found == date.max:
                return None
            day, minute = found + timedelta(days=1), 0

    def _day_from(self, day: date) -> date | None:
        """Return the first matching day from ``day`` on."""
        year, month, earliest = day.year, day.month, day.day
        for _ in range(CALENDAR_YEARS * 12 + 1):
            if month in self._months:
                days = [match for match in self._days(year, month) if match >= earliest]
                if days:
                    return date(year, month, min(days))
            earliest = 1
            month += 1
            if month > 12:
                year, month = year + 1, 1
                if year > date.max.year:
                    return None
        return None


def parse_cron_expression(text: str) -> CronExpression:
    """Read an expression of five fields. Raises DeveloperError ``InvalidCron``."""
    fields = re.split("[ \t]+", text)
    if len(fields) != 5 or "" in fields:
        raise _unreadable("it has five fields, separated by spaces: minute, hour, day of month, month, day of week")
    minute, hour, day, month, weekday = fields
    return CronExpression(
        _members(_MINUTE, minute), _members(_HOUR, hour), _members(_MONTH, month), _day_rule(day, weekday)
    )


def _members(field: _Field, text: str) -> list[int]:
    return list(range(field.first, field.last + 1)) if text == "*" else field.members(text)


def _unreadable(reason: str) -> DeveloperError:
    return DeveloperError(f"Failed to parse cron expression: {reason}", code="InvalidCron")


# --- days -------------------------------------------------------------------------------------------------------------


def _day_rule(day: str, weekday: str) -> DayRule:
    if weekday == "*":
        return _every_day if day == "*" else _day_of_month_rule(day)
    if day == "*":
        return _day_of_week_rule(weekday)
    of_month, of_week = _day_of_month_rule(day), _day_of_week_rule(weekday)
    return lambda year, month: of_month(year, month) | of_week(year, month)


def _every_day(year: int, month: int) -> set[int]:
    return set(range(1, _length(year, month) + 1))


def _day_of_month_rule(text: str) -> DayRule:
    special = re.fullmatch("L(?:-([0-9]{1,2}))?(W)?", text, re.IGNORECASE)
    if special is not None:
        before = int(special[1] or 0)
        if special[1] is not None and not 1 <= before <= 30:
            raise _unreadable(f"{text!r} is not a day of the month: before the last one are 1 to 30 days")
        return _last_day_rule(before, is_workday=special[2] is not None)
    near = re.fullmatch("([0-9]{1,2})W", text, re.IGNORECASE)
    if near is not None:
        wanted = _DAY.value(near[1])
        return lambda year, month: _nearest_workday(year, month, wanted) if wanted <= _length(year, month) else set()
    days = set(_DAY.members(text))
    return lambda year, month: {day for day in days if day <= _length(year, month)}


def _last_day_rule(before: int, *, is_workday: bool) -> DayRule:
    def rule(year: int, month: int) -> set[int]:
        day = _length(year, month) - before
        if day < 1:
            return set()
        return _nearest_workday(year, month, day) if is_workday else {day}

    return rule


def _day_of_week_rule(text: str) -> DayRule:
    if text in ("L", "l"):
        return lambda year, month: _weekdays(year, month, {_SATURDAY})
    last = re.fullmatch("([0-9]|[A-Z]{3})L", text, re.IGNORECASE)
    if last is not None:
        weekday = _WEEKDAY.value(last[1])
        return lambda year, month: {max(_weekdays(year, month, {weekday}))}
    nth = re.fullmatch("([0-9]|[A-Z]{3})#([0-9])", text, re.IGNORECASE)
    if nth is not None:
        weekday, which = _WEEKDAY.value(nth[1]), int(nth[2])
        if not 1 <= which <= 5:
            raise _unreadable(f"{text!r} is not a day of the week: `#` takes a number from 1 to 5")
        return lambda year, month: set(sorted(_weekdays(year, month, {weekday}))[which - 1 : which])
    weekdays = set(_WEEKDAY.members(text))
    return lambda year, month: _weekdays(year, month, weekdays)


def _length(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _weekday(year: int, month: int, day: int) -> int:
    return date(year, month, day).isoweekday() % 7


def _weekdays(year: int, month: int, wanted: set[int]) -> set[int]:
    first = _weekday(year, month, 1)
    return {day for day in range(1, _length(year, month) + 1) if (first + day - 1) % 7 in wanted}


def _nearest_workday(year: int, month: int, day: int) -> set[int]:
    """Return the Monday to Friday nearest to a day, in the same month."""
    weekday = _weekday(year, month, day)
    if weekday == _SATURDAY:
        return {day - 1 if day > 1 else day + 2}
    if weekday == 0:
        return {day + 1 if day < _length(year, month) else day - 2}
    return {day}
