"""What one transaction sees and leaves behind: a snapshot, its own writes on top, and the record of what it has read.

Invariants:

* a read, also of what does not exist, is recorded before its result is returned;
* whatever is read, as a document or in a scan, shows this transaction's own writes;
* tables and indexes created here are in :attr:`Workspace.registry` at once.

It does not know the rules of documents: which may be read, how they may change, and what is counted, is decided before
anybody comes here (:mod:`~rtdb.transaction.transaction`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rtdb.errors import DeveloperError
from rtdb.index.definition import IndexDefinition, TableDefinition
from rtdb.index.registry import Registry
from rtdb.link.frames import ReadRange, Write
from rtdb.storage.documents import StoredDocument
from rtdb.storage.system_tables import (
    DEPLOYMENT_INDEX,
    DEPLOYMENT_KEY,
    INDEXES_TABLE,
    NAMES_INDEX,
    NEXT_TABLE_KEY,
    TABLES_TABLE,
    index_name_key,
    table_name_key,
)
from rtdb.transaction.overlay import Overlay
from rtdb.transaction.read_set import ReadSet, ScanRead
from rtdb.transaction.snapshot import ScanRow, Snapshot
from rtdb.transaction.write_set import Untouched, WriteSet
from rtdb.values.document_id import decode_id

__all__ = ["Savepoint", "Workspace"]


class Savepoint(NamedTuple):
    """A state of a workspace's writes that it can go back to."""

    position: int
    registry: Registry


