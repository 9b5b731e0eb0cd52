"""A deploy as a person sees it: what changes, how far the server is, how it ended, and where an error is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from rtdb.cli.deploy_client import DeployError
from rtdb.codegen.app_process import AppProblem

__all__ = ["DeployView", "show_error"]

_FRAME: Final = re.compile(r"\s*at (?P<function>.+) \((?P<file>[^()]+):(?P<line>\d+)\)")
_MARKS: Final = (("added", "+", "green"), ("changed", "~", "yellow"), ("removed", "-", "red"))
_WORK: Final = {"checking": "Checking {table}", "indexing": "Indexing {table}.{index}"}


class DeployView:
    """Shows the events of one deploy on a console."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self.unchanged = False

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show progress while the block runs."""
        with self._progress:
            yield

    def show(self, event: dict[str, Any]) -> None:
        """Take in one event."""
        match event["type"]:
            case "described":
                for line in change_lines(event["change"]):
                    self._console.print(line)
            case "checking" | "indexing" as kind:
                self._show_work(_WORK[kind].format_map(event), event)
            case "deployed":
                self.unchanged = event["unchanged"]

    def _show_work(self, description: str, event: dict[str, Any]) -> None:
        # What takes no time needs no bar.
        if description not in self._tasks:
            if event["documents"] >= event["total"]:
                return
            self._tasks[description] = self._progress.add_task(description, total=event["total"])
        self._progress.update(self._tasks[description], completed=event["documents"], total=event["total"])


def change_lines(change: dict[str, Any]) -> Iterator[Text]:
    """Yield a line for each function, route, cron job, table and index that a deploy changes."""
    for kind in ("functions", "routes", "crons", "tables"):
        for what, mark, style in _MARKS:
            for name in change.get(f"{kind}_{what}", ()):
                yield Text(f"  {mark} {kind.removesuffix('s')} {name}", style=style)
    for index in change["indexes"]:
        before, after = index["fields_before"], index["fields"]
        _, mark, style = _MARKS[0 if not before else 1 if after else 2]
        fields = " → ".join(f"[{', '.join(fields)}]" for fields in (before, after) if fields)
        yield Text(f"  {mark} index {index['table']}.{index['name']} {fields}", style=style)


def show_error(console: Console, error: DeployError | AppProblem, functions: Path) -> None:
    """Print why a deploy or the import of an app failed, with file and line as editors and terminals make links of."""
    console.print(Text("✗ ", style="bold red").append(error.message, style="default not bold"))
    for frame in error.frames.splitlines():
        match = _FRAME.fullmatch(frame)
        if match is None:
            console.print(Text(frame, style="dim"))
            continue
        # What is outside the app has an absolute path, which stays what it is.
        place = f"    {functions / match['file']}:{match['line']} "
        console.print(Text(place, style="cyan").append(f"in {match['function']}", style="dim"))
