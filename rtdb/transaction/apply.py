"""A block onto a state: the one place where what is stored follows from what was written.

``apply(state, block)`` is a pure function: no clock, no randomness, no app code. Local commits, replay, restore and
tests use it alike; the committer only takes it apart, because it must validate a transaction after those before it in
the same block have been applied and before the block is sealed:

    OpenBlock(txn, registry)  →  add(transaction) … add(transaction)  →  close(position)

What one block does to the state:

    documents   the last version of each document written, deletions removed
    indexes     entries of every maintained index: gone where the key is no more, new where it was not yet
    undo        each document's version from before the block
    meta        applied position, counts per table, registry_seq, active deployment

Invariants:

* The outcome depends on the state and the block alone, byte for byte.
* Documents touched several times in a block cost one put: everything is written at ``close``, in key order.
* A key change is reported for every index of a written document, also when its key stayed the same: what read the key
  has read the document.

System tables are read as they are written: a write to `_tables` or `_indexes` changes the registry that the writes
after it are indexed by, so transactions write them first. A `_deployments` document whose ``state`` is ``"active"`` is
the deployment from then on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from rtdb.errors import StorageError
from rtdb.index.definition import TableDefinition
from rtdb.index.index_key import all_key_parts
from rtdb.index.registry import Registry
from rtdb.link.frames import KeyChange, Write
from rtdb.storage.block import Block, WriteRecord
from rtdb.storage.documents import StoredDocument, pack_document, unpack_document
from rtdb.storage.environment import WriteTransaction
from rtdb.storage.keys import BY_ID, INDEXES_PER_TABLE, document_key, index_entry
from rtdb.storage.meta import (
    Position,
    add_to_count,
    read_deployment,
    read_position,
    write_deployment,
    write_position,
    write_registry_seq,
)
from rtdb.storage.system_tables import (
    DEPLOYMENT_INDEX,
    DEPLOYMENT_KEY,
    DEPLOYMENTS_TABLE,
    INDEXES_TABLE,
    NAMES_INDEX,
    TABLES_TABLE,
)
from rtdb.storage.undo import BeforeImage, UndoRecord, write_undo
from rtdb.values.json_codec import decode_canonical

__all__ = ["ACTIVE", "Added", "Applied", "OpenBlock", "apply"]

ACTIVE: Final = "active"
"""The ``state`` of the `_deployments` document in use; there is at most one."""

_NO_KEYS: Final[dict[int, list[bytes]]] = {}


class Applied(msgspec.Struct, frozen=True):
    """What a block did, for those who keep something in memory."""

    changes: list[KeyChange]
    registry: Registry
    registry_changed: bool


class Added(msgspec.Struct, frozen=True):
    """What one transaction of a block did: the writes as the block records them, and the keys they touched."""

    records: list[WriteRecord]
    changes: list[KeyChange]


class _Document:
    """One document in an open block: as the block found it, and as it is after the transactions so far."""

    __slots__ = ("before", "before_keys", "current", "keys")

    def __init__(self, before: StoredDocument | None, keys: dict[int, list[bytes]]) -> None:
        self.before = before
        self.before_keys = keys
        self.current = before
        self.keys = keys


class OpenBlock:
    """The block that follows the applied position, while transactions are added to it."""

    def __init__(self, txn: WriteTransaction, registry: Registry) -> None:
        self._txn = txn
        self._before = read_position(txn)
        self._seq = self._before.seq + 1
        self._documents: dict[bytes, _Document] = {}
        self._deployment_before = self._deployment = read_deployment(txn)
        self.registry = registry
        self.registry_changed = False

    def add(self, ts: int, writes: Iterable[Write | WriteRecord]) -> Added:
        """Apply one transaction on top of those added before."""
        added = Added([], [])
        for write in writes:
            table = self.registry.table_by_number(write.table)
            assert table is not None, f"table {write.table} is created before it is written to"
            self._write(ts, table, write.id, write.value, added)
        return added

    def _write(self, ts: int, table: TableDefinition, internal: bytes, value: bytes | None, added: Added) -> None:
        key = document_key(table.number, internal)
        document = self._documents.get(key) or self._load(key, table)
        old = document.current
        new = None if value is None else StoredDocument(self._seq, ts, value)
        if old is None and new is None:
            return  # Inserted and deleted again by the same function: nothing to record, nothing to undo.
        self._documents[key] = document
        content: Any = None if value is None else decode_canonical(value)
        old_keys = document.keys
        new_keys = _NO_KEYS if content is None else all_key_parts(table, content)
        document.current = new
        document.keys = new_keys
        previous_seq = 0 if old is None else old.seq
        added.records.append(WriteRecord(table.number, internal, previous_seq, value))
        added.changes.extend(_key_changes(old_keys, new_keys))
        if table.number in (TABLES_TABLE, INDEXES_TABLE):
            added.changes.extend(self._registry_write(table.number, internal, value))
        elif table.number == DEPLOYMENTS_TABLE:
            old_content = None if old is None else decode_canonical(old.data)
            added.changes.extend(self._deployment_write(old_content, content))

    def _load(self, key: bytes, table: TableDefinition) -> _Document:
        stored = self._txn.get(self._txn.documents, key)
        if stored is None:
            return _Document(None, _NO_KEYS)
        before = unpack_document(stored)
        content: Any = decode_canonical(before.data)
        return _Document(before, all_key_parts(table, content))

    def _registry_write(self, table: int, internal: bytes, value: bytes | None) -> list[KeyChange]:
        write = (table, internal, value)
        before = self.registry
        self.registry = before.with_writes([write])
        self.registry_changed = True
        names = before.name_keys_of(write, self.registry)
        return [KeyChange(NAMES_INDEX, [name], [name]) for name in names]

    def _deployment_write(self, old: Any, new: Any) -> list[KeyChange]:
        was_active = old is not None and old.get("state") == ACTIVE
        is_active = new is not None and new.get("state") == ACTIVE
        if is_active:
            self._deployment = new["_id"]
        elif was_active and self._deployment == old["_id"]:
            self._deployment = ""
        if not was_active and not is_active:
            return []
        return [KeyChange(DEPLOYMENT_INDEX, [DEPLOYMENT_KEY], [DEPLOYMENT_KEY])]

    def close(self, position: Position) -> None:
        """Write everything; the state is then the one at ``position``, which names the sealed block."""
        assert position.seq == self._seq, "blocks are applied in order"
        txn = self._txn
        self._write_documents()
        self._write_entries()
        images = [_before_image(key, self._documents[key].before) for key in sorted(self._documents)]
        write_undo(txn, self._seq, UndoRecord(self._before.ts, self._deployment_before, images))
        if self.registry_changed:
            write_registry_seq(txn, self._seq)
        if self._deployment != self._deployment_before:
            write_deployment(txn, self._deployment)
        write_position(txn, position)

    def _write_documents(self) -> None:
        txn = self._txn
        grown: Counter[int] = Counter()
        stored: list[tuple[bytes, bytes]] = []
        for key in sorted(self._documents):
            document = self._documents[key]
            if document.current is not None:
                stored.append((key, pack_document(document.current)))
            elif document.before is not None:
                txn.delete(txn.documents, key)
            table = int.from_bytes(key[:4], "big")
            grown[table] += (document.current is not None) - (document.before is not None)
        txn.put_all(txn.documents, stored)
        for table in sorted(grown):
            add_to_count(txn, table, grown[table])

    def _write_entries(self) -> None:
        txn = self._txn
        gone: list[bytes] = []
        fresh: list[tuple[bytes, bytes]] = []
        for key, document in self._documents.items():
            internal = key[4:]
            before, after = document.before_keys, document.keys
            if before == after:
                continue  # Most updates leave every index key as it is.
            for number, parts in before.items():
                if after.get(number) != parts and number % INDEXES_PER_TABLE != BY_ID:
                    gone.append(index_entry(number, b"".join(parts), internal)[0])
            for number, parts in after.items():
                if before.get(number) != parts and number % INDEXES_PER_TABLE != BY_ID:
                    fresh.append(index_entry(number, b"".join(parts), internal))
        # Deletions first: a long key may change beyond the part of it that LMDB sees, and then both have one LMDB key.
        for entry in sorted(gone):
            txn.delete(txn.indexes, entry)
        fresh.sort()
        txn.put_all(txn.indexes, fresh)


def apply(txn: WriteTransaction, block: Block, registry: Registry) -> Applied:
    """Apply a sealed block to the state it follows. ``registry`` is that state's.

    Raises StorageError when the block does not belong there.
    """
    before = read_position(txn)
    if block.header.seq != before.seq + 1 or block.header.previous_chain != before.chain:
        raise StorageError(f"Block {block.header.seq} does not follow the applied position {before.seq}.")
    open_block = OpenBlock(txn, registry)
    changes: list[KeyChange] = []
    for transaction in block.transactions:
        added = open_block.add(transaction.ts, transaction.writes)
        if added.records != transaction.writes:
            raise StorageError(f"Block {block.header.seq} was made from another state than this one.")
        changes += added.changes
    open_block.close(block.position)
    return Applied(changes, open_block.registry, open_block.registry_changed)


def _key_changes(old: dict[int, list[bytes]], new: dict[int, list[bytes]]) -> Sequence[KeyChange]:
    if not old:
        return [KeyChange(number, None, parts) for number, parts in new.items()]
    if not new:
        return [KeyChange(number, parts, None) for number, parts in old.items()]
    changes = [KeyChange(number, parts, new.get(number)) for number, parts in old.items()]
    if len(new) != len(old) or new.keys() != old.keys():
        # An index was declared in this block after the document had been written in it.
        changes += [KeyChange(number, None, parts) for number, parts in new.items() if number not in old]
    return changes


def _before_image(key: bytes, document: StoredDocument | None) -> BeforeImage:
    table, internal = int.from_bytes(key[:4], "big"), key[4:]
    if document is None:
        return BeforeImage(table, internal, 0, 0, None)
    return BeforeImage(table, internal, document.seq, document.ts, document.data)
