from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.errors import DeveloperError
from rtdb.transaction.filter_expression import COMPARISONS, compile_filter
from rtdb.values.ordering import compare
from rtdb.values.value import INT64_MAX, INT64_MIN, UNDEFINED, Int64

OTHER_NAN = struct.unpack("<d", bytes.fromhex("010000000000f8ff"))[0]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, OTHER_NAN]),
    st.floats(),
    st.sampled_from(["", "a", "b", "a\0"]),
    st.sampled_from([Int64(0), Int64(1), Int64(-1)]),
    st.sampled_from([b"", b"a"]),
)
values = st.one_of(
    scalars, st.lists(scalars, max_size=2), st.dictionaries(st.sampled_from(["a", "b"]), scalars, max_size=2)
)


def field(path: str) -> dict[str, Any]:
    return {"$field": path}


def literal(value: Any) -> dict[str, Any]:
    return {"$literal": value}


def holds(node: dict[str, Any], **document: Any) -> bool:
    return compile_filter(node)(document)


def value_of(node: dict[str, Any], expected: Any, **document: Any) -> bool:
    """Whether an expression evaluates to exactly this value."""
    return holds({"$eq": [node, literal(expected)]}, **document)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(COMPARISONS)), values | st.just(UNDEFINED), values | st.just(UNDEFINED))
def test_comparisons_follow_the_total_order_whichever_way_they_are_compiled(name: str, left: Any, right: Any) -> None:
    document = {} if left is UNDEFINED else {"a": left}
    expected = COMPARISONS[name](compare(left, right))
    assert compile_filter({name: [field("a"), literal(right)]})(document) is expected
    assert compile_filter({name: [literal(left), literal(right)]})(document) is expected
    assert compile_filter({"$not": {"$not": {name: [field("a"), literal(right)]}}})(document) is expected


def test_an_absent_field_equals_undefined_and_nothing_else() -> None:
    assert holds({"$eq": [field("a"), literal(UNDEFINED)]})
    assert not holds({"$eq": [field("a"), literal(None)]})
    assert holds({"$lt": [field("a"), literal(None)]})


def test_paths_walk_nested_objects_only() -> None:
    assert value_of(field("a.b"), 1.0, a={"b": 1.0})
    assert value_of(field(".a.b."), 1.0, a={"b": 1.0})
    assert value_of(field("a.b"), UNDEFINED, a=[{"b": 1.0}])
    assert value_of(field("a.b"), UNDEFINED, a={"c": 1.0})
    with pytest.raises(DeveloperError, match="Empty path"):
        compile_filter({"$eq": [field("."), literal(1.0)]})


def test_and_and_or_stop_at_the_first_that_decides() -> None:
    wrong = literal("not a boolean")
    assert not holds({"$and": [literal(False), wrong]})
    assert holds({"$or": [literal(True), wrong]})
    assert holds({"$and": []})
    assert not holds({"$or": []})


@pytest.mark.parametrize(
    "node",
    [
        literal(None),
        field("n"),
        {"$not": literal(None)},
        {"$and": [literal(None)]},
        {"$or": [literal(None)]},
        {"$add": [literal(1.0), literal(1.0)]},
    ],
)
def test_there_is_no_truthiness(node: dict[str, Any]) -> None:
    with pytest.raises(DeveloperError) as raised:
        holds(node, n=None)
    assert raised.value.code == "EvalError"
    assert raised.value.message in (
        "Cannot use value null (type Null) as a Boolean",
        "Cannot use value 2.0 (type Float64) as a Boolean",
    )


