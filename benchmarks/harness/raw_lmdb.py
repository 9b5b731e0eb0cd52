"""py-lmdb without a server, on what a server has stored: the floor of whatever reads or writes the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec

from rtdb.config import Limits
from rtdb.index.registry import load_registry
from rtdb.storage.documents import unpack_document
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.keys import INDEX_PREFIX_BYTES, document_key, index_prefix, pack_seq

__all__ = ["Block", "newest_seq", "rewrite", "scan_raw", "stored_blocks"]

Block = list[tuple[str, bytes, bytes]]
"""What one block put where: name of the database, key, value."""

_POSITION_BYTES = 20
"""What is before the JSON of a stored document (`storage/documents.py`)."""


def newest_seq(environment: Environment) -> int:
    """Return the number of the last block."""
    with environment.read() as txn:
        cursor = txn.cursor(txn.log)
        return int.from_bytes(cursor.key()) if cursor.last() else 0


def stored_blocks(environment: Environment, after: int) -> Iterator[Block]:
    """Yield, per block behind ``after``, all that it wrote and that no later one has replaced."""
    with environment.read() as txn:
        by_block: dict[int, Block] = {}
        entries: dict[bytes, Block] = {}
        for key, value in txn.cursor(txn.documents):
            seq = unpack_document(value).seq
            if seq > after:
                entries[key[INDEX_PREFIX_BYTES:]] = block = by_block.setdefault(seq, [])
                block.append(("documents", key, value))
        for key, value in txn.cursor(txn.indexes):
            block_of_entry = entries.get(value)
            if block_of_entry is not None:
                block_of_entry.append(("indexes", key, value))
        for seq in sorted(by_block):
            # In the order of keys, as the committer puts them.
            block = sorted(by_block[seq])
            for name in ("log", "undo"):
                stored = txn.get(getattr(txn, name), pack_seq(seq))
                if stored is not None:
                    block.append((name, pack_seq(seq), stored))
            yield block


def rewrite(data_dir: Path, blocks: list[Block]) -> tuple[float, float]:
    """Write blocks into a fresh database, a transaction and an fsync each; returns seconds and CPU seconds."""
    with open_environment(data_dir, readonly=False, limits=Limits()) as environment:
        started, started_cpu = time.perf_counter(), time.process_time()
        for block in blocks:
            with environment.write() as txn:
                put = txn.raw.put
                databases = {name: getattr(txn, name) for name in ("documents", "indexes", "log", "undo")}
                for name, key, value in block:
                    put(key, value, db=databases[name])
        return time.perf_counter() - started, time.process_time() - started_cpu


def scan_raw(environment: Environment, table: str, index: str, start: bytes, count: int) -> int:
    """Read ``count`` documents in the order of an index from a key on, and decode them; returns how many there were."""
    with environment.read() as txn:
        definition = load_registry(txn).index(table, index)
        assert definition is not None
        prefix = index_prefix(definition.number)
        cursor = txn.cursor(txn.indexes)
        if not cursor.set_range(prefix + start):
            return 0
        read = 0
        for key, internal in islice(cursor.iternext(keys=True, values=True), count):
            if not key.startswith(prefix):
                break
            stored = txn.get(txn.documents, document_key(definition.table, internal))
            assert stored is not None
            msgspec.json.decode(memoryview(stored)[_POSITION_BYTES:])
            read += 1
        return read
