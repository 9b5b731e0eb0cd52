from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.errors import BadRequestError
from rtdb.schema.validator_json import validator_from_json
from rtdb.schema.validators import to_validator, v
from rtdb.testing.strategies import validators
from rtdb.values.value import Int64

CASES: list[tuple[Any, str, dict[str, Any]]] = [
    (v.any(), "v.any()", {"type": "any"}),
    (v.null(), "v.null()", {"type": "null"}),
    (v.number(), "v.float64()", {"type": "number"}),
    (v.float64(), "v.float64()", {"type": "number"}),
    (v.int64(), "v.int64()", {"type": "bigint"}),
    (v.bigint(), "v.int64()", {"type": "bigint"}),
    (v.boolean(), "v.boolean()", {"type": "boolean"}),
    (v.string(), "v.string()", {"type": "string"}),
    (v.bytes(), "v.bytes()", {"type": "bytes"}),
    (v.id("users"), 'v.id("users")', {"type": "id", "tableName": "users"}),
    (v.literal("a"), 'v.literal("a")', {"type": "literal", "value": "a"}),
    (v.literal(2), "v.literal(2.0)", {"type": "literal", "value": 2.0}),
    (v.literal(False), "v.literal(false)", {"type": "literal", "value": False}),
    (v.literal(Int64(3)), "v.literal(<bigint>)", {"type": "literal", "value": {"$integer": "AwAAAAAAAAA="}}),
    (v.array(v.string()), "v.array(v.string())", {"type": "array", "value": {"type": "string"}}),
    (
        v.record(v.id("users"), v.number()),
        'v.record(v.id("users"), v.float64())',
        {
            "type": "record",
            "keys": {"type": "id", "tableName": "users"},
            "values": {"fieldType": {"type": "number"}, "optional": False},
        },
    ),
    (
        v.object({"b": v.optional(v.float64()), "a": v.string()}),
        "v.object({a: v.string(), b: v.optional(v.float64())})",
        {
            "type": "object",
            "value": {
                "a": {"fieldType": {"type": "string"}, "optional": False},
                "b": {"fieldType": {"type": "number"}, "optional": True},
            },
        },
    ),
    (v.object({}), "v.object({})", {"type": "object", "value": {}}),
    (v.union(), "v.union()", {"type": "union", "value": []}),
    (
        v.nullable(v.string()),
        "v.union(v.string(), v.null())",
        {"type": "union", "value": [{"type": "string"}, {"type": "null"}]},
    ),
]


@pytest.mark.parametrize(("validator", "text", "source"), CASES, ids=[text for _, text, _ in CASES])
def test_validators_print_and_travel_as_in_the_reference(validator: Any, text: str, source: dict[str, Any]) -> None:
    assert str(validator) == text
    assert validator.to_json() == source
    assert validator_from_json(source) == validator


@given(validators(["users", "teams"]))
def test_a_validator_survives_json(validator: Any) -> None:
    assert validator_from_json(json.loads(json.dumps(validator.to_json()))) == validator


def test_a_mapping_is_an_object_validator() -> None:
    assert to_validator({"a": {"b": v.optional(v.null())}}) == v.object({"a": v.object({"b": v.optional(v.null())})})
    assert v.array({"a": v.null()}) == v.array(v.object({"a": v.null()}))


def test_literals_are_equal_when_their_values_are() -> None:
    assert v.literal(1) == v.literal(1.0)
    assert v.literal(1) != v.literal(True)
    assert v.literal(1) != v.literal(Int64(1))
    assert v.literal(0.0) != v.literal(-0.0)
    assert len({v.literal(1), v.literal(1.0), v.literal(True)}) == 2


@pytest.mark.parametrize(
    ("make", "code", "message"),
    [
        (
            lambda: v.literal(float("nan")),
            "UnsupportedFloatLiteral",
            "Infinite or NaN values are not supported in literal validators.",
        ),
        (lambda: v.literal(None), "InvalidValidator", "Value None is not a valid literal"),  # type: ignore[arg-type]  # what is tested
        (
            lambda: v.record(v.number(), v.any()),
            "InvalidRecordType",
            "Records can only have string keys. Your validator contains a record with key typed as `v.float64()`, "
            "which is not a subtype of `v.string()`",
        ),
        (
            lambda: v.record(v.union(v.string(), v.literal("a")), v.any()),
            "InvalidRecordType",
            "Records cannot have string literal keys",
        ),
        (
            lambda: v.record(v.string(), v.optional(v.any())),  # type: ignore[arg-type]  # what is tested
            "InvalidRecordType",
            "Records cannot have optional values",
        ),
        (
            lambda: v.array(v.optional(v.string())),  # type: ignore[arg-type]  # what is tested
            "InvalidValidator",
            "v.optional(v.string()) is only allowed for the fields of an object.",
        ),
        (lambda: v.array(str), "InvalidValidator", "Expected a validator such as v.string(), got <class 'str'>."),  # type: ignore[arg-type]  # what is tested
        (lambda: v.id(v.string()), "InvalidValidator", "v.id() expects the name of a table"),  # type: ignore[arg-type]  # what is tested
        (
            lambda: v.object({"a-b": v.any()}),
            "InvalidValidator",
            "Identifier a-b has invalid character '-': "
            "Identifiers can only contain alphanumeric characters or underscores",
        ),
        (lambda: v.object({1: v.any()}), "InvalidValidator", "Field name 1 is not a string"),  # type: ignore[dict-item]  # what is tested
        (
            lambda: validator_from_json({"type": "date"}),
            "InvalidValidator",
            "There is no validator of type 'date'.",
        ),
    ],
)
def test_impossible_validators_are_refused_where_they_are_made(make: Any, code: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        make()
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


@given(st.sampled_from([v.string(), v.id("users"), v.union(v.id("a"), v.id("b")), v.union()]))
def test_records_may_have_keys_that_are_kinds_of_string(keys: Any) -> None:
    assert v.record(keys, v.any()).keys == keys


@pytest.mark.parametrize("name", ["str", "date"])
def test_a_validator_that_does_not_exist_is_named_beside_those_that_do(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"v\.{name} does not exist; there are any, array, .*, union$"):
        getattr(v, name)
