"""The small facts come back as they were written, and absence has a meaning."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtdb.config import Limits
from rtdb.storage import meta
from rtdb.storage.documents import StoredDocument, is_intact, pack_document, unpack_document
from rtdb.storage.environment import open_environment
from rtdb.storage.meta import START, Position


def test_facts_come_back_as_they_were_written(tmp_path: Path) -> None:
    with open_environment(tmp_path, readonly=False, limits=Limits()) as environment, environment.write() as txn:
        assert meta.read_position(txn) == START
        assert meta.read_registry_seq(txn) == 0
        assert meta.read_deployment(txn) == ""
        assert meta.read_instance(txn) is None
        assert meta.read_log_id(txn) is None
        position = Position(2**63, 2**63 + 1, b"c" * 32)
        meta.write_position(txn, position)
        meta.write_registry_seq(txn, 9)
        meta.write_deployment(txn, "kd7")
        meta.write_instance(txn, "näme")
        meta.write_log_id(txn, b"l" * 16)
        assert meta.read_position(txn) == position
        assert meta.read_registry_seq(txn) == 9
        assert meta.read_deployment(txn) == "kd7"
        assert meta.read_instance(txn) == "näme"
        assert meta.read_log_id(txn) == b"l" * 16
        meta.write_deployment(txn, "")
        meta.write_deployment(txn, "")
        assert meta.read_deployment(txn) == ""


def test_counts_add_up_and_vanish_at_zero(tmp_path: Path) -> None:
    with open_environment(tmp_path, readonly=False, limits=Limits()) as environment, environment.write() as txn:
        meta.add_to_count(txn, 10001, 3)
        meta.add_to_count(txn, 10001, -1)
        meta.add_to_count(txn, 10002, 1)
        meta.add_to_count(txn, 10002, -1)
        meta.add_to_count(txn, 10003, 0)
        assert meta.read_counts(txn) == {10001: 2}
        assert (meta.read_count(txn, 10001), meta.read_count(txn, 10002)) == (2, 0)
        with pytest.raises(AssertionError, match="table 10002"):
            meta.add_to_count(txn, 10002, -1)


def test_a_stored_document_shows_every_changed_byte() -> None:
    document = StoredDocument(5, 6, b'{"a":1.0}')
    value = pack_document(document)
    assert unpack_document(value) == document
    assert is_intact(value)
    for at in range(len(value)):
        assert not is_intact(value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :])
        assert not is_intact(value[:at])
