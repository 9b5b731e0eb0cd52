"""``rtdb dev``: deploy on every save, for as long as somebody works on the app."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Annotated, Final, NamedTuple

import typer
from rich.text import Text

from rtdb.cli import admin_client
from rtdb.cli.deploy import (
    AdminKeyFileOption,
    AdminKeyOption,
    EnvFileOption,
    FunctionsOption,
    UrlOption,
    deploy_directory,
    target_of,
)
from rtdb.cli.deploy_client import DeployError, Unreachable
from rtdb.cli.deploy_view import show_error
from rtdb.cli.interrupts import until_interrupted
from rtdb.cli.log_follower import LogEvents, follow_log
from rtdb.cli.log_view import LogFilter, LogView
from rtdb.cli.output import EXIT_FAILURE, messages
from rtdb.cli.target import Target
from rtdb.config import Limits
from rtdb.errors import BadRequestError
from rtdb.functions.bundle import GENERATED, Bundle, is_bundled, read_bundle

__all__ = ["dev"]

LOOK_MS: Final = 1000
"""How often it is looked whether there is something to do, though nothing seems to have been saved."""
DEBOUNCE_MS: Final = 200
"""Saves closer together than this are one: an editor writes several files at once."""


def dev(
    functions: FunctionsOption = Path("functions"),
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
    once: Annotated[bool, typer.Option("--once", help="Deploy once and end, with 1 if it failed.")] = False,
    show_logs: Annotated[
        bool, typer.Option("--logs/--no-logs", help="Show what functions print and fail with.")
    ] = True,
) -> None:
    """Deploy and generate types, now and on every save, and show what functions print.

    An error is shown with its file and line, and what was deployed last goes on running until it is mended. A server
    that does not answer is waited for. Ctrl-C ends it.
    """
    target = target_of(url, admin_key, env_file, admin_key_file)
    if show_logs and not once:
        Thread(target=_show_logs, args=(target,), name="logs", daemon=True).start()
    with until_interrupted():
        attempt = _attempt(functions, target, None)
        if once:
            raise typer.Exit(EXIT_FAILURE if attempt.error is not None else 0)
        for _ in _saves(functions):
            # What there is decides, not what was heard of: a save may fall between a deploy and the next look.
            if attempt.source_hash != _source_hash(functions) or isinstance(attempt.error, Unreachable):
                attempt = _attempt(functions, target, attempt)


def _show_logs(target: Target) -> None:
    """Show what functions print, for as long as the program runs."""
    accepts, view = LogFilter().accepts, LogView(messages, ends=False)
    while True:
        try:
            for entry in follow_log(target, history=0, events=LogEvents()):
                if accepts(entry):
                    view.show(entry)
        except admin_client.Unreachable:
            time.sleep(LOOK_MS / 1000)
        except admin_client.AdminError:
            return  # whatever it is, the deploy has the same and says so


class _Attempt(NamedTuple):
    """What was tried last, and what came of it."""

    source_hash: str
    error: DeployError | None


def _attempt(functions: Path, target: Target, last: _Attempt | None) -> _Attempt:
    """Deploy and say how it went; that a server is still not there is not said again."""
    source_hash = _source_hash(functions)
    is_changed = last is None or last.source_hash != source_hash
    try:
        unchanged = deploy_directory(functions, target, types=is_changed)
    except DeployError as error:
        if not (isinstance(error, Unreachable) and last is not None and isinstance(last.error, Unreachable)):
            show_error(messages, error, functions)
        return _Attempt(source_hash, error)
    if not unchanged or last is not None:
        text = f"{functions} runs on {target.url}"
        messages.print(Text("✓ ", style="bold green").append(text, style="default not bold"))
    return _Attempt(source_hash, None)


def _source_hash(functions: Path) -> str:
    """Return what the modules are that somebody wrote, "" while they cannot be read."""
    try:
        files = read_bundle(functions, Limits()).files
        return Bundle({path: source for path, source in files.items() if GENERATED not in path.split("/")}).hash
    except (BadRequestError, OSError):
        return ""


def _saves(functions: Path) -> Iterator[object]:
    """Yield whenever a module was saved, made, moved or deleted, and now and then when none was; end with Ctrl-C."""
    from watchfiles import watch  # noqa: PLC0415  # it brings a compiled library that no other command needs

    root = functions.resolve()

    def is_module(_change: object, path: str) -> bool:
        return path.endswith(".py") and is_bundled(Path(path).relative_to(root))

    return watch(
        root,
        watch_filter=is_module,
        debounce=DEBOUNCE_MS,
        rust_timeout=LOOK_MS,
        yield_on_timeout=True,
    )
