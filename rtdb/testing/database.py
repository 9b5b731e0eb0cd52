"""A database for tests, written the plainest way there is.

:class:`Database` makes blocks and carries them out one write at a time, with nothing shared and nothing
clever. It is what the tests of reading stand on, and a second opinion for those of the real write path.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from rtdb.config import Limits
from rtdb.index.definition import IndexDefinition, IndexState, TableDefinition
from rtdb.index.index_key import full_key
from rtdb.index.registry import Registry, load_registry
from rtdb.storage import meta, system_tables
from rtdb.storage.block import TransactionRecord, WriteRecord, next_block
from rtdb.storage.documents import StoredDocument, delete_document, put_document, read_document
from rtdb.storage.environment import Environment, WriteTransaction, open_environment
from rtdb.storage.keys import index_entry
from rtdb.storage.local_log import LocalLog
from rtdb.storage.undo import BeforeImage, UndoRecord, write_undo
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["Database", "DocumentWrite", "document_bytes"]

LOG_ID = b"test-log-id-0001"
NODE = b"test-node-000001"

DocumentWrite = tuple[int, bytes, dict[str, Any] | None]
"""Table number, internal id, the document without its system fields (None: deleted)."""


def document_bytes(table: int, internal: bytes, fields: dict[str, Any], creation_time: float) -> bytes:
    """Return a document's canonical JSON with its system fields."""
    return encode({"_id": encode_id(table, internal), "_creationTime": creation_time, **fields})


class Database:
    """One environment under ``data_dir`` and the only writer to it. Timestamps are 1000 times the block number."""

    def __init__(self, data_dir: Path) -> None:
        self.environment: Environment = open_environment(data_dir, readonly=False, limits=Limits())
        self.log = LocalLog(self.environment)
        with self.environment.write() as txn:
            meta.write_log_id(txn, LOG_ID)
            meta.write_instance(txn, "test")

    @property
    def registry(self) -> Registry:
        with self.environment.read() as txn:
            return load_registry(txn)

    def table(self, name: str) -> TableDefinition:
        """Return a table, making it in a block of its own if there is none."""
        registry = self.registry
        table = registry.table(name)
        if table is None:
            number = registry.next_table_number()
            entry = {"name": name, "number": float(number)}
            self.write([(system_tables.TABLES_TABLE, system_tables.table_document_id(name), entry)])
            table = self.registry.table_by_number(number)
        assert table is not None
        return table

    def index(
        self, table_name: str, name: str, fields: tuple[str, ...], state: IndexState = "ready"
    ) -> IndexDefinition:
        """Declare an index, or change the state of the one with the same fields. It gets no entries by this."""
        table = self.table(table_name)
        existing = table.indexes.get(name)
        if existing is not None and existing.fields == fields:
            number = existing.number
        else:
            number = self.registry.next_index_number(table.number)
        entry = {
            "table": float(table.number),
            "name": name,
            "number": float(number),
            "fields": list(fields),
            "state": state,
        }
        internal = system_tables.index_document_id(table_name, name, number)
        self.write([(system_tables.INDEXES_TABLE, internal, entry)])
        definition = self.registry.index_by_number(number)
        assert definition is not None
        return definition

    def write(self, *transactions: list[DocumentWrite]) -> int:
        """Commit one block with these transactions; return its number.

        A new document's creation time is 1000 times the block's number.
        """
        with self.environment.write() as txn, self.log.within(txn):
            at = meta.read_position(txn)
            seq = at.seq + 1
            records = []
            images: dict[tuple[int, bytes], BeforeImage] = {}
            deployment = meta.read_deployment(txn)
            for order, writes in enumerate(transactions):
                ts = seq * 1000 + order
                records.append(TransactionRecord(ts, "test", []))
                for table, internal, fields in writes:
                    old = read_document(txn, table, internal)
                    images.setdefault((table, internal), _before_image(table, internal, old))
                    data = None if fields is None else self._document(table, internal, fields, old, seq)
                    records[-1].writes.append(WriteRecord(table, internal, old.seq if old else 0, data))
                    self._apply(txn, table, internal, old, None if data is None else StoredDocument(seq, ts, data))
            block = next_block(at, records, log_id=LOG_ID, epoch=0, block_id=seq.to_bytes(16), node=NODE)
            write_undo(txn, seq, UndoRecord(at.ts, deployment, [images[address] for address in sorted(images)]))
            assert self.log.append(at, block)
            meta.write_position(txn, block.position)
            return seq

    def close(self) -> None:
        self.environment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _document(
        self, table: int, internal: bytes, fields: dict[str, Any], old: StoredDocument | None, seq: int
    ) -> bytes:
        creation_time = _fields(old)["_creationTime"] if old else seq * 1000.0
        return document_bytes(table, internal, fields, creation_time)

    def _apply(
        self,
        txn: WriteTransaction,
        table: int,
        internal: bytes,
        old: StoredDocument | None,
        new: StoredDocument | None,
    ) -> None:
        definition = load_registry(txn).table_by_number(table)
        assert definition is not None
        for index in definition.stored:
            if old is not None:
                txn.delete(txn.indexes, index_entry(index.number, full_key(index, _fields(old)), internal)[0])
            if new is not None:
                txn.put(txn.indexes, *index_entry(index.number, full_key(index, _fields(new)), internal))
        if new is not None:
            put_document(txn, table, internal, new)
        elif old is not None:
            delete_document(txn, table, internal)
        meta.add_to_count(txn, table, (new is not None) - (old is not None))
        if table in (system_tables.TABLES_TABLE, system_tables.INDEXES_TABLE):
            meta.write_registry_seq(txn, meta.read_position(txn).seq + 1)


def _before_image(table: int, internal: bytes, old: StoredDocument | None) -> BeforeImage:
    if old is None:
        return BeforeImage(table, internal, 0, 0, None)
    return BeforeImage(table, internal, old.seq, old.ts, old.data)


def _fields(document: StoredDocument) -> dict[str, Any]:
    fields = decode_canonical(document.data)
    assert isinstance(fields, dict)
    return fields
