"""What a developer is told that a deploy changes: two descriptions of an app, compared."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rtdb.functions.description import Description
from rtdb.schema.schema import Schema, schema_from_json

__all__ = ["DescriptionChange", "IndexChange", "compare_descriptions"]


class IndexChange(msgspec.Struct, frozen=True, order=True):
    """An index that comes, goes, or has other fields under its name. Empty fields: there is none."""

    table: str
    name: str
    fields_before: tuple[str, ...]
    fields: tuple[str, ...]


class DescriptionChange(msgspec.Struct, frozen=True):
    """Everything that differs, each list in order. A function or table is changed when what it promises is."""

    functions_added: list[str]
    functions_changed: list[str]
    functions_removed: list[str]
    routes_added: list[str]
    """As in ``GET /orders``; a prefix ends with ``*``."""
    routes_removed: list[str]
    crons_added: list[str]
    crons_changed: list[str]
    crons_removed: list[str]
    tables_added: list[str]
    tables_changed: list[str]
    tables_removed: list[str]
    indexes: list[IndexChange]


def compare_descriptions(old: Description | None, new: Description) -> DescriptionChange:
    """Return how ``new`` differs from ``old`` (None: nothing was ever deployed)."""
    functions_before = {} if old is None else {function.path: function for function in old.functions}
    functions = {function.path: function for function in new.functions}
    routes_before, routes = _routes(old), _routes(new)
    crons_before = {} if old is None else {cron.name: cron for cron in old.crons}
    crons = {cron.name: cron for cron in new.crons}
    before, after = _schema(old), _schema(new)
    documents_before = {name: table.document for name, table in before.tables.items()}
    documents = {name: table.document for name, table in after.tables.items()}
    indexes_before, indexes = _indexes(before), _indexes(after)
    return DescriptionChange(
        functions_added=sorted(functions.keys() - functions_before.keys()),
        functions_changed=_changed(functions_before, functions),
        functions_removed=sorted(functions_before.keys() - functions.keys()),
        routes_added=sorted(routes - routes_before),
        routes_removed=sorted(routes_before - routes),
        crons_added=sorted(crons.keys() - crons_before.keys()),
        crons_changed=_changed(crons_before, crons),
        crons_removed=sorted(crons_before.keys() - crons.keys()),
        tables_added=sorted(documents.keys() - documents_before.keys()),
        tables_changed=_changed(documents_before, documents),
        tables_removed=sorted(documents_before.keys() - documents.keys()),
        indexes=[
            IndexChange(*place, indexes_before.get(place, ()), indexes.get(place, ()))
            for place in sorted(indexes_before.keys() | indexes.keys())
            if indexes_before.get(place) != indexes.get(place)
        ],
    )


def _changed(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return sorted(name for name in before.keys() & after.keys() if before[name] != after[name])


def _routes(description: Description | None) -> set[str]:
    if description is None or description.routes is None:
        return set()
    return {f"{route.method} {route.path}" for route in description.routes}


def _schema(description: Description | None) -> Schema:
    if description is None or description.schema is None:
        return Schema({})
    return schema_from_json(description.schema)


def _indexes(schema: Schema) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(name, index.name): index.fields for name, table in schema.tables.items() for index in table.indexes}
