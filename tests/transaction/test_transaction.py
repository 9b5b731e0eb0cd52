from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.errors import DeveloperError, LimitError, ValidationError
from rtdb.index.index_range import prefix_range
from rtdb.link.frames import ReadRange, Write
from rtdb.storage.keys import BY_ID, index_number
from rtdb.storage.system_tables import (
    DEPLOYMENT_INDEX,
    DEPLOYMENT_KEY,
    NAMES_INDEX,
    NEXT_TABLE_KEY,
    SESSION_REQUESTS_TABLE,
    TABLES_TABLE,
    index_name_key,
    table_document_id,
    table_name_key,
)
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.json_codec import decode_canonical
from rtdb.values.ordering import encode_key, prefix_stop
from rtdb.values.value import UNDEFINED, Int64
from tests.transaction.desk import BY_AUTHOR, MESSAGES, Desk

MISSING_ID = encode_id(MESSAGES, bytes(16))
UNKNOWN_TABLE_ID = encode_id(20000, bytes(16))
SYSTEM_ID = encode_id(SESSION_REQUESTS_TABLE, bytes(16))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def point(id: str) -> ReadRange:
    return prefix_range(index_number(decode_id(id).table, BY_ID), encode_key(id))


def name(key: bytes) -> ReadRange:
    return prefix_range(NAMES_INDEX, key)


def by_author(transaction: Transaction, author: Any = None, order: Any = "asc", take: int | None = None) -> list[str]:
    expressions: list[Any] = [] if author is None else [("Eq", "author", author)]
    operators: list[Any] = [] if take is None else [("limit", take)]
    return [row["_id"] for row in transaction.run_query("messages", "by_author", expressions, order, operators)]


def fill(desk: Desk, *authors: str) -> list[str]:
    """Commit a message of each author, and return their ids."""
    transaction = desk.begin()
    ids = [transaction.insert("messages", {"author": author}) for author in authors]
    desk.commit(transaction)
    return ids


def read_authors(transaction: Transaction, *authors: str) -> None:
    for author in authors:
        by_author(transaction, author)


def write_texts(transaction: Transaction, count: int, text: str) -> None:
    for _ in range(count):
        transaction.insert("messages", {"text": text})


