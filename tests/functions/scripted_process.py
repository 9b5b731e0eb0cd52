"""A process that does what the test says, when it says so, at the other end of a real link; and what starts such."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import trio

from rtdb.link.frames import Drain, RunnerReady, RunnerStart
from rtdb.link.link import LinkClosed, Message, open_memory_link_pair

__all__ = ["ScriptedProcess", "ScriptedStart"]


class ScriptedProcess:
    """A ``RunnerHandle`` and, below, the other end of its link."""

    def __init__(self, pid: int) -> None:
        self.link, self._theirs = open_memory_link_pair()
        self.pid = pid
        self.exit_code: int | None = None
        self.was_killed = False
        self.takes_time_to_die = False
        """Set to have a kill take effect when the script says so."""
        self._received: list[Message] = []

    def kill(self) -> None:
        if self.exit_code is None:
            self.was_killed = True
            if not self.takes_time_to_die:
                self.die(-9)

    def has_ended(self) -> bool:
        return self.exit_code is not None

    def wait(self) -> int:
        assert self.exit_code is not None
        return self.exit_code

    # --- what the script does -----------------------------------------------------------------------------------------

    async def next(self) -> Message:
        """Return the next message it was sent. Raises LinkClosed when there is none and will be none."""
        while not self._received:
            self._received = await self._theirs.receive()
        return self._received.pop(0)

    async def come_up(self) -> RunnerStart:
        """Say that the app is loaded."""
        start = await self.next()
        assert isinstance(start, RunnerStart)
        self.send(RunnerReady(description=b"described"))
        return start

    async def retire(self) -> None:
        """Expect to be drained, and end."""
        assert isinstance(await self.next(), Drain)
        self.die(0)

    def send(self, message: Message) -> None:
        self._theirs.send_nowait(message)

    def die(self, exit_code: int) -> None:
        """End, with the link."""
        self.exit_code = exit_code
        self._theirs.close()

    async def is_left_alone(self, seconds: float) -> bool:
        """Whether it is sent nothing for so long."""
        with trio.move_on_after(seconds):
            try:
                self._received.insert(0, await self.next())
            except LinkClosed:
                return True
            return False
        return True


ProcessT = TypeVar("ProcessT", bound=ScriptedProcess)


class ScriptedStart(Generic[ProcessT]):
    """Starts processes, numbered from ``first_pid``; what it has started is in ``started``, oldest first."""

    def __init__(self, make: Callable[[int], ProcessT], first_pid: int) -> None:
        self.started: list[ProcessT] = []
        self.failing = False
        self._make = make
        self._first_pid = first_pid
        self._another = trio.Event()

    def __call__(self) -> ProcessT:
        if self.failing:
            raise OSError(11, "Resource temporarily unavailable")
        self.started.append(self._make(self._first_pid + len(self.started)))
        self._another.set()
        self._another = trio.Event()
        return self.started[-1]

    async def wait_started(self, count: int) -> list[ProcessT]:
        """Wait until that many have been started; return all."""
        while len(self.started) < count:
            await self._another.wait()
        return self.started
