"""Before-images: what each block overwrote, kept for a while so that a read can go back to a recent position.

A record under ``seq`` n takes the state at n to the state at n - 1: per document written in block n, its
version before (None: it did not exist), and what position n - 1 was. Each document appears once per block,
with the version from before the whole block.

Invariant: the records kept are consecutive and end at the applied position. A position is *covered* when every record
after it is kept.
"""

from __future__ import annotations

import msgspec

from rtdb.errors import StorageError
from rtdb.storage.documents import StoredDocument
from rtdb.storage.environment import ReadTransaction, WriteTransaction
from rtdb.storage.keys import pack_seq, unpack_seq
from rtdb.storage.meta import read_position

__all__ = [
    "BeforeImage",
    "UndoRecord",
    "decode_undo",
    "encode_undo",
    "has_undo",
    "oldest_undo_seq",
    "read_undo",
    "trim_undo",
    "undo_positions",
    "write_undo",
]


class BeforeImage(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The version of a document before a block; ``data`` None: there was none (``seq`` and ``ts`` are 0 then)."""

    table: int
    id: bytes
    seq: int
    ts: int
    data: bytes | None

    @property
    def document(self) -> StoredDocument | None:
        return None if self.data is None else StoredDocument(self.seq, self.ts, self.data)


class UndoRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How to go back over one block. ``ts`` and ``deployment`` are those of the position before it."""

    ts: int
    deployment: str
    images: list[BeforeImage]


class _Timestamp(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The part of an UndoRecord that trimming looks at."""

    ts: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(UndoRecord)
_ts_decoder = msgspec.msgpack.Decoder(_Timestamp)


def encode_undo(record: UndoRecord) -> bytes:
    """Return the value in `undo`."""
    return _encoder.encode(record)


def decode_undo(value: bytes) -> UndoRecord:
    """Read a value of `undo` back. Raises StorageError when it is damaged."""
    try:
        return _decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise StorageError(f"A before-image in the database is damaged: {error}") from error


def write_undo(txn: WriteTransaction, seq: int, record: UndoRecord) -> None:
    """Keep the before-images of block ``seq``."""
    txn.put(txn.undo, pack_seq(seq), encode_undo(record))


def read_undo(txn: ReadTransaction, seq: int) -> UndoRecord | None:
    """Return the before-images of block ``seq``, or None when they are not kept any more."""
    value = txn.get(txn.undo, pack_seq(seq))
    return None if value is None else decode_undo(value)


def has_undo(txn: ReadTransaction, seq: int) -> bool:
    """Whether block ``seq`` can be undone, without reading its before-images."""
    found: bool = txn.cursor(txn.undo).set_key(pack_seq(seq))
    return found


def oldest_undo_seq(txn: ReadTransaction) -> int | None:
    """Return the oldest block that can be undone: the position before it is the oldest one that can be read."""
    cursor = txn.cursor(txn.undo)
    return unpack_seq(cursor.key()) if cursor.first() else None


def undo_positions(txn: ReadTransaction) -> list[tuple[int, int]]:
    """Return seq and timestamp of every position that can be gone back to, oldest first; not the applied one."""
    return [(unpack_seq(key) - 1, _ts_decoder.decode(value).ts) for key, value in txn.cursor(txn.undo).iternext()]


def trim_undo(txn: WriteTransaction, *, before_ts: int, bytes_max: int, records_max: int) -> int:
    """Drop the oldest records whose positions were no longer the newest at ``before_ts``, and those above
    ``bytes_max``, though not the last one; return how many.

    At most ``records_max`` of them, because this happens inside a block's write transaction, in front of waiting
    clients.
    """
    surplus = txn.bytes_of(txn.undo) - bytes_max
    expired: list[bytes] = []
    cursor = txn.cursor(txn.undo)
    oldest: tuple[bytes, int] | None = None
    for key, value in cursor:
        if oldest is not None:
            # The position that a record leads to was the newest until the block it undoes.
            if len(expired) == records_max or (surplus <= 0 and _ts_decoder.decode(value).ts >= before_ts):
                break
            expired.append(oldest[0])
            surplus -= oldest[1]
        oldest = key, len(value)
    else:
        if oldest is not None and len(expired) < records_max and read_position(txn).ts < before_ts:
            expired.append(oldest[0])
    for key in expired:
        txn.delete(txn.undo, key)
    return len(expired)