def index_reads(transaction: Transaction, index: int = BY_AUTHOR) -> list[ReadRange]:
    return [read for read in transaction.reads() if read.index == index]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_get_returns_a_committed_document_with_its_system_fields(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    assert desk.begin().get(id) == {"_id": id, "_creationTime": desk.clock.now / 1e6, "author": "ann"}


def test_get_of_a_missing_document_is_none_and_is_a_point_read(desk: Desk) -> None:
    transaction = desk.begin(writable=False)
    assert transaction.get(MISSING_ID) is None
    assert transaction.reads() == [point(MISSING_ID)]


def test_get_of_an_unknown_table_depends_on_new_tables(desk: Desk) -> None:
    transaction = desk.begin(writable=False)
    assert transaction.get(UNKNOWN_TABLE_ID) is None
    assert transaction.reads() == [name(NEXT_TABLE_KEY)]


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
        name(table_name_key("messages")),
        name(index_name_key("messages", "by_author")),
        name(table_name_key("nowhere")),
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
    assert name(index_name_key(table, "by_nothing")) in transaction.reads()


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


# --- inserting --------------------------------------------------------------------------------------------------------


def test_an_insert_is_one_write_of_canonical_json(desk: Desk) -> None:
    transaction = desk.begin()
    id = transaction.insert("messages", {"z": 1, "a": Int64(2)})
    (write,) = transaction.writes()
    assert (write.table, write.id) == decode_id(id)
    assert write.value is not None
    assert write.value.startswith(b'{"_creationTime":')
    assert write.value.endswith(b'"a":{"$integer":"AgAAAAAAAAA="},"z":1.0}')


def test_the_first_insert_creates_the_table(desk: Desk) -> None:
    transaction = desk.begin()
    transaction.insert("fresh", {"n": 1})
    transaction.insert("fresh", {"n": 2})
    table, *documents = transaction.writes()
    assert (table.table, table.id) == (TABLES_TABLE, table_document_id("fresh"))
    assert [write.table for write in documents] == [10003, 10003]
    assert {name(NEXT_TABLE_KEY), name(table_name_key("fresh"))} <= set(transaction.reads())
    rows = transaction.run_query("fresh", None, [], "asc", [])
    assert [row["n"] for row in rows] == [1.0, 2.0]
    desk.commit(transaction)
    definition = desk.registry.table("fresh")
    assert definition is not None
    assert definition.number == 10003


def test_two_new_tables_in_one_mutation_get_two_numbers(desk: Desk) -> None:
    transaction = desk.begin()
    first, second = transaction.insert("one", {}), transaction.insert("two", {})
    assert (decode_id(first).table, decode_id(second).table) == (10003, 10004)


def test_an_insert_that_is_refused_creates_no_table(desk: Desk) -> None:
    def refuse(table: str, document: dict[str, Any]) -> None:
        raise ValidationError("no")

    transaction = desk.begin(document_check=refuse)
    with pytest.raises(ValidationError):
        transaction.insert("fresh", {})
    assert transaction.writes() == []


@pytest.mark.parametrize(
    ("table", "code", "message"),
    [
        ("_tables", "SystemTableError", "System tables (prefixed with `_`) are read-only."),
        (
            "no table",
            "InvalidTableName",
            'Invalid table name: "no table". Identifiers must start with a letter and can only contain letters, '
            "digits, and underscores.",
        ),
    ],
)
def test_insert_refuses_names_that_are_no_table(desk: Desk, table: str, code: str, message: str) -> None:
    with pytest.raises(DeveloperError) as raised:
        desk.begin().insert(table, {})
    assert (raised.value.code, raised.value.message) == (code, message)


def test_the_number_of_tables_is_bounded(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(tables_max=3))
    transaction.insert("third", {})
    with pytest.raises(DeveloperError) as raised:
        transaction.insert("fourth", {})
    assert (raised.value.code, raised.value.message) == ("TooManyTables", "Number of tables cannot exceed 3.")


@pytest.mark.parametrize("value", [None, 3, "text", [1]])
def test_only_objects_can_be_written(desk: Desk, value: Any) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin()
    for verb, call in (
        ("insert", lambda: transaction.insert("messages", value)),
        ("patch", lambda: transaction.patch(id, value)),
        ("replace", lambda: transaction.replace(id, value)),
    ):
        with pytest.raises(DeveloperError) as raised:
            call()
        assert raised.value.message == f"Invalid argument `value` for `db.{verb}`: Value must be an Object"


def test_creation_times_are_successive_doubles_across_tables(desk: Desk) -> None:
    transaction = desk.begin(now_ns=1_700_000_000_123_456_789)
    ids = [transaction.insert(table, {}) for table in ("messages", "counters", "messages")]
    documents = [transaction.get(id) for id in ids]
    times = [document["_creationTime"] for document in documents if document is not None]
    assert times[0] == 1_700_000_000_123 + 456_789 * 1e-6
    assert times[1:] == [math.nextafter(times[0], math.inf), math.nextafter(times[1], math.inf)]


# --- system fields ----------------------------------------------------------------------------------------------------


def test_insert_refuses_system_fields(desk: Desk) -> None:
    transaction = desk.begin(now_ns=1_000_000)
    with pytest.raises(DeveloperError, match=r"^Provided document ID \S+ doesn't match '_id' field \"x\"$") as raised:
        transaction.insert("messages", {"_id": "x"})
    assert raised.value.code == "InvalidIdError"
    with pytest.raises(DeveloperError) as raised:
        transaction.insert("messages", {"_creationTime": 5, "a": "b"})
    assert raised.value.code == "InvalidCreationTimeError"
    assert raised.value.message == (
        "Provided creation time 1.0 doesn't match '_creationTime' field in {_creationTime: 5.0, a: \"b\"}"
    )
    with pytest.raises(DeveloperError) as raised:
        transaction.insert("messages", {"_other": None})
    assert raised.value.code == "InvalidDocumentError"
    assert raised.value.message == (
        "Document(value: {_other: null}) isn't a valid document: Field '_other' starts with an underscore, which is "
        "only allowed for system fields like '_id'"
    )
    assert transaction.writes() == []


def test_patch_and_replace_accept_system_fields_as_they_are(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin()
    document = transaction.get(id)
    assert document is not None
    transaction.replace(id, {**document, "author": "bob"})
    transaction.patch(id, {**document, "author": "cyd"})
    assert transaction.get(id) == {**document, "author": "cyd"}


@pytest.mark.parametrize("verb", ["patch", "replace"])
def test_patch_and_replace_refuse_other_system_fields(desk: Desk, verb: str) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin()
    for field, code in (
        ("_id", "InvalidIdError"),
        ("_creationTime", "InvalidCreationTimeError"),
        ("_x", "InvalidDocumentError"),
    ):
        with pytest.raises(DeveloperError) as raised:
            getattr(transaction, verb)(id, {field: "other"})
        assert raised.value.code == code
    assert transaction.writes() == []


def test_a_patch_cannot_remove_system_fields(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin()
    for field, code in (("_id", "InvalidIdError"), ("_creationTime", "InvalidCreationTimeError")):
        with pytest.raises(DeveloperError) as raised:
            transaction.patch(id, {field: UNDEFINED})
        assert raised.value.code == code
    assert transaction.writes() == []


def test_undefined_fields_are_left_out_of_what_is_inserted_or_replaced(desk: Desk) -> None:
    """As in JavaScript, where a copy of a document is inserted with its system fields set to undefined."""
    transaction = desk.begin()
    copy = {"_id": UNDEFINED, "_creationTime": UNDEFINED, "a": UNDEFINED, "b": {"c": UNDEFINED, "d": 1}}
    id = transaction.insert("messages", copy)
    document = transaction.get(id)
    assert document is not None
    assert document == {"_id": id, "_creationTime": document["_creationTime"], "b": {"d": 1.0}}
    transaction.replace(id, {**copy, "e": 2})
    assert transaction.get(id) == {**document, "e": 2.0}
    transaction.patch(id, {"b": {"c": UNDEFINED}})
    assert transaction.get(id) == {**document, "b": {}, "e": 2.0}
    with pytest.raises(DeveloperError, match="undefined is not a valid Convex value"):
        transaction.insert("messages", {"a": [UNDEFINED]})


def test_the_schema_sees_values_as_they_are_stored(desk: Desk) -> None:
    seen = []
    transaction = desk.begin(document_check=lambda table, document: seen.append(document))
    id = transaction.insert("messages", {"a": UNDEFINED, "b": (1,)})
    transaction.patch(id, {"b": UNDEFINED, "c": {"d": UNDEFINED}})
    assert [set(document) - {"_id", "_creationTime"} for document in seen] == [{"b"}, {"c"}]
    assert seen[0]["b"] == [1]
    assert seen[1]["c"] == {}


def test_a_system_document_deleted_written_and_deleted_again_is_buried(desk: Desk) -> None:
    """The second deletion once left no write, as if the document had been new in this transaction."""
    transaction = desk.begin()
    transaction.put_system(SESSION_REQUESTS_TABLE, bytes(16), {"a": 1})
    desk.commit(transaction)
    transaction = desk.begin()
    transaction.delete_system(SESSION_REQUESTS_TABLE, bytes(16))
    transaction.put_system(SESSION_REQUESTS_TABLE, bytes(16), {"a": 2})
    transaction.delete_system(SESSION_REQUESTS_TABLE, bytes(16))
    assert transaction.writes() == [Write(SESSION_REQUESTS_TABLE, bytes(16), None)]


# --- changing ---------------------------------------------------------------------------------------------------------


def test_patch_sets_replaces_whole_and_removes_top_level_fields(desk: Desk) -> None:
    transaction = desk.begin()
    id = transaction.insert("messages", {"keep": 1, "nested": {"a": 1, "b": 2}, "gone": True})
    transaction.patch(id, {"nested": {"a": 3}, "gone": UNDEFINED, "never": UNDEFINED, "new": None})
    document = transaction.get(id)
    assert document is not None
    del document["_id"], document["_creationTime"]
    assert document == {"keep": 1.0, "nested": {"a": 3.0}, "new": None}


def test_replace_keeps_nothing_but_the_system_fields(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin()
    before = transaction.get(id)
    transaction.replace(id, {"text": "hi"})
    assert before is not None
    assert transaction.get(id) == {"_id": id, "_creationTime": before["_creationTime"], "text": "hi"}


def test_a_change_that_changes_nothing_writes_nothing_and_checks_nothing(desk: Desk) -> None:
    (id,) = fill(desk, "ann")

    def refuse(table: str, document: dict[str, Any]) -> None:
        raise AssertionError("an unchanged document is not checked")

    transaction = desk.begin(document_check=refuse, limits=Limits(documents_written_max=0))
    transaction.patch(id, {"author": "ann", "absent": UNDEFINED})
    transaction.replace(id, {"author": "ann"})
    assert transaction.writes() == []
    assert transaction.reads() == [point(id)]


def test_a_deleted_document_is_gone_and_cannot_be_deleted_twice(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin()
    transaction.delete(id)
    assert transaction.get(id) is None
    with pytest.raises(DeveloperError) as raised:
        transaction.delete(id)
    assert raised.value.code == "NonexistentDocument"
    (write,) = transaction.writes()
    assert write.value is None


def test_inserting_and_deleting_leaves_no_write(desk: Desk) -> None:
    transaction = desk.begin()
    transaction.delete(transaction.insert("messages", {}))
    assert transaction.writes() == []


@pytest.mark.parametrize(("verb", "word"), [("patch", "Update"), ("replace", "Replace"), ("delete", "Delete")])
def test_changing_what_is_not_there_is_an_error(desk: Desk, verb: str, word: str) -> None:
    def change(id: Any, table: str | None = None) -> DeveloperError:
        with pytest.raises(DeveloperError) as raised:
            transaction.delete(id, table) if verb == "delete" else getattr(transaction, verb)(id, {}, table)
        return raised.value

    transaction = desk.begin()
    error = change(MISSING_ID)
    assert (error.code, error.message) == ("NonexistentDocument", f"{word} on nonexistent document ID {MISSING_ID}")
    assert point(MISSING_ID) in transaction.reads()
    assert change(UNKNOWN_TABLE_ID).message == (
        f'Invalid argument `id` for `db.{verb}`: Table for ID "{UNKNOWN_TABLE_ID}" not found'
    )
    assert change(MISSING_ID, "counters").message == (
        f'Invalid argument `id` for `db.{verb}`: expected to be an Id<"counters">, got Id<"messages"> instead.'
    )
    assert change("x").message == f"Invalid argument `id` for `db.{verb}`: Unable to decode ID: Invalid ID length 1"
    assert change(SYSTEM_ID).code == "SystemTableError"


def test_a_query_cannot_write(desk: Desk) -> None:
    (id,) = fill(desk, "ann")
    transaction = desk.begin(writable=False)
    for write in (
        lambda: transaction.insert("messages", {}),
        lambda: transaction.patch(id, {}),
        lambda: transaction.replace(id, {}),
        lambda: transaction.delete(id),
    ):
        with pytest.raises(DeveloperError, match="A query cannot write to the database"):
            write()


def test_every_write_is_checked_against_the_schema_by_table(desk: Desk) -> None:
    seen: list[tuple[str, Any]] = []

    def check(table: str, document: dict[str, Any]) -> None:
        seen.append((table, document.get("author")))

    transaction = desk.begin(document_check=check)
    id = transaction.insert("messages", {"author": "ann"})
    transaction.patch(id, {"author": "bob"})
    transaction.replace(id, {"author": "cyd"})
    transaction.delete(id)
    assert seen == [("messages", "ann"), ("messages", "bob"), ("messages", "cyd")]


def test_a_write_that_is_refused_leaves_everything_as_it_was(desk: Desk) -> None:
    (id,) = fill(desk, "ann")

    def refuse(table: str, document: dict[str, Any]) -> None:
        if document["author"] == "bob":
            raise ValidationError("no bob")

    transaction = desk.begin(document_check=refuse)
    with pytest.raises(ValidationError):
        transaction.patch(id, {"author": "bob"})
    with pytest.raises(DeveloperError, match="is not a supported Convex type"):
        transaction.patch(id, {"author": {1, 2}})
    assert by_author(transaction, "ann") == [id]
    assert transaction.writes() == []


# --- own writes -------------------------------------------------------------------------------------------------------


def test_own_writes_appear_in_every_later_scan(desk: Desk) -> None:
    ann, bob, cyd = fill(desk, "ann", "bob", "cyd")
    transaction = desk.begin()
    assert by_author(transaction) == [ann, bob, cyd]
    transaction.patch(ann, {"author": "dan"})
    transaction.delete(bob)
    new = transaction.insert("messages", {"author": "bea"})
    assert by_author(transaction) == [new, cyd, ann]
    assert by_author(transaction, order="desc") == [ann, cyd, new]
    assert by_author(transaction, "ann") == []


def test_writes_made_before_the_first_scan_appear_in_it(desk: Desk) -> None:
    (ann,) = fill(desk, "ann")
    transaction = desk.begin()
    new = transaction.insert("messages", {"author": "aaa"})
    transaction.patch(ann, {"author": "zoe"})
    assert by_author(transaction) == [new, ann]


def test_a_loop_sees_rows_written_ahead_of_it_and_may_delete_behind_it(desk: Desk) -> None:
    fill(desk, "ann", "bob", "cyd")
    transaction = desk.begin()
    seen = []
    for row in transaction.run_query("messages", "by_author", [], "asc", []):
        seen.append(row["author"])
        transaction.delete(row["_id"])
        if row["author"] == "bob":
            transaction.insert("messages", {"author": "bz"})
            transaction.insert("messages", {"author": "aa"})
    assert seen == ["ann", "bob", "bz", "cyd"]


# --- limits -----------------------------------------------------------------------------------------------------------

ADVICE = (
    " Consider using smaller limits in your queries, paginating your queries, or using indexed queries with a "
    "selective index range expressions."
)


def test_documents_read_are_bounded_filtered_ones_included(desk: Desk) -> None:
    fill(desk, "ann", "bob", "cyd")
    nothing = {"$literal": False}
    transaction = desk.begin(limits=Limits(documents_read_max=2))
    with pytest.raises(LimitError) as raised:
        list(transaction.run_query("messages", None, [], "asc", [("filter", nothing)]))
    assert raised.value.code == "TooManyDocumentsRead"
    assert raised.value.message == ("Too many documents read in a single function execution (limit: 2)." + ADVICE)
    with pytest.raises(LimitError):  # catching it gave nothing back
        list(transaction.run_query("messages", None, [], "asc", []))


def test_bytes_read_are_bounded(desk: Desk) -> None:
    fill(desk, "x" * 100)
    with pytest.raises(LimitError) as raised:
        by_author(desk.begin(limits=Limits(bytes_read_max=100)))
    assert raised.value.code == "TooManyBytesRead"
    assert raised.value.message == ("Too many bytes read in a single function execution (limit: 100 bytes)." + ADVICE)


def test_read_ranges_are_bounded_after_merging(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(read_ranges_max=5))
    for _ in range(20):
        by_author(transaction, "ann")
    for author in ("b", "c"):
        by_author(transaction, author)
    with pytest.raises(LimitError) as raised:
        read_authors(transaction, "d", "e", "f", "g")
    assert raised.value.code == "TooManyReads"
    assert raised.value.message == "Too many reads in a single function execution (limit: 5)." + ADVICE


def test_operators_are_bounded(desk: Desk) -> None:
    transaction = desk.begin(writable=False, limits=Limits(query_operators_max=2))
    always: Any = ("filter", {"$literal": True})
    assert list(transaction.run_query("messages", None, [], "asc", [always] * 2)) == []
    with pytest.raises(LimitError, match="Can't construct query with more than 2 operators") as raised:
        transaction.run_query("messages", None, [], "asc", [always] * 3)
    assert raised.value.code == "TooManyOperators"


def test_writes_are_bounded_each_counting_also_of_the_same_document(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(documents_written_max=3))
    id = transaction.insert("messages", {"n": 0})
    transaction.patch(id, {"n": 1})
    transaction.patch(id, {"n": 2})
    with pytest.raises(LimitError) as raised:
        transaction.delete(id)
    assert raised.value.code == "TooManyWrites"
    assert raised.value.message == "Too many writes in a single function execution (limit: 3)"
    assert transaction.get(id) is not None


def test_bytes_written_are_bounded(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(bytes_written_max=2**20))
    with pytest.raises(LimitError) as raised:
        write_texts(transaction, 20, "x" * 100_000)
    assert raised.value.code == "TooManyBytesWritten"
    assert raised.value.message == "Too many bytes written in a single function execution (limit: 1 MiB)"
    assert len(transaction.writes()) == 10


def test_documents_are_bounded_in_size_and_depth(desk: Desk) -> None:
    transaction = desk.begin()
    with pytest.raises(DeveloperError) as raised:
        transaction.insert("messages", {"text": "x" * 2**20})
    assert raised.value.code == "ValueTooLargeError"
    nested: dict[str, Any] = {}
    for _ in range(16):
        nested = {"a": nested}
    with pytest.raises(DeveloperError) as raised:
        transaction.insert("messages", nested)
    assert raised.value.message == "Document is too nested (nested 17 levels deep > maximum nesting 16)"
    assert transaction.writes() == []


# --- system documents -------------------------------------------------------------------------------------------------


def test_system_documents_are_written_with_system_fields_and_read_back(desk: Desk) -> None:
    internal = bytes(range(16))
    transaction = desk.begin()
    transaction.put_system(SESSION_REQUESTS_TABLE, internal, {"request": 1.0})
    own = transaction.get_stored(SESSION_REQUESTS_TABLE, internal)
    assert own is not None
    assert own.ts == 0
    desk.commit(transaction)
    later = desk.begin()
    stored = later.get_stored(SESSION_REQUESTS_TABLE, internal)
    assert stored is not None
    assert stored.ts > 0
    document = decode_canonical(stored.data)
    assert isinstance(document, dict)
    assert (document["_id"], document["request"]) == (encode_id(SESSION_REQUESTS_TABLE, internal), 1.0)
    later.delete_system(SESSION_REQUESTS_TABLE, internal)
    assert later.get_stored(SESSION_REQUESTS_TABLE, internal) is None
    desk.commit(later)
    assert desk.begin().get_stored(SESSION_REQUESTS_TABLE, internal) is None
