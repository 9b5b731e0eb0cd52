"""Validators as checks: compiled once, then run on every argument, result and document.

A compiled check answers yes or no as fast as plain Python can: a scalar is accepted by looking its type up in a set,
and only what that does not settle costs a call. A message is made by :func:`explain`, a second walk in the reference's
order, for which only a failing value pays.

Invariant: a compiled check accepts a value exactly when :func:`explain` finds no problem in it.

What it does not know: which tables there are. It asks ``table_number`` and ``table_name`` anew for each id, so that
the answer can be that of the snapshot at hand, and whoever answers can record that it was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias

from rtdb.errors import DeveloperError, ValidationError
from rtdb.schema.validators import (
    ArrayValidator,
    FieldValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    ScalarValidator,
    UnionValidator,
    Validator,
)
from rtdb.values.document_id import decode_id
from rtdb.values.ordering import encode_key
from rtdb.values.value import Int64, Value, coerce, display

__all__ = ["Check", "TableName", "TableNumber", "compile_document_validator", "compile_validator", "explain"]

TableNumber: TypeAlias = Callable[[str], int | None]
TableName: TypeAlias = Callable[[int], str | None]
Check: TypeAlias = Callable[[Value], None]
"""Returns when the value is accepted, raises :class:`ValidationError` when not."""

_Test: TypeAlias = Callable[[Any], bool]


class _Tables(NamedTuple):
    """Who knows which tables there are."""

    number: TableNumber
    name: TableName


def compile_validator(validator: Validator, table_number: TableNumber, table_name: TableName) -> Check:
    """Return the check of ``validator``, which raises with the messages of data-model §4.2."""
    tables = _Tables(table_number, table_name)
    test = _compile(validator, tables).as_test()

    def check(value: Value) -> None:
        if test(value):
            return
        # Tuples, subclasses and the like are not known to the test; they are what they become.
        exact = coerce(value)
        if not test(exact):
            problem = explain(validator, exact, table_number, table_name)
            assert problem is not None, "a check and its explanation disagree"
            raise ValidationError(problem)

    return check


def compile_document_validator(validator: Validator, table_number: TableNumber, table_name: TableName) -> Check:
    """Return the check of a table's document validator: fields that start with an underscore are not looked at."""
    validator = _with_fields_of_documents(validator, {})
    # Documents come with their system fields, so the test accepts those instead of taking them out each time.
    test = _compile(_with_fields_of_documents(validator, _SYSTEM_FIELDS), _Tables(table_number, table_name)).as_test()
    check = compile_validator(validator, table_number, table_name)

    def check_document(document: Value) -> None:
        if test(document):
            return
        assert isinstance(document, dict), "a document is an object"
        check({name: value for name, value in document.items() if not name.startswith("_")})

    return check_document


def _with_fields_of_documents(validator: Validator, system_fields: dict[str, FieldValidator]) -> Validator:
    """Return a document validator whose objects declare ``system_fields`` in place of any the app declared."""
    if isinstance(validator, ObjectValidator):
        return ObjectValidator(validator.without_system_fields().fields | system_fields)
    if isinstance(validator, UnionValidator):
        return UnionValidator(tuple(_with_fields_of_documents(member, system_fields) for member in validator.members))
    return validator


_SYSTEM_FIELDS: Final = {
    name: FieldValidator(ScalarValidator("any"), optional=True) for name in ("_id", "_creationTime")
}


# --- compiling --------------------------------------------------------------------------------------------------------


class _Compiled(NamedTuple):
    """Accepts a value when its exact type is in ``types``, or when ``test`` says so."""

    types: frozenset[type]
    test: _Test | None

    def as_test(self) -> _Test:
        types, test = self
        if test is None:
            return lambda value: type(value) in types
        if not types:
            return test
        return lambda value: type(value) in types or test(value)


_SCALAR_TYPES: Final[dict[str, frozenset[type]]] = {
    "bigint": frozenset({Int64}),
    "boolean": frozenset({bool}),
    "bytes": frozenset({bytes}),
    "commitTs": frozenset({Int64}),
    "null": frozenset({type(None)}),
    "number": frozenset({float, int}),
    "string": frozenset({str}),
}
_NO_TYPES: Final[frozenset[type]] = frozenset()
_ANY_TYPES: Final = frozenset({type(None), bool, int, float, Int64, str, bytes, list, dict})


def _compile(validator: Validator, tables: _Tables) -> _Compiled:
    match validator:
        case ScalarValidator(kind="any"):
            # What is in an array or object under `any` is for the encoder to check.
            return _Compiled(_ANY_TYPES, None)
        case ScalarValidator(kind=kind):
            return _Compiled(_SCALAR_TYPES[kind], None)
        case LiteralValidator(value=value):
            return _Compiled(_NO_TYPES, _literal_test([value]))
        case IdValidator(table=table):
            return _Compiled(_NO_TYPES, _id_test(table, tables))
        case ArrayValidator(element=element):
            return _Compiled(_NO_TYPES, _array_test(_compile(element, tables)))
        case RecordValidator(keys=keys, values=values):
            return _Compiled(_NO_TYPES, _record_test(_compile(keys, tables), _compile(values, tables)))
        case UnionValidator(members=members):
            return _compile_union(members, tables)
        case ObjectValidator():
            return _Compiled(_NO_TYPES, _object_test(validator, tables))


def _compile_union(members: Iterable[Validator], tables: _Tables) -> _Compiled:
    literals = [member.value for member in members if isinstance(member, LiteralValidator)]
    others = [_compile(member, tables) for member in members if not isinstance(member, LiteralValidator)]
    types = _NO_TYPES.union(*(other.types for other in others))
    tests = [other.test for other in others if other.test is not None]
    if literals:
        tests.insert(0, _literal_test(literals))
    if len(tests) <= 1:
        return _Compiled(types, tests[0] if tests else None)

    def test(value: Any) -> bool:
        for member in tests:  # noqa: SIM110  # a generator expression would double the time
            if member(value):
                return True
        return False

    return _Compiled(types, test)


