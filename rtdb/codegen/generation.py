"""From a directory of modules to the files in its ``_generated``.

Functions may import what is generated from their schema, so there is a circle: the files are made from the app, and
the app may not be importable without them. Only the schema decides about files that functions import, and a schema
imports nothing generated; when the whole app cannot be imported, its schema is tried alone, its files are written, and
the app is tried again.

The modules in TypeScript are not here: what is in them comes from a server, and is kept in ``_generated`` too, so that
without one the same files are made of the same app.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from rtdb.codegen.app_process import AppProblem, describe_app
from rtdb.codegen.generated_files import outdated_files, write_files
from rtdb.codegen.python_stubs import python_files, python_modules
from rtdb.codegen.typescript import typescript_files
from rtdb.codegen.typescript_part import join_typescript, kept_typescript, typescript_file
from rtdb.functions.description import Description
from rtdb.schema.schema import Schema, schema_from_json

__all__ = ["Generation", "check", "generate"]


class Generation(msgspec.Struct, frozen=True):
    """What came of it: the files that were written, or should be, and whether there is a schema to make types of."""

    files: list[Path]
    has_schema: bool


def generate(functions: Path, typescript: Description | None = None) -> Generation:
    """Write what is outdated; ``typescript`` is what a server says of the modules in TypeScript, None without one.

    Raises :class:`AppProblem` and ``OSError``.
    """
    typescript = kept_typescript(functions) if typescript is None else typescript
    written: list[Path] = []
    try:
        description = join_typescript(describe_app(functions), typescript)
    except AppProblem:
        description = join_typescript(describe_app(functions, "schema"), typescript)
        contents = python_modules(_schema_of(description)) | typescript_file(functions, typescript)
        written = write_files(functions, contents)
        if not written:
            raise
        description = join_typescript(describe_app(functions), typescript)
    written += write_files(functions, _all_files(description) | typescript_file(functions, typescript))
    return Generation(written, description.schema is not None)


def check(functions: Path, typescript: Description | None = None) -> Generation:
    """Return what is outdated, as for :func:`generate`, and write nothing.

    Raises :class:`AppProblem` and ``OSError``.
    """
    typescript = kept_typescript(functions) if typescript is None else typescript
    try:
        description = join_typescript(describe_app(functions), typescript)
    except AppProblem:
        schema = _schema_of(join_typescript(describe_app(functions, "schema"), typescript))
        outdated = outdated_files(functions, python_modules(schema))
        if not outdated:
            raise
        return Generation(outdated, schema is not None)
    contents = _all_files(description) | typescript_file(functions, typescript)
    return Generation(outdated_files(functions, contents), description.schema is not None)


def _schema_of(description: Description) -> Schema | None:
    return None if description.schema is None else schema_from_json(description.schema)


def _all_files(description: Description) -> dict[str, str]:
    return typescript_files(description) | python_files(_schema_of(description), description.functions)
