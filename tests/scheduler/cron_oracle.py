"""Cron expressions a second time: as predicates over calendar days and minutes, enumerated one by one.

Shares nothing with rtdb/scheduler: a strategy draws what a field means and writes it down; nobody parses.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from hypothesis import strategies as st

__all__ = ["Drawn", "drawn_expressions", "enumerate_next"]

NAMES_OF_MONTHS = ["jan", "Feb", "MAR", "apr", "May", "JUN", "jul", "Aug", "SEP", "oct", "Nov", "DEC"]
NAMES_OF_DAYS = ["sun", "Mon", "TUE", "wed", "Thu", "FRI", "sat"]

DayPredicate = Callable[[date], bool]


class Drawn(NamedTuple):
    """An expression as text, and what it means."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    is_day: DayPredicate


class _Part(NamedTuple):
    text: str
    members: frozenset[int]


def enumerate_next(drawn: Drawn, after_ms: int, days: int) -> int | None:
    """Walk the calendar minute by minute from the one after ``after_ms`` on, through so many days."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=after_ms)
    moment = moment.replace(second=0, microsecond=0) + timedelta(minutes=1)
    last = moment.date() + timedelta(days=days)
    while moment.date() <= last:
        if not drawn.is_day(moment.date()):
            moment = moment.replace(hour=0, minute=0) + timedelta(days=1)
        elif moment.hour in drawn.hours and moment.minute in drawn.minutes:
            return round(moment.timestamp() * 1000)
        else:
            moment += timedelta(minutes=1)
    return None


def _around(first: int, last: int, start: int, stop: int) -> list[int]:
    """The values from start to stop, past the last one to the first if need be."""
    values = list(range(first, last + 1))
    return [
        *values[values.index(start) : values.index(stop) + 1],
        *([] if start <= stop else values[values.index(start) :] + values[: values.index(stop) + 1]),
    ]


@st.composite
def _items(draw: st.DrawFn, first: int, last: int, names: list[str], *, at_head: bool) -> _Part:
    def spelled(value: int) -> str:
        spellings = [str(value), f"{value:02d}", *names[value - first : value - first + 1]]
        return draw(st.sampled_from(spellings))

    kinds = ["value", "range", "value/n", "range/n", *(["*/n"] if at_head else [])]
    kind = draw(st.sampled_from(kinds))
    start, stop = draw(st.integers(first, last)), draw(st.integers(first, last))
    step = draw(st.integers(1, last - first))
    match kind:
        case "value":
            return _Part(spelled(start), frozenset([start]))
        case "range":
            return _Part(f"{spelled(start)}-{spelled(stop)}", frozenset(_around(first, last, start, stop)))
        case "value/n":
            return _Part(f"{spelled(start)}/{step}", frozenset(range(start, last + 1)[::step]))
        case "range/n":
            return _Part(
                f"{spelled(start)}-{spelled(stop)}/{step}", frozenset(_around(first, last, start, stop)[::step])
            )
    return _Part(f"*/{step}", frozenset(range(first, last + 1)[::step]))


@st.composite
def _lists(draw: st.DrawFn, first: int, last: int, names: list[str]) -> _Part:
    parts = [draw(_items(first, last, names, at_head=True))]
    parts += draw(st.lists(_items(first, last, names, at_head=False), max_size=2))
    return _Part(",".join(part.text for part in parts), frozenset().union(*(part.members for part in parts)))


def _fields(first: int, last: int, names: list[str] | None = None) -> st.SearchStrategy[_Part]:
    everything = st.just(_Part("*", frozenset(range(first, last + 1))))
    return everything | _lists(first, last, names or [])


def _last_day(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _workday_nearest(wanted: date) -> date:
    """Look one day, then two days, to either side, without leaving the month."""
    for distance in (0, 1, 2):
        for candidate in (wanted - timedelta(days=distance), wanted + timedelta(days=distance)):
            if candidate.month == wanted.month and candidate.weekday() < 5:
                return candidate
    raise AssertionError("no month is without workdays")


def _is_near(day: date, number: int) -> bool:
    if number > _last_day(day).day:
        return False
    return _workday_nearest(day.replace(day=number)) == day


def _is_before_last(day: date, before: int, *, workday: bool) -> bool:
    wanted = _last_day(day) - timedelta(days=before)
    if wanted.month != day.month:
        return False
    return (_workday_nearest(wanted) if workday else wanted) == day


@st.composite
def _days_of_month(draw: st.DrawFn) -> tuple[str, DayPredicate]:
    number = draw(st.integers(1, 31))
    before = draw(st.integers(1, 30))
    part = draw(_lists(1, 31, []))
    forms: list[tuple[str, DayPredicate]]
    forms = [
        (part.text, lambda day: day.day in part.members),
        ("L", lambda day: day == _last_day(day)),
        ("LW", lambda day: _is_before_last(day, 0, workday=True)),
        (f"L-{before}", lambda day: _is_before_last(day, before, workday=False)),
        (f"L-{before}W", lambda day: _is_before_last(day, before, workday=True)),
        (f"{number}W", lambda day: _is_near(day, number)),
    ]
    return draw(st.sampled_from(forms))


@st.composite
def _days_of_week(draw: st.DrawFn) -> tuple[str, DayPredicate]:
    number = draw(st.integers(0, 6))
    name = draw(st.sampled_from([str(number), NAMES_OF_DAYS[number]]))
    which = draw(st.integers(1, 5))
    part = draw(_lists(0, 6, NAMES_OF_DAYS))
    forms: list[tuple[str, DayPredicate]]
    forms = [
        (part.text, lambda day: (day.weekday() + 1) % 7 in part.members),
        ("L", lambda day: day.weekday() == calendar.SATURDAY),
        (
            f"{name}L",
            lambda day: (day.weekday() + 1) % 7 == number and (day + timedelta(days=7)).month != day.month,
        ),
        (
            f"{name}#{which}",
            lambda day: (day.weekday() + 1) % 7 == number and (day.day + 6) // 7 == which,
        ),
    ]
    return draw(st.sampled_from(forms))


@st.composite
def drawn_expressions(draw: st.DrawFn) -> Drawn:
    """Expressions of every form, with what they mean."""
    minute, hour = draw(_fields(0, 59)), draw(_fields(0, 23))
    month = draw(_fields(1, 12, NAMES_OF_MONTHS))
    of_month = draw(st.none() | _days_of_month())
    of_week = draw(st.none() | _days_of_week())
    predicates = [rule[1] for rule in (of_month, of_week) if rule is not None]

    def is_day(day: date) -> bool:
        if day.month not in month.members:
            return False
        return not predicates or any(predicate(day) for predicate in predicates)

    texts = [minute.text, hour.text, of_month[0] if of_month else "*", month.text, of_week[0] if of_week else "*"]
    gaps = draw(st.lists(st.sampled_from([" ", "\t", "  "]), min_size=4, max_size=4))
    text = "".join(part for pair in zip(texts, [*gaps, ""], strict=True) for part in pair)
    return Drawn(text, minute.members, hour.members, is_day)
