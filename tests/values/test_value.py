from __future__ import annotations

import copy
import enum
import pickle
from collections import OrderedDict
from typing import Any

import pytest
from hypothesis import given

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.testing.strategies import values
from rtdb.values.json_codec import encode
from rtdb.values.value import (
    UNDEFINED,
    Int64,
    Value,
    check,
    check_document,
    coerce,
    display,
    nesting,
    size,
)

MIB = 1024 * 1024


def nested(levels: int) -> Value:
    value: Value = 1.0
    for _ in range(levels):
        value = [value]
    return value


# --- Int64 and UNDEFINED ----------------------------------------------------------------------------------------------


def test_int64_is_equal_to_itself_only() -> None:
    assert Int64(1) == Int64(1)
    assert hash(Int64(1)) == hash(Int64(1))
    assert Int64(1) != Int64(2)
    assert Int64(1) != 1
    assert Int64(1) != 1.0


def test_int64s_are_ordered_and_convert_to_int() -> None:
    assert Int64(-1) < Int64(0) <= Int64(0) < Int64(2)
    assert Int64(2) > Int64(1) >= Int64(1)
    assert int(Int64(7)) == 7
    assert hex(Int64(255)) == "0xff"


def test_int64_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Int64(1).value = 2


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**5000], ids=["above", "below", "far above"])
def test_int64_refuses_what_does_not_fit(number: int) -> None:
    with pytest.raises(DeveloperError, match="outside the range of an `Int64`"):
        Int64(number)


@pytest.mark.parametrize("value", [Int64(-5), UNDEFINED])
def test_copies_are_as_good_as_the_original(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value


def test_undefined_is_false_and_stays_the_only_one() -> None:
    assert not UNDEFINED
    assert copy.copy(UNDEFINED) is UNDEFINED


# --- size and nesting -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, 1),
        (True, 1),
        (1, 9),
        (1.0, 9),
        (Int64(1), 9),
        ("", 2),
        ("é", 4),
        (b"abc", 5),
        ([], 2),
        ({}, 2),
        ({"a": None}, 5),
        ([True, Int64(1)], 12),
        ((1, 2), 20),
        ({"a": {"b": "c"}}, 2 + 2 + 2 + 2 + 3),
        ({"_id": "j57000820c20a1g7104gm2rc1m70ynr8", "_creationTime": 1.0}, 63),
    ],
)
def test_size_follows_the_table(value: Value, expected: int) -> None:
    assert size(value) == expected


@given(values())
def test_no_value_is_more_than_three_times_as_large_as_its_json(value: Value) -> None:
    assert size(value) <= 3 * len(encode(value))


@pytest.mark.parametrize(
    ("value", "levels"),
    [(1.0, 0), ([], 1), ({}, 1), ([1.0], 1), ([[], {"a": [1.0]}], 3), ({"a": ([],)}, 3)],
)
def test_nesting_counts_levels_of_containers(value: Value, levels: int) -> None:
    assert nesting(value) == levels


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check_it", [check, encode])
@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        (nested(65), "TooNestedError", "Value is too nested (nested 65 levels deep > maximum nesting 64)"),
        (nested(5000), "TooNestedError", "Value is too nested (nested 65 levels deep > maximum nesting 64)"),
        (
            {f"f{i}": None for i in range(1025)},
            "TooManyFieldsError",
            "Object has too many fields (1025 > maximum number 1024)",
        ),
        ([None] * 8193, "ArrayTooLong", "Array length is too long (8193 > maximum length 8192)"),
        (
            "x" * (32 * MIB),
            "ValueTooLargeError",
            "Value is too large (32 MiB > maximum size 32 MiB)",
        ),
        (
            ["x" * (33 * MIB)],
            "ValueTooLargeError",
            "Value is too large (33 MiB > maximum size 32 MiB)",
        ),
        ({"$a": 1}, "InvalidFieldNameError", "Field name $a starts with '$', which is reserved."),
        (
            {"é": 1},
            "InvalidFieldNameError",
            "Field name é has invalid character 'é': Field names can only contain non-control ASCII characters",
        ),
        (
            {"a\n": 1},
            "InvalidFieldNameError",
            "Field name a\\n has invalid character '\\n': Field names can only contain non-control ASCII characters",
        ),
        ({"x" * 1025: 1}, "InvalidFieldNameError", "Field name is too long (1025 > maximum 1024)"),
        (
            {1: 1},
            "InvalidFieldNameError",
            "Field name 1 is not a string: objects can only have string keys.",
        ),
        ("\ud800", "InvalidStringError", "String has an unpaired surrogate, which UTF-8 cannot represent."),
        (
            [2**53 + 1],
            "InvalidFloat64Error",
            "Integer 9007199254740993 is outside the range of a Convex `Float64` (-2^53 to 2^53). "
            "Consider using an `Int64`, which corresponds to a `bigint` in JavaScript.",
        ),
        (
            {"a": [{1, 2}]},
            "UnsupportedTypeError",
            "set is not a supported Convex type (present at path .a[0]). "
            "Use None, bool, int, float, Int64, str, bytes, list or dict.",
        ),
        (
            [1.0, UNDEFINED],
            "UnsupportedTypeError",
            "undefined is not a valid Convex value (present at path [1] in original object [1.0, undefined]). To learn "
            "about Convex's supported types, see https://docs.convex.dev/using/types.",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) and given.endswith("Error") else "",
)
def test_what_is_no_value_is_refused_in_the_words_of_the_reference(
    check_it: Any, value: Any, code: str, message: str
) -> None:
    with pytest.raises(DeveloperError) as caught:
        check_it(value)
    assert caught.value.message == message
    assert caught.value.code == code


