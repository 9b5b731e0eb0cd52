"""`rtdb check`: walk the whole database and say in sentences what is not as it should be.

It reads one snapshot, so it may run beside a live server. What must hold:

* every document is what was stored, under the id it says it has, in a table that exists;
* every entry of an index belongs to one document and has its key, and every document has its entry in
  `by_creation_time` and in every complete index (in a backfilling one it may be missing);
* per table, the count is the number of documents;
* the log is unbroken from its first kept block to the applied position, and the documents are what it says
  was written;
* before-images reach back without a gap from the applied position, and belong to the blocks they undo;
* `_tables` and `_indexes` describe tables and indexes that exist, once each.

It repairs nothing.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import lmdb
import msgspec
from blake3 import blake3

from rtdb.config import Limits
from rtdb.errors import DataDirectoryError, RtdbError
from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.index.registry import Registry, load_registry
from rtdb.storage import meta
from rtdb.storage.block import Block, WriteRecord, decode_block
from rtdb.storage.documents import is_intact, read_document, unpack_document
from rtdb.storage.environment import Environment, ReadTransaction, open_environment
from rtdb.storage.keys import (
    INDEX_PREFIX_BYTES,
    INTERNAL_ID_BYTES,
    LONG_ENTRY_BYTES,
    index_entry,
    table_of_index,
    unpack_seq,
)
from rtdb.storage.local_log import unpack_log_entry
from rtdb.storage.system_tables import (
    DEPLOYMENTS_TABLE,
    INDEXES_TABLE,
    SYSTEM_TABLES,
    TABLES_TABLE,
    index_document_id,
    table_document_id,
)
from rtdb.storage.undo import UndoRecord, decode_undo
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["Report", "check", "check_environment"]

_PROBLEMS_KEPT: Final = 1000


class Report(msgspec.Struct, frozen=True):
    """What a check walked over and found. The first thousand problems are kept as sentences."""

    documents: int
    entries: int
    blocks: int
    undo_records: int
    problems: list[str]
    problems_total: int

    @property
    def is_clean(self) -> bool:
        return self.problems_total == 0


def check(data_dir: Path) -> Report:
    """Check the database of a data directory.

    Raises DataDirectoryError when there is none that can be opened, or when LMDB cannot find its way through it.
    """
    with open_environment(data_dir, readonly=True, limits=Limits()) as environment:
        try:
            return check_environment(environment)
        except lmdb.Error as error:
            raise DataDirectoryError(
                f"{data_dir} is damaged so badly that it cannot be walked: {error}. Restore it from a backup."
            ) from error


def check_environment(environment: Environment) -> Report:
    """Check an open database, as it is now."""
    with environment.read() as txn:
        return _Walker(txn).walk()


class _LastWrite(msgspec.Struct, frozen=True, gc=False):
    """The newest write to a document that the kept log holds; ``digest`` None for a deletion."""

    seq: int
    digest: bytes | None


class _Walker:
    """One walk. Filled from the log first, because documents and before-images are compared with it."""

    def __init__(self, txn: ReadTransaction) -> None:
        self._txn = txn
        self._position = meta.read_position(txn)
        self._registry = Registry()
        self._problems: list[str] = []
        self._problems_total = 0
        self._documents = 0
        self._entries = 0
        self._entries_of_documents: Counter[int] = Counter()
        self._blocks = 0
        self._undo_records = 0
        self._last_writes: dict[tuple[int, bytes], _LastWrite] = {}
        self._first_block: int | None = None

    def walk(self) -> Report:
        try:
            self._registry = load_registry(self._txn)
        except RtdbError as error:
            self._problem(error.message)
        self._check_registry()
        self._check_log()
        self._check_undo()
        self._check_documents()
        self._check_entries()
        self._check_deleted()
        return Report(
            documents=self._documents,
            entries=self._entries,
            blocks=self._blocks,
            undo_records=self._undo_records,
            problems=self._problems,
            problems_total=self._problems_total,
        )

    def _problem(self, sentence: str) -> None:
        self._problems_total += 1
        if len(self._problems) < _PROBLEMS_KEPT:
            self._problems.append(sentence)

    # --- tables and indexes ---------------------------------------------------------------------------------------

    def _check_registry(self) -> None:
        newest = 0
        seen: Counter[tuple[str, Any]] = Counter()
        for table, internal, document_seq, fields in self._registry_documents():
            newest = max(newest, document_seq)
            if table == TABLES_TABLE:
                self._check_table_entry(internal, fields, seen)
            else:
                self._check_index_entry(internal, fields, seen)
        for (kind, value), count in seen.items():
            if count > 1:
                self._problem(f"{count} documents describe the same {kind} {value}.")
        registry_seq = meta.read_registry_seq(self._txn)
        if not newest <= registry_seq <= self._position.seq:
            self._problem(
                f"Tables or indexes were last changed by block {newest}, "
                f"and the database says it was block {registry_seq}."
            )
        deployment = meta.read_deployment(self._txn)
        if deployment and not self._is_deployment(deployment):
            self._problem(f"The active deployment {deployment} has no document in `_deployments`.")

    def _registry_documents(self) -> list[tuple[int, bytes, int, dict[str, Any]]]:
        found = []
        cursor = self._txn.cursor(self._txn.documents)
        if cursor.set_range(TABLES_TABLE.to_bytes(4)):
            for key, value in cursor.iternext():
                table = int.from_bytes(key[:4])
                if table not in (TABLES_TABLE, INDEXES_TABLE):
                    break
                fields = self._fields(value)
                if fields is not None:
                    found.append((table, key[4:], unpack_document(value).seq, fields))
        return found

    def _check_table_entry(self, internal: bytes, fields: dict[str, Any], seen: Counter[tuple[str, Any]]) -> None:
        name, number = fields.get("name"), fields.get("number")
        seen["table name", name] += 1
        seen["table number", number] += 1
        if not isinstance(name, str) or internal != table_document_id(name):
            self._problem(f"The `_tables` document of {name!r} is not under the id that belongs to that name.")
        elif SYSTEM_TABLES.get(name, number) != number:
            self._problem(f"The system table {name!r} has number {number} instead of {SYSTEM_TABLES[name]}.")

    def _check_index_entry(self, internal: bytes, fields: dict[str, Any], seen: Counter[tuple[str, Any]]) -> None:
        name, number, owner = fields.get("name"), fields.get("number"), fields.get("table")
        table = self._registry.table_by_number(int(owner)) if isinstance(owner, float) else None
        seen["index number", number] += 1
        if table is None:
            self._problem(f"Index {name!r} (number {number}) belongs to table {owner}, which does not exist.")
            return
        if fields.get("state") != "dropped":
            seen["index name and state", f"{table.name}.{name} ({fields.get('state')})"] += 1
        if (
            not isinstance(name, str)
            or not isinstance(number, float)
            or internal != index_document_id(table.name, name, int(number))
        ):
            self._problem(f"The `_indexes` document of {table.name}.{name} is not under the id that belongs to it.")

    def _is_deployment(self, deployment: str) -> bool:
        try:
            table, internal = decode_id(deployment)
        except RtdbError:
            return False
        return table == DEPLOYMENTS_TABLE and read_document(self._txn, table, internal) is not None

    # --- log ------------------------------------------------------------------------------------------------------

    def _check_log(self) -> None:
        log_id = meta.read_log_id(self._txn)
        previous: Block | None = None
        for key, value in self._txn.cursor(self._txn.log):
            seq = unpack_seq(key)
            chain, data = unpack_log_entry(value)
            try:
                block = decode_block(data)
            except RtdbError as error:
                self._problem(f"Block {seq} in the log: {error.message}")
                return
            self._blocks += 1
            self._check_block(seq, chain, block, previous, log_id)
            for transaction in block.transactions:
                for write in transaction.writes:
                    self._note_write(seq, write)
            self._first_block = self._first_block or seq
            previous = block
        head = meta.START if previous is None else previous.position
        if head != self._position:
            self._problem(
                f"The log ends at block {head.seq} and the database is at {self._position.seq}, or their hashes differ."
            )

    def _check_block(self, seq: int, chain: bytes, block: Block, previous: Block | None, log_id: bytes | None) -> None:
        header = block.header
        if header.seq != seq:
            self._problem(f"Block {header.seq} is stored as block {seq}.")
        if chain != block.chain:
            self._problem(f"The chain hash stored with block {seq} is not that of its bytes.")
        if header.log_id != log_id:
            self._problem(f"Block {seq} belongs to another log.")
        if previous is None:
            if seq == 1 and header.previous_chain != meta.START.chain:
                self._problem("Block 1 does not begin a chain.")
            return
        if seq != previous.header.seq + 1:
            self._problem(f"Block {seq} follows block {previous.header.seq} in the log: there is a gap.")
        elif header.previous_chain != previous.chain:
            self._problem(f"Block {seq} does not continue block {previous.header.seq}: the chain is broken.")
        if header.ts_first <= previous.header.ts_last:
            self._problem(f"Block {seq} begins at a timestamp that is not after that of the block before.")

    def _note_write(self, seq: int, write: WriteRecord) -> None:
        address = (write.table, write.id)
        last = self._last_writes.get(address)
        if last is not None and write.previous_seq != (last.seq if last.digest is not None else 0):
            self._problem(
                f"Block {seq} says that {_name(*address)} was last written by block {write.previous_seq}, "
                f"and it was block {last.seq}."
            )
        self._last_writes[address] = _LastWrite(seq, None if write.value is None else _digest(write.value))

    # --- before-images --------------------------------------------------------------------------------------------

    def _check_undo(self) -> None:
        expected: int | None = None
        for key, value in self._txn.cursor(self._txn.undo):
            seq = unpack_seq(key)
            self._undo_records += 1
            if expected is not None and seq != expected:
                self._problem(f"Before-images of block {expected} are missing, and older ones are kept.")
            expected = seq + 1
            try:
                record = decode_undo(value)
            except RtdbError as error:
                self._problem(f"Before-images of block {seq}: {error.message}")
                continue
            self._check_undo_record(seq, record)
        if expected is not None and expected != self._position.seq + 1:
            self._problem(f"Before-images end at block {expected - 1}, and the database is at {self._position.seq}.")

    def _check_undo_record(self, seq: int, record: UndoRecord) -> None:
        block = self._block(seq)
        before = self._block(seq - 1)
        if before is not None and before.header.ts_last != record.ts:
            self._problem(f"Before-images of block {seq} lead to another timestamp than that of block {seq - 1}.")
        if block is None:
            return
        written: dict[tuple[int, bytes], int] = {}
        for transaction in block.transactions:
            for write in transaction.writes:
                written.setdefault((write.table, write.id), write.previous_seq)
        images = {(image.table, image.id): image.seq for image in record.images}
        if images != written:
            self._problem(f"Before-images of block {seq} are not those of the documents it wrote.")

    def _block(self, seq: int) -> Block | None:
        value = self._txn.get(self._txn.log, seq.to_bytes(8))
        if value is None:
            return None
        try:
            return decode_block(unpack_log_entry(value)[1])
        except RtdbError:
            return None

    # --- documents ------------------------------------------------------------------------------------------------

    def _check_documents(self) -> None:
        counts: Counter[int] = Counter()
        for key, value in self._txn.cursor(self._txn.documents):
            self._documents += 1
            table, internal = int.from_bytes(key[:4]), key[4:]
            counts[table] += 1
            name = _name(table, internal)
            definition = self._registry.table_by_number(table)
            if definition is None:
                self._problem(f"{name} belongs to a table that does not exist.")
            if not is_intact(value):
                self._problem(f"{name} is damaged: its checksum does not match.")
                continue
            fields = self._fields(value)
            if fields is None:
                self._problem(f"{name} is not canonical JSON.")
                continue
            self._check_against_log(table, internal, value)
            if fields.get("_id") != encode_id(table, internal):
                self._problem(f"{name} says that its id is {fields.get('_id')!r}.")
            elif not isinstance(fields.get("_creationTime"), float):
                self._problem(f"{name} has no creation time.")
            elif definition is not None:
                for index in definition.stored:
                    self._check_entry_of(index, internal, fields, f"{name} of table {definition.name}")
        self._check_counts(counts)

    def _check_against_log(self, table: int, internal: bytes, value: bytes) -> None:
        document = unpack_document(value)
        name = _name(table, internal)
        last = self._last_writes.pop((table, internal), None)
        if document.seq > self._position.seq or document.ts > self._position.ts:
            self._problem(f"{name} was written after the applied position.")
        elif last is None:
            if self._first_block is not None and document.seq >= self._first_block:
                self._problem(f"{name} says block {document.seq} wrote it, and the log does not.")
        elif last.seq != document.seq or last.digest != _digest(document.data):
            self._problem(f"{name} is not what block {last.seq} wrote.")

    def _check_deleted(self) -> None:
        """What is left of the log's last writes after all documents were seen must be deletions."""
        for (table, internal), last in self._last_writes.items():
            if last.digest is not None and read_document(self._txn, table, internal) is None:
                self._problem(f"{_name(table, internal)} was written by block {last.seq} and does not exist.")

    def _check_counts(self, counts: Counter[int]) -> None:
        stored = meta.read_counts(self._txn)
        for table in sorted(counts.keys() | stored.keys()):
            if counts[table] != stored.get(table, 0):
                self._problem(
                    f"Table {table} has {counts[table]} documents, and its count says {stored.get(table, 0)}."
                )

    def _fields(self, value: bytes) -> dict[str, Any] | None:
        """Return the document's fields if it is stored the one way it may be."""
        data = unpack_document(value).data if is_intact(value) else b""
        try:
            fields = decode_canonical(data)
            return fields if isinstance(fields, dict) and encode(fields) == data else None
        except (RtdbError, ValueError):
            return None

    # --- index entries --------------------------------------------------------------------------------------------

    def _check_entry_of(self, index: IndexDefinition, internal: bytes, fields: dict[str, Any], name: str) -> None:
        key, value = index_entry(index.number, full_key(index, fields), internal)
        if self._txn.get(self._txn.indexes, key) == value:
            self._entries_of_documents[index.number] += 1
        elif index.state != "backfilling":
            self._problem(f"{name} has no entry in index {index.name}.")

    def _check_entries(self) -> None:
        """The documents have found their entries; what an index has beyond those must be looked at one by one."""
        found: Counter[bytes] = Counter()
        for key in self._txn.cursor(self._txn.indexes).iternext(values=False):
            found[key[:INDEX_PREFIX_BYTES]] += 1
        self._entries = found.total()
        for prefix, count in found.items():
            number = int.from_bytes(prefix)
            index = self._registry.index_by_number(number)
            if index is None:
                self._problem(f"Index {number} does not exist, and has entries ({count}).")
            elif index.state != "dropped" and count != self._entries_of_documents[number]:
                self._check_entries_of(index, prefix)

    def _check_entries_of(self, index: IndexDefinition, prefix: bytes) -> None:
        cursor = self._txn.cursor(self._txn.indexes)
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
            self._problem(f"{place} is malformed.")
            return
        document = self._txn.get(self._txn.documents, index.table.to_bytes(4) + internal)
        if document is None:
            self._problem(f"{place} refers to {_name(index.table, internal)}, which does not exist.")
            return
        fields = self._fields(document)
        # A damaged document is reported as such, once.
        if fields is not None and full_key(index, fields) != stored_key:
            self._problem(f"{place} has a key that {_name(index.table, internal)} does not have.")


def _name(table: int, internal: bytes) -> str:
    return f"Document {table}/{internal.hex()}"


def _digest(data: bytes) -> bytes:
    # Kept per document written in the kept log, of which there may be millions: not the data itself.
    return blake3(data).digest()[:16]
