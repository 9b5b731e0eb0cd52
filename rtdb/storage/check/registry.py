"""Do `_tables` and `_indexes` describe tables and indexes that exist, once each?"""

from __future__ import annotations

from collections import Counter
from typing import Any

from rtdb.errors import RtdbError
from rtdb.storage import meta
from rtdb.storage.check.walk import Walk, read_fields
from rtdb.storage.documents import read_document, unpack_document
from rtdb.storage.system_tables import (
    DEPLOYMENTS_TABLE,
    INDEXES_TABLE,
    SYSTEM_TABLES,
    TABLES_TABLE,
    index_document_id,
    table_document_id,
)
from rtdb.values.document_id import decode_id

__all__ = ["RegistryCheck"]


class RegistryCheck:
    """Looks at the documents that say what tables, indexes and deployment there are."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def check(self) -> None:
        newest = 0
        seen: Counter[tuple[str, Any]] = Counter()
        for table, internal, document_seq, fields in self._documents():
            newest = max(newest, document_seq)
            if table == TABLES_TABLE:
                self._check_table_entry(internal, fields, seen)
            else:
                self._check_index_entry(internal, fields, seen)
        for (kind, value), count in seen.items():
            if count > 1:
                self._walk.problem(f"{count} documents describe the same {kind} {value}.")
        registry_seq = meta.read_registry_seq(self._walk.txn)
        if not newest <= registry_seq <= self._walk.position.seq:
            self._walk.problem(
                f"Tables or indexes were last changed by block {newest}, "
                f"and the database says it was block {registry_seq}."
            )
        deployment = meta.read_deployment(self._walk.txn)
        if deployment and not self._is_deployment(deployment):
            self._walk.problem(f"The active deployment {deployment} has no document in `_deployments`.")

    def _documents(self) -> list[tuple[int, bytes, int, dict[str, Any]]]:
        found = []
        cursor = self._walk.txn.cursor(self._walk.txn.documents)
        if cursor.set_range(TABLES_TABLE.to_bytes(4)):
            for key, value in cursor.iternext():
                table = int.from_bytes(key[:4])
                if table not in (TABLES_TABLE, INDEXES_TABLE):
                    break
                fields = read_fields(value)
                if fields is not None:
                    found.append((table, key[4:], unpack_document(value).seq, fields))
        return found

    def _check_table_entry(self, internal: bytes, fields: dict[str, Any], seen: Counter[tuple[str, Any]]) -> None:
        name, number = fields.get("name"), fields.get("number")
        seen["table name", name] += 1
        seen["table number", number] += 1
        if not isinstance(name, str) or internal != table_document_id(name):
            self._walk.problem(f"The `_tables` document of {name!r} is not under the id that belongs to that name.")
        elif SYSTEM_TABLES.get(name, number) != number:
            self._walk.problem(f"The system table {name!r} has number {number} instead of {SYSTEM_TABLES[name]}.")

    def _check_index_entry(self, internal: bytes, fields: dict[str, Any], seen: Counter[tuple[str, Any]]) -> None:
        name, number, owner = fields.get("name"), fields.get("number"), fields.get("table")
        table = self._walk.registry.table_by_number(int(owner)) if isinstance(owner, float) else None
        seen["index number", number] += 1
        if table is None:
            self._walk.problem(f"Index {name!r} (number {number}) belongs to table {owner}, which does not exist.")
            return
        if fields.get("state") != "dropped":
            seen["index name and state", f"{table.name}.{name} ({fields.get('state')})"] += 1
        if (
            not isinstance(name, str)
            or not isinstance(number, float)
            or internal != index_document_id(table.name, name, int(number))
        ):
            self._walk.problem(
                f"The `_indexes` document of {table.name}.{name} is not under the id that belongs to it."
            )

    def _is_deployment(self, deployment: str) -> bool:
        try:
            table, internal = decode_id(deployment)
        except RtdbError:
            return False
        return table == DEPLOYMENTS_TABLE and read_document(self._walk.txn, table, internal) is not None
