"""Action runners that do what the test says, when it says so, at the other ends of real links."""

from __future__ import annotations

from typing import Any

import trio

from rtdb.functions.pulse import SIZE, Pulse
from rtdb.link.frames import (
    ActionCall,
    ActionOutcome,
    ExecutionError,
)
from rtdb.values.json_codec import encode
from tests.functions.scripted_process import ScriptedProcess, ScriptedStart

__all__ = ["ScriptedActionRunner", "ScriptedActionRunners", "action_outcome"]


def action_outcome(
    number: int,
    *,
    result: Any = None,
    error: ExecutionError | None = None,
    micros: int = 100,
    out_of_memory: bool = False,
) -> ActionOutcome:
    return ActionOutcome(number, None if error is not None else encode(result), error, [], micros, out_of_memory)


class ScriptedActionRunner(ScriptedProcess):
    """An ``ActionRunnerHandle``. Its loop beats when it is told to."""

    def __init__(self, pid: int) -> None:
        super().__init__(pid)
        self.pulse = Pulse(bytearray(SIZE))

    async def next_call(self, path: str | None = None) -> ActionCall:
        """Return the next message, which must be an action to run, as begun."""
        message = await self.next()
        assert isinstance(message, ActionCall), message
        assert path is None or message.path == path
        self.pulse.begun = message.call
        return message

    async def keep_beating(self) -> None:
        """Be alive until cancelled, or dead."""
        while self.exit_code is None:
            self.pulse.beat()
            await trio.sleep(0.1)


class ScriptedActionRunners(ScriptedStart[ScriptedActionRunner]):
    """A ``StartActionRunner``."""

    def __init__(self) -> None:
        super().__init__(ScriptedActionRunner, 2000)
