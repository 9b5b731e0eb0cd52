"""Before-images are kept per block and dropped from the oldest on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdb.config import Limits
from rtdb.errors import StorageError
from rtdb.storage.documents import StoredDocument
from rtdb.storage.environment import Environment, WriteTransaction, open_environment
from rtdb.storage.meta import Position, write_position
from rtdb.storage.undo import (
    BeforeImage,
    UndoRecord,
    decode_undo,
    encode_undo,
    oldest_undo_seq,
    read_undo,
    trim_undo,
    undo_positions,
    write_undo,
)

MUCH = 1 << 40
RECORD = UndoRecord(7, "dep", [BeforeImage(10001, b"i" * 16, 3, 30, b"{}"), BeforeImage(10001, b"j" * 16, 0, 0, None)])


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with open_environment(tmp_path, readonly=False, limits=Limits()) as opened:
        yield opened


def test_a_record_comes_back_as_it_was_written() -> None:
    assert decode_undo(encode_undo(RECORD)) == RECORD
    assert [image.document for image in RECORD.images] == [StoredDocument(3, 30, b"{}"), None]


def test_positions_that_can_be_gone_back_to_are_listed(environment: Environment) -> None:
    with environment.write() as txn:
        assert undo_positions(txn) == []
        for seq in (7, 8):
            write_undo(txn, seq, UndoRecord(seq * 10, "dep", RECORD.images))
        assert undo_positions(txn) == [(6, 70), (7, 80)]


@pytest.mark.parametrize("damaged", [b"", b"\x93", encode_undo(RECORD)[:-1], b"\x93\x01\x02\x03"])
def test_a_damaged_record_is_an_error(damaged: bytes) -> None:
    with pytest.raises(StorageError, match="damaged"):
        decode_undo(damaged)


def write_records(txn: WriteTransaction, count: int, size: int = 0) -> None:
    """As of ``count`` blocks, the nth at timestamp 10 * n."""
    for seq in range(1, count + 1):
        images = [BeforeImage(10001, bytes(16), 0, 0, bytes(size))] if size else []
        write_undo(txn, seq, UndoRecord((seq - 1) * 10, "", images))
    write_position(txn, Position(count, count * 10, bytes(32)))


def test_positions_that_are_the_past_for_long_are_dropped_a_few_at_a_time(environment: Environment) -> None:
    with environment.write() as txn:
        assert oldest_undo_seq(txn) is None
        assert trim_undo(txn, before_ts=100, bytes_max=MUCH, records_max=5) == 0
        write_records(txn, 8)
        assert trim_undo(txn, before_ts=50, bytes_max=MUCH, records_max=3) == 3
        assert oldest_undo_seq(txn) == 4
        # Position 4 was the newest until block 5 at timestamp 50, and is kept.
        assert trim_undo(txn, before_ts=50, bytes_max=MUCH, records_max=3) == 1
        assert trim_undo(txn, before_ts=50, bytes_max=MUCH, records_max=3) == 0
        assert oldest_undo_seq(txn) == 5
        assert read_undo(txn, 4) is None
        assert read_undo(txn, 5) == UndoRecord(40, "", [])


def test_position_that_was_just_the_newest_is_kept_however_old_it_is(environment: Environment) -> None:
    with environment.write() as txn:
        write_undo(txn, 1, UndoRecord(10, "", []))
        write_position(txn, Position(1, 100_000, bytes(32)))
        assert trim_undo(txn, before_ts=99_990, bytes_max=MUCH, records_max=3) == 0
        assert trim_undo(txn, before_ts=100_001, bytes_max=MUCH, records_max=3) == 1
        assert oldest_undo_seq(txn) is None


def test_records_above_the_space_they_may_take_are_dropped_but_not_the_last(environment: Environment) -> None:
    with environment.write() as txn:
        write_records(txn, 8, size=10_000)
        assert trim_undo(txn, before_ts=0, bytes_max=50_000, records_max=100) == 6
        assert trim_undo(txn, before_ts=0, bytes_max=50_000, records_max=100) == 0
        assert trim_undo(txn, before_ts=0, bytes_max=0, records_max=100) == 1
        assert oldest_undo_seq(txn) == 8
