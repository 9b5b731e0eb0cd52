"""A backfill ends with the same entries as if the index had always been there, whatever is written meanwhile."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.index.backfill import backfill_chunk, erase_chunk, is_backfilled
from rtdb.storage.check import check_environment
from rtdb.testing.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path) as opened:
        yield opened


def internal(number: int) -> bytes:
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16)


texts = st.sampled_from(["a", "b", "x" * 480, "x" * 480 + "b", "x" * 900])
writes = st.lists(st.tuples(st.integers(0, 9), st.none() | texts), max_size=4)


@pytest.mark.slow
@settings(max_examples=15)
@given(st.lists(texts, min_size=1, max_size=8), st.integers(1, 4), st.lists(writes, max_size=4))
def test_a_backfill_among_writes_leaves_a_complete_index(
    before: list[str], chunk: int, during: list[list[tuple[int, str | None]]]
) -> None:
    with tempfile.TemporaryDirectory() as directory, Database(Path(directory)) as database:
        table = database.table("things").number
        database.write([(table, internal(number), {"text": text}) for number, text in enumerate(before)])
        index = database.index("things", "by_text", ("text",), "backfilling")
        for changes in during:
            with database.environment.write() as txn:
                backfill_chunk(txn, index, documents_max=chunk)
            if changes:
                database.write([(table, internal(n), None if text is None else {"text": text}) for n, text in changes])
        done = False
        while not done:
            with database.environment.write() as txn:
                done = backfill_chunk(txn, index, documents_max=chunk)
        with database.environment.read() as snapshot:
            assert is_backfilled(snapshot, index)
        database.index("things", "by_text", ("text",), "ready")
        report = check_environment(database.environment)
        assert report.is_clean, report.problems


def test_a_chunk_may_run_twice_and_goes_on_where_the_last_commit_ended(database: Database) -> None:
    table = database.table("things").number
    database.write([(table, internal(number), {"text": "t"}) for number in range(5)])
    index = database.index("things", "by_text", ("text",), "backfilling")
    with contextlib.suppress(KeyError), database.environment.write() as txn:
        assert not backfill_chunk(txn, index, documents_max=4)
        raise KeyError
    for expected in (False, False, True, True):
        with database.environment.write() as txn:
            assert not is_backfilled(txn, index) or expected
            assert backfill_chunk(txn, index, documents_max=2) is expected


def test_an_empty_table_is_backfilled_at_once(database: Database) -> None:
    index = database.index("things", "by_text", ("text",), "backfilling")
    with database.environment.write() as txn:
        assert backfill_chunk(txn, index, documents_max=10)


def test_erasing_a_dropped_index_removes_its_entries_and_no_others(database: Database) -> None:
    table = database.table("things").number
    index = database.index("things", "by_text", ("text",))
    database.index("things", "by_other", ("other",))
    database.write([(table, internal(number), {"text": "t" * 600}) for number in range(5)])
    database.index("things", "by_text", ("text",), "dropped")
    before = check_environment(database.environment).entries
    dropped = database.registry.index_by_number(index.number)
    assert dropped is not None
    for expected in (False, False, True, True):
        with database.environment.write() as txn:
            assert erase_chunk(txn, dropped, entries_max=2) is expected
    report = check_environment(database.environment)
    assert report.is_clean, report.problems
    assert report.entries == before - 5
    with database.environment.read() as snapshot:
        assert not is_backfilled(snapshot, dropped)
