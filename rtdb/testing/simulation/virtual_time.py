"""Virtual time, and chance from one seed.

Whatever happens in a simulation that is not a consequence of something else is an *event*: a plain function with a
time. :class:`Events` runs them in order of time, each to its end, under a clock that jumps whenever nobody has
anything left to do. Times are drawn, and therefore distinct, so the order of events follows from the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from random import Random as PythonRandom

import msgspec
import trio

__all__ = ["EPOCH_NS", "Chance", "Delay", "Events", "SteppingClock"]

EPOCH_NS = 1_700_000_000_000_000_000
"""The wall-clock time at which every simulation begins."""

NANOSECONDS = 1_000_000_000


class Chance(PythonRandom):
    """The source of every decision. It also serves as the server's source of unpredictable bytes."""

    def bytes(self, size: int) -> bytes:
        return self.randbytes(size)

    def happens(self, share: float) -> bool:
        """Whether something comes true that does in this share of cases."""
        return self.random() < share

    def fork(self) -> Chance:
        """Return another source, so that one part's draws do not move those of another."""
        return Chance(self.getrandbits(64))


class Delay(msgspec.Struct, frozen=True):
    """How long something takes, in seconds: up to ``usual``, and in a ``share`` of cases up to ``seldom``."""

    usual: float
    seldom: float = 0.0
    share: float = 0.0

    def draw(self, chance: Chance) -> float:
        longest = self.seldom if chance.happens(self.share) else self.usual
        # Never nothing: an effect comes after its cause.
        return 1e-6 + longest * chance.random()


class SteppingClock:
    """A wall clock over virtual time that an operator, or a wrong time server, sets forward and back."""

    def __init__(self) -> None:
        self._offset_ns = EPOCH_NS

    def now_ns(self) -> int:
        return self._offset_ns + int(trio.current_time() * NANOSECONDS)

    def step(self, seconds: float) -> None:
        self._offset_ns += int(seconds * NANOSECONDS)


class Events:
    """What will happen, and when. Run :meth:`run` as a task under ``MockClock(autojump_threshold=0)``."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._tie = count()
        self._waiting: trio.CancelScope | None = None
        self.happened = 0

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Have something happen in this time from now."""
        self.at(trio.current_time() + seconds, action)

    def at(self, time: float, action: Callable[[], None]) -> None:
        """Have something happen at this time, which lies ahead."""
        heappush(self._heap, (time, next(self._tie), action))
        if self._waiting is not None and time < self._waiting.deadline:
            self._waiting.deadline = time

    async def run(self) -> None:
        """Let things happen until cancelled."""
        heap = self._heap
        while True:
            # Also when the next event is due now: whoever was woken by the last one acts first.
            with trio.CancelScope(deadline=heap[0][0] if heap else float("inf")) as self._waiting:
                await trio.sleep_forever()
            self._waiting = None
            time, _, action = heappop(heap)
            assert time <= trio.current_time(), "the clock has jumped here"
            self.happened += 1
            action()
