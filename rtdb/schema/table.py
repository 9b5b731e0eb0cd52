"""Tables as an app declares them: what their documents look like and which indexes they have.

``define_table`` knows neither the table's name nor the other tables; what is wrong with a declaration is therefore said
by :func:`rtdb.schema.schema.define_schema`, where names are known.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rtdb.errors import BadRequestError
from rtdb.schema.validators import (
    ObjectValidator,
    ScalarValidator,
    UnionValidator,
    Validator,
    ValidatorLike,
    to_validator,
)
from rtdb.values.field_name import field_steps

__all__ = ["IndexDeclaration", "Table", "define_table", "may_contain_field"]


class IndexDeclaration(msgspec.Struct, frozen=True):
    """An index by name, with its fields (dotted paths) but without the ``_creationTime`` that ends every index."""

    name: str
    fields: tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """A declared table. ``document`` is what it accepts: an object, a union of objects, or anything."""

    document: Validator
    indexes: tuple[IndexDeclaration, ...] = ()

    def index(self, name: str, fields: Iterable[str]) -> Table:
        """Return this table with one more index."""
        if isinstance(fields, str):
            raise BadRequestError(
                f'Index "{name}" must be given a list of fields, such as ["{fields}"].', code="InvalidIndexField"
            )
        paths = tuple(".".join(field_steps(field)) if isinstance(field, str) else field for field in fields)
        return Table(self.document, (*self.indexes, IndexDeclaration(name, paths)))

    def index_named(self, name: str) -> IndexDeclaration | None:
        """Return the index declared under ``name``."""
        return next((index for index in self.indexes if index.name == name), None)


def define_table(document: ValidatorLike) -> Table:
    """Declare a table by the fields of its documents, or by the validator of a whole document."""
    return Table(_without_system_fields(to_validator(document)))


def _without_system_fields(validator: Validator) -> Validator:
    # Every document has these fields and no app can change that, so a declaration says nothing.
    if isinstance(validator, ObjectValidator):
        return validator.without_system_fields()
    if isinstance(validator, UnionValidator):
        return UnionValidator(tuple(map(_without_system_fields, validator.members)))
    return validator


def may_contain_field(validator: Validator, path: str) -> bool:
    """Return whether some accepted document can have a value at the dotted ``path``."""
    name, _, rest = path.partition(".")
    match validator:
        case ScalarValidator(kind="any"):
            return True
        case UnionValidator(members=members):
            return any(may_contain_field(member, path) for member in members)
        case ObjectValidator(fields=fields) if name in fields:
            return not rest or may_contain_field(fields[name].validator, rest)
        case _:
            return False
