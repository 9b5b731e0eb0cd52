"""Action runners that do what the test says, when it says so, at the other ends of real links."""

from __future__ import annotations

from typing import Any

import trio

from rtdb.functions.pulse import SIZE, Pulse
from rtdb.link.frames import (
    ActionCall,
    ActionOutcome,
    Drain,
    ExecutionError,
    RunnerReady,
    RunnerStart,
)
from rtdb.link.link import LinkClosed, Message, open_memory_link_pair
from rtdb.values.json_codec import encode

__all__ = ["ScriptedActionRunner", "ScriptedActionRunners", "action_outcome"]


def action_outcome(
    number: int, *, result: Any = None, error: ExecutionError | None = None, micros: int = 100
) -> ActionOutcome:
    return ActionOutcome(number, None if error is not None else encode(result), error, [], micros)


class ScriptedActionRunner:
    """An ``ActionRunnerHandle`` and, below, the other end of its link. Its loop beats when it is told to."""

    def __init__(self, pid: int) -> None:
        self.link, self._theirs = open_memory_link_pair()
        self.pid = pid
        self.pulse = Pulse(bytearray(SIZE))
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

    async def next_call(self, path: str | None = None) -> ActionCall:
        """Return the next message, which must be an action to run, as begun."""
        message = await self.next()
        assert isinstance(message, ActionCall), message
        assert path is None or message.path == path
        self.pulse.begun = message.call
        return message

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

    async def keep_beating(self) -> None:
        """Be alive until cancelled, or dead."""
        while self.exit_code is None:
            self.pulse.beat()
            await trio.sleep(0.1)

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


class ScriptedActionRunners:
    """A ``StartActionRunner``; what it has started is in ``started``, oldest first."""

    def __init__(self) -> None:
        self.started: list[ScriptedActionRunner] = []
        self.failing = False
        self._another = trio.Event()

    def __call__(self) -> ScriptedActionRunner:
        if self.failing:
            raise OSError(11, "Resource temporarily unavailable")
        self.started.append(ScriptedActionRunner(2000 + len(self.started)))
        self._another.set()
        self._another = trio.Event()
        return self.started[-1]

    async def wait_started(self, count: int) -> list[ScriptedActionRunner]:
        """Wait until that many have been started; return all."""
        while len(self.started) < count:
            await self._another.wait()
        return self.started
