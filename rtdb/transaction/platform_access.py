"""The platform's own way to documents, in a transaction of the app or of its own.

Sessions, deployments, scheduled functions, files and the like are documents of system tables, which change in the same
transactions as the app's. What the server itself reads and writes passes by the rules for apps: it is not counted, not
checked against a schema, and may name any table. Reads are recorded like any other, where it is not said otherwise, so
that conflicts and invalidation hold for the platform too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rtdb.index.definition import IndexDefinition, TableDefinition
from rtdb.index.index_range import RangeExpression, RangeOperator, bounds_from_expressions
from rtdb.storage.documents import StoredDocument
from rtdb.storage.system_tables import TABLES_TABLE, table_document_id
from rtdb.transaction.lookup import Lookup
from rtdb.transaction.new_documents import NewDocuments
from rtdb.transaction.query import run_stages
from rtdb.transaction.workspace import Workspace
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import decode_document, encode

__all__ = ["PlatformAccess"]

Document = dict[str, Any]


class PlatformAccess:
    """Documents by the number of their table and their internal id, and tables as a whole, in ``workspace``."""

    def __init__(self, workspace: Workspace, lookup: Lookup, new: NewDocuments) -> None:
        self._workspace = workspace
        self._lookup = lookup
        self._new = new

    # --- documents ----------------------------------------------------------------------------------------------------

    def get_stored(self, table: int, internal: bytes) -> StoredDocument | None:
        """Return a document of any table with its position (0 for own writes)."""
        return self._workspace.get(table, internal)

    def get(self, table: int, internal: bytes) -> Document | None:
        """Return a document of any table, or None."""
        stored = self.get_stored(table, internal)
        return None if stored is None else decode_document(stored.data)

    def scan(
        self,
        table: int,
        index: str,
        expressions: Sequence[tuple[RangeOperator, str, Any]] = (),
        *,
        after: bytes = b"",
        descending: bool = False,
    ) -> Iterator[Document]:
        """Yield the documents of a system table in the order of one of its indexes, as far as they are asked for.

        ``expressions`` restrict it as those of ``with_index`` do, and ``after`` to keys behind that one.
        """
        definition = self._workspace.registry.table_by_number(table)
        assert definition is not None, "system tables are always there"
        assert definition.is_system, "a table of the app is read with its rules"
        found = definition.indexes[index]
        start, stop = bounds_from_expressions(
            found, [RangeExpression(*parts) for parts in expressions], definition.name
        )
        if after:
            start = max(start, after + b"\0")
        return run_stages(*self._workspace.scan(found, start, stop, descending=descending), [], _not_counted)

    def put(self, table: int, internal: bytes, fields: Document) -> None:
        """Write a document of a system table, whether it exists or not."""
        stored = self.get_stored(table, internal)
        if stored is None:
            self.insert(table, internal, fields)
            return
        self._workspace.require_writable()
        created = decode_document(stored.data)["_creationTime"]
        data = encode({**fields, "_creationTime": created, "_id": encode_id(table, internal)})
        self._workspace.update(table, internal, data)

    def insert(self, table: int, internal: bytes, fields: Document) -> None:
        """Like :meth:`put`, for a document that this transaction has asked for and found missing."""
        self._workspace.require_writable()
        data = encode({**fields, "_creationTime": self._new.creation_time, "_id": encode_id(table, internal)})
        self._workspace.insert(table, internal, data)

    def add(self, table: int, fields: Document) -> bytes:
        """Write a new document of a system table, under a new internal id, which is returned."""
        internal = self.new_id()
        self.insert(table, internal, fields)
        self._new.inserted()
        return internal

    def delete(self, table: int, internal: bytes) -> None:
        """Remove a document of a system table, which exists."""
        self._workspace.require_writable()
        self._workspace.update(table, internal, None)

    def new_id(self) -> bytes:
        """Return the internal id of a document that is going to be inserted into a system table."""
        return self._new.internal_id()

    def random_bytes(self, count: int) -> bytes:
        """Return unpredictable bytes."""
        return self._new.random.bytes(count)

    # --- tables as a whole --------------------------------------------------------------------------------------------

    def create_table(self, name: str) -> TableDefinition:
        """Create a table, or return the one there is."""
        definition = self._lookup.table(name)
        if definition is None:
            self.insert_table(name, self._lookup.next_table_number(name))
            definition = self._workspace.registry.table(name)
            assert definition is not None
        return definition

    def insert_table(self, name: str, number: int) -> None:
        """Create a table that is not there, under the number that :class:`Lookup` has given for it."""
        self.put(TABLES_TABLE, table_document_id(name), {"name": name, "number": float(number)})

    def scan_table(self, table: TableDefinition, after: bytes = b"") -> Iterator[Document]:
        """Yield the documents of any table in order of creation, from behind the key ``after`` on."""
        start = after + b"\0" if after else b""
        scan = self._workspace.scan(table.by_creation_time, start, b"\xff", descending=False)
        return run_stages(*scan, [], _not_counted)

    def depend_on_table(self, table: TableDefinition) -> None:
        """Take every document of a table, and that there is no other, for read."""
        self._workspace.depend_on_table(table)

    def written_since(self, seq: int, table: TableDefinition) -> Iterator[Document]:
        """Return the versions of a table's documents written after position ``seq``, also those that are gone by now.

        It is not recorded as a read: see :meth:`depend_on_table`. Raises SnapshotTooOldError, at the first row.
        """
        stored = self._workspace.snapshot.written_since(seq, table.number)
        return (decode_document(document.data) for document in stored)

    def count(self, table: TableDefinition) -> int:
        """Return how many documents a table has at the snapshot. Not recorded as a read."""
        return self._workspace.snapshot.count(table.number)

    def backfilled_share(self, index: IndexDefinition) -> float:
        """Return how much of an index is built, from 0 to 1. Not recorded as a read."""
        return self._workspace.snapshot.backfilled_share(index)


def _not_counted(data_bytes: int) -> None:
    pass
