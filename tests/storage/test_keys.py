"""Stored keys sort as what they stand for, fit into LMDB, and never meet."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.storage.keys import (
    LONG_ENTRY_BYTES,
    RUN_BYTES,
    SHORT_KEY_BYTES_MAX,
    document_key,
    index_entry,
    index_number,
    pack_seq,
    table_of_index,
    unpack_seq,
)

LMDB_KEY_BYTES_MAX = 511

lengths = st.one_of(st.integers(0, 5), st.integers(RUN_BYTES - 3, SHORT_KEY_BYTES_MAX + 5), st.just(10_000))
keys = st.builds(lambda length, tail: b"k" * length + tail, lengths, st.binary(max_size=3))
ids = st.binary(min_size=16, max_size=16)


@settings(max_examples=200)
@given(keys, keys, ids, ids)
def test_different_entries_have_different_stored_keys(first: bytes, second: bytes, one: bytes, other: bytes) -> None:
    stored = index_entry(7, first, one)
    assert len(stored[0]) <= LMDB_KEY_BYTES_MAX
    assert (len(stored[0]) == LONG_ENTRY_BYTES) == (len(first) > SHORT_KEY_BYTES_MAX)
    # A document has one key per index, and a key, which ends in the id, one document.
    if first != second and one != other:
        assert stored[0] != index_entry(7, second, other)[0]


@settings(max_examples=200)
@given(keys, keys, ids, ids)
def test_stored_order_is_key_order_outside_of_runs(first: bytes, second: bytes, one: bytes, other: bytes) -> None:
    if first[:RUN_BYTES] != second[:RUN_BYTES]:
        assert (index_entry(7, first, one)[0] < index_entry(7, second, other)[0]) == (first < second)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_block_numbers_sort_and_come_back(one: int, other: int) -> None:
    assert unpack_seq(pack_seq(one)) == one
    assert (pack_seq(one) < pack_seq(other)) == (one < other)


def test_indexes_of_a_table_are_numbered_together() -> None:
    assert index_number(513, 0) == 513 * 128
    assert [table_of_index(index_number(10001, position)) for position in (0, 1, 127)] == [10001] * 3
    assert document_key(1, b"i" * 16) == b"\0\0\0\1" + b"i" * 16
