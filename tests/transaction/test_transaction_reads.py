"""What a transaction reads, and what it has read: the ranges that a conflict is found by."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.errors import DeveloperError
from rtdb.index.index_range import prefix_range
from rtdb.link.frames import ReadRange
from rtdb.storage.system_tables import (
    DEPLOYMENT_INDEX,
    DEPLOYMENT_KEY,
    NAMES_INDEX,
    NEXT_TABLE_KEY,
    SESSION_REQUESTS_TABLE,
    index_name_key,
    table_name_key,
)
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import encode_id
from rtdb.values.ordering import encode_key, prefix_stop
from tests.transaction.desk import (
    BY_AUTHOR,
    MESSAGES,
    Desk,
    by_author,
    fill,
    name_read,
    point_read,
)

MISSING_ID = encode_id(MESSAGES, bytes(16))
UNKNOWN_TABLE_ID = encode_id(20000, bytes(16))
SYSTEM_ID = encode_id(SESSION_REQUESTS_TABLE, bytes(16))


def index_reads(transaction: Transaction, index: int = BY_AUTHOR) -> list[ReadRange]:
    return [read for read in transaction.reads() if read.index == index]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_get_returns_a_committed_document_with_its_system_fields(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    assert desk.begin().get(id) == {"_id": id, "_creationTime": desk.clock.now / 1e6, "author": "ann"}


def test_get_of_a_missing_document_is_none_and_is_a_point_read(desk: Desk) -> None:
    transaction = desk.begin(writable=False)
    assert transaction.get(MISSING_ID) is None
    assert transaction.reads() == [point_read(MISSING_ID)]


def test_get_of_an_unknown_table_depends_on_new_tables(desk: Desk) -> None:
    transaction = desk.begin(writable=False)
    assert transaction.get(UNKNOWN_TABLE_ID) is None
    assert transaction.reads() == [name_read(NEXT_TABLE_KEY)]


def test_get_with_the_right_table_name_finds_the_document(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    assert desk.begin().get(id, "messages") is not None


def test_documents_handed_out_can_be_changed_without_effect(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin()
    first = transaction.get(id)
    assert first is not None
    first["author"] = "bob"
    second = transaction.get(id)
    assert second is not None
    assert second["author"] == "ann"


def test_a_value_changed_after_insert_is_stored_as_it_was(desk: Desk) -> None:
    transaction = desk.begin()
    value = {"tags": ["a"]}
    id = transaction.insert("messages", value)
    value["tags"].append("b")
    stored = transaction.get(id)
    assert stored is not None
    assert stored["tags"] == ["a"]


@pytest.mark.parametrize(
    ("id", "table", "code", "message"),
    [
        (7, None, "InvalidArgument", "Invalid argument `id` for `db.get`, expected string but got 'int': 7"),
        (
            "short",
            None,
            "InvalidArgument",
            "Invalid argument `id` for `db.get`: Unable to decode ID: Invalid ID length 5",
        ),
        (
            MISSING_ID,
            "counters",
            "InvalidArgument",
            'Invalid argument `id` for `db.get`: expected to be an Id<"counters">, got Id<"messages"> instead.',
        ),
        (SYSTEM_ID, None, "SystemTableError", "System tables can only be accessed with db.system."),
    ],
)
def test_get_refuses_what_is_no_id_of_the_table(desk: Desk, id: Any, table: Any, code: str, message: str) -> None:
    with pytest.raises(DeveloperError) as raised:
        desk.begin().get(id, table)
    assert (raised.value.code, raised.value.message) == (code, message)


def test_normalize_id_accepts_only_ids_of_the_table(desk: Desk) -> None:
    transaction = desk.begin()
    assert transaction.normalize_id("messages", MISSING_ID) == MISSING_ID
    assert transaction.normalize_id("counters", MISSING_ID) is None
    assert transaction.normalize_id("nowhere", MISSING_ID) is None
    assert transaction.normalize_id("messages", "garbage") is None
    with pytest.raises(DeveloperError, match=r"System tables can only be accessed from db\.system\.normalizeId\(\)\."):
        transaction.normalize_id("_storage", MISSING_ID)


# --- read sets of scans -----------------------------------------------------------------------------------------------


def test_an_exhausted_scan_has_read_its_whole_range(desk: Desk) -> None:
    fill(desk, "ann", "bob")
    transaction = desk.begin(writable=False)
    assert len(by_author(transaction, "ann")) == 1
    assert index_reads(transaction) == [prefix_range(BY_AUTHOR, encode_key("ann"))]


def test_a_scan_that_stopped_has_read_up_to_the_last_row_it_consumed(desk: Desk) -> None:
    ids = fill(desk, "ann", "ann", "ann")
    transaction = desk.begin(writable=False)
    (first, second) = by_author(transaction, "ann", take=2)
    assert [first, second] == ids[:2]
    row = transaction.get(second)
    assert row is not None
    last = encode_key("ann") + encode_key(row["_creationTime"]) + encode_key(second)
    assert index_reads(transaction) == [ReadRange(BY_AUTHOR, encode_key("ann"), prefix_stop(last))]


def test_a_descending_scan_has_read_from_the_last_row_it_consumed_to_the_end(desk: Desk) -> None:
    ids = fill(desk, "ann", "ann", "ann")
    transaction = desk.begin(writable=False)
    assert by_author(transaction, "ann", "desc", take=1) == [ids[2]]
    row = transaction.get(ids[2])
    assert row is not None
    last = encode_key("ann") + encode_key(row["_creationTime"]) + encode_key(ids[2])
    assert index_reads(transaction) == [ReadRange(BY_AUTHOR, last, prefix_stop(encode_key("ann")))]


def test_a_scan_of_which_no_row_was_asked_for_has_read_nothing(desk: Desk) -> None:
    fill(desk, "ann")
    transaction = desk.begin(writable=False)
    transaction.run_query("messages", "by_author", [], "asc", [])
    assert index_reads(transaction) == []


def test_a_limit_of_zero_reads_nothing(desk: Desk) -> None:
    fill(desk, "ann")
    transaction = desk.begin(writable=False)
    assert by_author(transaction, take=0) == []
    assert index_reads(transaction) == []


def test_a_loop_left_by_an_exception_has_read_what_it_consumed(desk: Desk) -> None:
    fill(desk, "ann", "bob")
    transaction = desk.begin(writable=False)

    def leave_early() -> None:
        for _ in transaction.run_query("messages", "by_author", [], "asc", []):
            raise KeyError

    with pytest.raises(KeyError):
        leave_early()
    (read,) = index_reads(transaction)
    assert read.start == b""
    assert read.stop < encode_key("bob")


def test_rows_rejected_by_a_filter_count_as_read(desk: Desk) -> None:
    fill(desk, "ann", "bob", "cyd")
    transaction = desk.begin(writable=False)
    keep = {"$eq": [{"$field": "author"}, {"$literal": "bob"}]}
    rows = transaction.run_query("messages", "by_author", [], "asc", [("filter", keep), ("limit", 1)])
    assert [row["author"] for row in rows] == ["bob"]
    (read,) = index_reads(transaction)
    assert read.start <= encode_key("ann") < encode_key("bob") < read.stop < encode_key("cyd")


def test_a_filter_after_a_limit_sees_the_limited_rows_only(desk: Desk) -> None:
    fill(desk, "ann", "bob", "cyd")
    keep = {"$neq": [{"$field": "author"}, {"$literal": "ann"}]}
    rows = desk.begin().run_query("messages", "by_author", [], "asc", [("limit", 2), ("filter", keep)])
    assert [row["author"] for row in rows] == ["bob"]


def test_overlapping_scans_and_points_are_merged(desk: Desk) -> None:
    fill(desk, "ann", "bob")
    transaction = desk.begin(writable=False)
    by_author(transaction, "ann")
    by_author(transaction)
    by_author(transaction, "bob")
    assert index_reads(transaction) == [ReadRange(BY_AUTHOR, b"", b"\xff")]


def test_names_looked_up_are_read_whether_they_exist_or_not(desk: Desk) -> None:
    transaction = desk.begin(writable=False)
    by_author(transaction)
    assert list(transaction.run_query("nowhere", None, [], "asc", [])) == []
    names = {read for read in transaction.reads() if read.index == NAMES_INDEX}
    assert names == {
        name_read(table_name_key("messages")),
        name_read(index_name_key("messages", "by_author")),
        name_read(table_name_key("nowhere")),
    }


def test_the_deployment_is_read_as_a_point(desk: Desk) -> None:
    transaction = desk.begin(writable=False)
    assert transaction.read_deployment() == ""
    assert transaction.reads() == [prefix_range(DEPLOYMENT_INDEX, DEPLOYMENT_KEY)]


# --- queries that cannot be ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["nowhere", "messages"])
def test_a_missing_index_is_an_error_and_a_read(desk: Desk, table: str) -> None:
    transaction = desk.begin(writable=False)
    with pytest.raises(DeveloperError) as raised:
        transaction.run_query(table, "by_nothing", [], "asc", [])
    assert raised.value.code == "IndexNotFoundError"
    assert raised.value.message == f"Index {table}.by_nothing not found."
    assert name_read(index_name_key(table, "by_nothing")) in transaction.reads()


def test_built_in_indexes_of_a_missing_table_are_not_found_either(desk: Desk) -> None:
    for index in ("by_id", "by_creation_time"):
        with pytest.raises(DeveloperError, match=f"Index nowhere.{index} not found."):
            desk.begin().run_query("nowhere", index, [], "asc", [])


def test_an_index_being_filled_cannot_be_queried_yet(desk: Desk) -> None:
    with pytest.raises(DeveloperError) as raised:
        desk.begin().run_query("counters", "by_late", [], "asc", [])
    assert raised.value.code == "IndexBackfillingError"
    assert raised.value.message == "Index counters.by_late is currently backfilling and not available to query yet."


def test_system_tables_cannot_be_queried(desk: Desk) -> None:
    with pytest.raises(DeveloperError, match=r"System tables can only be accessed from db\.system\.query\(\)\."):
        desk.begin().run_query("_tables", None, [], "asc", [])


def test_by_id_and_by_creation_time_can_be_queried(desk: Desk) -> None:
    ids = fill(desk, "ann", "bob")
    transaction = desk.begin()
    found = transaction.run_query("messages", "by_id", [("Eq", "_id", ids[1])], "asc", [])
    assert [row["author"] for row in found] == ["bob"]
    newest_first = transaction.run_query("messages", "by_creation_time", [], "desc", [])
    assert [row["_id"] for row in newest_first] == ids[::-1]
