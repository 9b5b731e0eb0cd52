"""Validators as Python types, and the classes that objects inside documents need.

==================  ================================================================================================
number              ``float`` (which an ``int`` may stand for)
int64               ``Int64``
id                  a ``NewType`` of ``str`` for each table, ``str`` for tables that the schema does not name
object              a ``TypedDict``, named after the table and the fields that lead to it
record              ``dict[str, …]``
union of literals   a ``Literal``, named in the same way when it is a field's
==================  ================================================================================================

A union with ``Any`` in it is ``Any``. Types are written unquoted; the module they are in evaluates no annotation.
"""

from __future__ import annotations

import itertools
import keyword
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeGuard

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
from rtdb.values.value import Int64

__all__ = [
    "InlineTypeWriter",
    "TypeWriter",
    "Undefinable",
    "camel_case",
    "or_undefined",
    "table_prefixes",
    "typed_dict",
]

_SCALARS: Final[dict[str, str]] = {
    "any": "Any",
    "bigint": "Int64",
    "boolean": "bool",
    "bytes": "bytes",
    "commitTs": "Int64",
    "null": "None",
    "number": "float",
    "string": "str",
}

Undefinable = bool
"""Whether a field may be absent."""


def camel_case(name: str) -> str:
    """Return ``user_profiles`` and ``userProfiles`` as ``UserProfiles``."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def table_prefixes(tables: Iterable[str]) -> dict[str, str]:
    """Return what the names of each table's types begin with. Tables that would share it keep the names they have."""
    names = list(tables)
    prefixes = {name: camel_case(name) for name in names}
    shared = [name for name in names if list(prefixes.values()).count(prefixes[name]) > 1]
    return prefixes | {name: name for name in shared}


def or_undefined(type_: str) -> str:
    """Return the type of an optional field as it is written, where UNDEFINED says that it is absent."""
    return type_ if type_ == "Any" else f"{type_} | Undefined"


def typed_dict(
    name: str, document: str, fields: Iterable[tuple[str, str, Undefinable]], *, total: bool = True
) -> list[str]:
    """Return the lines of a ``TypedDict`` of (name, type, may be absent)."""
    entries = [(field, f"NotRequired[{type_}]" if absent and total else type_) for field, type_, absent in fields]
    if all(_is_attribute(field) for field, _ in entries):
        head = f"class {name}(TypedDict{'' if total else ', total=False'}):"
        lines = [f"    {field}: {type_}" for field, type_ in entries]
        return [head, f'    """{document}"""', "", *lines] if lines else [head, f'    """{document}"""']
    lines = [f"        {field!r}: {type_!r}," for field, type_ in entries]
    return [
        f"# {document}",
        f"{name} = TypedDict(",
        f'    "{name}",',
        "    {",
        *lines,
        "    },",
        *([] if total else ["    total=False,"]),
        ")",
    ]


class TypeWriter:
    """Turns validators into types and collects, in order, the definitions that those types refer to."""

    def __init__(self, ids: Mapping[str, str], taken: Iterable[str]) -> None:
        self._ids = ids
        self._taken = set(taken)
        self.definitions: list[list[str]] = []
        """The lines of each class and alias; what one refers to is defined before it."""
        self.names: list[str] = []
        """The names of those."""

    def type_of(self, validator: Validator, name: str) -> str:
        """Return the type of what a validator accepts; a class that it needs is called ``name`` or like it."""
        match validator:
            case ScalarValidator(kind=kind):
                return _SCALARS[kind]
            case LiteralValidator(value=value):
                if isinstance(value, str | bool):
                    return f"Literal[{value!r}]"
                return "Int64" if isinstance(value, Int64) else "float"
            case IdValidator(table=table):
                return self._ids.get(table, "str")
            case ArrayValidator(element=element):
                return f"list[{self.type_of(element, name)}]"
            case RecordValidator(keys=keys, values=values):
                return f"dict[{self.type_of(keys, name)}, {self.type_of(values, name)}]"
            case UnionValidator(members=members):
                return self._union(members, name)
            case ObjectValidator(fields=fields):
                return self._object(fields, name)

    def fields_of(self, fields: Mapping[str, FieldValidator], prefix: str) -> list[tuple[str, str, Undefinable]]:
        """Return each field's name, type, and whether it may be absent."""
        return [
            (name, self.type_of(field.validator, prefix + camel_case(name)), field.optional)
            for name, field in fields.items()
        ]

    def define(self, name: str, lines: list[str]) -> None:
        """Add a definition."""
        self.names.append(name)
        self.definitions.append(lines)

    def _object(self, fields: Mapping[str, FieldValidator], name: str) -> str:
        entries = self.fields_of(fields, name)
        free = self.free(name)
        self.define(free, typed_dict(free, f"The object `{name}`.", entries))
        return free

    def _union(self, members: Sequence[Validator], name: str) -> str:
        flat = list(_flatten(members))
        literals = [repr(member.value) for member in flat if _is_exact(member)]
        types = [self.type_of(member, name) for member in flat if not _is_exact(member)]
        if "Any" in types:
            return "Any"
        if literals:
            literal = f"Literal[{', '.join(dict.fromkeys(literals))}]"
            types.insert(0, self._literals(literal, name) if len(literals) > 1 else literal)
        # None comes last, as one writes it. A union of nothing has no values.
        types.sort(key=lambda type_: type_ == "None")
        return " | ".join(dict.fromkeys(types)) or "Never"

    def _literals(self, literal: str, name: str) -> str:
        free = self.free(name)
        self.define(free, [f"{free}: TypeAlias = {literal}"])
        return free

    def free(self, name: str) -> str:
        """Return the name, with a number behind it if it is taken, and take it."""
        candidates = (name if number == 1 else f"{name}{number}" for number in itertools.count(1))
        free = next(candidate for candidate in candidates if candidate not in self._taken)
        self._taken.add(free)
        return free


class InlineTypeWriter(TypeWriter):
    """Writes types without defining anything, for what is only passed to a function."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        super().__init__(ids, ())

    def _object(self, fields: Mapping[str, FieldValidator], name: str) -> str:
        return "Mapping[str, Any]"

    def _literals(self, literal: str, name: str) -> str:
        return literal


def _flatten(members: Iterable[Validator]) -> Iterator[Validator]:
    for member in members:
        if isinstance(member, UnionValidator):
            yield from _flatten(member.members)
        else:
            yield member


def _is_exact(validator: Validator) -> TypeGuard[LiteralValidator]:
    """Return whether Python has a type of just that value: it has none of a float."""
    return isinstance(validator, LiteralValidator) and isinstance(validator.value, str | bool)


def _is_attribute(name: str) -> bool:
    # Names that begin with two underscores would be changed inside a class.
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")