def _literal_test(literals: Iterable[Value]) -> _Test:
    strings = frozenset(literal for literal in literals if isinstance(literal, str))
    others = frozenset(encode_key(literal) for literal in literals if not isinstance(literal, str))
    scalars = frozenset({bool, int, float, Int64})

    def test(value: Any) -> bool:
        if type(value) is str:
            return value in strings
        return type(value) in scalars and encode_key(value) in others

    return test


def _id_test(table: str, tables: _Tables) -> _Test:
    def test(value: Any) -> bool:
        if type(value) is not str:
            return False
        try:
            number = decode_id(value).table
        except DeveloperError:
            return False
        return number == tables.number(table)

    return test


def _array_test(element: _Compiled) -> _Test:
    types, test_element = element

    def test(value: Any) -> bool:
        if type(value) is not list:
            return False
        for item in value:  # noqa: SIM110  # a generator expression would double the time
            if type(item) not in types and (test_element is None or not test_element(item)):
                return False
        return True

    return test


def _record_test(keys: _Compiled, values: _Compiled) -> _Test:
    test_name = keys.as_test()
    types, test_item = values

    def test(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, item in value.items():
            if not test_name(name):
                return False
            if type(item) not in types and (test_item is None or not test_item(item)):
                return False
        return True

    return test


def _object_test(validator: ObjectValidator, tables: _Tables) -> _Test:
    compiled = {name: _compile(field.validator, tables) for name, field in validator.fields.items()}
    types_of = {name: field.types for name, field in compiled.items()}
    test_of = {name: field.test for name, field in compiled.items() if field.test is not None}
    required = frozenset(name for name, field in validator.fields.items() if not field.optional)
    count = len(compiled)

    def test(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, item in value.items():
            types = types_of.get(name)
            if types is None:
                return False
            if type(item) in types:
                continue
            test_item = test_of.get(name)
            if test_item is None or not test_item(item):
                return False
        # Every field is a declared one by now; when all are there, so are the required ones.
        return len(value) == count or required <= value.keys()

    return test


# --- explaining -------------------------------------------------------------------------------------------------------


def explain(validator: Validator, value: Value, table_number: TableNumber, table_name: TableName) -> str | None:
    """Return the message for the first problem of ``value``, made of exact types, or None when it is accepted."""
    return _explain(validator, value, _Tables(table_number, table_name), "")


def _explain(validator: Validator, value: Value, tables: _Tables, path: str) -> str | None:
    """Return the message for the first problem of ``value`` in the reference's order, or None when it is accepted."""
    match validator:
        case ScalarValidator(kind=kind):
            accepts = kind == "any" or type(value) in _SCALAR_TYPES[kind]
            return None if accepts else _no_match(validator, value, path)
        case LiteralValidator():
            if encode_key(value) == encode_key(validator.value):
                return None
            literal = validator.value_text()
            return f"`{display(value)}` does not match literal validator `v.literal({literal})`.{_context(path)}"
        case IdValidator():
            return _explain_id(validator, value, tables, path)
        case ArrayValidator(element=element) if isinstance(value, list):
            for index, item in enumerate(value):
                problem = _explain(element, item, tables, f"{path}[{index}]")
                if problem is not None:
                    return problem
            return None
        case RecordValidator(keys=keys, values=values) if isinstance(value, dict):
            for name in sorted(value):
                problem = _explain(keys, name, tables, f"{path}.keys()")
                problem = problem or _explain(values, value[name], tables, f"{path}.values()")
                if problem is not None:
                    return problem
            return None
        case UnionValidator(members=(member,)):
            return _explain(member, value, tables, path)
        case UnionValidator(members=members):
            if any(_explain(member, value, tables, path) is None for member in members):
                return None
            return _no_match(validator, value, path)
        case ObjectValidator() if isinstance(value, dict):
            return _explain_object(validator, value, tables, path)
        case _:
            return _no_match(validator, value, path)


def _explain_id(validator: IdValidator, value: Value, tables: _Tables, path: str) -> str | None:
    if not isinstance(value, str):
        return _no_match(validator, value, path)
    try:
        number = decode_id(value).table
    except DeveloperError:
        return _no_match(validator, value, path)
    if number == tables.number(validator.table):
        return None
    found = tables.name(number)
    if found is None:
        return _no_match(validator, value, path)
    origin = "a system table" if found.startswith("_") else f"table `{found}`"
    return (
        f'Found ID "{value}" from {origin}, '
        f"which does not match the table name in validator `{validator}`.{_context(path)}"
    )


def _explain_object(validator: ObjectValidator, value: dict[str, Value], tables: _Tables, path: str) -> str | None:
    shown = f"{_context(path)}\nObject: {display(value)}\nValidator: {validator}"
    for name, field in validator.fields.items():
        if name in value:
            problem = _explain(field.validator, value[name], tables, f"{path}.{name}")
            if problem is not None:
                return problem
        elif not field.optional:
            return (
                f"Object is missing the required field `{name}`. Consider wrapping the field validator in "
                f"`v.optional(...)` if this is expected.\n{shown}"
            )
    for name in sorted(value):
        if name not in validator.fields:
            return f"Object contains extra field `{name}` that is not in the validator.\n{shown}"
    return None


def _no_match(validator: Validator, value: Value, path: str) -> str:
    return f"Value does not match validator.\n{_context(path)}\nValue: {display(value)}\nValidator: {validator}"


def _context(path: str) -> str:
    return f"Path: {path}" if path else ""
