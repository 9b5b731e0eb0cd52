"""The small facts in `meta`: where the database stands, written in the same transaction as what they describe.

::

    format               u32        layout version (environment.py)
    instance             text       name of the instance this database belongs to
    log_id               16 bytes   which log its blocks are from
    applied              seq u64 | ts u64 | chain 32
    registry_seq         u64        last block that wrote `_tables` or `_indexes`
    deployment           text       id of the active deployment's document; absent when there is none
    count:<table>        u64        documents in the table
    opened               u64        when a committer last opened the database, nanoseconds (transaction/genesis.py)
    backfill:<index>     bytes      how far a backfill or an erasure has come (index/backfill.py)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from rtdb.storage.environment import ReadTransaction, WriteTransaction

__all__ = [
    "START",
    "Position",
    "add_to_count",
    "delete_backfill_cursor",
    "read_backfill_cursor",
    "read_count",
    "read_counts",
    "read_deployment",
    "read_instance",
    "read_log_id",
    "read_position",
    "read_registry_seq",
    "write_backfill_cursor",
    "write_deployment",
    "write_instance",
    "write_log_id",
    "write_opened",
    "write_position",
    "write_registry_seq",
]

_U64 = struct.Struct(">Q")
_POSITION = struct.Struct(">QQ32s")

_INSTANCE: Final = b"instance"
_LOG_ID: Final = b"log_id"
_APPLIED: Final = b"applied"
_REGISTRY_SEQ: Final = b"registry_seq"
_DEPLOYMENT: Final = b"deployment"
_OPENED: Final = b"opened"
_COUNT: Final = b"count:"
_BACKFILL: Final = b"backfill:"


class Position(msgspec.Struct, frozen=True, gc=False):
    """A place in the log: after block ``seq``, whose last transaction is at ``ts`` and whose chain hash is
    ``chain``.
    """

    seq: int
    ts: int
    chain: bytes


START: Final = Position(0, 0, bytes(32))
"""Before the first block."""


def read_position(txn: ReadTransaction) -> Position:
    """Return the last applied position, :data:`START` in an empty database."""
    value = txn.get(txn.meta, _APPLIED)
    return START if value is None else Position(*_POSITION.unpack(value))


def write_position(txn: WriteTransaction, position: Position) -> None:
    txn.put(txn.meta, _APPLIED, _POSITION.pack(position.seq, position.ts, position.chain))


def read_registry_seq(txn: ReadTransaction) -> int:
    """Return the last block that changed tables or indexes: a registry loaded since is still right."""
    return _read_number(txn, _REGISTRY_SEQ)


def write_registry_seq(txn: WriteTransaction, seq: int) -> None:
    txn.put(txn.meta, _REGISTRY_SEQ, _U64.pack(seq))


def read_deployment(txn: ReadTransaction) -> str:
    """Return the id of the active deployment's document, or "" when nothing has been deployed."""
    value = txn.get(txn.meta, _DEPLOYMENT)
    return "" if value is None else value.decode()


def write_deployment(txn: WriteTransaction, deployment: str) -> None:
    """Set the active deployment; "" means none."""
    if deployment:
        txn.put(txn.meta, _DEPLOYMENT, deployment.encode())
    else:
        txn.delete(txn.meta, _DEPLOYMENT)


def read_instance(txn: ReadTransaction) -> str | None:
    value = txn.get(txn.meta, _INSTANCE)
    return None if value is None else value.decode()


def write_instance(txn: WriteTransaction, name: str) -> None:
    txn.put(txn.meta, _INSTANCE, name.encode())


def read_log_id(txn: ReadTransaction) -> bytes | None:
    return txn.get(txn.meta, _LOG_ID)


def write_log_id(txn: WriteTransaction, log_id: bytes) -> None:
    assert len(log_id) == 16
    txn.put(txn.meta, _LOG_ID, log_id)


def write_opened(txn: WriteTransaction, now_ns: int) -> None:
    txn.put(txn.meta, _OPENED, _U64.pack(now_ns))


def read_count(txn: ReadTransaction, table: int) -> int:
    """Return the number of documents in a table."""
    return _read_number(txn, _count_key(table))


def add_to_count(txn: WriteTransaction, table: int, change: int) -> None:
    """Add ``change`` (may be negative) to a table's count; a count of 0 leaves no record."""
    if change == 0:
        return
    key = _count_key(table)
    count = _read_number(txn, key) + change
    assert count >= 0, f"count of table {table} would be {count}"
    if count:
        txn.put(txn.meta, key, _U64.pack(count))
    else:
        txn.delete(txn.meta, key)


def read_counts(txn: ReadTransaction) -> dict[int, int]:
    """Return the counts of all tables that have documents."""
    return {int(key[len(_COUNT) :]): _U64.unpack(value)[0] for key, value in _with_prefix(txn, _COUNT)}


def read_backfill_cursor(txn: ReadTransaction, index: int) -> bytes | None:
    return txn.get(txn.meta, _backfill_key(index))


def write_backfill_cursor(txn: WriteTransaction, index: int, cursor: bytes) -> None:
    txn.put(txn.meta, _backfill_key(index), cursor)


def delete_backfill_cursor(txn: WriteTransaction, index: int) -> None:
    txn.delete(txn.meta, _backfill_key(index))


def _read_number(txn: ReadTransaction, key: bytes) -> int:
    value = txn.get(txn.meta, key)
    if value is None:
        return 0
    number: int = _U64.unpack(value)[0]
    return number


def _count_key(table: int) -> bytes:
    return _COUNT + str(table).encode()


def _backfill_key(index: int) -> bytes:
    return _BACKFILL + str(index).encode()


def _with_prefix(txn: ReadTransaction, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    cursor = txn.cursor(txn.meta)
    if cursor.set_range(prefix):
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                return
            yield key, value
