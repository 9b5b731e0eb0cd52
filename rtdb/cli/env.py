"""``rtdb env``: the environment variables of a running server."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from rtdb.cli.admin_client import AdminClient, AdminError
from rtdb.cli.deploy import AdminKeyFileOption, AdminKeyOption, EnvFileOption, UrlOption, target_of
from rtdb.cli.env_file import format_variable, parse_env_file
from rtdb.cli.output import fail, messages, results
from rtdb.cli.target import is_managed

__all__ = ["env"]

ASSIGNMENT: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)

NameArgument = Annotated[str, typer.Argument(help="Its name.", metavar="NAME")]

env = typer.Typer(help="See and change the environment variables of a running server.", no_args_is_help=True)


@env.command("list")
def list_variables(
    names_only: Annotated[bool, typer.Option("--names-only", help="Print no values.")] = False,
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Print all variables that were set, one NAME=value a line, as `set --from-file` reads them."""
    with _server(url, admin_key, env_file, admin_key_file) as server:
        variables = _variables(server)
    if not variables:
        messages.print("No environment variables are set.")
    for name, value in sorted(variables.items()):
        _print(name if names_only else format_variable(name, value))


@env.command("get")
def get_variable(
    name: NameArgument,
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Print the value of one variable, and end with 1 if it is not set."""
    with _server(url, admin_key, env_file, admin_key_file) as server:
        variable = server.query("_system/cli/queryEnvironmentVariables:get", {"name": name})
    if variable is None:
        fail(f"the environment variable {name} is not set; `rtdb env list --names-only` prints those that are")
    _print(variable["value"])


@env.command("set")
def set_variables(
    name: Annotated[
        str | None, typer.Argument(help="Its name, or NAME=value.", metavar="NAME", show_default=False)
    ] = None,
    value: Annotated[
        str | None,
        typer.Argument(
            help="What to set it to. Default: what is piped in, or typed at a hidden prompt.",
            metavar="VALUE",
            show_default=False,
        ),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(
            help="Read this file: the value of NAME, or without a name many variables, as in .env files.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Give many variables at once new values, if they have others.")
    ] = False,
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Set a variable, or many: `rtdb env set --from-file .env.production`, `rtdb env set < .env.production`.

    Queries that have read it run again at once. A value on the command line stays in the shell's history; one that is
    piped in, read from a file or typed at the prompt does not.
    """
    if name is None:
        text, source = _read_many(from_file)
        with _server(url, admin_key, env_file, admin_key_file) as server:
            _set_many(server, text, source, force=force)
        return
    name, value = _assignment(name, value, from_file)
    with _server(url, admin_key, env_file, admin_key_file) as server:
        server.post("/api/update_environment_variables", {"changes": [{"name": name, "value": value}]})
    _done(f"{name} is set")


@env.command("unset")
def unset_variables(
    names: Annotated[list[str], typer.Argument(help="Their names.", metavar="NAME...")],
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Unset variables; those that are not set are left so."""
    with _server(url, admin_key, env_file, admin_key_file) as server:
        changes = [{"name": name, "value": None} for name in names]
        server.post("/api/update_environment_variables", {"changes": changes})
    _done(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not set any more")


# --- the server -------------------------------------------------------------------------------------------------------


@contextmanager
def _server(
    url: str | None, admin_key: str | None, env_file: Path | None, admin_key_file: Path | None
) -> Iterator[AdminClient]:
    """Connect to the server that is meant; whatever fails ends the command."""
    try:
        with AdminClient(target_of(url, admin_key, env_file, admin_key_file)) as server:
            server.require_name()
            yield server
    except AdminError as error:
        fail(error.message)


def _variables(server: AdminClient) -> dict[str, str]:
    answer: dict[str, dict[str, str]] = server.get("/api/list_environment_variables")
    return answer["environmentVariables"]


# --- what to set ------------------------------------------------------------------------------------------------------


def _assignment(name: str, value: str | None, from_file: Path | None) -> tuple[str, str]:
    """Return name and value, wherever the value is to come from."""
    assignment = ASSIGNMENT.fullmatch(name)
    if assignment is not None and value is not None:
        fail(f"{assignment[1]} is given a value twice; write NAME=value, or NAME value, with quotes around spaces")
    if assignment is not None:
        name, value = assignment[1], assignment[2]
    if value is not None and from_file is not None:
        fail(f"{name} is given a value and a file with one; give one of them")
    if value is not None:
        return name, value
    if from_file is not None:
        return name, _without_last_line_break(_read_text(from_file))
    if not sys.stdin.isatty():
        return name, _without_last_line_break(sys.stdin.read())
    typed: str = typer.prompt(f"Value of {name}", hide_input=True, default="", show_default=False, err=True)
    return name, typed


def _without_last_line_break(text: str) -> str:
    """Return a value as it is meant: `echo` and editors end every file with a line break."""
    return text.removesuffix("\n").removesuffix("\r")


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        # What is in it is not said, as it may be a secret.
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        fail(f"{path} cannot be read: {reason}")


def _read_many(from_file: Path | None) -> tuple[str, str]:
    """Return the text that many variables are in, and what to call it."""
    if from_file is not None:
        return _read_text(from_file), str(from_file)
    if sys.stdin.isatty():
        fail("nothing to set: give NAME and VALUE, or --from-file FILE, or pipe NAME=value lines in", exit_code=2)
    return sys.stdin.read(), "standard input"


def _set_many(server: AdminClient, text: str, source: str, *, force: bool) -> None:
    """Set everything in the text, or nothing if a part of it cannot be."""
    wanted, unreadable_lines = parse_env_file(text)
    if unreadable_lines:
        lines = ", ".join(map(str, unreadable_lines))
        fail(f"{source}: not NAME=value, or quotes that are not closed: line {lines}. Nothing was changed.")
    skipped = sorted(filter(is_managed, wanted))
    if skipped:
        messages.print(f"Left out, because they say where the server is: {', '.join(skipped)}", markup=False)
    wanted = {name: value for name, value in wanted.items() if not is_managed(name)}
    if not wanted:
        messages.print(f"No environment variables in {source}.", markup=False)
        return
    before = _variables(server)
    different = sorted(name for name, value in wanted.items() if before.get(name, value) != value)
    if different and not force:
        fail(
            f"these variables are set to other values already: {', '.join(different)}. Nothing was changed; --force "
            "gives them the new ones."
        )
    changes = [{"name": name, "value": value} for name, value in wanted.items() if before.get(name) != value]
    if changes:
        server.post("/api/update_environment_variables", {"changes": changes})
    _done(f"{source}: {_in_words(wanted, before, different)}")


def _in_words(wanted: Mapping[str, str], before: Mapping[str, str], different: list[str]) -> str:
    new = len(wanted.keys() - before.keys())
    counts = {"new": new, "changed": len(different), "as they were": len(wanted) - new - len(different)}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


# --- output -----------------------------------------------------------------------------------------------------------


def _print(text: str) -> None:
    """Print what may be a secret as it is: nothing in it is markup, and it is not wrapped."""
    results.print(Text(text), soft_wrap=True)


def _done(text: str) -> None:
    messages.print(Text("✓ ", style="bold green").append(text, style="default not bold"))
