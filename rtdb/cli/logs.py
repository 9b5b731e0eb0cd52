"""``rtdb logs``: what the functions of a running server do, as it happens."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from rtdb.cli.admin_client import AdminError, Unreachable
from rtdb.cli.deploy import AdminKeyFileOption, AdminKeyOption, EnvFileOption, UrlOption, target_of
from rtdb.cli.interrupts import until_interrupted
from rtdb.cli.log_follower import LogEvents, follow_log
from rtdb.cli.log_view import LogFilter, LogView
from rtdb.cli.output import fail, messages, results
from rtdb.cli.target import Target

__all__ = ["LogMessages", "logs"]


class LogMessages(LogEvents):
    """Says on standard error what is not in the log."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def begun(self) -> None:
        messages.print(f"Following {self._target.url}; Ctrl-C ends it.", style="dim", markup=False)

    def lost(self, error: Unreachable) -> None:
        messages.print(f"{error.message} Waiting for it.", markup=False, style="yellow")

    def found(self) -> None:
        messages.print("It answers again.", style="yellow")

    def incomplete(self) -> None:
        messages.print(
            "Some executions are missing here: more ended than the server remembers (log_records_max, log_bytes_max).",
            style="yellow",
        )


def logs(
    functions: Annotated[
        list[str] | None,
        typer.Argument(
            help="Only these: module:name, a whole module, or a pattern with *.",
            metavar="FUNCTION...",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        int, typer.Option(help="Begin with the newest executions, at most so many.", metavar="COUNT", min=0)
    ] = 0,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what happens from now on.")] = True,
    success: Annotated[
        bool, typer.Option("--success", help="Only executions that succeeded, with their cost.")
    ] = False,
    failures: Annotated[bool, typer.Option("--failures", help="Only executions that failed.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every execution, also of functions that print nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, as the server sends it.")
    ] = False,
    url: UrlOption = None,
    admin_key: AdminKeyOption = None,
    admin_key_file: AdminKeyFileOption = None,
    env_file: EnvFileOption = None,
) -> None:
    """Print what functions print and how they fail, as it happens, until Ctrl-C.

    For example: rtdb logs --history 20 'messages:*'
    """
    if success + failures + everything > 1:
        fail("--success, --failures and --all exclude each other", exit_code=2)
    outcomes: LogFilter = LogFilter(
        tuple(functions or ()),
        "success" if success else "failures" if failures else "all" if everything or as_json else "printed",
    )
    view = LogView(results, ends=success or everything)
    target = target_of(url, admin_key, env_file, admin_key_file)
    try:
        with until_interrupted():
            for entry in follow_log(target, history=history, events=LogMessages(target), follow=follow):
                if outcomes.accepts(entry):
                    if as_json:
                        print(json.dumps(entry), flush=True)
                    else:
                        view.show(entry)
    except AdminError as error:
        fail(error.message)
