"""Blocks come back as they were sealed; anything else is refused by name."""

from __future__ import annotations

import zlib

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.errors import StorageError
from rtdb.storage.block import Block, TransactionRecord, WriteRecord, decode_block, encode_block, next_block
from rtdb.storage.meta import START, Position

writes = st.builds(
    WriteRecord,
    table=st.integers(1, 2**32 - 1),
    id=st.binary(min_size=16, max_size=16),
    previous_seq=st.integers(0, 4),
    value=st.none() | st.binary(max_size=30),
)
bodies = st.lists(
    st.tuples(st.integers(1, 2**40), st.text(max_size=5), st.lists(writes, max_size=3)), min_size=1, max_size=4
)

AT = Position(4, 1000, b"c" * 32)


def sealed(body: list[tuple[int, str, list[WriteRecord]]], after: Position = AT) -> Block:
    ts = after.ts
    transactions = []
    for step, source, changes in body:
        ts += step
        transactions.append(TransactionRecord(ts, source, changes))
    return next_block(after, transactions, log_id=b"l" * 16, epoch=3, block_id=b"b" * 16, node=b"n" * 16)


SAMPLE = sealed([(1, "a:b", [WriteRecord(10001, b"i" * 16, 0, b"{}")]), (1, "c:d", [])])


@settings(max_examples=50)
@given(bodies)
def test_a_block_comes_back_as_it_was_sealed(body: list[tuple[int, str, list[WriteRecord]]]) -> None:
    block = sealed(body)
    assert decode_block(block.data) == block
    assert block.position == Position(5, block.header.ts_last, block.chain)


@settings(max_examples=100)
@given(st.data())
def test_any_changed_or_missing_byte_is_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(SAMPLE.data) - 1))
    flipped = SAMPLE.data[at] ^ data.draw(st.integers(1, 255))
    with pytest.raises(StorageError):
        decode_block(SAMPLE.data[:at] + bytes([flipped]) + SAMPLE.data[at + 1 :])
    with pytest.raises(StorageError):
        decode_block(SAMPLE.data[:at])


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    for data in (garbage, b"rtbk" + garbage, SAMPLE.data + garbage + b"x"):
        with pytest.raises(StorageError):
            decode_block(data)


def test_the_chain_covers_every_byte_and_the_chain_before() -> None:
    assert SAMPLE.chain == blake3(AT.chain + SAMPLE.data).digest()
    assert SAMPLE.header.previous_chain == AT.chain
    assert sealed([(1, "a:b", [])], START).header.seq == 1


def with_checksum(data: bytes) -> bytes:
    return data[:128] + zlib.crc32(data[132:], zlib.crc32(data[:128])).to_bytes(4) + data[132:]


def test_a_block_that_needs_a_newer_reader_says_so() -> None:
    newer = with_checksum(SAMPLE.data[:6] + (2).to_bytes(2) + SAMPLE.data[8:])
    with pytest.raises(StorageError, match="Block 5 needs a server that reads log format 2"):
        decode_block(newer)


@pytest.mark.parametrize(
    ("transactions", "problem"),
    [
        ([], "0 transactions instead of 2"),
        ([TransactionRecord(1001, "a", []), TransactionRecord(1001, "b", [])], "timestamps are not those"),
        (
            [TransactionRecord(1001, "a", []), TransactionRecord(1002, "b", [WriteRecord(0, b"i" * 16, 0, None)])],
            "impossible write to table 0",
        ),
        (
            [TransactionRecord(1001, "a", []), TransactionRecord(1002, "b", [WriteRecord(1, b"i", 0, None)])],
            "impossible write to table 1",
        ),
    ],
)
def test_a_block_whose_parts_disagree_is_refused(transactions: list[TransactionRecord], problem: str) -> None:
    with pytest.raises(StorageError, match=problem):
        decode_block(encode_block(SAMPLE.header, transactions))


def test_timestamps_that_do_not_rise_are_refused() -> None:
    records = [TransactionRecord(1001, "a", []), TransactionRecord(1001, "b", []), TransactionRecord(1002, "c", [])]
    block = next_block(AT, records, log_id=b"l" * 16, epoch=3, block_id=b"b" * 16, node=b"n" * 16)
    with pytest.raises(StorageError, match="timestamp 1001 follows 1001"):
        decode_block(block.data)
