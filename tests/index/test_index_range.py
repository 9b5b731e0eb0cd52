"""Bounds from expressions, sets of ranges, and the one predicate."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.errors import DeveloperError
from rtdb.index.definition import IndexDefinition, by_creation_time, by_id
from rtdb.index.index_key import full_key
from rtdb.index.index_range import (
    RangeExpression,
    RangeOperator,
    RangeSet,
    bounds_from_expressions,
    key_in_range,
    point_range,
    prefix_range,
)
from rtdb.link.frames import ReadRange
from rtdb.storage.keys import index_number
from rtdb.values.ordering import compare, encode_key
from rtdb.values.value import UNDEFINED, Int64

TABLE = 10001
INDEX = IndexDefinition(index_number(TABLE, 2), TABLE, "by_a_b", ("a", "b.c"))

E = RangeExpression


def bounds(*expressions: RangeExpression, index: IndexDefinition = INDEX) -> tuple[bytes, bytes]:
    return bounds_from_expressions(index, expressions, "things")


def document(a: Any, c: Any, creation_time: float = 1.0) -> dict[str, Any]:
    fields: dict[str, Any] = {"_id": "j57", "_creationTime": creation_time}
    if a is not UNDEFINED:
        fields["a"] = a
    if c is not UNDEFINED:
        fields["b"] = {"c": c}
    return fields


# --- bounds ---------------------------------------------------------------------------------------------------------

values = st.one_of(
    st.just(UNDEFINED),
    st.none(),
    st.integers(-2, 2).map(Int64),
    st.sampled_from([-1.0, -0.0, 0.0, 1.0, float("inf"), float("nan")]),
    st.booleans(),
    st.sampled_from(["", "a", "a\0", "a\0b", "ab", "\U0010ffff"]),
    st.sampled_from([b"", b"\0", b"\0\xff"]),
    st.sampled_from([[], [None], ["a"], {}, {"": 1.0}, {"a": 1.0}]),
)
HOLDS: dict[RangeOperator, Any] = {
    "Eq": lambda order: order == 0,
    "Gt": lambda order: order > 0,
    "Gte": lambda order: order >= 0,
    "Lt": lambda order: order < 0,
    "Lte": lambda order: order <= 0,
}


@pytest.mark.slow
@settings(max_examples=300)
@given(st.data())
def test_a_key_is_within_the_bounds_exactly_when_the_document_satisfies_the_expressions(data: st.DataObject) -> None:
    equal = data.draw(st.lists(values, max_size=2))
    expressions = [E("Eq", field, value) for field, value in zip(INDEX.fields, equal, strict=False)]
    bounded = INDEX.key_fields[len(equal)]
    lower: list[RangeOperator] = data.draw(st.lists(st.sampled_from(["Gt", "Gte"]), max_size=1))
    upper: list[RangeOperator] = data.draw(st.lists(st.sampled_from(["Lt", "Lte"]), max_size=1))
    expressions += [E(operator, bounded, data.draw(values)) for operator in lower + upper]
    start, stop = bounds(*data.draw(st.permutations(expressions)))
    assert start <= stop
    fields = document(data.draw(values), data.draw(values), data.draw(st.sampled_from([0.5, 1.0, 1.5])))
    found: dict[str, Any] = {
        "a": fields.get("a", UNDEFINED),
        "b.c": fields.get("b", {}).get("c", UNDEFINED),
        "_creationTime": fields["_creationTime"],
    }
    expected = all(HOLDS[e.operator](compare(found[e.field], e.value)) for e in expressions)
    key = full_key(INDEX, fields)
    assert (start <= key < stop) == expected
    assert key_in_range(key, ReadRange(INDEX.number, start, stop)) == expected


def test_no_expression_is_the_whole_index() -> None:
    assert bounds() == (b"", b"\xff")


def test_built_in_indexes_are_bounded_by_their_own_fields() -> None:
    a, b = encode_key(1.0), encode_key("x")
    creation = by_creation_time(TABLE)
    assert bounds(E("Gte", "_creationTime", 1.0), index=creation) == (a, b"\xff")
    assert bounds(E("Eq", "_creationTime", 1.0), E("Lt", "_id", "x"), index=creation) == (a, a + b)
    assert bounds(E("Eq", "_id", "x"), index=by_id(TABLE)) == (b, b + b"\xff")


def test_periods_at_the_ends_of_a_path_do_not_count() -> None:
    assert bounds(E("Eq", ".a", 1.0), E("Gt", "b.c.", 2.0)) == bounds(E("Eq", "a", 1.0), E("Gt", "b.c", 2.0))


def test_a_lower_bound_above_the_upper_one_is_an_empty_range() -> None:
    start, stop = bounds(E("Gt", "a", 5.0), E("Lt", "a", 3.0))
    assert start == stop


IN_ORDER = (
    "Tried to query index things.by_a_b but the query didn't use the index fields in order.\n"
    'Index fields: ["a", "b.c", "_creationTime"]\nQuery fields: {query}\nFirst incorrect field: "{first}"\n'
    "For more information see https://docs.convex.dev/using/indexes."
)


@pytest.mark.parametrize(
    ("expressions", "code", "text"),
    [
        (
            [E("Eq", "a", 1.0), E("Eq", "a", "two")],
            "AlreadyDefinedBound",
            'Already defined equality bound in index range. Can\'t add "a" == 1.0.',
        ),
        (
            [E("Gt", "a", 1.0), E("Gte", "a", 2.0)],
            "AlreadyDefinedBound",
            'Already defined lower bound in index range. Can\'t add "a" >= 2.0.',
        ),
        (
            [E("Lte", "a", 1.0), E("Lt", "b.c", UNDEFINED)],
            "AlreadyDefinedBound",
            'Already defined upper bound in index range. Can\'t add "b.c" < undefined.',
        ),
        (
            [E("Gt", "a", 1.0), E("Eq", "a", None)],
            "AlreadyDefinedBound",
            'Already defined inequality bound in index range. Can\'t add "a" == null.',
        ),
        (
            [E("Gt", "a", 1.0), E("Lt", "b.c", 2.0)],
            "BoundsOnMultipleFields",
            "Upper and lower bounds in `range` can only be applied to a single index field. This query against index "
            'things.by_a_b attempted to set a range bound on both "a" and "b.c". Consider using `filter` instead. '
            "See https://docs.convex.dev/using/indexes for more info.",
        ),
        ([E("Eq", "b.c", 1.0)], "InvalidIndexRange", IN_ORDER.format(query='["b.c"]', first="b.c")),
        (
            [E("Eq", "_creationTime", 1.0), E("Eq", "a", 1.0), E("Lt", "b.c", 1.0)],
            "InvalidIndexRange",
            IN_ORDER.format(query='["a", "_creationTime", "b.c"]', first="_creationTime"),
        ),
        ([E("Lt", "_id", "x")], "InvalidIndexRange", IN_ORDER.format(query='["_id"]', first="_id")),
        (
            [E("Eq", "a", 1.0), E("Gt", "x", 1.0)],
            "FieldNotInIndex",
            'The index range included a comparison with "x", but things.by_a_b with fields '
            '["a", "b.c", "_creationTime"] doesn\'t index this field. '
            "For more information see https://docs.convex.dev/using/indexes.",
        ),
    ],
)
def test_expressions_that_do_not_fit_the_index_are_refused_in_the_clients_words(
    expressions: list[RangeExpression], code: str, text: str
) -> None:
    with pytest.raises(DeveloperError) as caught:
        bounds(*expressions)
    assert (caught.value.code, caught.value.message) == (code, text)


# --- range sets -----------------------------------------------------------------------------------------------------

small_keys = st.binary(max_size=2).map(lambda key: bytes(byte % 4 for byte in key))
ranges = st.builds(ReadRange, st.integers(1, 2), small_keys, small_keys)


@pytest.mark.slow
@settings(max_examples=200)
@given(st.lists(ranges, max_size=10))
def test_a_range_set_holds_exactly_the_keys_of_its_ranges(added: list[ReadRange]) -> None:
    found = RangeSet()
    for one in added:
        found.add(one.index, one.start, one.stop)
    merged = found.ranges()
    assert len(found) == len(merged) <= len(added)
    for before, after in pairwise(merged):
        assert before.index < after.index or before.stop < after.start
    every_key = [b"", *(bytes([a]) for a in range(5)), *(bytes([a, b]) for a in range(5) for b in range(5))]
    for index in (1, 2, 3):
        for key in every_key:
            expected = any(one.index == index and key_in_range(key, one) for one in added)
            assert found.contains(index, key) == expected
            assert any(one.index == index and key_in_range(key, one) for one in merged) == expected


def test_touching_ranges_become_one() -> None:
    found = RangeSet()
    found.add(1, b"a", b"b")
    found.add(1, b"c", b"d")
    found.add(1, b"b", b"c")
    found.add(1, b"z", b"a")
    assert found.ranges() == [ReadRange(1, b"a", b"d")]


def test_a_point_holds_its_key_only_and_a_prefix_all_that_continue_it() -> None:
    key = encode_key("a") + encode_key(1.0)
    assert key_in_range(key, point_range(1, key))
    assert not key_in_range(key + b"\0", point_range(1, key))
    assert key_in_range(key, prefix_range(1, encode_key("a")))
    assert not key_in_range(encode_key("a\0b"), prefix_range(1, encode_key("a")))
    assert key_in_range(key, prefix_range(1, b""))