def test_an_absent_field_prints_as_undefined_in_errors() -> None:
    with pytest.raises(DeveloperError) as raised:
        holds(field("a"))
    assert raised.value.message == "Cannot use value undefined (type undefined) as a Boolean"


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("$add", 1.0, 2.0, 3.0),
        ("$sub", 1.0, 2.0, -1.0),
        ("$mul", 3.0, 2.0, 6.0),
        ("$div", 1.0, 4.0, 0.25),
        ("$div", 1.0, 0.0, math.inf),
        ("$div", 1.0, -0.0, -math.inf),
        ("$div", -1.0, 0.0, -math.inf),
        ("$mod", 5.5, 2.0, 1.5),
        ("$mod", -5.5, 2.0, -1.5),
        ("$mod", 5.0, math.inf, 5.0),
        ("$add", Int64(2), Int64(3), Int64(5)),
        ("$div", Int64(-7), Int64(2), Int64(-3)),
        ("$mod", Int64(-7), Int64(2), Int64(-1)),
        ("$mod", Int64(7), Int64(-2), Int64(1)),
        ("$div", Int64(7), Int64(-2), Int64(-3)),
    ],
)
def test_arithmetic_is_that_of_the_type(name: str, left: Any, right: Any, expected: Any) -> None:
    assert value_of({name: [literal(left), literal(right)]}, expected)


@pytest.mark.parametrize(("name", "left", "right"), [("$div", 0.0, 0.0), ("$mod", 1.0, 0.0), ("$mod", math.inf, 2.0)])
def test_float_arithmetic_gives_nan_instead_of_failing(name: str, left: float, right: float) -> None:
    assert value_of({name: [literal(left), literal(right)]}, math.nan)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (
            {"$add": [literal(1.0), literal("a")]},
            'Cannot add 1.0 (type Float64) and "a" (type String)',
        ),
        (
            {"$sub": [literal(Int64(1)), literal(1.0)]},
            "Cannot subtract 1 (type Int64) and 1.0 (type Float64)",
        ),
        ({"$mul": [literal(True), literal([])]}, "Cannot multiply true (type Boolean) and [] (type Array)"),
        ({"$div": [literal({}), literal(b"a")]}, 'Cannot divide {} (type Object) and b"YQ==" (type Bytes)'),
        ({"$div": [literal(Int64(5)), literal(Int64(0))]}, "Cannot divide 5 by zero"),
        ({"$mod": [literal(Int64(5)), literal(Int64(0))]}, "Cannot mod 5 by zero"),
        (
            {"$add": [literal(Int64(INT64_MAX)), literal(Int64(1))]},
            f"Cannot add {INT64_MAX} and 1: the result is out of range for Int64",
        ),
        (
            {"$div": [literal(Int64(INT64_MIN)), literal(Int64(-1))]},
            f"Cannot divide {INT64_MIN} and -1: the result is out of range for Int64",
        ),
        ({"$neg": literal("a")}, 'Cannot negate "a" (type String)'),
        (
            {"$neg": literal(Int64(INT64_MIN))},
            f"Cannot negate {INT64_MIN} (type Int64): the result is out of range for Int64",
        ),
    ],
)
def test_operands_of_the_wrong_type_are_evaluation_errors(node: dict[str, Any], message: str) -> None:
    with pytest.raises(DeveloperError) as raised:
        holds(node)
    assert (raised.value.code, raised.value.message) == ("EvalError", message)


def test_negation_keeps_the_type() -> None:
    assert value_of({"$neg": literal(1.5)}, -1.5)
    assert value_of({"$neg": literal(0.0)}, -0.0)
    assert value_of({"$neg": literal(Int64(3))}, Int64(-3))


@pytest.mark.parametrize("node", [{}, {"$eq": [], "$neq": []}, {"$eq": [literal(1.0)]}, {"$what": []}, [1]])
def test_a_malformed_tree_is_refused_before_any_row_is_read(node: Any) -> None:
    with pytest.raises(DeveloperError) as raised:
        compile_filter(node)
    assert raised.value.code == "InvalidFilter"


@pytest.mark.parametrize("path", ["", ".", "a b", "a..b", "1a", "__", "a" * 65])
def test_a_field_path_is_made_of_identifiers(path: str) -> None:
    with pytest.raises(DeveloperError) as raised:
        compile_filter({"$eq": [{"$field": path}, literal("a")]})
    assert raised.value.code == "InvalidFilter"
