"""``ctx.scheduler``: have functions called later.

What is scheduled in a mutation is part of it: if the mutation fails, nothing was. A scheduled mutation runs exactly
once, a scheduled action at most once, both without an identity.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from rtdb.errors import DeveloperError
from rtdb.functions.definition import FunctionDefinition

__all__ = ["Jobs", "Scheduler", "time_after", "time_at"]

FunctionReference = str | FunctionDefinition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Jobs(Protocol):
    """Writes down what is to be called; times are milliseconds since the epoch."""

    @property
    def now_ms(self) -> float: ...

    def schedule(self, function: object, time_ms: float, arguments: dict[str, Any] | None) -> str: ...

    def cancel(self, id: str) -> None: ...


class Scheduler:
    """``ctx.scheduler`` of a mutation."""

    __slots__ = ("_jobs",)

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def run_after(self, delay_ms: float, function: FunctionReference, arguments: dict[str, Any] | None = None) -> str:
        """Have a mutation or action called so many milliseconds after this mutation began, and return the id under
        which ``ctx.db.system`` finds it in ``_scheduled_functions``.

        The function is named by its path or given itself; internal ones can be called too.
        """
        return self._jobs.schedule(function, time_after(self._jobs.now_ms, delay_ms), arguments)

    def run_at(
        self, time: float | datetime, function: FunctionReference, arguments: dict[str, Any] | None = None
    ) -> str:
        """Like :meth:`run_after`, at a time: milliseconds since the epoch, or a ``datetime`` with a time zone."""
        return self._jobs.schedule(function, time_at(time), arguments)

    def cancel(self, id: str) -> None:
        """Take back what has not begun. A mutation under way has then not happened; an action goes on, and its end
        counts for nothing. What has ended already is left alone."""
        self._jobs.cancel(id)


def time_after(now_ms: float, delay_ms: object) -> float:
    """Return the time that comes so long after ``now_ms``. Raises TypeError or DeveloperError for what is no delay."""
    if isinstance(delay_ms, bool) or not isinstance(delay_ms, int | float):
        raise TypeError(f"`delay_ms` must be a number, not {type(delay_ms).__name__}")
    if not math.isfinite(delay_ms):
        raise _invalid("`delay_ms` must be a finite number")
    if delay_ms < 0:
        raise _invalid("`delay_ms` must be non-negative")
    return now_ms + delay_ms


def time_at(time: object) -> float:
    """Return a time in milliseconds. Raises TypeError or DeveloperError for what is none."""
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise _invalid("The invoke time must have a time zone, as in `datetime.now(UTC)`")
        return (time - _EPOCH) / _MILLISECOND
    if isinstance(time, bool) or not isinstance(time, int | float):
        raise TypeError(f"The invoke time must be a datetime or a timestamp, not {type(time).__name__}")
    if not math.isfinite(time):
        raise _invalid("The invoke time must be a finite number")
    return float(time)


def _invalid(message: str) -> DeveloperError:
    return DeveloperError(message, code="InvalidArgument")
