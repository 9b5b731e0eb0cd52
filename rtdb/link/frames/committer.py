"""Hub ⇄ committer: what is to be committed, and the durable blocks."""

from __future__ import annotations

from typing import Literal

import msgspec

from rtdb.link.frames.common import ExecutionError, KeyChange, ReadRange, Write

__all__ = ["BlockApplied", "Commit", "CommitterReady", "CommitterStart", "Loss", "ReaderCheck", "Rejection"]


class Commit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="commit"):
    """A mutation's outcome, to be validated and committed.

    ``begin`` is the seq it read at. ``lane`` is the lane epoch it ran in (0: not in the lane): it has then also seen
    every earlier outcome of that epoch, in the order they are sent. ``source`` is the function's path.
    """

    call: int
    begin: int
    lane: int
    pending: int
    source: str
    reads: list[ReadRange]
    writes: list[Write]


class ReaderCheck(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="reader_check"):
    """A runner ended: free the reader slot it may have left behind, which would go on pinning pages."""


class CommitterStart(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="committer_start"):
    """First message to the committer."""

    config: bytes


class CommitterReady(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="committer_ready"):
    """The environment is open and consistent through this position; the earlier ones in ``past`` can be read too."""

    seq: int
    ts: int
    past: list[tuple[int, int]]
    """Sequence numbers and timestamps, ascending."""
    bundle: str = ""
    """The hash of the active deployment's bundle, "" when nothing has ever been deployed."""


class Loss(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A transaction that was not committed because what it had read was changed.

    ``index`` (of ``table``) and ``source`` say where and by whom; ``reason`` is ``conflict``, ``lane`` (an earlier
    outcome of its lane epoch lost, or the epoch is over) or ``too_old`` (its begin position is no longer covered by the
    write log).
    """

    call: int
    reason: Literal["conflict", "lane", "too_old"]
    index: int
    source: str
    seq: int
    """The position to run again at, or later."""
    table: str = ""


class Rejection(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A transaction the committer will never accept (quota, malformed)."""

    call: int
    error: ExecutionError


class BlockApplied(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="block"):
    """One durable block. ``seq`` 0 marks a message with losses only: no block was written.

    ``committed`` pairs call and commit timestamp, in order. A transaction without writes is answered here too, with the
    begin position's timestamp. ``changes`` holds what queries can have read; a key that a document of the app still
    has is there as if it were new. ``lane_pending`` is the highest lane number contained so far.
    """

    seq: int
    ts_first: int
    ts: int
    committed: list[tuple[int, int]]
    losses: list[Loss]
    rejections: list[Rejection]
    changes: list[KeyChange]
    lane_pending: int
    registry_changed: bool
