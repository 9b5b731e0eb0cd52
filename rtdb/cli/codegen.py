"""``rtdb codegen``: write what type checkers and front ends know of an app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtdb.cli.deploy import FunctionsOption
from rtdb.cli.deploy_view import show_error
from rtdb.cli.output import EXIT_FAILURE, fail, messages, results
from rtdb.codegen.app_process import AppProblem
from rtdb.codegen.generation import check, generate
from rtdb.functions.bundle import GENERATED

__all__ = ["codegen"]


def codegen(
    functions: FunctionsOption = Path("functions"),
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing, and end with 1 if anything is outdated.")
    ] = False,
) -> None:
    """Write the types of an app into its directory `_generated`, for TypeScript and for Python.

    No server is needed: the modules are imported here.
    """
    try:
        generation = check(functions) if check_only else generate(functions)
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
