"""Where every execution ends: query, mutation, action or watched query; with a result, an error, or from the cache.

An execution is one call as its caller sees it: attempts of a mutation that are beaten, and runners that are lost on the
way, are part of it. Whoever carried it out hands in a :class:`Completion`; :class:`Completions` waits until the hub has
heard of the block it was read at or committed in, and tells the recipient. Nothing else answers a call that was
accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from rtdb.application.positions import Positions
from rtdb.link import frames

__all__ = ["Completion", "Completions", "Recipient", "unexecuted_outcome"]


class Completion(NamedTuple):
    """An execution that is over.

    ``call``         what was asked; its number is not that of the attempt that counted
    ``source``       the path of the function, or empty if there is none of that name
    ``outcome``      how it ended; what no runner finished has one too (:func:`unexecuted_outcome`)
    ``ts``           what it is exact at: the timestamp of its commit or its snapshot, 0 if it has neither
    ``cached``       the result was at hand: nothing ran
    ``http_status``  that of the answer of an HTTP action, 0 if there was none
    ``beaten``       that a mutation ran more than once
    """

    call: frames.Call
    source: str
    outcome: frames.Outcome
    ts: int
    cached: bool = False
    http_status: int = 0
    beaten: frames.Beaten | None = None


class Recipient(Protocol):
    """Whoever is to be told."""

    def completed(self, completion: Completion) -> None: ...


class Completions:
    """The end of every execution, each after its block."""

    def __init__(self, positions: Positions, record: Callable[[Completion], None]) -> None:
        self._positions = positions
        self._record = record
        self._early: list[tuple[Completion, Recipient]] = []
        """Each with a timestamp above that of the newest block we have heard of: a runner has seen one after it."""

    def complete(self, completion: Completion, recipient: Recipient) -> None:
        """End an execution, as soon as its block has been heard of.

        A runner sees a block when it is durable, which is before the committer has told of it here. Answered right
        away, the caller would know that block and could next be given what is cached for the position before it.
        """
        if completion.ts > self._positions.ts:
            self._early.append((completion, recipient))
        else:
            self._end(completion, recipient)

    def block_applied(self) -> None:
        """End what has waited for the block that is known now."""
        early, self._early = self._early, []
        for completion, recipient in early:
            self.complete(completion, recipient)

    def _end(self, completion: Completion, recipient: Recipient) -> None:
        """The one place that every execution passes, once, when it is over and before anybody is told."""
        self._record(completion)
        recipient.completed(completion)


def unexecuted_outcome(
    call: frames.Call,
    kind: frames.ExecutionKind,
    *,
    result: bytes | None = None,
    error: frames.ExecutionError | None = None,
    log_lines: list[str] | None = None,
    reads: list[frames.ReadRange] | None = None,
    seq: int = 0,
    ts: int = 0,
    micros: int = 0,
) -> frames.Outcome:
    """Return the outcome of a call that no runner has one for: it was refused, stopped or lost, needed none, or is an
    action's."""
    return frames.Outcome(
        call=call.call,
        kind=kind,
        seq=seq,
        ts=ts,
        reads=reads or [],
        writes=[],
        result=result,
        error=error,
        log_lines=log_lines or [],
        read_identity=False,
        read_time=False,
        journal=None,
        replayed_ts=None,
        pending=0,
        micros=micros,
    )
