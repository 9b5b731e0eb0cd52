from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.errors import DeveloperError, ValidationError
from rtdb.schema.compiled import compile_document_validator, compile_validator, explain
from rtdb.schema.validators import (
    ArrayValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    ScalarValidator,
    UnionValidator,
    Validator,
    v,
)
from rtdb.testing.strategies import scalars, validators
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.ordering import compare
from rtdb.values.value import Int64, Value

NUMBERS = {"users": 10001, "teams": 10002, "_storage": 540}
NAMES = {number: name for name, number in NUMBERS.items()}
USER = encode_id(10001, bytes(16))
TEAM = encode_id(10002, bytes(16))
FILE = encode_id(540, bytes(16))
STRANGER = encode_id(10099, bytes(16))


def problem(validator: Validator, value: Any) -> str | None:
    try:
        compile_validator(validator, NUMBERS.get, NAMES.get)(value)
    except ValidationError as error:
        return error.message
    return None


def accepts(validator: Validator, value: Value) -> bool:
    """What the table of data-model §4.1 says, read out naively."""
    match validator:
        case ScalarValidator(kind=kind):
            types: dict[str, tuple[type, ...]] = {
                "null": (type(None),),
                "number": (float, int),
                "bigint": (Int64,),
                "commitTs": (Int64,),
                "boolean": (bool,),
                "string": (str,),
                "bytes": (bytes,),
            }
            return kind == "any" or type(value) in types[kind]
        case LiteralValidator(value=literal):
            return compare(value, literal) == 0
        case IdValidator(table=table):
            try:
                return isinstance(value, str) and NAMES.get(decode_id(value).table) == table
            except DeveloperError:
                return False
        case ArrayValidator(element=element):
            return isinstance(value, list) and all(accepts(element, item) for item in value)
        case RecordValidator(keys=keys, values=values):
            return isinstance(value, dict) and all(
                accepts(keys, name) and accepts(values, item) for name, item in value.items()
            )
        case UnionValidator(members=members):
            return any(accepts(member, value) for member in members)
        case ObjectValidator(fields=fields):
            return (
                isinstance(value, dict)
                and all(name in fields for name in value)
                and all(
                    accepts(field.validator, value[name]) if name in value else field.optional
                    for name, field in fields.items()
                )
            )


def likely_values() -> st.SearchStrategy[Value]:
    """Values that validators of the strategy have a chance to accept."""
    near: list[Value] = ["a", "b", USER, TEAM, FILE, STRANGER, 0.0, -0.0, 1, 2.5]
    leaves = st.one_of(scalars(), st.sampled_from(near))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=2),
            st.dictionaries(st.sampled_from(["a", "b", "c", USER, TEAM]), inner, max_size=3),
        ),
        max_leaves=6,
    )


@st.composite
def matching(draw: st.DrawFn, validator: Validator) -> Value:
    """A value that ``validator`` accepts, as far as there is one."""
    match validator:
        case ScalarValidator(kind=kind):
            if kind == "any":
                return draw(likely_values())
            return draw(scalars().filter(lambda value: accepts(validator, value)))
        case LiteralValidator(value=literal):
            return literal
        case IdValidator(table=table):
            return encode_id(NUMBERS[table], draw(st.binary(min_size=16, max_size=16)))
        case ArrayValidator(element=element):
            return draw(st.lists(matching(element), max_size=2))
        case RecordValidator(keys=keys, values=values):
            names: st.SearchStrategy[Any] = st.just("a") if keys == v.string() else matching(keys)
            return draw(st.dictionaries(names, matching(values), max_size=2))
        case UnionValidator(members=members):
            return draw(matching(draw(st.sampled_from(members)))) if members else None
        case ObjectValidator(fields=fields):
            return {
                name: draw(matching(field.validator))
                for name, field in fields.items()
                if not field.optional or draw(st.booleans())
            }


@pytest.mark.slow
@given(st.data(), validators(["users", "teams"]))
def test_a_compiled_validator_agrees_with_the_table(data: st.DataObject, validator: Validator) -> None:
    value = data.draw(st.one_of(likely_values(), matching(validator)))
    expected = accepts(validator, value)
    assert (problem(validator, value) is None) == expected
    assert (explain(validator, value, NUMBERS.get, NAMES.get) is None) == expected


# --- messages ---------------------------------------------------------------------------------------------------------

PERSON = v.object({"name": v.string(), "age": v.optional(v.number()), "tags": v.array(v.string())})
PERSON_TEXT = "v.object({age: v.optional(v.float64()), name: v.string(), tags: v.array(v.string())})"


