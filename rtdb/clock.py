"""Time and randomness as arguments, so that a run can be replayed.

Timestamps are unsigned nanoseconds since the Unix epoch (sync-protocol §2.1). Only the committer issues commit
timestamps, through :func:`next_timestamp`; everyone else reads them.
"""

from __future__ import annotations

import os
import time
from typing import NewType, Protocol

__all__ = ["Clock", "Random", "SystemClock", "SystemRandom", "Timestamp", "next_timestamp"]

Timestamp = NewType("Timestamp", int)
"""Nanoseconds since the Unix epoch; what Convex calls a ``ts``."""


class Clock(Protocol):
    """Where the time comes from."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...


class Random(Protocol):
    """Where unpredictable bytes come from."""

    def bytes(self, count: int) -> bytes: ...


class SystemClock:
    """The machine's wall clock."""

    def now_ns(self) -> int:
        return time.time_ns()


class SystemRandom:
    """The operating system's generator."""

    def bytes(self, count: int) -> bytes:
        return os.urandom(count)


def next_timestamp(last: Timestamp, clock: Clock) -> Timestamp:
    """Return a timestamp above ``last``, and the clock's if that is later.

    Invariant: commit timestamps strictly increase, also when the clock steps back or the server restarts, because
    ``last`` is read from the log's head.
    """
    return Timestamp(max(last + 1, clock.now_ns()))
