"""Validators as TypeScript types, as the official client maps values: int64 is ``bigint``, bytes are ``ArrayBuffer``.

Ids are ``Id<"table">``, which the file that a type is written into has to import.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Final

from rtdb.schema.validators import (
    ArrayValidator,
    FieldValidator,
    IdValidator,
    LiteralValidator,
    LiteralValue,
    ObjectValidator,
    RecordValidator,
    ScalarValidator,
    UnionValidator,
    Validator,
)
from rtdb.values.value import Int64

__all__ = ["object_type", "property_name", "string_literal", "type_of"]

_SCALARS: Final[dict[str, str]] = {
    "any": "any",
    "bigint": "bigint",
    "boolean": "boolean",
    "bytes": "ArrayBuffer",
    # What a commit timestamp is while its transaction is not committed has a type of its own.
    "commitTs": 'bigint | import("convex/values").CommitTsPlaceholder',
    "null": "null",
    "number": "number",
    "string": "string",
}
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_INDENT: Final = "  "


def type_of(validator: Validator, indent: str = "", tables: Container[str] | None = None) -> str:
    """Return the type of what a validator accepts; lines after the first one begin with ``indent``.

    Where ``Id`` is declared for certain ``tables`` only, ids of others are ``GenericId``.
    """
    match validator:
        case ScalarValidator(kind=kind):
            return _SCALARS[kind]
        case LiteralValidator(value=value):
            return _literal_type(value)
        case IdValidator(table=table):
            return f"{'Id' if tables is None or table in tables else 'GenericId'}<{string_literal(table)}>"
        case ArrayValidator(element=element):
            return f"Array<{type_of(element, indent, tables)}>"
        case RecordValidator(keys=keys, values=values):
            return f"Record<{type_of(keys, indent, tables)}, {type_of(values, indent, tables)}>"
        case UnionValidator(members=members):
            # Without repeats: `v.union(v.id("a"), v.id("a"))` is one type.
            return " | ".join(dict.fromkeys(type_of(member, indent, tables) for member in members)) or "never"
        case ObjectValidator(fields=fields):
            return object_type(_properties(fields, indent + _INDENT, tables), indent)


def object_type(properties: Iterable[tuple[str, str]], indent: str = "") -> str:
    """Return an object type of properties, each one's name (with ``?`` if it is optional) and type."""
    lines = [f"{indent}{_INDENT}{name}: {type_};\n" for name, type_ in properties]
    return "".join(("{\n", *lines, indent, "}")) if lines else "{}"


def property_name(name: str) -> str:
    """Return a name as it is written before a colon."""
    return name if _PLAIN_NAME.fullmatch(name) else string_literal(name)


def string_literal(text: str) -> str:
    """Return a text as a literal, which is also the type of that text alone."""
    return json.dumps(text)


def _properties(
    fields: Mapping[str, FieldValidator], indent: str, tables: Container[str] | None
) -> Iterator[tuple[str, str]]:
    for name, field in fields.items():
        yield f"{property_name(name)}{'?' if field.optional else ''}", type_of(field.validator, indent, tables)


def _literal_type(value: LiteralValue) -> str:
    match value:
        case str():
            return string_literal(value)
        case bool():
            return "true" if value else "false"
        case Int64():
            return f"{int(value)}n"
        case _:
            return str(int(value)) if value.is_integer() and abs(value) < 1e21 else repr(value)
