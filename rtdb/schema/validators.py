"""Validators as data: what ``v.…`` makes, how it prints, and its JSON (data-model §4.1).

A validator describes a set of values and checks nothing itself; :mod:`rtdb.schema.compiled` turns it into a check. The
JSON form is what descriptions of apps and schemas are made of, whatever language an app is written in; it is read by
:mod:`rtdb.schema.validator_json`.

Invariants: validators are immutable and compare by meaning; the fields of an object validator are in name order;
``validator_from_json(x.to_json()) == x``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, TypeAlias

import msgspec

from rtdb.errors import BadRequestError
from rtdb.values.function_path import check_identifier
from rtdb.values.json_codec import encode
from rtdb.values.ordering import encode_key
from rtdb.values.value import Int64, display

__all__ = [
    "ArrayValidator",
    "FieldValidator",
    "IdValidator",
    "LiteralValidator",
    "LiteralValue",
    "ObjectValidator",
    "OptionalValidator",
    "RecordValidator",
    "ScalarKind",
    "ScalarValidator",
    "UnionValidator",
    "Validator",
    "ValidatorLike",
    "to_validator",
    "v",
]

ScalarKind = Literal["any", "bigint", "boolean", "bytes", "commitTs", "null", "number", "string"]
LiteralValue: TypeAlias = str | float | bool | Int64

_SCALAR_TEXTS: Final[dict[str, str]] = {
    "any": "v.any()",
    "bigint": "v.int64()",
    "boolean": "v.boolean()",
    "bytes": "v.bytes()",
    "commitTs": "v.commitTs()",
    "null": "v.null()",
    "number": "v.float64()",
    "string": "v.string()",
}


class ScalarValidator(msgspec.Struct, frozen=True):
    """Accepts every value of one type without parts; ``any`` accepts every value."""

    kind: ScalarKind

    def __str__(self) -> str:
        return _SCALAR_TEXTS[self.kind]

    def to_json(self) -> dict[str, Any]:
        return {"type": self.kind}


class LiteralValidator(msgspec.Struct, frozen=True):
    """Accepts one value, equal in the order of values: ``1.0`` is not ``Int64(1)``, and ``-0.0`` is not ``0.0``."""

    value: LiteralValue

    def __str__(self) -> str:
        return f"v.literal({self.value_text()})"

    def value_text(self) -> str:
        return "<bigint>" if isinstance(self.value, Int64) else display(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LiteralValidator) and encode_key(self.value) == encode_key(other.value)

    def __hash__(self) -> int:
        return hash(encode_key(self.value))

    def to_json(self) -> dict[str, Any]:
        return {"type": "literal", "value": msgspec.json.decode(encode(self.value))}


class IdValidator(msgspec.Struct, frozen=True):
    """Accepts ids of documents of one table, whether the documents exist or not."""

    table: str

    def __str__(self) -> str:
        return f'v.id("{self.table}")'

    def to_json(self) -> dict[str, Any]:
        return {"type": "id", "tableName": self.table}


class ArrayValidator(msgspec.Struct, frozen=True):
    """Accepts arrays of which every element is accepted."""

    element: Validator

    def __str__(self) -> str:
        return f"v.array({self.element})"

    def to_json(self) -> dict[str, Any]:
        return {"type": "array", "value": self.element.to_json()}


class RecordValidator(msgspec.Struct, frozen=True):
    """Accepts objects whose field names, as strings, and values are accepted."""

    keys: Validator
    values: Validator

    def __str__(self) -> str:
        return f"v.record({self.keys}, {self.values})"

    def to_json(self) -> dict[str, Any]:
        return {
            "type": "record",
            "keys": self.keys.to_json(),
            "values": {"fieldType": self.values.to_json(), "optional": False},
        }


class UnionValidator(msgspec.Struct, frozen=True):
    """Accepts what any member accepts; without members, nothing."""

    members: tuple[Validator, ...]

    def __str__(self) -> str:
        return f"v.union({', '.join(map(str, self.members))})"

    def to_json(self) -> dict[str, Any]:
        return {"type": "union", "value": [member.to_json() for member in self.members]}


class FieldValidator(msgspec.Struct, frozen=True):
    """What an object validator says of one field."""

    validator: Validator
    optional: bool = False

    def __str__(self) -> str:
        return f"v.optional({self.validator})" if self.optional else str(self.validator)


class ObjectValidator(msgspec.Struct, frozen=True):
    """Accepts objects that have every required field, no undeclared one, and accepted values."""

    fields: dict[str, FieldValidator]

    def __str__(self) -> str:
        return "v.object({" + ", ".join(f"{name}: {field}" for name, field in self.fields.items()) + "})"

    def to_json(self) -> dict[str, Any]:
        fields = {
            name: {"fieldType": field.validator.to_json(), "optional": field.optional}
            for name, field in self.fields.items()
        }
        return {"type": "object", "value": fields}

    def without_system_fields(self) -> ObjectValidator:
        """Return this validator without fields that start with an underscore: those are not the app's to declare."""
        fields = {name: field for name, field in self.fields.items() if not name.startswith("_")}
        return self if len(fields) == len(self.fields) else ObjectValidator(fields)


Validator: TypeAlias = (
    ScalarValidator
    | LiteralValidator
    | IdValidator
    | ArrayValidator
    | RecordValidator
    | UnionValidator
    | ObjectValidator
)


class OptionalValidator(msgspec.Struct, frozen=True):
    """What ``v.optional`` makes: not a validator, but a field that may be absent."""

    validator: Validator


ValidatorLike: TypeAlias = Validator | Mapping[str, "ValidatorLike | OptionalValidator"]
"""A validator, or the fields of an object validator without the ``v.object`` around them."""

