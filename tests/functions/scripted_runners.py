"""Runners that do what the test says, when it says so, at the other ends of real links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio

from rtdb.link.frames import (
    Call,
    Drain,
    Durable,
    ExecutionError,
    LaneReset,
    Outcome,
    ReadRange,
    RunnerReady,
    RunnerStart,
    Stale,
    Write,
)
from rtdb.link.link import LinkClosed, Message, open_memory_link_pair
from rtdb.values.json_codec import encode

__all__ = ["ScriptedRunner", "ScriptedRunners", "call", "outcome"]


def call(number: int, path: str = "m:f", kind: Any = "query", args: Any = None) -> Call:
    return Call(number, kind, path, encode(args or {}), None, False, None, None, None)


def outcome(
    number: int,
    *,
    kind: Any = "query",
    seq: int = 1,
    ts: int = 1000,
    result: Any = None,
    error: ExecutionError | None = None,
    reads: Sequence[ReadRange] = (),
    writes: Sequence[Write] = (),
    lane: int = 0,
    pending: int = 0,
    micros: int = 100,
    replayed_ts: int | None = None,
) -> Outcome:
    encoded = None if error is not None else encode(result)
    return Outcome(
        number,
        kind,
        seq,
        ts,
        list(reads),
        list(writes),
        encoded,
        error,
        [],
        False,
        False,
        None,
        replayed_ts,
        pending,
        micros,
        lane,
    )


class ScriptedRunner:
    """A ``RunnerHandle`` and, below, the other end of its link."""

    def __init__(self, pid: int) -> None:
        self.link, self._theirs = open_memory_link_pair()
        self.pid = pid
        self.exit_code: int | None = None
        self.was_killed = False
        self._received: list[Message] = []

    def kill(self) -> None:
        if self.exit_code is None:
            self.was_killed = True
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

    async def next_call(self, number: int | None = None) -> Call:
        """Return the next message, which must be a call."""
        message = await self.next()
        assert isinstance(message, Call), message
        assert number is None or message.call == number
        return message

    async def begin_epoch(self, epoch: int | None = None) -> Durable:
        """Take what a lane is told at the beginning of an epoch; return how far the database is."""
        reset = await self.next()
        assert isinstance(reset, LaneReset), reset
        assert epoch is None or reset.epoch == epoch
        durable = await self.next()
        assert isinstance(durable, Durable)
        return durable

    async def come_up(self) -> None:
        """Say that the app is loaded."""
        assert isinstance(await self.next(), RunnerStart)
        self.send(RunnerReady(description=b"described"))

    async def retire(self) -> None:
        """Expect to be drained, and end."""
        assert isinstance(await self.next(), Drain)
        self.die(0)

    def send(self, message: Outcome | Stale | RunnerReady) -> None:
        self._theirs.send_nowait(message)

    def die(self, exit_code: int) -> None:
        """End, with the link."""
        self.exit_code = exit_code
        self._theirs.close()

    def vanish(self, exit_code: int) -> None:
        """End, while somebody else holds the link open."""
        self.exit_code = exit_code

    async def is_left_alone(self, seconds: float) -> bool:
        """Whether it is sent nothing for so long."""
        with trio.move_on_after(seconds):
            try:
                self._received.insert(0, await self.next())
            except LinkClosed:
                return True
            return False
        return True


class ScriptedRunners:
    """A ``StartRunner``; what it has started is in ``started``, oldest first."""

    def __init__(self) -> None:
        self.started: list[ScriptedRunner] = []
        self.failing = False
        self._another = trio.Event()

    def __call__(self) -> ScriptedRunner:
        if self.failing:
            raise OSError(11, "Resource temporarily unavailable")
        self.started.append(ScriptedRunner(1000 + len(self.started)))
        self._another.set()
        self._another = trio.Event()
        return self.started[-1]

    async def wait_started(self, count: int) -> list[ScriptedRunner]:
        """Wait until that many have been started; return all."""
        while len(self.started) < count:
            await self._another.wait()
        return self.started