@pytest.mark.parametrize("check_it", [check, encode])
@pytest.mark.parametrize(
    "value",
    [
        nested(64),
        {f"f{i}": None for i in range(1024)},
        [None] * 8192,
        {"": 1, " ~": 2, "_x": 3, "x" * 1024: 4},
        [2**53, -(2**53)],
        "x" * (32 * MIB - 2),
    ],
    ids=["nesting", "fields", "elements", "names", "integers", "bytes"],
)
def test_values_at_the_limits_are_accepted(check_it: Any, value: Any) -> None:
    check_it(value)


@pytest.mark.parametrize("check_it", [check, encode])
def test_a_value_that_contains_itself_is_too_nested(check_it: Any) -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(DeveloperError, match="too nested"):
        check_it(loop)


def test_limits_of_check_are_those_it_is_given() -> None:
    with pytest.raises(DeveloperError, match=r"Value is too large \(12 B > maximum size 10 B\)"):
        check("0123456789", Limits(value_bytes_max=10))


def test_a_document_may_be_a_mebibyte_and_no_more() -> None:
    fits: dict[str, Value] = {"a": "x" * (MIB - 6)}
    check_document(fits, len(encode(fits)))
    large: dict[str, Value] = {"a": "x" * (MIB + 10_000)}
    with pytest.raises(DeveloperError) as caught:
        check_document(large, len(encode(large)))
    assert caught.value.message == "Value is too large (1.01 MiB > maximum size 1 MiB)"
    assert caught.value.code == "ValueTooLargeError"


def test_a_document_may_be_sixteen_levels_deep_and_no_more() -> None:
    check_document({"a": nested(15)}, 100)
    with pytest.raises(DeveloperError) as caught:
        check_document({"a": nested(16)}, 100)
    assert caught.value.message == "Document is too nested (nested 17 levels deep > maximum nesting 16)"
    assert caught.value.code == "TooNestedError"


# --- coercion ---------------------------------------------------------------------------------------------------------


class Color(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Celsius(float):
    def __repr__(self) -> str:
        return "warm"


@pytest.mark.parametrize(
    ("given_value", "expected"),
    [
        (Color.RED, "red"),
        (Level.HIGH, 3),
        (Celsius(1.5), 1.5),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"ab"), b"ab"),
        (("a", ("b",)), ["a", ["b"]]),
        (range(3), [0, 1, 2]),
        (OrderedDict(b=1, a=[(2,)]), {"b": 1, "a": [[2]]}),
        ({Color.RED: Color.RED}, {"red": "red"}),
    ],
)
def test_values_of_other_python_types_become_exact(given_value: object, expected: object) -> None:
    exact = coerce(given_value)
    assert exact == expected
    assert type(exact) is type(expected)
    assert encode(given_value) == encode(expected)  # type: ignore[arg-type]  # they are values
    assert size(exact) == size(given_value)


# --- printing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (UNDEFINED, "undefined"),
        (True, "true"),
        (Int64(5), "5"),
        (5, "5.0"),
        (5.0, "5.0"),
        (-0.0, "-0.0"),
        (1e22, "1e22"),
        (1.5e-7, "1.5e-7"),
        (float("nan"), "NaN"),
        (float("-inf"), "-inf"),
        ('a"b\n', '"a\\"b\\n"'),
        ("é", '"é"'),
        (b"\x00\x01", 'b"AAE="'),
        ([1.0, "a"], '[1.0, "a"]'),
        ({"k2": None, "k": [Int64(1)]}, "{k: [1], k2: null}"),
    ],
)
def test_values_print_as_in_messages_of_the_reference(value: object, text: str) -> None:
    assert display(value) == text
