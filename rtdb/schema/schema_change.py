"""From one schema to the next: what has to be made, dropped and checked before the new one may hold.

A pure comparison. Tables and documents are never deleted by a schema; indexes are, when they are no longer declared. An
index whose fields changed under its name is dropped and created.

Documents of a table are checked again unless the old schema already promised all that the new one asks. "All that" is
:func:`is_subset`, which may say no to a pair that is one (the check is then made for nothing), never yes to one that is
not.
"""

from __future__ import annotations

import msgspec

from rtdb.schema.schema import Schema
from rtdb.schema.table import IndexDeclaration, Table
from rtdb.schema.validators import (
    ArrayValidator,
    IdValidator,
    LiteralValidator,
    ObjectValidator,
    RecordValidator,
    ScalarKind,
    ScalarValidator,
    UnionValidator,
    Validator,
)
from rtdb.values.value import Int64

__all__ = ["SchemaChange", "TableIndex", "compare_schemas", "is_subset"]


class TableIndex(msgspec.Struct, frozen=True, order=True):
    """An index with the table it belongs to."""

    table: str
    name: str
    fields: tuple[str, ...]


class SchemaChange(msgspec.Struct, frozen=True):
    """What differs, each list in name order."""

    tables_to_create: tuple[str, ...]
    indexes_to_create: tuple[TableIndex, ...]
    indexes_to_drop: tuple[TableIndex, ...]
    tables_to_check: tuple[str, ...]


def compare_schemas(old: Schema | None, new: Schema) -> SchemaChange:
    """Return what it takes to get from ``old`` (None: no schema was ever pushed) to ``new``.

    A table to create may exist already, made by an insert; a table to check may be empty or missing.
    """
    old_tables = old.tables if old is not None else {}
    old_indexes = _indexes(old_tables)
    new_indexes = _indexes(new.tables)
    return SchemaChange(
        tables_to_create=tuple(name for name in new.tables if name not in old_tables),
        indexes_to_create=tuple(sorted(new_indexes - old_indexes)),
        indexes_to_drop=tuple(sorted(old_indexes - new_indexes)),
        tables_to_check=tuple(name for name in new.tables if _must_be_checked(old, new, name)),
    )


def _indexes(tables: dict[str, Table]) -> set[TableIndex]:
    def named(table: str, index: IndexDeclaration) -> TableIndex:
        return TableIndex(table, index.name, index.fields)

    return {named(name, index) for name, table in tables.items() for index in table.indexes}


def _must_be_checked(old: Schema | None, new: Schema, table: str) -> bool:
    asked = new.validator(table)
    if asked is None:
        return False
    promised = old.validator(table) if old is not None else None
    return promised is None or not is_subset(promised, asked)


# --- subsets ----------------------------------------------------------------------------------------------------------


def is_subset(narrow: Validator, wide: Validator) -> bool:
    """Return whether every value that ``narrow`` accepts is surely accepted by ``wide``."""
    if narrow == wide or wide == ScalarValidator("any"):
        return True
    match narrow, wide:
        case UnionValidator(members=members), _:
            return all(is_subset(member, wide) for member in members)
        case ScalarValidator(kind="boolean"), UnionValidator():
            both = (LiteralValidator(True), LiteralValidator(False))
            return any(is_subset(narrow, member) for member in wide.members) or all(
                is_subset(literal, wide) for literal in both
            )
        case _, UnionValidator(members=members):
            return any(is_subset(narrow, member) for member in members)
        case LiteralValidator(), ScalarValidator(kind=kind):
            return kind in _kinds_of_literal(narrow)
        case ScalarValidator(kind="bigint" | "commitTs"), ScalarValidator(kind="bigint" | "commitTs"):
            return True
        case IdValidator(), ScalarValidator(kind="string"):
            return True
        case ArrayValidator(), ArrayValidator():
            return is_subset(narrow.element, wide.element)
        case RecordValidator(), RecordValidator():
            return is_subset(narrow.keys, wide.keys) and is_subset(narrow.values, wide.values)
        case ObjectValidator(), ObjectValidator():
            return _is_object_subset(narrow, wide)
        case _:
            return False


def _kinds_of_literal(literal: LiteralValidator) -> tuple[ScalarKind, ...]:
    match literal.value:
        case bool():
            return ("boolean",)
        case str():
            return ("string",)
        case Int64():
            return ("bigint", "commitTs")
        case _:
            return ("number",)


def _is_object_subset(narrow: ObjectValidator, wide: ObjectValidator) -> bool:
    if not narrow.fields.keys() <= wide.fields.keys():
        return False
    for name, wide_field in wide.fields.items():
        field = narrow.fields.get(name)
        if field is None:
            if not wide_field.optional:
                return False
        elif (field.optional and not wide_field.optional) or not is_subset(field.validator, wide_field.validator):
            return False
    return True
