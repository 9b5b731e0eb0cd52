"""``rtdb codegen``: write what type checkers and front ends know of an app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdb.cli.admin_client import AdminError
from rtdb.cli.deploy import (
    AdminKeyFileOption,
    AdminKeyOption,
    EnvFileOption,
    FunctionsOption,
    UrlOption,
    target_of,
)
from rtdb.cli.deploy_view import show_error
from rtdb.cli.output import EXIT_FAILURE, fail, messages, results
from rtdb.cli.target import Target
from rtdb.cli.typescript_part import deployed_typescript
from rtdb.codegen.app_process import AppProblem
from rtdb.codegen.generation import check, generate
from rtdb.functions.bundle import GENERATED
from rtdb.functions.description import Description

__all__ = ["codegen"]


def codegen(
    functions: FunctionsOption = Path("functions"),
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing, and end with 1 if anything is outdated.")
    ] = False,
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Write the types of an app into its directory `_generated`, for TypeScript and for Python.

    No server is needed: the modules are imported here. One to which there is a key is asked for those in TypeScript,
    which `npx convex` pushes; else they are what they were when one last said it.
    """
    typescript = _typescript(target_of(url, admin_key, env_file, admin_key_file, key_needed=False))
    try:
        generation = (check if check_only else generate)(functions, typescript)
    except AppProblem as problem:
        show_error(messages, problem, functions)
        raise typer.Exit(EXIT_FAILURE) from None
    except OSError as error:
        fail(f"{functions / GENERATED} cannot be written: {error}")
    if not generation.has_schema:
        messages.print(
            f"{functions / 'schema.py'} does not exist, so that documents have no types. It would hold "
            "`schema = define_schema({…})`.",
            markup=False,
        )
    mark = "outdated: " if check_only else "wrote "
    for path in generation.files:
        results.print(f"{mark}{path}", markup=False)
    if check_only and generation.files:
        fail("run `rtdb codegen` and commit what it writes")


def _typescript(target: Target) -> Description | None:
    """Return what a server says of the modules in TypeScript, None if there is none to ask or it does not say."""
    if not target.admin_key:
        return None
    try:
        return deployed_typescript(target)
    except AdminError as error:
        messages.print(f"The modules in TypeScript are taken for what they last were: {error}", markup=False)
        return None
