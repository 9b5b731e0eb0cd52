"""Transactions over a real committer, with a clock and randomness that stand still."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rtdb.config import Limits
from rtdb.index.index_range import prefix_range
from rtdb.index.registry import Registry
from rtdb.link.frames import BlockApplied, ReadRange, Write
from rtdb.storage.keys import BY_ID, index_number
from rtdb.storage.system_tables import FIRST_USER_TABLE, NAMES_INDEX
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from rtdb.transaction.transaction import DocumentCheck, Transaction
from rtdb.values.document_id import decode_id
from rtdb.values.ordering import encode_key
from tests.transaction.workbench import (
    BY_AUTHOR,
    MESSAGES,
    ManualClock,
    SeededRandom,
    Workbench,
    create_table,
    write_index,
)

__all__ = ["BY_AUTHOR", "MESSAGES", "Desk", "by_author", "fill", "name_read", "point_read"]

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


def point_read(id: str) -> ReadRange:
    """Return the read of one document."""
    return prefix_range(index_number(decode_id(id).table, BY_ID), encode_key(id))


def name_read(key: bytes) -> ReadRange:
    """Return the read of one key of the names of tables and indexes."""
    return prefix_range(NAMES_INDEX, key)


def by_author(transaction: Transaction, author: Any = None, order: Any = "asc", take: int | None = None) -> list[str]:
    """Return the ids of messages in the order of their authors, those of one author if one is given."""
    expressions: list[Any] = [] if author is None else [("Eq", "author", author)]
    operators: list[Any] = [] if take is None else [("limit", take)]
    return [row["_id"] for row in transaction.run_query("messages", "by_author", expressions, order, operators)]


def fill(desk: Desk, *authors: str) -> list[str]:
    """Commit a message of each author, and return their ids."""
    transaction = desk.begin()
    ids = [transaction.insert("messages", {"author": author}) for author in authors]
    desk.commit(transaction)
    return ids
