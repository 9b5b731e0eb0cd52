"""Schemas: all tables of an app, the rules for declaring them, and their JSON (data-model §4.3, §4.4).

Invariant: a :class:`Schema` that exists has passed every rule; only :func:`define_schema` and :func:`schema_from_json`
make one. Tables are in name order, and so equal schemas have equal JSON.

What it does not know: which tables exist, and whether documents match (:mod:`rtdb.schema.schema_change`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from rtdb.config import Limits
from rtdb.errors import BadRequestError
from rtdb.schema.table import IndexDeclaration, Table, may_contain_field
from rtdb.schema.validator_json import validator_from_json
from rtdb.schema.validators import (
    FieldValidator,
    IdValidator,
    ObjectValidator,
    ScalarValidator,
    UnionValidator,
    Validator,
)
from rtdb.values.function_path import check_identifier

__all__ = ["Schema", "check_schema_limits", "check_table_name", "define_schema", "schema_from_json"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_RESERVED_INDEX_NAMES: Final = frozenset({"by_id", "by_creation_time"})
_NUMBER: Final = ScalarValidator("number")
_FUTURE_INDEX_KINDS: Final = (
    "stagedDbIndexes",
    "searchIndexes",
    "stagedSearchIndexes",
    "vectorIndexes",
    "stagedVectorIndexes",
)


class Schema(msgspec.Struct, frozen=True):
    """The declared tables by name. Without ``schema_validation`` documents are not checked, indexes still kept."""

    tables: dict[str, Table]
    schema_validation: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return the schema as descriptions and deployments hold it; the official CLI's shape."""
        return {
            "tables": [_table_to_json(name, table) for name, table in self.tables.items()],
            "schemaValidation": self.schema_validation,
        }

    def document(self, table: str) -> Validator:
        """Return the validator of whole documents of ``table``, with ``_id`` and ``_creationTime``.

        Functions that return documents say so with it: ``returns=v.array(schema.document("messages"))``. Raises
        :class:`BadRequestError` for a table that is not declared.
        """
        declared = self.tables.get(table)
        if declared is None:
            raise _invalid(f'The schema has no table "{table}". It has: {", ".join(self.tables) or "none"}.')
        return _with_system_fields(declared.document, table)

    def validator(self, table: str) -> Validator | None:
        """Return what documents of ``table`` must match, or None when they are not checked."""
        declared = self.tables.get(table)
        if declared is None or not self.schema_validation or declared.document == ScalarValidator("any"):
            return None
        return declared.document


def _with_system_fields(validator: Validator, table: str) -> Validator:
    match validator:
        case UnionValidator(members=members):
            return UnionValidator(tuple(_with_system_fields(member, table) for member in members))
        case ObjectValidator(fields=fields):
            system = {"_id": FieldValidator(IdValidator(table)), "_creationTime": FieldValidator(_NUMBER)}
            return ObjectValidator(dict(sorted({**fields, **system}.items())))
        case _:
            return validator


def define_schema(tables: Mapping[str, Table], schema_validation: bool = True) -> Schema:
    """Declare an app's tables. Raises :class:`BadRequestError` with the code and text of the first broken rule."""
    for name in sorted(tables):
        table = tables[name]
        if not isinstance(table, Table):
            raise _invalid(f'Table "{name}" must be made with define_table, got {table!r}.')
        check_table_name(name)
        _check_document_type(table.document)
        _check_indexes(name, table)
    return Schema({name: tables[name] for name in sorted(tables)}, schema_validation)


def check_schema_limits(schema: Schema, limits: Limits) -> None:
    """Raise :class:`BadRequestError` if a server with these limits has no room for the schema.

    An app that declares its schema does not know them.
    """
    if len(schema.tables) > limits.tables_max:
        raise BadRequestError(f"Number of tables cannot exceed {limits.tables_max}.", code="TooManyTables")
    for name, table in schema.tables.items():
        if len(table.indexes) > limits.indexes_per_table_max:
            raise BadRequestError(
                f'Table "{name}" cannot have more than {limits.indexes_per_table_max} indexes.', code="TooManyIndexes"
            )
        for index in table.indexes:
            # The `_creationTime` that ends every index counts.
            if len(index.fields) >= limits.index_fields_max:
                raise BadRequestError(
                    f'In index "{index.name}": Indexes may have up to {limits.index_fields_max} fields.',
                    code="IndexTooManyFields",
                )


# --- rules ------------------------------------------------------------------------------------------------------------


def check_table_name(name: str) -> None:
    """Raise unless an app may have a table of this name."""
    if name.startswith("_"):
        raise BadRequestError(f"{name} is a reserved table name.", code="TableNameReserved")
    if not _NAME.fullmatch(name):
        raise BadRequestError(
            f'Invalid table name: "{name}". Identifiers must start with a letter and can only contain letters, '
            "digits, and underscores.",
            code="InvalidTableName",
        )