_VALIDATORS: Final = (
    ScalarValidator,
    LiteralValidator,
    IdValidator,
    ArrayValidator,
    RecordValidator,
    UnionValidator,
    ObjectValidator,
)


# --- making -----------------------------------------------------------------------------------------------------------


def to_validator(given: object) -> Validator:
    """Return ``given`` as a validator; a mapping becomes an object validator. Raises :class:`BadRequestError`."""
    if isinstance(given, _VALIDATORS):
        return given
    if isinstance(given, Mapping):
        return _object(given)
    if isinstance(given, OptionalValidator):
        raise _invalid(f"v.optional({given.validator}) is only allowed for the fields of an object.")
    raise _invalid(f"Expected a validator such as v.string(), got {given!r}.")


def _field(given: object) -> FieldValidator:
    if isinstance(given, OptionalValidator):
        return FieldValidator(given.validator, optional=True)
    return FieldValidator(to_validator(given))


def _object(fields: Mapping[Any, Any]) -> ObjectValidator:
    made = {}
    for name in fields:
        problem = check_identifier(name) if isinstance(name, str) else f"Field name {name!r} is not a string"
        if problem is not None:
            raise _invalid(problem)
    for name in sorted(fields):
        field = fields[name]
        made[name] = field if isinstance(field, FieldValidator) else _field(field)
    return ObjectValidator(made)


def _literal(value: object) -> LiteralValidator:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not isfinite(value):
            raise BadRequestError(
                "Infinite or NaN values are not supported in literal validators.", code="UnsupportedFloatLiteral"
            )
        encode(value)  # refuses integers that no float64 holds
        return LiteralValidator(float(value))
    if isinstance(value, str | bool | Int64):
        return LiteralValidator(value)
    raise _invalid(f"Value {value!r} is not a valid literal: expected a str, bool, int, float or Int64.")


def _record(keys: Validator, values: object) -> RecordValidator:
    if isinstance(values, OptionalValidator):
        raise BadRequestError("Records cannot have optional values", code="InvalidRecordType")
    if _has_string_literal(keys):
        raise BadRequestError("Records cannot have string literal keys", code="InvalidRecordType")
    if not _accepts_only_strings(keys):
        raise BadRequestError(
            "Records can only have string keys. Your validator contains a record with key typed as "
            f"`{keys}`, which is not a subtype of `v.string()`",
            code="InvalidRecordType",
        )
    return RecordValidator(keys, to_validator(values))


def _has_string_literal(validator: Validator) -> bool:
    if isinstance(validator, UnionValidator):
        return any(map(_has_string_literal, validator.members))
    return isinstance(validator, LiteralValidator) and isinstance(validator.value, str)


def _accepts_only_strings(validator: Validator) -> bool:
    if isinstance(validator, UnionValidator):
        return all(map(_accepts_only_strings, validator.members))
    return isinstance(validator, IdValidator) or validator == ScalarValidator("string")


def _invalid(message: str) -> BadRequestError:
    return BadRequestError(message, code="InvalidValidator")


class _Namespace:
    """The vocabulary of ``v``, with the names that Convex gives it."""

    if not TYPE_CHECKING:  # a type checker is to see that there is no such attribute

        def __getattr__(self, name: str) -> NoReturn:
            there = ", ".join(known for known in dir(self) if not known.startswith("_"))
            raise AttributeError(f"v.{name} does not exist; there are {there}", name=name, obj=self)

    def any(self) -> ScalarValidator:
        """Accept every value."""
        return ScalarValidator("any")

    def null(self) -> ScalarValidator:
        """Accept None."""
        return ScalarValidator("null")

    def boolean(self) -> ScalarValidator:
        """Accept True and False."""
        return ScalarValidator("boolean")

    def number(self) -> ScalarValidator:
        """Accept ``int`` and ``float``, which are both float64."""
        return ScalarValidator("number")

    float64 = number

    def int64(self) -> ScalarValidator:
        """Accept :class:`~rtdb.values.Int64`."""
        return ScalarValidator("bigint")

    bigint = int64

    def string(self) -> ScalarValidator:
        """Accept ``str``."""
        return ScalarValidator("string")

    def bytes(self) -> ScalarValidator:
        """Accept ``bytes``."""
        return ScalarValidator("bytes")

    def id(self, table: str) -> IdValidator:
        """Accept ids of documents in ``table``."""
        if not isinstance(table, str):
            raise _invalid(f"v.id() expects the name of a table, got {table!r}.")
        return IdValidator(table)

    def literal(self, value: str | float | bool | Int64) -> LiteralValidator:
        """Accept exactly ``value``."""
        return _literal(value)

    def array(self, element: ValidatorLike) -> ArrayValidator:
        """Accept arrays of what ``element`` accepts."""
        return ArrayValidator(to_validator(element))

    def object(self, fields: Mapping[str, ValidatorLike | OptionalValidator]) -> ObjectValidator:
        """Accept objects with exactly these fields."""
        return _object(fields)

    def record(self, keys: Validator, values: ValidatorLike) -> RecordValidator:
        """Accept objects with any fields, whose names ``keys`` and whose values ``values`` accepts."""
        return _record(to_validator(keys), values)

    def union(self, *members: ValidatorLike) -> UnionValidator:
        """Accept what any of ``members`` accepts."""
        return UnionValidator(tuple(map(to_validator, members)))

    def nullable(self, validator: ValidatorLike) -> UnionValidator:
        """Accept None and what ``validator`` accepts."""
        return self.union(validator, self.null())

    def optional(self, validator: ValidatorLike) -> OptionalValidator:
        """Mark a field of an object that may be absent."""
        return OptionalValidator(to_validator(validator))


v: Final = _Namespace()
