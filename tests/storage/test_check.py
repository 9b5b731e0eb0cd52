"""The integrity walker finds what is planted, names it, and reports nothing about a sound database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtdb.errors import DataDirectoryError
from rtdb.index.definition import IndexDefinition
from rtdb.index.index_key import full_key
from rtdb.storage import meta, system_tables
from rtdb.storage.check import Report, check, check_environment
from rtdb.storage.documents import StoredDocument, put_document, read_document
from rtdb.storage.environment import WriteTransaction
from rtdb.storage.keys import document_key, index_entry, pack_seq
from rtdb.storage.local_log import LocalLog
from rtdb.storage.undo import trim_undo
from rtdb.testing.database import Database, document_bytes
from rtdb.values.json_codec import decode_canonical, encode
from tests.storage.damage import damage_pages

A, B, C = (bytes(15) + bytes([number]) for number in (1, 2, 3))
LONG_TEXT = "x" * 2000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path) as opened:
        yield opened


@pytest.fixture
def by_name(database: Database) -> IndexDefinition:
    """Blocks 1 and 2 declare, 3 inserts, 4 changes and deletes."""
    index = database.index("players", "by_name", ("name",))
    table = index.table
    database.write([(table, A, {"name": "ann"}), (table, B, {"name": LONG_TEXT})], [(table, C, {"name": "cid"})])
    database.write([(table, A, {"name": "anna", "note": "hello"}), (table, C, None)])
    return index


def plant(database: Database, damage: Callable[[WriteTransaction], None]) -> Report:
    with database.environment.write() as txn:
        damage(txn)
    return check_environment(database.environment)


def only_problem(report: Report) -> str:
    assert report.problems_total == 1, report.problems
    assert not report.is_clean
    return report.problems[0]


def entry_of(txn: WriteTransaction, index: IndexDefinition, internal: bytes) -> tuple[bytes, bytes]:
    document = read_document(txn, index.table, internal)
    assert document is not None
    fields = decode_canonical(document.data)
    assert isinstance(fields, dict)
    return index_entry(index.number, full_key(index, fields), internal)


def test_a_sound_database_has_no_problems(database: Database, by_name: IndexDefinition) -> None:
    report = check_environment(database.environment)
    assert report.is_clean, report.problems
    assert (report.documents, report.entries, report.blocks, report.undo_records) == (4, 6, 4, 4)


def test_a_sound_database_is_sound_after_trimming(database: Database, by_name: IndexDefinition) -> None:
    log = LocalLog(database.environment)
    with database.environment.write() as txn, log.within(txn):
        log.trim(3)
        trim_undo(txn, before_ts=3500, bytes_max=1 << 40, records_max=10)
    report = check_environment(database.environment)
    assert report.is_clean, report.problems
    assert (report.blocks, report.undo_records) == (1, 1)


def test_an_empty_database_has_no_problems(database: Database) -> None:
    assert check_environment(database.environment).is_clean


def test_a_data_directory_is_opened_read_only(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryError, match="no database"):
        check(tmp_path)
    Database(tmp_path).close()
    assert check(tmp_path).is_clean


def test_a_file_with_damaged_pages_is_one_sentence(tmp_path: Path) -> None:
    with Database(tmp_path) as database:
        index = database.index("players", "by_name", ("name",))
        database.write([(index.table, A, {"name": "ann-of-green-gables"})])
    damage_pages(tmp_path, b"ann-of-green-gables")
    with pytest.raises(DataDirectoryError, match=r"is damaged: LMDB came to a page that is not what was written"):
        check(tmp_path)


@pytest.mark.parametrize("internal", [A, B], ids=["short key", "long key"])
def test_a_missing_index_entry_is_found(database: Database, by_name: IndexDefinition, internal: bytes) -> None:
    report = plant(database, lambda txn: txn.raw.delete(entry_of(txn, by_name, internal)[0], db=txn.indexes))
    assert only_problem(report) == f"Document 10001/{internal.hex()} of table players has no entry in index by_name."


def test_a_missing_creation_time_entry_is_found(database: Database, by_name: IndexDefinition) -> None:
    creation = database.table("players").by_creation_time
    report = plant(database, lambda txn: txn.raw.delete(entry_of(txn, creation, A)[0], db=txn.indexes))
    assert "no entry in index by_creation_time" in only_problem(report)


def test_an_extra_entry_of_a_deleted_document_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.put(txn.indexes, *index_entry(by_name.number, b"\x10cid\0", C)))
    assert "by_name" in only_problem(report)
    assert "does not exist" in only_problem(report)


def test_an_extra_entry_under_an_old_key_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.put(txn.indexes, *index_entry(by_name.number, b"\x10ann\0", A)))
    assert "has a key that" in only_problem(report)


def test_a_malformed_entry_is_found(database: Database, by_name: IndexDefinition) -> None:
    def shorten(txn: WriteTransaction) -> None:
        key, value = entry_of(txn, by_name, B)
        txn.put(txn.indexes, key, value[:10])

    problems = plant(database, shorten).problems
    assert "An entry of index by_name of table 10001 is malformed." in problems


def test_an_entry_of_an_unknown_index_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.put(txn.indexes, *index_entry(by_name.number + 1, b"\x10a\0", A)))
    assert only_problem(report) == f"Index {by_name.number + 1} does not exist, and has entries (1)."


def test_a_changed_byte_of_a_document_is_found_even_in_a_field_without_index(
    database: Database, by_name: IndexDefinition
) -> None:
    def change(txn: WriteTransaction) -> None:
        key = document_key(by_name.table, A)
        value = txn.get(txn.documents, key)
        assert value is not None
        txn.put(txn.documents, key, value.replace(b"hello", b"hallo"))

    assert "is damaged" in plant(database, change).problems[0]


def test_a_document_that_is_not_what_the_log_says_is_found(database: Database, by_name: IndexDefinition) -> None:
    def replace(txn: WriteTransaction) -> None:
        old = read_document(txn, by_name.table, A)
        assert old is not None
        changed = StoredDocument(old.seq, old.ts, old.data.replace(b"hello", b"hallo"))
        put_document(txn, by_name.table, A, changed)

    assert only_problem(plant(database, replace)) == f"Document 10001/{A.hex()} is not what block 4 wrote."


def test_a_lost_document_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.raw.delete(document_key(by_name.table, A), db=txn.documents))
    problems = "\n".join(report.problems)
    assert f"Document 10001/{A.hex()} was written by block 4 and does not exist." in problems
    assert "Table 10001 has 1 documents, and its count says 2." in problems
    assert f"refers to Document 10001/{A.hex()}, which does not exist." in problems


def test_a_resurrected_document_is_found(database: Database, by_name: IndexDefinition) -> None:
    def resurrect(txn: WriteTransaction) -> None:
        data = document_bytes(by_name.table, C, {"name": "cid"}, 3000.0)
        put_document(txn, by_name.table, C, StoredDocument(3, 3001, data))

    assert f"Document 10001/{C.hex()} is not what block 4 wrote." in plant(database, resurrect).problems


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"_creationTime":1.0,"_id":"x"}', "says that its id is 'x'"),
        (b'{"_creationTime": 1.0}', "is not canonical JSON"),
        (b"[1.0]", "is not canonical JSON"),
        (b"{", "is not canonical JSON"),
    ],
)
def test_a_document_that_could_not_have_been_written_is_found(
    database: Database, by_name: IndexDefinition, data: bytes, problem: str
) -> None:
    report = plant(database, lambda txn: put_document(txn, by_name.table, A, StoredDocument(4, 4000, data)))
    assert any(problem in sentence for sentence in report.problems)


def test_a_document_from_the_future_is_found(database: Database, by_name: IndexDefinition) -> None:
    def postdate(txn: WriteTransaction) -> None:
        old = read_document(txn, by_name.table, A)
        assert old is not None
        put_document(txn, by_name.table, A, StoredDocument(99, old.ts, old.data))

    assert "after the applied position" in only_problem(plant(database, postdate))


def test_a_wrong_count_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: meta.add_to_count(txn, by_name.table, 1))
    assert only_problem(report) == "Table 10001 has 2 documents, and its count says 3."


def test_a_gap_in_the_log_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.raw.delete(pack_seq(3), db=txn.log))
    assert any("Block 4 follows block 2 in the log: there is a gap." in problem for problem in report.problems)


def test_a_changed_byte_in_the_log_is_found(database: Database, by_name: IndexDefinition) -> None:
    def change(txn: WriteTransaction) -> None:
        value = txn.get(txn.log, pack_seq(3))
        assert value is not None
        txn.put(txn.log, pack_seq(3), value.replace(b"cid", b"sid"))

    assert "Block 3 of the commit log is damaged: its checksum does not match" in plant(database, change).problems[0]


def test_a_broken_chain_is_found(database: Database, by_name: IndexDefinition, tmp_path: Path) -> None:
    """A sound block of another history in the place of block 3."""
    with Database(tmp_path / "other") as other:
        for name in ("a", "b", "c"):
            other.table(name)
        with other.environment.read() as txn:
            foreign = txn.get(txn.log, pack_seq(3))
    assert foreign is not None
    report = plant(database, lambda txn: txn.put(txn.log, pack_seq(3), foreign))
    assert "Block 3 does not continue block 2: the chain is broken." in report.problems
    assert "Block 4 does not continue block 3: the chain is broken." in report.problems


def test_a_chain_hash_that_is_not_the_blocks_is_found(database: Database, by_name: IndexDefinition) -> None:
    def change(txn: WriteTransaction) -> None:
        value = txn.get(txn.log, pack_seq(3))
        assert value is not None
        txn.put(txn.log, pack_seq(3), bytes(32) + value[32:])

    assert only_problem(plant(database, change)) == "The chain hash stored with block 3 is not that of its bytes."


def test_a_log_that_ends_elsewhere_than_the_state_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.raw.delete(pack_seq(4), db=txn.log))
    assert any("The log ends at block 3 and the database is at 4" in problem for problem in report.problems)


def test_a_log_of_another_database_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: meta.write_log_id(txn, b"another log id 1"))
    assert "Block 1 belongs to another log." in report.problems


def test_a_gap_in_the_before_images_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.raw.delete(pack_seq(2), db=txn.undo))
    assert only_problem(report) == "Before-images of block 2 are missing, and older ones are kept."


def test_missing_newest_before_images_are_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.raw.delete(pack_seq(4), db=txn.undo))
    assert only_problem(report) == "Before-images end at block 3, and the database is at 4."


def test_before_images_of_another_block_are_found(database: Database, by_name: IndexDefinition) -> None:
    def swap(txn: WriteTransaction) -> None:
        value = txn.get(txn.undo, pack_seq(3))
        assert value is not None
        txn.put(txn.undo, pack_seq(4), value)

    problems = plant(database, swap).problems
    assert "Before-images of block 4 are not those of the documents it wrote." in problems
    assert any("lead to another timestamp" in problem for problem in problems)


def test_damaged_before_images_are_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: txn.put(txn.undo, pack_seq(4), b"\xc1"))
    assert "Before-images of block 4: A before-image in the database is damaged" in only_problem(report)


def registry_document(txn: WriteTransaction, table: int, internal: bytes, fields: dict[str, object]) -> None:
    """Plant a document with its entry and count, so that only what it says is wrong."""
    data = document_bytes(table, internal, fields, 1.0)
    put_document(txn, table, internal, StoredDocument(0, 0, data))


def test_an_index_of_a_table_that_does_not_exist_is_found(database: Database, by_name: IndexDefinition) -> None:
    number = 20000 * 128 + 2
    internal = system_tables.index_document_id("gone", "by_x", number)
    fields = {"table": 20000.0, "name": "by_x", "number": float(number), "fields": ["x"], "state": "ready"}
    problems = plant(
        database, lambda txn: registry_document(txn, system_tables.INDEXES_TABLE, internal, fields)
    ).problems
    assert f"Index 'by_x' (number {float(number)}) belongs to table 20000.0, which does not exist." in problems


def test_a_table_described_twice_is_found(database: Database, by_name: IndexDefinition) -> None:
    fields = {"name": "players", "number": 10001.0}
    problems = plant(database, lambda txn: registry_document(txn, system_tables.TABLES_TABLE, A, fields)).problems
    assert "2 documents describe the same table name players." in problems
    assert "2 documents describe the same table number 10001.0." in problems
    assert "The `_tables` document of 'players' is not under the id that belongs to that name." in problems


def test_a_document_that_describes_no_table_is_found(database: Database, by_name: IndexDefinition) -> None:
    fields: dict[str, object] = {"name": "odd"}
    problems = plant(database, lambda txn: registry_document(txn, system_tables.TABLES_TABLE, A, fields)).problems
    assert any("describes no table" in problem for problem in problems)


def test_documents_of_an_unknown_table_are_found(database: Database, by_name: IndexDefinition) -> None:
    data = encode({"_id": "x", "_creationTime": 1.0})
    problems = plant(database, lambda txn: put_document(txn, 20000, A, StoredDocument(0, 0, data))).problems
    assert f"Document 20000/{A.hex()} belongs to a table that does not exist." in problems


def test_a_wrong_registry_position_is_found(database: Database, by_name: IndexDefinition) -> None:
    report = plant(database, lambda txn: meta.write_registry_seq(txn, 1))
    assert only_problem(report) == (
        "Tables or indexes were last changed by block 2, and the database says it was block 1."
    )


@pytest.mark.parametrize("deployment", ["not an id", "j5700000000000000000000000001qv0"])
def test_a_deployment_without_document_is_found(database: Database, by_name: IndexDefinition, deployment: str) -> None:
    report = plant(database, lambda txn: meta.write_deployment(txn, deployment))
    assert only_problem(report) == f"The active deployment {deployment} has no document in `_deployments`."


def test_an_index_being_built_may_lack_entries_and_a_dropped_one_may_have_them(
    database: Database, by_name: IndexDefinition
) -> None:
    database.index("players", "by_note", ("note",), "backfilling")
    assert check_environment(database.environment).is_clean
    database.index("players", "by_name", ("name",), "dropped")
    assert check_environment(database.environment).is_clean


# --- scheduled work ---------------------------------------------------------------------------------------------------

JOBS, SHOWN = system_tables.SCHEDULED_JOBS_TABLE, system_tables.SCHEDULED_FUNCTIONS_TABLE
CRONS, NEXT = system_tables.CRON_JOBS_TABLE, system_tables.CRON_NEXT_RUN_TABLE


def test_scheduled_work_in_order_has_no_problems(database: Database) -> None:
    database.write(
        [(JOBS, A, {"claim": ""}), (SHOWN, A, {"state": {"kind": "pending"}})],
        [(JOBS, B, {"claim": "server"}), (SHOWN, B, {"state": {"kind": "inProgress"}})],
        [(SHOWN, C, {"state": {"kind": "success"}, "completedTime": 5.0})],
        [(CRONS, A, {"name": "x"}), (NEXT, A, {"claim": ""})],
    )
    report = check_environment(database.environment)
    assert report.is_clean, report.problems


@pytest.mark.parametrize(
    ("writes", "problem"),
    [
        ([(JOBS, A, {"claim": ""})], "is to be run, and `_scheduled_functions` does not know it"),
        ([(SHOWN, A, {"state": {"kind": "pending"}})], "has not ended and will never be run"),
        (
            [(JOBS, A, {"claim": "server"}), (SHOWN, A, {"state": {"kind": "pending"}})],
            "is inProgress, and `_scheduled_functions` says pending",
        ),
        (
            [(JOBS, A, {"claim": ""}), (SHOWN, A, {"state": {"kind": "pending"}, "completedTime": 5.0})],
            "has ended and is still to be run",
        ),
        ([(CRONS, A, {"name": "x"})], "is a cron job that has no next run"),
        ([(NEXT, A, {"claim": ""})], "is the next run of a cron job that does not exist"),
    ],
)
def test_scheduled_work_that_does_not_agree_is_found(
    database: Database, writes: list[tuple[int, bytes, dict[str, Any] | None]], problem: str
) -> None:
    database.write(writes)
    assert problem in only_problem(check_environment(database.environment))