def _check_document_type(validator: Validator) -> None:
    if not _is_document_type(validator):
        raise BadRequestError(
            "The document validator in a schema must be an object, a union of objects, or `v.any()`. "
            f"Found {validator}. To learn more, see the schema documentation at "
            "https://docs.convex.dev/database/schemas.",
            code="InvalidTopLevelTypeInSchemaError",
        )


def _is_document_type(validator: Validator) -> bool:
    if isinstance(validator, UnionValidator):
        return all(map(_is_document_type, validator.members))
    return isinstance(validator, ObjectValidator) or validator == ScalarValidator("any")


def _check_indexes(table_name: str, table: Table) -> None:
    names: set[str] = set()
    name_of_fields: dict[tuple[str, ...], str] = {}
    for index in table.indexes:
        _check_index_name(table_name, index.name)
        if index.name in names:
            raise BadRequestError(
                f'Table "{table_name}" has two or more definitions of index "{index.name}".',
                code="IndexNamesNotUnique",
            )
        names.add(index.name)
        _check_index_fields(table_name, index)
        if index.fields in name_of_fields:
            raise BadRequestError(
                f'In table "{table_name}" index "{name_of_fields[index.fields]}" and index "{index.name}" have the '
                "same fields. Indexes must be unique within a table.",
                code="IndexNotUnique",
            )
        name_of_fields[index.fields] = index.name
        for field in index.fields:
            if not may_contain_field(table.document, field):
                raise BadRequestError(
                    f'In table "{table_name}" the index "{index.name}" is invalid because it references the field '
                    f'"{field}" that does not exist.',
                    code="SchemaDefinitionError",
                )


def _check_index_name(table_name: str, name: str) -> None:
    if name in _RESERVED_INDEX_NAMES or name.startswith("_"):
        raise BadRequestError(
            f'In table "{table_name}" cannot name an index "{name}" because the name is reserved. Indexes may not '
            'start with an underscore or be named "by_id" or "by_creation_time".',
            code="IndexNameReserved",
        )
    if not _NAME.fullmatch(name):
        raise BadRequestError(
            f'Invalid index name: "{name}". Identifiers must be 64 characters or less, start with a letter, and only '
            "contain letters, digits, underscores.",
            code="InvalidIndexName",
        )


def _check_index_fields(table_name: str, index: IndexDeclaration) -> None:
    def problem(code: str, text: str) -> BadRequestError:
        return BadRequestError(f'In index "{index.name}": {text}', code=code)

    if not index.fields:
        raise BadRequestError(
            f'In table "{table_name}" index "{index.name}" must have at least one field.', code="EmptyIndex"
        )
    seen: set[str] = set()
    for field in index.fields:
        if field == "_id":
            raise problem(
                "IndexFieldsContainId",
                "`_id` is not a valid index field. Documents are found by their id with `db.get`, and `by_id` is "
                "there for every table.",
            )
        if field == "_creationTime":
            raise problem(
                "IndexFieldsContainCreationTime",
                "`_creationTime` is automatically added to the end of each index. Remove it from the fields.",
            )
        if not isinstance(field, str) or any(check_identifier(part) is not None for part in field.split(".")):
            raise problem("InvalidIndexField", f'Invalid index field: "{field}"')
        if field.startswith("_"):
            raise problem("IndexFieldNameReserved", "Reserved fields (starting with `_`) are not allowed in indexes.")
        if field in seen:
            raise problem(
                "FieldsNotUniqueWithinIndex",
                f'Duplicate field "{field}". Index fields must be unique within an index.',
            )
        seen.add(field)


# --- JSON -------------------------------------------------------------------------------------------------------------


def _table_to_json(name: str, table: Table) -> dict[str, Any]:
    return {
        "tableName": name,
        "indexes": [{"indexDescriptor": index.name, "fields": list(index.fields)} for index in table.indexes],
        **{kind: [] for kind in _FUTURE_INDEX_KINDS},
        "documentType": table.document.to_json(),
    }


def schema_from_json(source: object) -> Schema:
    """Return the schema of which ``source`` is the (parsed) JSON. Raises :class:`BadRequestError`."""
    try:
        return _from_json(source)
    except (KeyError, TypeError, AttributeError) as error:
        raise _invalid(f"Not the JSON of a schema: {error!r}.") from error


def _from_json(source: Any) -> Schema:
    tables: dict[str, Table] = {}
    for item in source["tables"]:
        name = item["tableName"]
        if name in tables:
            raise _invalid(f'Table "{name}" is declared twice.')
        for kind in _FUTURE_INDEX_KINDS:
            if item.get(kind):
                raise _invalid(f'Table "{name}" has {kind}, which this server does not support.')
        document = item.get("documentType")
        tables[name] = Table(
            ScalarValidator("any") if document is None else validator_from_json(document),
            tuple(IndexDeclaration(index["indexDescriptor"], tuple(index["fields"])) for index in item["indexes"]),
        )
    return define_schema(tables, bool(source.get("schemaValidation", True)))


def _invalid(message: str) -> BadRequestError:
    return BadRequestError(message, code="InvalidSchemaExport")