@pytest.mark.parametrize(
    ("validator", "value", "message"),
    [
        (v.string(), 1, "Value does not match validator.\n\nValue: 1.0\nValidator: v.string()"),
        (v.number(), Int64(1), "Value does not match validator.\n\nValue: 1\nValidator: v.float64()"),
        (v.number(), True, "Value does not match validator.\n\nValue: true\nValidator: v.float64()"),
        (v.null(), False, "Value does not match validator.\n\nValue: false\nValidator: v.null()"),
        (v.array(v.any()), {}, "Value does not match validator.\n\nValue: {}\nValidator: v.array(v.any())"),
        (v.object({}), [], "Value does not match validator.\n\nValue: []\nValidator: v.object({})"),
        (v.union(), None, "Value does not match validator.\n\nValue: null\nValidator: v.union()"),
        (
            PERSON,
            {"name": "a", "tags": ["x", 2.0]},
            "Value does not match validator.\nPath: .tags[1]\nValue: 2.0\nValidator: v.string()",
        ),
        (
            PERSON,
            {"tags": []},
            "Object is missing the required field `name`. Consider wrapping the field validator in "
            "`v.optional(...)` if this is expected.\n\nObject: {tags: []}\nValidator: " + PERSON_TEXT,
        ),
        (
            v.object({"person": PERSON}),
            {"person": {"name": "a", "tags": [], "z": 1.0, "extra": None}},
            "Object contains extra field `extra` that is not in the validator.\nPath: .person\n"
            'Object: {extra: null, name: "a", tags: [], z: 1.0}\nValidator: ' + PERSON_TEXT,
        ),
        # Declared fields come first, in name order; of two problems the first is told.
        (
            PERSON,
            {"extra": 1.0, "age": "old"},
            'Value does not match validator.\nPath: .age\nValue: "old"\nValidator: v.float64()',
        ),
        (v.literal("a"), "b", '`"b"` does not match literal validator `v.literal("a")`.'),
        (v.literal(0.0), -0.0, "`-0.0` does not match literal validator `v.literal(0.0)`."),
        (v.literal(Int64(3)), 3, "`3.0` does not match literal validator `v.literal(<bigint>)`."),
        (
            v.object({"kind": v.literal(True)}),
            {"kind": 1},
            "`1.0` does not match literal validator `v.literal(true)`.Path: .kind",
        ),
        (
            v.object({"owner": v.id("users")}),
            {"owner": TEAM},
            f'Found ID "{TEAM}" from table `teams`, which does not match the table name in validator '
            '`v.id("users")`.Path: .owner',
        ),
        (
            v.id("users"),
            FILE,
            f'Found ID "{FILE}" from a system table, which does not match the table name in validator `v.id("users")`.',
        ),
        (
            v.id("users"),
            STRANGER,
            f'Value does not match validator.\n\nValue: "{STRANGER}"\nValidator: v.id("users")',
        ),
        (v.id("users"), "me", 'Value does not match validator.\n\nValue: "me"\nValidator: v.id("users")'),
        (v.id("users"), None, 'Value does not match validator.\n\nValue: null\nValidator: v.id("users")'),
        (
            v.record(v.id("users"), v.number()),
            {TEAM: 1.0},
            f'Found ID "{TEAM}" from table `teams`, which does not match the table name in validator '
            '`v.id("users")`.Path: .keys()',
        ),
        (
            v.record(v.string(), v.number()),
            {"b": None, "a": 1.0},
            "Value does not match validator.\nPath: .values()\nValue: null\nValidator: v.float64()",
        ),
        (
            v.union(v.object({"a": v.string()}), v.null()),
            {"a": 1.0},
            "Value does not match validator.\n\nValue: {a: 1.0}\n"
            "Validator: v.union(v.object({a: v.string()}), v.null())",
        ),
        # With a single member there is nothing to choose from, so its own problem is told.
        (
            v.union(v.object({"a": v.string()})),
            {"a": 1.0},
            "Value does not match validator.\nPath: .a\nValue: 1.0\nValidator: v.string()",
        ),
    ],
)
def test_problems_are_told_in_the_words_of_the_reference(validator: Validator, value: Any, message: str) -> None:
    assert problem(validator, value) == message


# --- ids of tables that come and go -----------------------------------------------------------------------------------


def test_ids_are_checked_against_the_tables_of_the_moment() -> None:
    numbers: dict[str, int] = {}
    check = compile_validator(v.id("users"), numbers.get, NAMES.get)
    with pytest.raises(ValidationError):
        check(USER)
    numbers["users"] = 10001
    check(USER)


# --- values of other Python types -------------------------------------------------------------------------------------


def test_tuples_are_arrays() -> None:
    assert problem(v.array(v.number()), (1, 2.0)) is None
    assert problem(v.object({"a": v.array(v.string())}), {"a": ("x",)}) is None
    assert problem(v.any(), ("x",)) is None


def test_what_is_no_value_is_refused_with_its_place() -> None:
    with pytest.raises(DeveloperError, match=r"set is not a supported Convex type \(present at path .a\)"):
        compile_validator(v.object({"a": v.string()}), NUMBERS.get, NAMES.get)({"a": set()})  # type: ignore[dict-item]  # what is tested


# --- documents --------------------------------------------------------------------------------------------------------

SYSTEM: dict[str, Value] = {"_id": USER, "_creationTime": 1.0}


@pytest.mark.parametrize(
    "validator",
    [
        v.object({"a": v.string()}),
        v.object({"a": v.string(), "_id": v.id("teams"), "_creationTime": v.string()}),
        v.union(v.object({"a": v.string(), "_id": v.null()}), v.object({"b": v.null()})),
        v.any(),
    ],
)
@pytest.mark.parametrize("system", [{}, SYSTEM, {"_id": USER}])
def test_system_fields_of_documents_are_not_checked(validator: Validator, system: dict[str, Value]) -> None:
    compile_document_validator(validator, NUMBERS.get, NAMES.get)({"a": "x", **system})


def test_messages_about_documents_leave_system_fields_out() -> None:
    check = compile_document_validator(v.object({"a": v.string(), "_id": v.id("users")}), NUMBERS.get, NAMES.get)
    with pytest.raises(ValidationError) as caught:
        check({"b": 1.0, **SYSTEM})
    assert caught.value.message == (
        "Object is missing the required field `a`. Consider wrapping the field validator in `v.optional(...)` "
        "if this is expected.\n\nObject: {b: 1.0}\nValidator: v.object({a: v.string()})"
    )


def test_underscored_fields_inside_a_document_are_checked() -> None:
    check = compile_document_validator(v.object({"a": v.object({})}), NUMBERS.get, NAMES.get)
    with pytest.raises(ValidationError, match="extra field `_id`"):
        check({"a": {"_id": "x"}})
