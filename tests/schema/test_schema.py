from __future__ import annotations

import json
from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.errors import BadRequestError
from rtdb.schema.schema import check_schema_limits, define_schema, schema_from_json
from rtdb.schema.table import Table, define_table, may_contain_field
from rtdb.schema.validators import v

USERS = define_table({"name": v.string(), "team": v.optional(v.id("teams"))}).index("by_name", ["name"])
ANYTHING = define_table(v.any())


def test_a_schema_holds_its_tables_in_name_order() -> None:
    schema = define_schema({"users": USERS, "notes": ANYTHING})
    assert list(schema.tables) == ["notes", "users"]
    index = schema.tables["users"].index_named("by_name")
    assert index is not None
    assert index.fields == ("name",)
    assert schema.tables["users"].index_named("other") is None


def test_adding_an_index_leaves_the_table_it_was_added_to_alone() -> None:
    assert len(USERS.index("by_team", ["team"]).indexes) == 2
    assert len(USERS.indexes) == 1


def test_declared_system_fields_are_dropped() -> None:
    declared = v.object({"_id": v.id("users"), "_creationTime": v.number(), "a": v.null()})
    assert define_table(declared).document == v.object({"a": v.null()})
    assert define_table(v.union(declared)).document == v.union(v.object({"a": v.null()}))


def test_only_tables_with_a_validator_are_checked() -> None:
    schema = define_schema({"users": USERS, "notes": ANYTHING})
    assert schema.validator("users") == USERS.document
    assert schema.validator("notes") is None
    assert schema.validator("undeclared") is None
    assert define_schema({"users": USERS}, schema_validation=False).validator("users") is None


def test_a_schema_survives_json() -> None:
    schema = define_schema({"users": USERS, "notes": ANYTHING}, schema_validation=False)
    assert schema_from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test_the_json_is_that_of_the_official_tools() -> None:
    assert define_schema({"users": USERS}).to_json() == {
        "tables": [
            {
                "tableName": "users",
                "indexes": [{"indexDescriptor": "by_name", "fields": ["name"]}],
                "stagedDbIndexes": [],
                "searchIndexes": [],
                "stagedSearchIndexes": [],
                "vectorIndexes": [],
                "stagedVectorIndexes": [],
                "documentType": {
                    "type": "object",
                    "value": {
                        "name": {"fieldType": {"type": "string"}, "optional": False},
                        "team": {"fieldType": {"type": "id", "tableName": "teams"}, "optional": True},
                    },
                },
            }
        ],
        "schemaValidation": True,
    }


def test_a_table_without_document_type_accepts_everything() -> None:
    source: dict[str, Any] = {"tables": [{"tableName": "notes", "indexes": [], "documentType": None}]}
    assert schema_from_json(source) == define_schema({"notes": ANYTHING})


@pytest.mark.parametrize(
    "source",
    [
        None,
        [],
        {},
        {"tables": [{}]},
        {"tables": [{"tableName": 1, "indexes": []}]},
        {"tables": [{"tableName": "a", "indexes": [{"indexDescriptor": "i", "fields": 1}]}]},
        {"tables": [{"tableName": "a", "indexes": []}, {"tableName": "a", "indexes": []}]},
        {"tables": [{"tableName": "a", "indexes": [], "searchIndexes": [{}]}]},
    ],
)
def test_json_that_is_no_schema_is_a_bad_request(source: object) -> None:
    with pytest.raises(BadRequestError) as caught:
        schema_from_json(source)
    assert caught.value.code == "InvalidSchemaExport"


RESERVED = "`_creationTime` is automatically added to the end of each index."


