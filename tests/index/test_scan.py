"""A scan is compared with a sorted list of full keys, however the entries are stored."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.index.definition import IndexDefinition, by_id
from rtdb.index.index_key import full_key
from rtdb.index.scan import by_id_key, scan
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.keys import RUN_BYTES, SHORT_KEY_BYTES_MAX, document_key, index_entry, index_number
from rtdb.values.document_id import encode_id
from rtdb.values.ordering import encode_key

TABLE = 10001
INDEX = IndexDefinition(index_number(TABLE, 2), TABLE, "by_text", ("text", "more"))
NEIGHBOURS = (index_number(TABLE, 1), index_number(TABLE, 3))


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    with (
        tempfile.TemporaryDirectory() as directory,
        open_environment(Path(directory), readonly=False, limits=Limits()) as opened,
    ):
        yield opened


def fill(environment: Environment, entries: list[tuple[bytes, bytes]]) -> None:
    """Make these entries the only ones of the index, between two other indexes."""
    with environment.write() as txn:
        txn.raw.drop(txn.indexes, delete=False)
        for key, internal in entries:
            txn.put(txn.indexes, *index_entry(INDEX.number, key, internal))
        for number in NEIGHBOURS:
            txn.put(txn.indexes, *index_entry(number, b"\x10" + b"x" * RUN_BYTES + b"\0", bytes(16)))
            txn.put(txn.indexes, *index_entry(number, b"\x10x\0", bytes(16)))


def check_scan(environment: Environment, entries: list[tuple[bytes, bytes]], start: bytes, stop: bytes) -> None:
    expected = sorted(entry for entry in entries if start <= entry[0] < stop)
    with environment.read() as txn:
        assert list(scan(txn, INDEX, start, stop, False)) == expected
        assert list(scan(txn, INDEX, start, stop, True)) == expected[::-1]


# Texts whose encoded keys are short, just around the length at which entries are truncated, and far beyond it, with
# differences before, at and after the edge.
edge_lengths = st.integers(RUN_BYTES - 4, SHORT_KEY_BYTES_MAX + 4)
tails = st.text(st.sampled_from("\0ab\x7f\u07ff\U0010ffff"), max_size=3)
texts = st.one_of(
    st.text(st.sampled_from("\0abx"), max_size=3),
    st.builds(lambda length, tail: "x" * length + tail, edge_lengths, tails),
    st.builds(lambda length, tail: "x" * length + tail, st.sampled_from([440, 450, 460, 600, 10_000]), tails),
)
values: st.SearchStrategy[Any] = st.one_of(texts, st.none(), st.floats(), st.lists(texts, max_size=2))
rows = st.tuples(values, values)


def entries_of(pairs: list[tuple[Any, Any]]) -> list[tuple[bytes, bytes]]:
    entries = []
    for number, (text, more) in enumerate(pairs):
        # Internal ids whose order is not that of insertion, of keys or of numbers.
        internal = (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16)
        document = {
            "_id": encode_id(TABLE, internal),
            "_creationTime": float(number % 3),
            "text": text,
            "more": more,
        }
        entries.append((full_key(INDEX, document), internal))
    return entries


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(rows, max_size=12), st.data())
def test_a_scan_agrees_with_a_sorted_list_from_any_bound_to_any_bound(
    environment: Environment, pairs: list[tuple[Any, Any]], data: st.DataObject
) -> None:
    entries = entries_of(pairs)
    fill(environment, entries)
    keys = [key for key, _ in entries]
    own_bounds = [key + end for key in keys for end in (b"", b"\0", b"\xff")]
    cut_bounds = [key[:length] for key in keys for length in (1, RUN_BYTES - 1, RUN_BYTES, RUN_BYTES + 1, 503, 504)]
    bounds = st.sampled_from([b"", b"\xff", b"\xff" * 600, *own_bounds, *cut_bounds])
    check_scan(environment, entries, b"", b"\xff")
    for _ in range(6):
        check_scan(environment, entries, data.draw(bounds), data.draw(bounds))


def test_documents_that_share_ten_thousand_bytes_sort_by_what_follows(environment: Environment) -> None:
    entries = entries_of([("y" * 10_000 + end, None) for end in ("c", "a", "", "b", "ab")])
    fill(environment, entries)
    with environment.read() as txn:
        found = [key for key, _ in scan(txn, INDEX, b"", b"\xff", False)]
        after_first = list(scan(txn, INDEX, found[0] + b"\0", b"\xff", False))
    ends = [key[10_001 : key.index(0, 1)] for key in found]
    assert ends == [b"", b"a", b"ab", b"b", b"c"]
    assert [key for key, _ in after_first] == found[1:]


def test_a_scan_ends_at_its_index(environment: Environment) -> None:
    fill(environment, [])
    check_scan(environment, [], b"", b"\xff")


@pytest.mark.parametrize("index_bytes", [RUN_BYTES - 1, RUN_BYTES, 502, 503, 504, 507, 508])
def test_entries_of_every_length_fit_into_lmdb_and_come_back(environment: Environment, index_bytes: int) -> None:
    key = b"\x10" + b"k" * (index_bytes - 2) + b"\0"
    fill(environment, [(key, b"i" * 16)])
    check_scan(environment, [(key, b"i" * 16)], b"", b"\xff")
    check_scan(environment, [(key, b"i" * 16)], key, key + b"\0")
    check_scan(environment, [(key, b"i" * 16)], key + b"\0", b"\xff")


# --- by_id ----------------------------------------------------------------------------------------------------------

internal_ids = st.one_of(
    st.binary(min_size=16, max_size=16),
    st.integers(0, 15).map(lambda at: bytes(at) + b"\x80" + bytes(15 - at)),
    st.sampled_from([bytes(16), b"\xff" * 16]),
)


@pytest.mark.slow
@pytest.mark.parametrize("table", [1, 127, 128, 540, 10001, 16384, 2**25 - 1])
@settings(max_examples=30)
@given(ids=st.lists(internal_ids, unique=True, max_size=8), data=st.data())
def test_by_id_is_the_order_of_documents_between_any_bounds(
    environment: Environment, table: int, ids: list[bytes], data: st.DataObject
) -> None:
    with environment.write() as txn:
        txn.raw.drop(txn.documents, delete=False)
        for internal in ids:
            txn.put(txn.documents, document_key(table, internal), b"")
        for neighbour in (table - 1, table + 1):
            txn.put(txn.documents, document_key(neighbour, b"n" * 16), b"")
    keys = sorted((by_id_key(table, internal), internal) for internal in ids)
    texts = [encode_id(table, internal) for internal in [*ids, bytes(16), b"\xff" * 16]]
    bounds = st.one_of(
        st.sampled_from([b"", b"\x10", b"\x11", b"\xff", b"\x0d\0"]),
        st.sampled_from(texts).map(encode_key),
        st.sampled_from(texts).map(lambda text: encode_key(text) + b"\xff"),
        st.tuples(
            st.sampled_from(texts), st.integers(0, 37), st.sampled_from(["", "!", "0", "i", "z", "é", "\0", "zz"])
        ).map(lambda cut: encode_key(cut[0][: cut[1]] + cut[2])),
    )
    for _ in range(4):
        start, stop = data.draw(bounds), data.draw(bounds)
        expected = [entry for entry in keys if start <= entry[0] < stop]
        with environment.read() as txn:
            assert list(scan(txn, by_id(table), start, stop, False)) == expected
            assert list(scan(txn, by_id(table), start, stop, True)) == expected[::-1]
