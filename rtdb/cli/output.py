"""How commands speak to a person: results on standard output, everything else on standard error."""

from __future__ import annotations

from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from rtdb.errors import ConfigurationError, RtdbError

__all__ = ["EXIT_CONFIGURATION", "EXIT_FAILURE", "fail", "messages", "results"]

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 78
"""``EX_CONFIG`` of sysexits.h: starting again without changing something will not help."""

results = Console(highlight=False, soft_wrap=True)
messages = Console(stderr=True, highlight=False)
# Wrapped between words for a person, left in one piece for a program that reads it.
messages.soft_wrap = not messages.is_terminal


def fail(error: RtdbError | str, exit_code: int = EXIT_FAILURE) -> NoReturn:
    """Print why the command cannot go on, and end it."""
    if isinstance(error, ConfigurationError):
        messages.print(Text("rtdb: these settings cannot be used:", style="bold red"))
        for problem in error.message.splitlines():
            messages.print(Text(f"  {problem}"))
    else:
        text = error if isinstance(error, str) else error.message
        messages.print(Text("rtdb: ", style="bold red").append(text, style="default not bold"))
    raise typer.Exit(exit_code)