class Workspace:
    """Reads and writes on ``snapshot``; at most ``read_ranges_max`` ranges are kept as read."""

    def __init__(self, snapshot: Snapshot, read_ranges_max: int, *, writable: bool) -> None:
        self.snapshot = snapshot
        self.registry: Registry = snapshot.registry
        """Tables and indexes, those created here included. Looking here is not recorded."""
        self._view = snapshot
        """What scans read: the snapshot, with :attr:`_overlay` on top once there is one."""
        self._overlay: Overlay | None = None
        """Own writes, for scans; made by the first scan of a writable transaction, kept up to date from then on."""
        self._writable = writable
        self._reads = ReadSet(read_ranges_max)
        self._writes = WriteSet()
        self._failure: BaseException | None = None
        self._ended = False

    # --- outcome ------------------------------------------------------------------------------------------------------

    def reads(self) -> list[ReadRange]:
        """Return everything read so far, merged and ordered."""
        return self._reads.ranges()

    def writes(self) -> list[Write]:
        """Return everything to be written, system tables first."""
        return self._writes.writes()

    def holds(self, id: str, data: bytes) -> bool:
        """Whether ``data``, which was written here, is still what will be written."""
        return self._writes.get(*decode_id(id)) is data

    def near_limits(self) -> list[str]:
        """Return a sentence about the read set if it is nearly full."""
        return self._reads.near_limits()

    @property
    def read_ranges_max(self) -> int:
        """How many ranges are kept as read."""
        return self._reads.ranges_max

    @read_ranges_max.setter
    def read_ranges_max(self, ranges_max: int) -> None:
        self._reads.ranges_max = ranges_max

    @property
    def failure(self) -> BaseException | None:
        """The failure of the server, if there was one, that makes everything read and written worthless."""
        return self._failure or self._reads.failure()

    def fail(self, error: BaseException) -> None:
        """Note a failure of the server."""
        self._failure = error

    def end(self) -> None:
        """What has been read and written is decided: :meth:`require_open` raises from now on."""
        self._ended = True

    def require_open(self) -> None:
        """Raise DeveloperError if the call it belongs to has ended."""
        if self._ended:
            raise DeveloperError(
                "This `ctx` belongs to a call that has ended, so nothing it reads or writes would count. Use the one "
                "that the function is called with, and do not keep it.",
                code="ContextEnded",
            )

    def require_writable(self) -> None:
        """Raise DeveloperError in a query, which only reads."""
        if not self._writable:
            raise DeveloperError("A query cannot write to the database.", code="OperationNotPermitted")

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, table: int, internal: bytes) -> StoredDocument | None:
        """Return a document with its position (0 for own writes), or None."""
        self._reads.add_document(table, internal)
        own = self._writes.get(table, internal)
        if not isinstance(own, Untouched):
            return None if own is None else StoredDocument(0, 0, own)
        try:
            return self.snapshot.get(table, internal)
        except Exception as error:
            self.fail(error)
            raise

    def scan(
        self, definition: IndexDefinition, start: bytes, stop: bytes, *, descending: bool
    ) -> tuple[Iterator[ScanRow], ScanRead]:
        """Begin a scan: its rows, and its entry in the read set."""
        read = self.open_read(definition, start, stop, descending=descending)
        return self.rows(definition, start, stop, descending), read

    def open_read(self, definition: IndexDefinition, start: bytes, stop: bytes, *, descending: bool) -> ScanRead:
        """Begin an entry in the read set for a scan whose rows are got by :meth:`rows`."""
        return self._reads.open_scan(definition.number, start, stop, descending=descending)

    def rows(self, definition: IndexDefinition, start: bytes, stop: bytes, descending: bool) -> Iterator[ScanRow]:
        """Return the rows of a scan, of which nothing is recorded here."""
        if self._writable and self._overlay is None:
            self._make_overlay()
        return self._view.scan(definition, start, stop, descending)

    def count(self, table: TableDefinition) -> int:
        """Return how many documents a table has, own writes included."""
        self.depend_on_table(table)
        if self._writable and self._overlay is None:
            self._make_overlay()
        return self._view.count(table.number)

    def depend_on_table(self, table: TableDefinition) -> None:
        """Take every document of a table, and that there is no other, for read."""
        everything = self._reads.open_scan(table.by_creation_time.number, b"", b"\xff", descending=False)
        everything.exhausted = True

    def find_table(self, name: str) -> TableDefinition | None:
        """Return the table of this name."""
        self._reads.add_point(NAMES_INDEX, table_name_key(name))
        return self.registry.table(name)

    def find_table_by_number(self, number: int) -> TableDefinition | None:
        """Return the table of this number."""
        definition = self.registry.table_by_number(number)
        if definition is None:
            # Which table it will be is not known, so that any new table may change the answer.
            self.depend_on_new_tables()
        return definition

    def depend_on_new_tables(self) -> None:
        """Take for read that there are no more tables than there are."""
        self._reads.add_point(NAMES_INDEX, NEXT_TABLE_KEY)

    def depend_on_index_name(self, table: str, index: str) -> None:
        """Take for read which index of a table has this name, and in what state it is."""
        self._reads.add_point(NAMES_INDEX, index_name_key(table, index))

    def read_deployment(self) -> str:
        """Return the id of the active deployment."""
        self._reads.add_point(DEPLOYMENT_INDEX, DEPLOYMENT_KEY)
        return self.snapshot.deployment

    # --- writing ------------------------------------------------------------------------------------------------------

    def insert(self, table: int, internal: bytes, data: bytes) -> None:
        """Write a document that does not exist now."""
        self._writes.insert(table, internal, data)
        self._written(table, internal, data)

    def update(self, table: int, internal: bytes, data: bytes | None) -> None:
        """Write the new state of a document that exists; None deletes it."""
        self._writes.update(table, internal, data)
        self._written(table, internal, data)

    def _written(self, table: int, internal: bytes, data: bytes | None) -> None:
        if table in (TABLES_TABLE, INDEXES_TABLE):
            self.registry = self.registry.with_writes([(table, internal, data)])
        self._put_in_overlay(table, internal, data)

    def savepoint(self) -> Savepoint:
        """Return the present state of all writes, for :meth:`roll_back`."""
        return Savepoint(self._writes.position(), self.registry)

    def roll_back(self, savepoint: Savepoint) -> None:
        """Undo every write since. What was read stays read."""
        for table, internal, state in self._writes.undo(savepoint.position):
            if not isinstance(state, Untouched):
                self._put_in_overlay(table, internal, state)
            elif self._overlay is not None:
                self._overlay.forget(table, internal)
        self.registry = savepoint.registry

    def _make_overlay(self) -> None:
        self._overlay = Overlay()
        self._view = self.snapshot.with_overlay(self._overlay)
        for table, internal, data in self._writes.states():
            self._put_in_overlay(table, internal, data)

    def _put_in_overlay(self, table: int, internal: bytes, data: bytes | None) -> None:
        if self._overlay is not None:
            self._overlay.put(table, internal, None if data is None else StoredDocument(0, 0, data))
