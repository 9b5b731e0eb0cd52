"""Commit logs for tests: one in memory that several committers share, and one that fails on command.

:class:`SharedLog` is a second implementation of the contract, with ``commit_point`` "append" like a log on a
server of its own. :class:`FaultyLog` wraps any log and plays a script of faults, one per ``append``; what it
does is what networks and rivals do, so nothing above the contract may break the invariants under it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Literal

from rtdb.errors import LogDivergedError, LogTrimmedError, StorageError
from rtdb.storage.block import Block
from rtdb.storage.commit_log import START, CommitLog, Position

__all__ = ["Fault", "FaultyLog", "SharedLog"]


class SharedLog:
    """A :class:`~rtdb.storage.commit_log.CommitLog` in memory; any number of threads may use it."""

    def __init__(self) -> None:
        self._blocks: deque[Block] = deque()
        self._changed = threading.Condition()

    @property
    def commit_point(self) -> Literal["append", "apply"]:
        return "append"

    def head(self) -> Position:
        with self._changed:
            return self._blocks[-1].position if self._blocks else START

    def read(self, after: Position, max_bytes: int) -> list[Block]:
        with self._changed:
            self._require_past(after)
            found: list[Block] = []
            used = 0
            for block in self._blocks:
                if block.header.seq <= after.seq:
                    continue
                used += len(block.data)
                if found and used > max_bytes:
                    break
                found.append(block)
            return found

    def append(self, at: Position, block: Block) -> bool:
        with self._changed:
            if (self._blocks[-1].position if self._blocks else START) == at:
                self._blocks.append(block)
                self._changed.notify_all()
                return True
            return any(block.data == other.data for other in self._blocks)

    def wait(self, after: Position, timeout_seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: bool(self._blocks) and self._blocks[-1].header.seq > after.seq, timeout_seconds
            )

    def trim(self, through: int) -> None:
        with self._changed:
            while len(self._blocks) > 1 and self._blocks[0].header.seq <= through:
                self._blocks.popleft()

    def _require_past(self, after: Position) -> None:
        if after == START and (not self._blocks or self._blocks[0].header.seq == 1):
            return
        if self._blocks and after.seq < self._blocks[0].header.seq:
            raise LogTrimmedError(f"What followed block {after.seq} is gone.")
        if not any(block.position == after for block in self._blocks):
            raise LogDivergedError(f"Position {after.seq} is not in the past of this log.")


class Fault(Enum):
    """What happens to one ``append``."""

    NONE = auto()
    LOSE = auto()
    """A rival's block takes the slot first."""
    FAIL = auto()
    """The log breaks before the block is in it."""
    REPEAT = auto()
    """The acknowledgement is lost and the same bytes are sent again into the same slot."""


class FaultyLog:
    """A log that behaves as ``faults`` say, one for each append, and well when they are used up.

    ``rival`` makes the block that wins a slot under :attr:`Fault.LOSE`.
    """

    def __init__(
        self, inner: CommitLog, faults: Iterable[Fault], rival: Callable[[Position], Block] | None = None
    ) -> None:
        self._inner = inner
        self._faults = deque(faults)
        self._rival = rival

    @property
    def commit_point(self) -> Literal["append", "apply"]:
        return self._inner.commit_point

    def head(self) -> Position:
        return self._inner.head()

    def read(self, after: Position, max_bytes: int) -> list[Block]:
        return self._inner.read(after, max_bytes)

    def append(self, at: Position, block: Block) -> bool:
        match self._faults.popleft() if self._faults else Fault.NONE:
            case Fault.LOSE:
                assert self._rival is not None, "losing needs somebody to lose to"
                self._inner.append(at, self._rival(at))
            case Fault.FAIL:
                raise StorageError("The commit log failed, as the test asked.")
            case Fault.REPEAT:
                self._inner.append(at, block)
            case Fault.NONE:
                pass
        return self._inner.append(at, block)

    def wait(self, after: Position, timeout_seconds: float) -> None:
        self._inner.wait(after, timeout_seconds)

    def trim(self, through: int) -> None:
        self._inner.trim(through)
