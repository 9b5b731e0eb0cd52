"""Dotted paths to the fields of documents: which there are, and what lies at them."""

from __future__ import annotations

from collections.abc import Iterator

from rtdb.schema.validators import ObjectValidator, RecordValidator, ScalarValidator, UnionValidator, Validator

__all__ = ["ANY_NAME", "field_paths", "validators_at"]

ANY_NAME = "*"
"""In a path: whatever name a record's entry has."""


def field_paths(validator: Validator) -> Iterator[str]:
    """Yield the path of every field of every object in what a validator accepts; some may come twice."""
    match validator:
        case ObjectValidator(fields=fields):
            for name, field in fields.items():
                yield name
                yield from (f"{name}.{path}" for path in field_paths(field.validator))
        case UnionValidator(members=members):
            for member in members:
                yield from field_paths(member)
        case RecordValidator(values=values):
            yield ANY_NAME
            yield from (f"{ANY_NAME}.{path}" for path in field_paths(values))


def validators_at(validator: Validator, path: str) -> tuple[list[Validator], bool]:
    """Return what may lie at a path, and whether there may be nothing."""
    if not path:
        return [validator], False
    name, _, rest = path.partition(".")
    match validator:
        case ScalarValidator(kind="any"):
            return [validator], True
        case ObjectValidator(fields=fields) if name in fields:
            found, absent = validators_at(fields[name].validator, rest)
            return found, absent or fields[name].optional
        case RecordValidator(values=values):
            return validators_at(values, rest)[0], True
        case UnionValidator(members=members):
            each = [validators_at(member, path) for member in members]
            return [validator for found, _ in each for validator in found], any(absent for _, absent in each)
        case _:
            return [], True
