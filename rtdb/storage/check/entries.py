"""Does every entry of an index belong to one document, and have its key?"""

from __future__ import annotations

from collections import Counter

from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.storage.check.walk import Walk, document_name, read_fields
from rtdb.storage.keys import (
    INDEX_PREFIX_BYTES,
    INTERNAL_ID_BYTES,
    LONG_ENTRY_BYTES,
    index_entry,
    table_of_index,
)

__all__ = ["EntriesCheck"]


class EntriesCheck:
    """Goes through the indexes; ``of_documents`` is, by index, how many documents have their entry there."""

    def __init__(self, walk: Walk, of_documents: Counter[int]) -> None:
        self._walk = walk
        self._of_documents = of_documents
        self.entries = 0

    def check(self) -> None:
        """The documents have found their entries; what an index has beyond those must be looked at one by one."""
        found: Counter[bytes] = Counter()
        for key in self._walk.txn.cursor(self._walk.txn.indexes).iternext(values=False):
            found[key[:INDEX_PREFIX_BYTES]] += 1
        self.entries = found.total()
        for prefix, count in found.items():
            number = int.from_bytes(prefix)
            index = self._walk.registry.index_by_number(number)
            if index is None:
                self._walk.problem(f"Index {number} does not exist, and has entries ({count}).")
            elif index.state != "dropped" and count != self._of_documents[number]:
                self._check_entries_of(index, prefix)

    def _check_entries_of(self, index: IndexDefinition, prefix: bytes) -> None:
        cursor = self._walk.txn.cursor(self._walk.txn.indexes)
        cursor.set_range(prefix)
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                return
            self._check_entry(index, key, value)

    def _check_entry(self, index: IndexDefinition, key: bytes, value: bytes) -> None:
        internal = value[:INTERNAL_ID_BYTES]
        stored_key = value[INTERNAL_ID_BYTES:] if len(key) == LONG_ENTRY_BYTES else key[INDEX_PREFIX_BYTES:]
        place = f"An entry of index {index.name} of table {table_of_index(index.number)}"
        if index_entry(index.number, stored_key, internal) != (key, value):
            self._walk.problem(f"{place} is malformed.")
            return
        document = self._walk.txn.get(self._walk.txn.documents, index.table.to_bytes(4) + internal)
        if document is None:
            self._walk.problem(f"{place} refers to {document_name(index.table, internal)}, which does not exist.")
            return
        fields = read_fields(document)
        # A damaged document is reported as such, once.
        if fields is not None and full_key(index, fields) != stored_key:
            self._walk.problem(f"{place} has a key that {document_name(index.table, internal)} does not have.")
