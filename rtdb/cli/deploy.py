"""``rtdb deploy``: make the modules in a directory the app of a running server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rtdb.cli.admin_client import AdminError
from rtdb.cli.deploy_client import DeployError, deploy_events
from rtdb.cli.deploy_view import DeployView, show_error
from rtdb.cli.output import EXIT_CONFIGURATION, EXIT_FAILURE, fail, messages, results
from rtdb.cli.target import DEFAULT_URL, Target, find_target
from rtdb.cli.typescript_part import deployed_typescript
from rtdb.codegen.app_process import AppProblem
from rtdb.codegen.generation import generate
from rtdb.config import Limits
from rtdb.errors import BadRequestError, ConfigurationError
from rtdb.functions.bundle import read_bundle

__all__ = [
    "AdminKeyFileOption",
    "AdminKeyOption",
    "CodegenOption",
    "EnvFileOption",
    "FunctionsOption",
    "UrlOption",
    "deploy",
    "deploy_directory",
    "target_of",
]

FunctionsOption = Annotated[
    Path,
    typer.Option(
        help="Directory of the app's modules.", metavar="DIR", exists=True, file_okay=False, envvar="RTDB_FUNCTIONS"
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        help=f"Where the server is. Default: what the environment or .env.local says, as in RTDB_URL; {DEFAULT_URL}.",
        metavar="URL",
    ),
]
AdminKeyOption = Annotated[
    str | None,
    typer.Option(
        help="The key to it. Default: what the environment or .env.local says, as in RTDB_ADMIN_KEY.", metavar="KEY"
    ),
]
CodegenOption = Annotated[
    bool, typer.Option("--codegen/--no-codegen", help="Whether to bring the app's types up to date first.")
]
AdminKeyFileOption = Annotated[
    Path | None,
    typer.Option(help="Read that key from a file.", metavar="FILE", exists=True, dir_okay=False),
]
EnvFileOption = Annotated[
    Path | None,
    typer.Option(help="Take both from this file, instead of .env.local and the environment.", metavar="FILE"),
]


def deploy(
    functions: FunctionsOption = Path("functions"),
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    types: CodegenOption = True,
) -> None:
    """Deploy an app to a running server.

    Its clients stay connected: their queries run again on the new code. If anything is wrong, with the code or with the
    documents that are there, the app that is running goes on as it is.
    """
    target = target_of(url, admin_key, env_file, admin_key_file)
    try:
        unchanged = deploy_directory(functions, target, dry_run=dry_run, types=types and not dry_run)
    except DeployError as error:
        show_error(messages, error, functions)
        raise typer.Exit(EXIT_FAILURE) from None
    if dry_run:
        results.print(f"Nothing was changed at {target.url}.", markup=False)
    else:
        results.print(f"{'Already deployed' if unchanged else 'Deployed'} to {target.url}.", markup=False)


def deploy_directory(functions: Path, target: Target, *, dry_run: bool = False, types: bool = True) -> bool:
    """Deploy, showing what happens; return whether nothing was different. Raises ``DeployError``.

    First the types are generated, which the modules may import. If they cannot be, it is for the server to say whether
    the app can run: it may have libraries that are missing here.
    """
    problem = _generate(functions, target) if types else None
    try:
        bundle = read_bundle(functions, Limits())
    except (BadRequestError, OSError) as error:
        raise DeployError(str(error)) from error
    view = DeployView(messages)
    with view.live():
        for event in deploy_events(target, bundle, dry_run=dry_run):
            view.show(event)
    if problem is not None:
        messages.print(f"It was deployed, but {problem}", markup=False)
    return view.unchanged


def _generate(functions: Path, target: Target) -> str | None:
    """Generate types; return what prevented it, or part of it."""
    typescript, problem = None, None
    try:
        typescript = deployed_typescript(target)
    except AdminError as error:
        problem = f"its types know the modules in TypeScript as they last were: {error}"
    try:
        generate(functions, typescript)
    except (AppProblem, OSError) as error:
        return f"its types could not be generated here: {error}"
    return problem


def target_of(
    url: str | None,
    admin_key: str | None,
    env_file: Path | None,
    admin_key_file: Path | None,
    *,
    key_needed: bool = True,
) -> Target:
    """Return the server the options and the environment name, or end the command."""
    try:
        return find_target(
            os.environ,
            Path.cwd(),
            url=url,
            admin_key=admin_key,
            admin_key_file=admin_key_file,
            env_file=env_file,
            key_needed=key_needed,
        )
    except ConfigurationError as error:
        fail(error, EXIT_CONFIGURATION)
