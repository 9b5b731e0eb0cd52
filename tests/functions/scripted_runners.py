"""Runners that do what the test says, when it says so, at the other ends of real links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtdb.link.frames import (
    Call,
    Durable,
    ExecutionError,
    LaneReset,
    Outcome,
    ReadRange,
    Write,
)
from rtdb.values.json_codec import encode
from tests.functions.scripted_process import ScriptedProcess, ScriptedStart

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


class ScriptedRunner(ScriptedProcess):
    """A ``RunnerHandle``."""

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

    def vanish(self, exit_code: int) -> None:
        """End, while somebody else holds the link open."""
        self.exit_code = exit_code


class ScriptedRunners(ScriptedStart[ScriptedRunner]):
    """A ``StartRunner``."""

    def __init__(self) -> None:
        super().__init__(ScriptedRunner, 1000)
