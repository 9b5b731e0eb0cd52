"""Keys have a part per field and sort like the fields' values."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.index.definition import IndexDefinition, TableDefinition, by_creation_time, by_id
from rtdb.index.index_key import all_key_parts, field_value, full_key, key_parts
from rtdb.storage.keys import index_number
from rtdb.values.ordering import compare, encode_key
from rtdb.values.value import UNDEFINED

TABLE = 10001
INDEX = IndexDefinition(index_number(TABLE, 2), TABLE, "by_a_b", ("a", "b.c"))
NESTED = IndexDefinition(index_number(TABLE, 3), TABLE, "by_x", ("x.y.z",), "backfilling")
DEFINITION = TableDefinition(
    number=TABLE,
    name="things",
    indexes={},
    stored=(by_creation_time(TABLE), INDEX, NESTED),
    by_id=by_id(TABLE),
    by_creation_time=by_creation_time(TABLE),
)

values = st.one_of(st.none(), st.floats(), st.sampled_from(["", "a", "a\0", "b"]), st.booleans(), st.just([1.0]))
documents = st.fixed_dictionaries(
    {"_id": st.sampled_from(["j1", "j2"]), "_creationTime": st.sampled_from([1.0, 2.0])},
    optional={"a": values, "b": st.one_of(values, st.fixed_dictionaries({}, optional={"c": values}))},
)


@settings(max_examples=100)
@given(documents, documents)
def test_keys_sort_like_tuples_of_field_values(one: dict[str, Any], other: dict[str, Any]) -> None:
    orders = (compare(field_value(one, path), field_value(other, path)) for path in INDEX.key_fields)
    expected = next((order for order in orders if order), 0)
    key, other_key = full_key(INDEX, one), full_key(INDEX, other)
    assert (key > other_key) - (key < other_key) == expected


@settings(max_examples=50)
@given(documents)
def test_the_keys_of_all_indexes_are_those_of_each(document: dict[str, Any]) -> None:
    expected = {index.number: key_parts(index, document) for index in (DEFINITION.by_id, *DEFINITION.stored)}
    assert all_key_parts(DEFINITION, document) == expected


def test_a_part_stands_for_each_field_and_then_for_creation_time_and_id() -> None:
    document = {"_id": "j1", "_creationTime": 1.0, "a": "x"}
    ends = [encode_key(1.0), encode_key("j1")]
    assert key_parts(INDEX, document) == [encode_key("x"), encode_key(UNDEFINED), *ends]
    assert key_parts(by_creation_time(TABLE), document) == ends
    assert key_parts(by_id(TABLE), document) == ends[1:]


def test_a_path_walks_objects_only() -> None:
    assert field_value({"a": {"b": {"c": 1.0}}}, "a.b.c") == 1.0
    assert field_value({"a": {"b": None}}, "a.b") is None
    for document in ({}, {"a": 1.0}, {"a": [{"b": 1.0}]}, {"a": {"c": 1.0}}, {"a": "b"}):
        assert field_value(document, "a.b") is UNDEFINED
