"""A timer that is set only while something is going to be due, so that a server with nothing to do sleeps."""

from __future__ import annotations

import math

import trio

__all__ = ["Alarm"]


class Alarm:
    """Wakes one task at a time of ``trio.current_time``, which may be brought forward while the task waits."""

    def __init__(self) -> None:
        self._at = math.inf
        self._sooner = trio.Event()

    def set(self, at: float) -> None:
        """Go off at this time, if not sooner."""
        if at < self._at:
            self._at = at
            self._sooner.set()

    async def wait(self) -> float:
        """Wait until it goes off; return the time it was set to, which is later past the busier the process is.

        From then on it is not set.
        """
        while True:
            self._sooner = trio.Event()
            with trio.move_on_at(self._at) as waiting:
                await self._sooner.wait()
            if waiting.cancelled_caught:
                at, self._at = self._at, math.inf
                return at
