"""Is every document what the log says was stored, where it says it is, counted, and in every index it belongs to?"""

from __future__ import annotations

from collections import Counter
from typing import Any

from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.storage import meta
from rtdb.storage.check.log import LogCheck, digest
from rtdb.storage.check.walk import Walk, document_name, read_fields
from rtdb.storage.documents import is_intact, read_document, unpack_document
from rtdb.storage.keys import index_entry
from rtdb.values.document_id import encode_id

__all__ = ["DocumentsCheck"]


class DocumentsCheck:
    """Goes through the documents, and compares them with what ``log`` has found.

    Then ``entries`` is, by index, how many of them have their entry there.
    """

    def __init__(self, walk: Walk, log: LogCheck) -> None:
        self._walk = walk
        self._log = log
        self.documents = 0
        self.entries: Counter[int] = Counter()

    def check(self) -> None:
        counts: Counter[int] = Counter()
        for key, value in self._walk.txn.cursor(self._walk.txn.documents):
            self.documents += 1
            table, internal = int.from_bytes(key[:4]), key[4:]
            counts[table] += 1
            name = document_name(table, internal)
            definition = self._walk.registry.table_by_number(table)
            if definition is None:
                self._walk.problem(f"{name} belongs to a table that does not exist.")
            if not is_intact(value):
                self._walk.problem(f"{name} is damaged: its checksum does not match.")
                continue
            fields = read_fields(value)
            if fields is None:
                self._walk.problem(f"{name} is not canonical JSON.")
                continue
            self._check_against_log(table, internal, value)
            if fields.get("_id") != encode_id(table, internal):
                self._walk.problem(f"{name} says that its id is {fields.get('_id')!r}.")
            elif not isinstance(fields.get("_creationTime"), float):
                self._walk.problem(f"{name} has no creation time.")
            elif definition is not None:
                for index in definition.stored:
                    self._check_entry_of(index, internal, fields, f"{name} of table {definition.name}")
        self._check_counts(counts)
        self._check_deleted()

    def _check_against_log(self, table: int, internal: bytes, value: bytes) -> None:
        document = unpack_document(value)
        name = document_name(table, internal)
        last = self._log.last_writes.pop((table, internal), None)
        if document.seq > self._walk.position.seq or document.ts > self._walk.position.ts:
            self._walk.problem(f"{name} was written after the applied position.")
        elif last is None:
            if self._log.first_block is not None and document.seq >= self._log.first_block:
                self._walk.problem(f"{name} says block {document.seq} wrote it, and the log does not.")
        elif last.seq != document.seq or last.digest != digest(document.data):
            self._walk.problem(f"{name} is not what block {last.seq} wrote.")

    def _check_deleted(self) -> None:
        """What is left of the log's last writes after all documents were seen must be deletions."""
        for (table, internal), last in self._log.last_writes.items():
            if last.digest is not None and read_document(self._walk.txn, table, internal) is None:
                self._walk.problem(
                    f"{document_name(table, internal)} was written by block {last.seq} and does not exist."
                )

    def _check_counts(self, counts: Counter[int]) -> None:
        stored = meta.read_counts(self._walk.txn)
        for table in sorted(counts.keys() | stored.keys()):
            if counts[table] != stored.get(table, 0):
                self._walk.problem(
                    f"Table {table} has {counts[table]} documents, and its count says {stored.get(table, 0)}."
                )

    def _check_entry_of(self, index: IndexDefinition, internal: bytes, fields: dict[str, Any], name: str) -> None:
        key, value = index_entry(index.number, full_key(index, fields), internal)
        if self._walk.txn.get(self._walk.txn.indexes, key) == value:
            self.entries[index.number] += 1
        elif index.state != "backfilling":
            self._walk.problem(f"{name} has no entry in index {index.name}.")
