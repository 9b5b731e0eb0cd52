"""Byte layouts of keys and values in LMDB. Every number in a key is big-endian, so that bytes sort as numbers do.

::

    meta        name                                      depends on the name (meta.py)
    documents   table u32 | internal id 16                position and encoded JSON (documents.py)
    indexes     index u32 | index key                     internal id 16                 index key ≤ 502 bytes
    indexes     index u32 | index key[:487] | id 16       internal id 16 | index key     longer index keys
    log         seq u64                                   chain 32 | block
    undo        seq u64                                   before-images (undo.py)

LMDB keys end at 511 bytes. A *long* index key is therefore stored under its first 487 bytes and the
document's id, with the full key in the value. A stored key of exactly 507 bytes is long, and a shorter one is
not: that is why the limit for short ones is 502 + 4 bytes and not 511, where the two forms could meet.

Invariant: entries whose index keys agree in their first 487 bytes (a *run*) are adjacent, and runs are in key order.
Only inside a run may LMDB's order differ from that of the full keys; scan.py sorts there.

The index number of a table's ``k``-th index is ``table * 128 + k``; ``k = 0`` is `by_id`, which has no
entries because `documents` is already in that order, ``k = 1`` is `by_creation_time`, declared indexes
follow.
"""

from __future__ import annotations

import struct
from typing import Final

__all__ = [
    "BY_CREATION_TIME",
    "BY_ID",
    "INDEXES_PER_TABLE",
    "INDEX_PREFIX_BYTES",
    "LONG_ENTRY_BYTES",
    "RUN_BYTES",
    "SHORT_KEY_BYTES_MAX",
    "document_key",
    "index_entry",
    "index_number",
    "index_prefix",
    "pack_seq",
    "table_of_index",
    "table_prefix",
    "unpack_seq",
]

INTERNAL_ID_BYTES: Final = 16
INDEX_PREFIX_BYTES: Final = 4
RUN_BYTES: Final = 487
LONG_ENTRY_BYTES: Final = INDEX_PREFIX_BYTES + RUN_BYTES + INTERNAL_ID_BYTES
SHORT_KEY_BYTES_MAX: Final = RUN_BYTES + INTERNAL_ID_BYTES - 1

INDEXES_PER_TABLE: Final = 128
BY_ID: Final = 0
BY_CREATION_TIME: Final = 1

_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")

table_prefix = _U32.pack
"""``table_prefix(number)``: what the keys of all documents of a table begin with."""
index_prefix = _U32.pack
"""``index_prefix(number)``: what the keys of all entries of an index begin with."""
pack_seq = _U64.pack


def unpack_seq(key: bytes) -> int:
    """Return the block number in a key of `log` or `undo`."""
    seq: int = _U64.unpack(key)[0]
    return seq


def index_number(table: int, position: int) -> int:
    """Return the number of a table's index at ``position`` (0 `by_id`, 1 `by_creation_time`, then declared ones)."""
    assert 0 <= position < INDEXES_PER_TABLE
    return table * INDEXES_PER_TABLE + position


def table_of_index(index: int) -> int:
    """Return the number of the table an index belongs to."""
    return index // INDEXES_PER_TABLE


def document_key(table: int, internal: bytes) -> bytes:
    """Return the key of a document in `documents`."""
    return _U32.pack(table) + internal


def index_entry(index: int, key: bytes, internal: bytes) -> tuple[bytes, bytes]:
    """Return the LMDB key and value that stand for one index entry."""
    if len(key) <= SHORT_KEY_BYTES_MAX:
        return _U32.pack(index) + key, internal
    return _U32.pack(index) + key[:RUN_BYTES] + internal, internal + key
