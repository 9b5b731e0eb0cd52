"""Before-images are kept per block and dropped from the oldest on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdb.config import Limits
from rtdb.errors import StorageError
from rtdb.storage.documents import StoredDocument
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.undo import (
    BeforeImage,
    UndoRecord,
    decode_undo,
    encode_undo,
    oldest_undo_seq,
    read_undo,
    trim_undo,
    write_undo,
)

RECORD = UndoRecord(7, "dep", [BeforeImage(10001, b"i" * 16, 3, 30, b"{}"), BeforeImage(10001, b"j" * 16, 0, 0, None)])


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with open_environment(tmp_path, readonly=False, limits=Limits()) as opened:
        yield opened


def test_a_record_comes_back_as_it_was_written() -> None:
    assert decode_undo(encode_undo(RECORD)) == RECORD
    assert [image.document for image in RECORD.images] == [StoredDocument(3, 30, b"{}"), None]


@pytest.mark.parametrize("damaged", [b"", b"\x93", encode_undo(RECORD)[:-1], b"\x93\x01\x02\x03"])
def test_a_damaged_record_is_an_error(damaged: bytes) -> None:
    with pytest.raises(StorageError, match="damaged"):
        decode_undo(damaged)


def test_records_that_lead_to_old_positions_are_dropped_a_few_at_a_time(environment: Environment) -> None:
    with environment.write() as txn:
        assert oldest_undo_seq(txn) is None
        assert trim_undo(txn, before_ts=100, records_max=5) == 0
        for seq in range(1, 9):
            write_undo(txn, seq, UndoRecord(seq * 10, "", []))
        assert trim_undo(txn, before_ts=50, records_max=3) == 3
        assert oldest_undo_seq(txn) == 4
        assert trim_undo(txn, before_ts=50, records_max=3) == 1
        assert trim_undo(txn, before_ts=50, records_max=3) == 0
        assert oldest_undo_seq(txn) == 5
        assert read_undo(txn, 4) is None
        assert read_undo(txn, 5) == UndoRecord(50, "", [])
