"""Which tables and indexes exist, at one position: built from the documents of `_tables` and `_indexes`.

A registry is immutable; :meth:`Registry.with_writes` makes the one after some writes, which is how applying a
block and going back over one both keep it right. The system tables are always there, with their indexes. Lookups are
by name (what a function says) and by number (what a document's id or a read range says).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from rtdb.errors import StorageError
from rtdb.index.definition import IndexDefinition, IndexState, TableDefinition, by_creation_time, by_id
from rtdb.storage.documents import unpack_document
from rtdb.storage.environment import ReadTransaction
from rtdb.storage.keys import INDEXES_PER_TABLE, index_number, table_of_index, table_prefix
from rtdb.storage.system_tables import (
    FIRST_USER_TABLE,
    INDEXES_TABLE,
    NEXT_TABLE_KEY,
    SYSTEM_INDEXES,
    SYSTEM_TABLES,
    TABLES_TABLE,
    index_name_key,
    table_name_key,
)

__all__ = ["Registry", "RegistryWrite", "load_registry"]

RegistryWrite = tuple[int, bytes, bytes | None]
"""Table number, internal id, canonical encoded JSON or None: a write to `_tables` or `_indexes`."""

_FIRST_DECLARED = 2

_SYSTEM_INDEXES = tuple(
    IndexDefinition(index_number(index.table, index.position), index.table, index.name, index.fields)
    for index in SYSTEM_INDEXES
)


class _TableEntry(msgspec.Struct):
    name: str
    number: float


class _IndexEntry(msgspec.Struct):
    table: float
    name: str
    number: float
    fields: list[str]
    state: IndexState


_table_decoder = msgspec.json.Decoder(_TableEntry)
_index_decoder = msgspec.json.Decoder(_IndexEntry)


class Registry:
    """All tables and indexes. Made by :func:`load_registry` and :meth:`with_writes`."""

    __slots__ = ("_by_name", "_by_number", "_index_documents", "_indexes", "_table_documents")

    def __init__(
        self,
        table_documents: Mapping[bytes, tuple[str, int]] | None = None,
        index_documents: Mapping[bytes, IndexDefinition] | None = None,
    ) -> None:
        self._table_documents = dict(table_documents or {})
        self._index_documents = dict(index_documents or {})
        names = SYSTEM_TABLES | dict(self._table_documents.values())
        declared: dict[int, list[IndexDefinition]] = {}
        for definition in (*_SYSTEM_INDEXES, *self._index_documents.values()):
            declared.setdefault(definition.table, []).append(definition)
        self._by_number = {number: _table(name, number, declared.get(number, [])) for name, number in names.items()}
        self._by_name = {table.name: table for table in self._by_number.values()}
        self._indexes = {
            definition.number: definition for definition in (*_SYSTEM_INDEXES, *self._index_documents.values())
        }
        for table in self._by_number.values():
            self._indexes[table.by_id.number] = table.by_id
            self._indexes[table.by_creation_time.number] = table.by_creation_time

    def table(self, name: str) -> TableDefinition | None:
        """Return the table of that name, system tables included."""
        return self._by_name.get(name)

    def table_by_number(self, number: int) -> TableDefinition | None:
        return self._by_number.get(number)

    def tables(self) -> Iterator[TableDefinition]:
        """Yield all tables by number."""
        for number in sorted(self._by_number):
            yield self._by_number[number]

    def index(self, table_name: str, name: str) -> IndexDefinition | None:
        """Return the index that a query of ``table.name`` would use; it may still be being built."""
        table = self._by_name.get(table_name)
        return None if table is None else table.indexes.get(name)

    def index_by_number(self, number: int) -> IndexDefinition | None:
        """Return an index in any state, ``dropped`` included."""
        return self._indexes.get(number)

    def indexes_in_state(self, state: IndexState) -> list[IndexDefinition]:
        """Return the indexes an app has declared that are in a state, by number: what there is to backfill or erase."""
        found = [definition for definition in self._index_documents.values() if definition.state == state]
        return sorted(found, key=lambda definition: definition.number)

    def index_document(self, number: int) -> bytes | None:
        """Return the internal id of the `_indexes` document of an index that an app has declared."""
        for internal, definition in self._index_documents.items():
            if definition.number == number:
                return internal
        return None

    def next_table_number(self) -> int:
        """Return the lowest free number for a user table."""
        number = FIRST_USER_TABLE
        while number in self._by_number:
            number += 1
        return number

    def next_index_number(self, table: int, taken: Iterable[int] = ()) -> int:
        """Return the lowest free number for a declared index of a table; ``taken`` are given away but not
        written yet.

        A dropped index keeps its number until its entries are erased and its document is deleted.
        Raises StorageError when the table has no number left.
        """
        used = {*self._indexes, *taken}
        first = table * INDEXES_PER_TABLE + _FIRST_DECLARED
        for number in range(first, (table + 1) * INDEXES_PER_TABLE):
            if number not in used:
                return number
        raise StorageError(f"Table {table} has too many indexes, counting dropped ones that are still being erased.")

    def with_writes(self, writes: Iterable[RegistryWrite]) -> Registry:
        """Return the registry after these writes; writes to other tables are ignored.

        Raises StorageError for a document that describes no table or index.
        """
        tables: dict[bytes, tuple[str, int]] | None = None
        indexes: dict[bytes, IndexDefinition] | None = None
        for table, internal, data in writes:
            if table == TABLES_TABLE:
                tables = dict(self._table_documents) if tables is None else tables
                if data is None:
                    tables.pop(internal, None)
                else:
                    tables[internal] = _decode_table(data)
            elif table == INDEXES_TABLE:
                indexes = dict(self._index_documents) if indexes is None else indexes
                if data is None:
                    indexes.pop(internal, None)
                else:
                    indexes[internal] = _decode_index(data)
        if tables is None and indexes is None:
            return self
        return Registry(
            self._table_documents if tables is None else tables,
            self._index_documents if indexes is None else indexes,
        )

    def name_keys_of(self, write: RegistryWrite, after: Registry) -> list[bytes]:
        """Return the keys in the names index that a write changes, where this is the registry before it (or
        before its block) and ``after`` the one after.

        They are those of the old and of the new name; a new or deleted table also changes the next free number.
        """
        table, internal, data = write
        keys: list[bytes] = []
        if table == TABLES_TABLE:
            old_table = self._table_documents.get(internal)
            if old_table is None or data is None:
                keys.append(NEXT_TABLE_KEY)
            new_table = None if data is None else _decode_table(data)
            keys += [table_name_key(entry[0]) for entry in (old_table, new_table) if entry is not None]
        elif table == INDEXES_TABLE:
            old_index = self._index_documents.get(internal)
            new_index = None if data is None else _decode_index(data)
            for definition in (old_index, new_index):
                if definition is None:
                    continue
                owner = after.table_by_number(definition.table) or self.table_by_number(definition.table)
                if owner is not None:
                    keys.append(index_name_key(owner.name, definition.name))
        return list(dict.fromkeys(keys))


def load_registry(txn: ReadTransaction) -> Registry:
    """Build the registry of the state this transaction sees."""
    return Registry().with_writes(
        (table, internal, data) for table in (TABLES_TABLE, INDEXES_TABLE) for internal, data in _documents(txn, table)
    )


def _documents(txn: ReadTransaction, table: int) -> Iterator[tuple[bytes, bytes]]:
    prefix = table_prefix(table)
    cursor = txn.cursor(txn.documents)
    if cursor.set_range(prefix):
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                return
            yield key[4:], unpack_document(value).data


def _table(name: str, number: int, declared: list[IndexDefinition]) -> TableDefinition:
    identity, creation = by_id(number), by_creation_time(number)
    live = sorted(
        (definition for definition in declared if definition.state != "dropped"),
        key=lambda definition: definition.number,
    )
    by_name = {"by_id": identity, "by_creation_time": creation}
    # Ready ones last, so that under a shared name the successor that is still being built does not hide them.
    for definition in sorted(live, key=lambda definition: definition.state == "ready"):
        by_name[definition.name] = definition
    return TableDefinition(
        number=number,
        name=name,
        indexes=by_name,
        stored=(creation, *live),
        by_id=identity,
        by_creation_time=creation,
    )


def _decode_table(data: bytes) -> tuple[str, int]:
    try:
        entry = _table_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise StorageError(f"A document of `_tables` describes no table: {error}") from error
    number = int(entry.number)
    if number != entry.number or not 0 < number < 2**25:
        raise StorageError(f"Table {entry.name!r} has the impossible number {entry.number}.")
    return entry.name, number


def _decode_index(data: bytes) -> IndexDefinition:
    try:
        entry: Any = _index_decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise StorageError(f"A document of `_indexes` describes no index: {error}") from error
    number, table = int(entry.number), int(entry.table)
    if table_of_index(number) != table or number % INDEXES_PER_TABLE < _FIRST_DECLARED:
        raise StorageError(f"Index {entry.name!r} of table {table} has the impossible number {number}.")
    return IndexDefinition(number, table, entry.name, tuple(entry.fields), entry.state)