@pytest.mark.parametrize(
    ("name", "table", "code", "message"),
    [
        (
            "1st",
            ANYTHING,
            "InvalidTableName",
            'Invalid table name: "1st". Identifiers must start with a letter and can only contain letters, digits, '
            "and underscores.",
        ),
        ("a-b", ANYTHING, "InvalidTableName", 'Invalid table name: "a-b".'),
        ("x" * 65, ANYTHING, "InvalidTableName", "Invalid table name: "),
        ("", ANYTHING, "InvalidTableName", 'Invalid table name: "".'),
        ("_users", ANYTHING, "TableNameReserved", "_users is a reserved table name."),
        (
            "t",
            define_table(v.string()),
            "InvalidTopLevelTypeInSchemaError",
            "The document validator in a schema must be an object, a union of objects, or `v.any()`. Found v.string(). "
            "To learn more, see the schema documentation at https://docs.convex.dev/database/schemas.",
        ),
        (
            "t",
            define_table(v.union(v.object({}), v.null())),
            "InvalidTopLevelTypeInSchemaError",
            "The document validator in a schema must be",
        ),
        (
            "t",
            ANYTHING.index("1st", ["a"]),
            "InvalidIndexName",
            'Invalid index name: "1st". Identifiers must be 64 characters or less, start with a letter, and only '
            "contain letters, digits, underscores.",
        ),
        *(
            (
                "t",
                ANYTHING.index(reserved, ["a"]),
                "IndexNameReserved",
                f'In table "t" cannot name an index "{reserved}" because the name is reserved. Indexes may not start '
                'with an underscore or be named "by_id" or "by_creation_time".',
            )
            for reserved in ("by_id", "by_creation_time", "_mine")
        ),
        ("t", ANYTHING.index("i", []), "EmptyIndex", 'In table "t" index "i" must have at least one field.'),
        (
            "t",
            ANYTHING.index("i", ["a", "b", "a"]),
            "FieldsNotUniqueWithinIndex",
            'In index "i": Duplicate field "a". Index fields must be unique within an index.',
        ),
        (
            "t",
            ANYTHING.index("i", ["a"]).index("j", ["a"]),
            "IndexNotUnique",
            'In table "t" index "i" and index "j" have the same fields. Indexes must be unique within a table.',
        ),
        (
            "t",
            ANYTHING.index("i", ["a"]).index("i", ["b"]),
            "IndexNamesNotUnique",
            'Table "t" has two or more definitions of index "i".',
        ),
        (
            "t",
            ANYTHING.index("i", ["_id"]),
            "IndexFieldsContainId",
            'In index "i": `_id` is not a valid index field.',
        ),
        (
            "t",
            ANYTHING.index("i", ["a", "_creationTime"]),
            "IndexFieldsContainCreationTime",
            'In index "i": ' + RESERVED,
        ),
        (
            "t",
            ANYTHING.index("i", ["_x"]),
            "IndexFieldNameReserved",
            'In index "i": Reserved fields (starting with `_`) are not allowed in indexes.',
        ),
        ("t", ANYTHING.index("i", ["a..b"]), "InvalidIndexField", 'In index "i": Invalid index field: "a..b"'),
        ("t", ANYTHING.index("i", ["é"]), "InvalidIndexField", 'In index "i": Invalid index field: "é"'),
        (
            "t",
            define_table({"a": v.object({"b": v.null()})}).index("i", ["a.c"]),
            "SchemaDefinitionError",
            'In table "t" the index "i" is invalid because it references the field "a.c" that does not exist.',
        ),
        ("t", {"a": v.null()}, "InvalidSchemaExport", 'Table "t" must be made with define_table, got {'),
    ],
)
def test_broken_rules_are_told_in_the_words_of_the_reference(name: str, table: Any, code: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        define_schema({name: table})
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


def test_fields_of_an_index_are_a_list() -> None:
    with pytest.raises(BadRequestError, match='must be given a list of fields, such as \\["name"\\]'):
        ANYTHING.index("i", "name")


SIXTY_FOUR = ANYTHING
for _number in range(64):
    SIXTY_FOUR = SIXTY_FOUR.index(f"i{_number}", [f"f{_number}"])


@pytest.mark.parametrize(
    ("fits", "too_much", "more", "code", "message"),
    [
        (
            {f"t{number}": ANYTHING for number in range(10_000)},
            {f"t{number}": ANYTHING for number in range(10_001)},
            Limits(tables_max=10_001),
            "TooManyTables",
            "Number of tables cannot exceed 10000.",
        ),
        (
            {"t": SIXTY_FOUR},
            {"t": SIXTY_FOUR.index("more", ["more"])},
            Limits(indexes_per_table_max=65),
            "TooManyIndexes",
            'Table "t" cannot have more than 64 indexes.',
        ),
        (
            {"t": ANYTHING.index("i", [f"f{n}" for n in range(15)])},
            {"t": ANYTHING.index("i", [f"f{n}" for n in range(16)])},
            Limits(index_fields_max=17),
            "IndexTooManyFields",
            'In index "i": Indexes may have up to 16 fields.',
        ),
    ],
)
def test_a_schema_is_as_large_as_the_servers_limits_allow(
    fits: dict[str, Table], too_much: dict[str, Table], more: Limits, code: str, message: str
) -> None:
    check_schema_limits(define_schema(fits), Limits())
    schema = define_schema(too_much)
    with pytest.raises(BadRequestError) as caught:
        check_schema_limits(schema, Limits())
    assert (caught.value.code, caught.value.message) == (code, message)
    check_schema_limits(schema, more)


def test_periods_at_the_ends_of_an_indexed_path_do_not_count() -> None:
    table = ANYTHING.index("i", [".a.b", "c."])
    assert define_schema({"t": table}).tables["t"].indexes[0].fields == ("a.b", "c")


@pytest.mark.parametrize(
    ("path", "possible"),
    [
        ("a", True),
        ("a.b", True),
        ("a.c", False),
        ("d.anything.at.all", True),
        ("e", True),
        ("e.f", False),
        ("g", False),
    ],
)
def test_a_field_is_possible_when_some_document_may_have_it(path: str, possible: bool) -> None:
    validator = v.union(
        v.object({"a": v.union(v.null(), v.object({"b": v.string()})), "d": v.optional(v.any())}),
        v.object({"e": v.record(v.string(), v.any())}),
    )
    assert may_contain_field(validator, path) is possible
