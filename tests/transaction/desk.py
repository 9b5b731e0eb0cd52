"""Transactions over a real committer, with a clock and randomness that stand still."""

from __future__ import annotations

from pathlib import Path

from rtdb.config import Limits
from rtdb.index.registry import Registry
from rtdb.link.frames import BlockApplied, Write
from rtdb.storage.system_tables import FIRST_USER_TABLE
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from rtdb.transaction.transaction import DocumentCheck, Transaction
from tests.transaction.workbench import (
    BY_AUTHOR,
    MESSAGES,
    ManualClock,
    SeededRandom,
    Workbench,
    create_table,
    write_index,
)

__all__ = ["BY_AUTHOR", "MESSAGES", "Desk"]

COUNTERS = FIRST_USER_TABLE + 1


class Desk:
    """Begins transactions and commits them. There are the tables `messages` (index `by_author`) and `counters` (indexes
    `by_key` on ``a, b.c`` and, still being filled, `by_late`)."""

    def __init__(self, data_dir: Path, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.workbench = Workbench(data_dir)
        self.random = SeededRandom(1)
        self.cache = SnapshotCache()
        self._snapshots: list[Snapshot] = []
        self._commit(
            create_table("counters", COUNTERS),
            write_index("counters", "by_key", COUNTERS * 128 + 2, ["a", "b.c"]),
            write_index("counters", "by_late", COUNTERS * 128 + 3, ["late"], "backfilling"),
        )

    @property
    def clock(self) -> ManualClock:
        return self.workbench.clock

    @property
    def registry(self) -> Registry:
        return self.workbench.committer.registry

    def begin(
        self,
        *,
        writable: bool = True,
        limits: Limits | None = None,
        document_check: DocumentCheck | None = None,
        now_ns: int | None = None,
    ) -> Transaction:
        """Begin a transaction at the newest position."""
        snapshot = Snapshot(self.workbench.committer.environment, self.cache)
        self._snapshots.append(snapshot)
        return Transaction(
            snapshot,
            limits=limits or self.limits,
            now_ns=self.clock.now if now_ns is None else now_ns,
            random=self.random,
            writable=writable,
            document_check=document_check,
        )

    def commit(self, transaction: Transaction) -> BlockApplied:
        """Commit what a transaction wrote, whether or not others came first."""
        return self._commit(*transaction.writes())

    def close(self) -> None:
        for snapshot in self._snapshots:
            snapshot.close()
        self.workbench.close()

    def _commit(self, *writes: Write) -> BlockApplied:
        self._release()
        return self.workbench.commit(self.workbench.transaction(*writes))

    def _release(self) -> None:
        while self._snapshots:
            self._snapshots.pop().close()
