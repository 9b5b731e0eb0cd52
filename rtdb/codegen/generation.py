"""From a directory of modules to the files in its ``_generated``.

Functions may import what is generated from their schema, so there is a circle: the files are made from the app, and
the app may not be importable without them. Only the schema decides about files that functions import, and a schema
imports nothing generated; when the whole app cannot be imported, its schema is tried alone, its files are written, and
the app is tried again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from rtdb.codegen.app_process import AppProblem, describe_app
from rtdb.codegen.generated_files import outdated_files, write_files
from rtdb.codegen.python_stubs import python_files, python_modules
from rtdb.codegen.typescript import typescript_files
from rtdb.functions.description import Description
from rtdb.schema.schema import Schema, schema_from_json

__all__ = ["Generation", "check", "generate"]


class Generation(msgspec.Struct, frozen=True):
    """What came of it: the files that were written, or should be, and whether there is a schema to make types of."""

    files: list[Path]
    has_schema: bool


def generate(functions: Path) -> Generation:
    """Write what is outdated. Raises :class:`AppProblem` and ``OSError``."""
    written: list[Path] = []
    try:
        description = describe_app(functions)
    except AppProblem:
        written = write_files(functions, python_modules(_schema_of(describe_app(functions, "schema"))))
        if not written:
            raise
        description = describe_app(functions)
    written += write_files(functions, _all_files(description))
    return Generation(written, description.schema is not None)


def check(functions: Path) -> Generation:
    """Return what is outdated, and write nothing. Raises :class:`AppProblem`."""
    try:
        description = describe_app(functions)
    except AppProblem:
        schema = _schema_of(describe_app(functions, "schema"))
        outdated = outdated_files(functions, python_modules(schema))
        if not outdated:
            raise
        return Generation(outdated, schema is not None)
    return Generation(outdated_files(functions, _all_files(description)), description.schema is not None)


def _schema_of(description: Description) -> Schema | None:
    return None if description.schema is None else schema_from_json(description.schema)


def _all_files(description: Description) -> dict[str, str]:
    return typescript_files(description) | python_files(_schema_of(description), description.functions)
