"""How documents change in a transaction, and what it sees of its own writes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.errors import DeveloperError, ValidationError
from rtdb.storage.system_tables import (
    NEXT_TABLE_KEY,
    SESSION_REQUESTS_TABLE,
    TABLES_TABLE,
    table_document_id,
    table_name_key,
)
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.value import UNDEFINED, Int64
from tests.transaction.desk import (
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
    assert {name_read(NEXT_TABLE_KEY), name_read(table_name_key("fresh"))} <= set(transaction.reads())
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
    assert transaction.reads() == [point_read(id)]


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
    assert point_read(MISSING_ID) in transaction.reads()
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
