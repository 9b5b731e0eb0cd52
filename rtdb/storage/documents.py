"""A stored document: its canonical encoded JSON and the position of the commit that wrote it.

::

    seq u64 | ts u64 | crc32 of what is before and behind it, u32 | canonical encoded JSON

The checksum is for `rtdb check`: damage to a field that no index holds would show nowhere else. Reads do not
verify it.

Knows bytes and positions only; what is in the JSON is a matter of layers above.
"""

from __future__ import annotations

import struct
import zlib

import msgspec

from rtdb.storage.environment import ReadTransaction, WriteTransaction
from rtdb.storage.keys import document_key

__all__ = [
    "StoredDocument",
    "delete_document",
    "is_intact",
    "pack_document",
    "put_document",
    "read_document",
    "unpack_document",
]

_POSITION = struct.Struct(">QQ")
_HEADER = struct.Struct(">QQI")
_HEADER_BYTES = _HEADER.size
_unpack_position = _POSITION.unpack_from


class StoredDocument(msgspec.Struct, frozen=True, gc=False):
    """One version of a document. ``data`` is canonical encoded JSON with the system fields in it.

    A version that is not committed yet (an overlay's) has ``seq`` and ``ts`` 0.
    """

    seq: int
    ts: int
    data: bytes


def pack_document(document: StoredDocument) -> bytes:
    """Return the value in `documents`."""
    position = _POSITION.pack(document.seq, document.ts)
    crc = zlib.crc32(document.data, zlib.crc32(position))
    return b"%b%b%b" % (position, crc.to_bytes(4), document.data)


def unpack_document(value: bytes) -> StoredDocument:
    """Return the document that a value of `documents` holds."""
    seq, ts = _unpack_position(value)
    return StoredDocument(seq, ts, value[_HEADER_BYTES:])


def is_intact(value: bytes) -> bool:
    """Whether a value of `documents` is what was once stored."""
    if len(value) < _HEADER_BYTES:
        return False
    crc: int = _HEADER.unpack_from(value)[2]
    return zlib.crc32(value[_HEADER_BYTES:], zlib.crc32(value[: _POSITION.size])) == crc


def read_document(txn: ReadTransaction, table: int, internal: bytes) -> StoredDocument | None:
    """Return a document as it is in this transaction, or None."""
    value = txn.get(txn.documents, document_key(table, internal))
    return None if value is None else unpack_document(value)


def put_document(txn: WriteTransaction, table: int, internal: bytes, document: StoredDocument) -> None:
    """Store a version of a document in place of the one before. Index entries are the caller's."""
    txn.put(txn.documents, document_key(table, internal), pack_document(document))


def delete_document(txn: WriteTransaction, table: int, internal: bytes) -> None:
    """Remove a document. Index entries are the caller's."""
    txn.delete(txn.documents, document_key(table, internal))
