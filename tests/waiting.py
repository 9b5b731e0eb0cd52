"""Waiting for what other processes do. Within one process tests wait for events, and time is a ``MockClock``."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["SECONDS_MAX", "wait_until"]

SECONDS_MAX = 120.0
"""Far longer than anything here takes, also on a machine that does much else: only a failing test waits for so long."""

POLL_SECONDS = 0.02


def wait_until(
    holds: Callable[[], bool], said: Callable[[], str] = lambda: "it never came true", *, seconds: float = SECONDS_MAX
) -> None:
    """Ask again and again until something holds; if it does not in time, the test fails with what is ``said`` then."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, said()
        time.sleep(POLL_SECONDS)
