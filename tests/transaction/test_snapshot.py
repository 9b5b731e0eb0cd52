"""Snapshots: one position, with and without layers, now and a few blocks ago."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from rtdb.errors import SnapshotTooOldError, StorageError
from rtdb.index.definition import IndexDefinition
from rtdb.storage.documents import StoredDocument
from rtdb.storage.keys import document_key
from rtdb.storage.undo import trim_undo
from rtdb.testing.database import Database, document_bytes
from rtdb.transaction.overlay import Overlay
from rtdb.transaction.snapshot import Snapshot, SnapshotCache

A, B, C = (bytes(15) + bytes([number]) for number in (1, 2, 3))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path) as opened:
        yield opened


@pytest.fixture
def by_rank(database: Database) -> IndexDefinition:
    return database.index("players", "by_rank", ("rank",))


def ranks(snapshot: Snapshot, index: IndexDefinition, descending: bool = False) -> list[float]:
    rows = snapshot.scan(index, b"", b"\xff", descending)
    return [msgspec.json.decode(row.document.data)["rank"] for row in rows]


def version(index: IndexDefinition, internal: bytes, rank: float) -> StoredDocument:
    return StoredDocument(0, 0, document_bytes(index.table, internal, {"rank": rank}, 1.0))


def test_a_snapshot_does_not_see_what_is_committed_after_it(database: Database, by_rank: IndexDefinition) -> None:
    database.write([(by_rank.table, A, {"rank": 1.0})])
    with Snapshot(database.environment, SnapshotCache()) as snapshot:
        seq = snapshot.seq
        database.write([(by_rank.table, A, {"rank": 5.0}), (by_rank.table, B, {"rank": 2.0})])
        assert ranks(snapshot, by_rank) == [1.0]
        assert snapshot.get(by_rank.table, B) is None
        assert snapshot.seq == seq
        assert snapshot.ts == seq * 1000
    with Snapshot(database.environment, SnapshotCache()) as snapshot:
        assert ranks(snapshot, by_rank) == [2.0, 5.0]
        assert ranks(snapshot, by_rank, descending=True) == [5.0, 2.0]


def test_a_document_knows_the_block_that_wrote_it(database: Database, by_rank: IndexDefinition) -> None:
    seq = database.write([(by_rank.table, A, {"rank": 1.0})])
    with Snapshot(database.environment, SnapshotCache()) as snapshot:
        document = snapshot.get(by_rank.table, A)
        assert document is not None
        assert (document.seq, document.ts) == (seq, seq * 1000)
        assert [row.document for row in snapshot.scan(by_rank, b"", b"\xff")] == [document]


def test_the_registry_is_loaded_again_only_when_tables_or_indexes_changed(
    database: Database, by_rank: IndexDefinition
) -> None:
    cache = SnapshotCache()
    with Snapshot(database.environment, cache) as snapshot:
        first = snapshot.registry
    database.write([(by_rank.table, A, {"rank": 1.0})])
    with Snapshot(database.environment, cache) as snapshot:
        assert snapshot.registry is first
    database.table("teams")
    with Snapshot(database.environment, cache) as snapshot:
        assert snapshot.registry.table("teams") is not None
    assert first.table("teams") is None


def test_layers_hide_what_is_below_them(database: Database, by_rank: IndexDefinition) -> None:
    database.write([(by_rank.table, A, {"rank": 1.0}), (by_rank.table, B, {"rank": 2.0})])
    pending, own = Overlay(), Overlay()
    with Snapshot(database.environment, SnapshotCache()) as base:
        lane = base.with_overlay(pending)
        mutation = lane.with_overlay(own)
        pending.put(by_rank.table, A, version(by_rank, A, 7.0))
        pending.put(by_rank.table, C, version(by_rank, C, 3.0))
        own.put(by_rank.table, C, None)
        own.put(by_rank.table, B, version(by_rank, B, 9.0))
        assert ranks(base, by_rank) == [1.0, 2.0]
        assert ranks(lane, by_rank) == [2.0, 3.0, 7.0]
        assert ranks(mutation, by_rank) == [7.0, 9.0]
        assert mutation.get(by_rank.table, C) is None
        assert lane.get(by_rank.table, C) == version(by_rank, C, 3.0)


def test_a_scan_sees_rows_written_ahead_of_it_and_not_those_behind(
    database: Database, by_rank: IndexDefinition
) -> None:
    database.write([(by_rank.table, A, {"rank": 1.0}), (by_rank.table, B, {"rank": 5.0})])
    own = Overlay()
    with Snapshot(database.environment, SnapshotCache()) as base:
        rows = base.with_overlay(own).scan(by_rank, b"", b"\xff")
        assert next(rows).id == A
        own.put(by_rank.table, C, version(by_rank, C, 0.0))
        own.put(by_rank.table, A, version(by_rank, A, 3.0))
        assert next(rows).id == A
        own.put(by_rank.table, B, None)
        assert next(rows, None) is None


def test_going_back_gives_documents_indexes_and_registry_of_that_position(
    database: Database, by_rank: IndexDefinition
) -> None:
    first = database.write([(by_rank.table, A, {"rank": 1.0}), (by_rank.table, B, {"rank": 2.0})])
    second = database.write([(by_rank.table, A, {"rank": 3.0})], [(by_rank.table, A, None)])
    database.write([(by_rank.table, A, {"rank": 4.0}), (by_rank.table, C, {"rank": 0.0})])
    database.table("teams")
    with Snapshot(database.environment, SnapshotCache()) as newest:
        assert ranks(newest, by_rank) == [0.0, 2.0, 4.0]
        then = newest.at(first)
        assert (then.seq, then.ts) == (first, first * 1000)
        assert ranks(then, by_rank) == [1.0, 2.0]
        assert then.registry.table("teams") is None
        assert then.registry.index("players", "by_rank") == by_rank
        between = newest.at(second)
        assert ranks(between, by_rank, descending=True) == [2.0]
        assert between.ts == second * 1000 + 1
        assert between.get(by_rank.table, A) is None
        assert newest.at(newest.seq) is newest


def test_an_older_snapshot_may_go_back_over_what_a_newer_one_already_did(
    database: Database, by_rank: IndexDefinition
) -> None:
    cache = SnapshotCache()
    first = database.write([(by_rank.table, A, {"rank": 1.0}), (by_rank.table, B, {"rank": 2.0})])
    database.write([(by_rank.table, A, {"rank": 3.0})])
    with Snapshot(database.environment, cache) as older:
        rows = older.at(first).scan(by_rank, b"", b"\xff")
        assert next(rows).id == A
        database.write([(by_rank.table, B, None), (by_rank.table, C, {"rank": 9.0}), (by_rank.table, A, {"rank": 4.0})])
        with Snapshot(database.environment, cache) as newer:
            assert ranks(newer.at(first), by_rank) == [1.0, 2.0]
        assert [row.id for row in rows] == [B]
        assert ranks(older.at(first), by_rank, descending=True) == [2.0, 1.0]
        assert ranks(older, by_rank) == [2.0, 3.0]


def test_a_position_whose_before_images_are_gone_is_too_old(database: Database, by_rank: IndexDefinition) -> None:
    first = database.write([(by_rank.table, A, {"rank": 1.0})])
    second = database.write([(by_rank.table, A, {"rank": 2.0})])
    database.write([(by_rank.table, A, {"rank": 3.0})])
    cache = SnapshotCache()
    with Snapshot(database.environment, cache) as snapshot:
        assert ranks(snapshot.at(first), by_rank) == [1.0]
    with database.environment.write() as txn:
        trim_undo(txn, before_ts=second * 1000 + 1, bytes_max=1 << 40, records_max=100)
    for after in (cache, SnapshotCache()):
        with Snapshot(database.environment, after) as snapshot:
            assert ranks(snapshot.at(second), by_rank) == [2.0]
            with pytest.raises(SnapshotTooOldError, match=f"Position {first} is too old"):
                snapshot.at(first)


def test_an_entry_without_its_document_is_an_error_that_names_the_index(
    database: Database, by_rank: IndexDefinition
) -> None:
    database.write([(by_rank.table, A, {"rank": 1.0})])
    with database.environment.write() as txn:
        txn.delete(txn.documents, document_key(by_rank.table, A))
    with (
        Snapshot(database.environment, SnapshotCache()) as snapshot,
        pytest.raises(StorageError, match="Index by_rank"),
    ):
        list(snapshot.scan(by_rank, b"", b"\xff"))


def test_by_id_is_scanned_through_layers_like_any_index(database: Database, by_rank: IndexDefinition) -> None:
    table = database.table("players")
    database.write([(table.number, A, {"rank": 1.0}), (table.number, B, {"rank": 2.0})])
    own = Overlay()
    own.put(table.number, C, version(by_rank, C, 3.0))
    own.put(table.number, A, None)
    with Snapshot(database.environment, SnapshotCache()) as base:
        rows = base.with_overlay(own).scan(table.by_id, b"", b"\xff", descending=True)
        assert [row.id for row in rows] == [C, B]
