from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.schema.schema import define_schema
from rtdb.schema.schema_change import SchemaChange, TableIndex, compare_schemas, is_subset
from rtdb.schema.table import define_table
from rtdb.schema.validators import Validator, v
from rtdb.testing.strategies import validators
from rtdb.values.value import Int64
from tests.schema.test_compiled import accepts, matching

Fields = dict[str, Validator]

USERS = define_table({"name": v.string()}).index("by_name", ["name"])


def test_the_first_schema_makes_everything() -> None:
    schema = define_schema({"users": USERS, "notes": define_table(v.any())})
    assert compare_schemas(None, schema) == SchemaChange(
        tables_to_create=("notes", "users"),
        indexes_to_create=(TableIndex("users", "by_name", ("name",)),),
        indexes_to_drop=(),
        tables_to_check=("users",),
    )


def test_an_equal_schema_changes_nothing() -> None:
    schema = define_schema({"users": USERS})
    assert compare_schemas(schema, define_schema({"users": USERS})) == SchemaChange((), (), (), ())


def test_a_removed_table_loses_its_indexes_only() -> None:
    change = compare_schemas(define_schema({"users": USERS}), define_schema({}))
    assert change == SchemaChange((), (), (TableIndex("users", "by_name", ("name",)),), ())


def test_an_index_with_other_fields_is_dropped_and_created() -> None:
    old = define_schema({"t": define_table(v.any()).index("i", ["a"])})
    new = define_schema({"t": define_table(v.any()).index("i", ["b"])})
    change = compare_schemas(old, new)
    assert change.indexes_to_drop == (TableIndex("t", "i", ("a",)),)
    assert change.indexes_to_create == (TableIndex("t", "i", ("b",)),)


@pytest.mark.parametrize(
    ("old", "new", "checked"),
    [
        ({"a": v.string()}, {"a": v.string(), "b": v.optional(v.null())}, False),
        ({"a": v.string()}, {"a": v.optional(v.string())}, False),
        ({"a": v.string()}, {"a": v.nullable(v.string())}, False),
        ({"a": v.string()}, {"a": v.any()}, False),
        ({"a": v.optional(v.string())}, {"a": v.string()}, True),
        ({"a": v.string(), "b": v.null()}, {"a": v.string()}, True),
        ({"a": v.string()}, {"a": v.string(), "b": v.null()}, True),
        ({"a": v.string()}, {"a": v.number()}, True),
    ],
)
def test_documents_are_checked_again_when_more_is_asked_of_them(old: Fields, new: Fields, checked: bool) -> None:
    change = compare_schemas(define_schema({"t": define_table(old)}), define_schema({"t": define_table(new)}))
    assert change.tables_to_check == (("t",) if checked else ())


def test_an_old_schema_that_was_not_enforced_promises_nothing() -> None:
    tables = {"users": USERS}
    unchecked = define_schema(tables, schema_validation=False)
    assert compare_schemas(unchecked, define_schema(tables)).tables_to_check == ("users",)
    assert compare_schemas(define_schema(tables), unchecked).tables_to_check == ()


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (v.id("t"), v.string()),
        (v.literal("a"), v.string()),
        (v.literal(1), v.number()),
        (v.literal(Int64(1)), v.int64()),
        (v.literal(True), v.boolean()),
        (v.boolean(), v.union(v.literal(True), v.literal(False), v.null())),
        (v.union(v.literal("a"), v.null()), v.union(v.null(), v.string())),
        (v.array(v.id("t")), v.array(v.string())),
        (v.record(v.id("t"), v.literal(1)), v.record(v.string(), v.number())),
        (v.union(), v.null()),
        (v.object({}), v.any()),
    ],
)
def test_subsets_are_recognised(narrow: Validator, wide: Validator) -> None:
    assert is_subset(narrow, wide)
    assert not is_subset(wide, narrow)


@given(st.data(), validators(["users", "teams"], max_leaves=4), validators(["users", "teams"], max_leaves=4))
def test_what_a_subset_accepts_is_accepted(data: st.DataObject, one: Validator, other: Validator) -> None:
    wide = data.draw(st.sampled_from([other, v.union(one, other), v.union(other, v.any())]))
    if is_subset(one, wide):
        value = data.draw(matching(one))
        assert not accepts(one, value) or accepts(wide, value)
