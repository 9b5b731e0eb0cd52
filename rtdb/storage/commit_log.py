"""The contract of a commit log: a dense sequence of blocks that is appended to by comparing positions.

Calls block and belong to the committer. Nothing above this contract may know which implementation it has:

* ``append(at, block)`` wins the slot after ``at`` only if ``at`` is still the head *with the same chain*.
  Appending the same bytes again after they won is won again: a caller that lost an acknowledgement repeats
  itself until the slot is decided, so "unknown" never gets out.
* ``read`` after a position that is not in this log's past is refused, never answered with another history.
* The head is never trimmed: it is what the next append is compared with.

``commit_point`` says when a block has happened: ``"apply"`` when the transaction that applied it commits (the
log lives in that same transaction), ``"append"`` when ``append`` returns True.
"""

from __future__ import annotations

from typing import Literal, Protocol

from rtdb.storage.block import Block
from rtdb.storage.meta import START, Position

__all__ = ["START", "CommitLog", "Position"]


class CommitLog(Protocol):
    """See the module."""

    @property
    def commit_point(self) -> Literal["append", "apply"]: ...

    def head(self) -> Position:
        """Return the position of the last block, :data:`START` when there is none."""
        ...

    def read(self, after: Position, max_bytes: int) -> list[Block]:
        """Return the blocks that follow ``after``, in order: as many as fit into ``max_bytes``, but at least
        one if there is one.

        Raises LogDivergedError or LogTrimmedError.
        """
        ...

    def append(self, at: Position, block: Block) -> bool:
        """Put ``block`` into the slot after ``at``; return whether it is (now or already) there.

        Raises StorageError when the log failed; the slot is then undecided for nobody but this caller, who must stop.
        """
        ...

    def wait(self, after: Position, timeout_seconds: float) -> None:
        """Return when the head is past ``after`` or the time is up. A hint: callers look at the head themselves."""
        ...

    def trim(self, through: int) -> None:
        """Forget the blocks up to and including ``through``, but never the head."""
        ...
