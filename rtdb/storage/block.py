"""The log format. A block is one group commit: what several transactions wrote, sealed with a hash of all before it.

::

    offset  size
         0     4  magic "rtbk"
         4     2  format              version of what follows
         6     2  minimum reader      oldest version that may read it
         8    16  log id              which log it belongs to
        24     4  epoch
        28     8  seq                 dense: 1, 2, 3 …
        36    32  previous chain
        68    16  block id            random, the same on every attempt to append these bytes
        84    16  node                who wrote it
       100     8  first timestamp
       108     8  last timestamp
       116     4  count               of transactions
       120     4  flags               0
       124     4  payload bytes
       128     4  crc32               of everything above and the payload
       132     …  payload             msgpack: [[ts, source, [[table, id, previous seq, value | nil], …]], …]

    chain[n] = BLAKE3(chain[n-1] | all bytes of block n)

Invariants: effects only (no read sets, index keys or clock readings: those are derived or gone), timestamps strictly
increase, and bytes never change once written: whoever decodes a block keeps the bytes it was decoded from.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
from blake3 import blake3

from rtdb.errors import StorageError
from rtdb.storage.meta import Position

__all__ = [
    "BLOCK_FORMAT",
    "Block",
    "BlockHeader",
    "TransactionRecord",
    "WriteRecord",
    "decode_block",
    "encode_block",
    "next_block",
]

BLOCK_FORMAT: Final = 1
MINIMUM_READER: Final = 1

_MAGIC: Final = b"rtbk"
_HEADER = struct.Struct(">4sHH16sIQ32s16s16sQQIII")
_CRC = struct.Struct(">I")
_PAYLOAD_OFFSET: Final = _HEADER.size + _CRC.size
_U32_MAX: Final = 2**32 - 1


class WriteRecord(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """The new state of one document: canonical encoded JSON, or None for a deletion.

    ``previous_seq`` is the block that wrote the version before (0: there was none).
    """

    table: int
    id: bytes
    previous_seq: int
    value: bytes | None


class TransactionRecord(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """One committed transaction. ``source`` is the path of the function it came from; system tables are
    written first.
    """

    ts: int
    source: str
    writes: list[WriteRecord]


class BlockHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a block without its payload."""

    log_id: bytes
    epoch: int
    seq: int
    previous_chain: bytes
    block_id: bytes
    node: bytes
    ts_first: int
    ts_last: int
    count: int
    flags: int = 0


class Block(msgspec.Struct, frozen=True):
    """A block with the bytes it is stored as. Made by :func:`next_block` or :func:`decode_block` only."""

    header: BlockHeader
    transactions: list[TransactionRecord]
    data: bytes
    chain: bytes

    @property
    def position(self) -> Position:
        """The position that applying this block leads to."""
        return Position(self.header.seq, self.header.ts_last, self.chain)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[TransactionRecord])


def next_block(
    after: Position,
    transactions: Sequence[TransactionRecord],
    *,
    log_id: bytes,
    epoch: int,
    block_id: bytes,
    node: bytes,
) -> Block:
    """Seal ``transactions`` (at least one, timestamps rising from above ``after.ts``) as the block
    that follows ``after``."""
    assert transactions, "a block holds at least one transaction"
    assert transactions[0].ts > after.ts, "timestamps strictly increase"
    header = BlockHeader(
        log_id=log_id,
        epoch=epoch,
        seq=after.seq + 1,
        previous_chain=after.chain,
        block_id=block_id,
        node=node,
        ts_first=transactions[0].ts,
        ts_last=transactions[-1].ts,
        count=len(transactions),
    )
    data = encode_block(header, transactions)
    return Block(header, list(transactions), data, _chain(after.chain, data))


def encode_block(header: BlockHeader, transactions: Sequence[TransactionRecord]) -> bytes:
    """Return the bytes of a block."""
    payload = _encoder.encode(transactions)
    assert len(payload) <= _U32_MAX, "the committer bounds blocks far below this"
    head = _HEADER.pack(
        _MAGIC,
        BLOCK_FORMAT,
        MINIMUM_READER,
        header.log_id,
        header.epoch,
        header.seq,
        header.previous_chain,
        header.block_id,
        header.node,
        header.ts_first,
        header.ts_last,
        header.count,
        header.flags,
        len(payload),
    )
    return b"".join((head, _CRC.pack(zlib.crc32(payload, zlib.crc32(head))), payload))


def decode_block(data: bytes) -> Block:
    """Read a block back.

    Raises StorageError, saying what is wrong, for anything that :func:`next_block` could not have written,
    and for a block that needs a newer reader.
    """
    header, payload = _split(data)
    try:
        transactions = _decoder.decode(payload)
    except msgspec.MsgspecError as error:
        raise _damaged(header.seq, f"its payload cannot be decoded: {error}") from error
    _check_transactions(header, transactions)
    return Block(header, transactions, data, _chain(header.previous_chain, data))


def _split(data: bytes) -> tuple[BlockHeader, memoryview]:
    if len(data) < _PAYLOAD_OFFSET or data[:4] != _MAGIC:
        raise StorageError("This is not a block of a commit log: the magic number is missing.")
    fields = _HEADER.unpack_from(data)
    _, _, reader, log_id, epoch, seq, previous, block_id, node, ts_first, ts_last, count, flags, size = fields
    if reader > BLOCK_FORMAT:
        raise StorageError(
            f"Block {seq} needs a server that reads log format {reader}; this one reads {BLOCK_FORMAT}. Upgrade it."
        )
    view = memoryview(data)
    payload = view[_PAYLOAD_OFFSET:]
    if len(payload) != size:
        raise _damaged(seq, f"it has {len(payload)} bytes of payload instead of {size}")
    (crc,) = _CRC.unpack_from(data, _HEADER.size)
    if zlib.crc32(payload, zlib.crc32(view[: _HEADER.size])) != crc:
        raise _damaged(seq, "its checksum does not match")
    header = BlockHeader(
        log_id=log_id,
        epoch=epoch,
        seq=seq,
        previous_chain=previous,
        block_id=block_id,
        node=node,
        ts_first=ts_first,
        ts_last=ts_last,
        count=count,
        flags=flags,
    )
    return header, payload


def _check_transactions(header: BlockHeader, transactions: list[TransactionRecord]) -> None:
    seq = header.seq
    if len(transactions) != header.count or not transactions:
        raise _damaged(seq, f"it holds {len(transactions)} transactions instead of {header.count}")
    if transactions[0].ts != header.ts_first or transactions[-1].ts != header.ts_last:
        raise _damaged(seq, "its timestamps are not those of its transactions")
    last = -1
    for transaction in transactions:
        if transaction.ts <= last:
            raise _damaged(seq, f"timestamp {transaction.ts} follows {last}")
        last = transaction.ts
        for write in transaction.writes:
            if len(write.id) != 16 or not 0 < write.table <= _U32_MAX or not 0 <= write.previous_seq < seq + 1:
                raise _damaged(seq, f"it has an impossible write to table {write.table}")


def _chain(previous: bytes, data: bytes) -> bytes:
    return blake3(previous).update(data).digest()


def _damaged(seq: int, what: str) -> StorageError:
    return StorageError(f"Block {seq} of the commit log is damaged: {what}. Restore from a backup.")
