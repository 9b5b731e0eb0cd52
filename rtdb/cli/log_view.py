"""Entries of the function log as a person reads them: what a function printed, how it failed, what it cost."""

from __future__ import annotations

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any, Final, Literal, NamedTuple

from rich.console import Console
from rich.text import Text

__all__ = ["LogFilter", "LogView"]

_LEVEL_STYLES: Final = {"DEBUG": "dim", "INFO": "", "LOG": "", "WARN": "yellow", "ERROR": "red"}

Entry = dict[str, Any]
Outcomes = Literal["all", "success", "failures", "printed"]


class LogFilter(NamedTuple):
    """Which entries are shown.

    ``functions``: names, patterns with ``*``, or whole modules; none of them is all. ``outcomes``: ``printed`` is what
    somebody who works on an app wants, lines and errors; ``success`` and ``failures`` are executions that ended so,
    ``all`` is everything.
    """

    functions: tuple[str, ...] = ()
    outcomes: Outcomes = "printed"

    def accepts(self, entry: Entry) -> bool:
        identifier = entry["identifier"]
        if self.functions and not any(_names(wanted, identifier) for wanted in self.functions):
            return False
        failed = entry.get("error") is not None
        if self.outcomes == "failures":
            return failed
        if self.outcomes == "success":
            return not failed
        return self.outcomes == "all" or failed or bool(entry["logLines"])


def _names(wanted: str, identifier: str) -> bool:
    return fnmatchcase(identifier, wanted) or identifier.startswith(f"{wanted}:")


class LogView:
    """Shows entries on a console. ``ends``: also how executions ended that have not failed."""

    def __init__(self, console: Console, *, ends: bool) -> None:
        self._console = console
        self._ends = ends

    def show(self, entry: Entry) -> None:
        """Print an entry, a line for each line, error, and end."""
        for line in entry["logLines"]:
            level, text = line["level"], " ".join(line["messages"])
            cut = " (truncated due to length)" if line["isTruncated"] else ""
            self._print(entry, line["timestamp"] / 1000, f"[{level}] {text}{cut}", _LEVEL_STYLES.get(level, ""))
        if entry["kind"] != "Completion":
            return
        if entry["error"] is not None:
            self._print(entry, entry["timestamp"], f"{entry['error']}\n    request {entry['requestId']}", "red")
        elif self._ends:
            self._print(entry, entry["timestamp"], _cost(entry), "green")

    def _print(self, entry: Entry, seconds: float, text: str, style: str) -> None:
        time = datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S.%f")[:-3]
        shown = Text(f"{time} ", style="dim")
        shown.append(f"{entry['udfType'][0]} {_printable(entry['identifier'])} ", style="not dim cyan")
        shown.append(_printable(text), style=f"not dim {style}")
        self._console.print(shown, soft_wrap=True)


def _cost(entry: Entry) -> str:
    """Say what an execution that succeeded has taken."""
    usage = entry["usageStats"]
    parts = [] if entry["success"] is None else [entry["success"]["status"]]
    parts += ["cached" if entry["cachedResult"] else f"{entry['executionTime'] * 1000:.1f} ms"]
    parts += [
        f"{what} {usage[f'database{verb}Documents']} ({usage[f'database{verb}Bytes']} B)"
        for what, verb in (("read", "Read"), ("wrote", "Write"))
        if usage[f"database{verb}Documents"]
    ]
    return ", ".join(parts)


def _printable(text: str) -> str:
    """Return a text that cannot do anything to a terminal: clients choose what functions print."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in "\n\t" else f"\\x{ord(character):02x}"
        for character in text
    )
