"""The process that imports an app to describe it: ``python -m rtdb.codegen.describe_process app|schema DIRECTORY``.

It writes one JSON value on standard output: ``{"description": …}`` or ``{"code", "message", "frames"}``. What the app's
own code prints goes to standard error.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from rtdb.config import Limits
from rtdb.functions.app_loader import AppLoadError, describe_python, load_schema
from rtdb.functions.description import Description
from rtdb.link.frames import ExecutionError

__all__ = ["Answer", "Problem", "main"]


class Answer(msgspec.Struct, tag="description"):
    """The app, or as much of it as was asked for."""

    description: Description


class Problem(msgspec.Struct, tag="problem"):
    """Why it cannot be imported; ``frames`` is where, as in :class:`~rtdb.link.frames.ExecutionError`."""

    code: str
    message: str
    frames: str


def describe(what: str, directory: Path) -> Description:
    """Import the app, or its schema alone, and return what it is. Raises ``AppLoadError``."""
    # How large a schema may be is for the server to say.
    limits = Limits(tables_max=sys.maxsize, indexes_per_table_max=sys.maxsize, index_fields_max=sys.maxsize)
    if what == "app":
        return describe_python(directory, limits)
    schema = load_schema(directory, limits)
    return Description(functions=[], schema=None if schema is None else schema.to_json())


def main() -> None:
    what, directory = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer: Answer | Problem
    try:
        answer = Answer(describe(what, Path(directory)))
    except AppLoadError as error:
        answer = _problem(error.error)
    with answers:
        answers.write(msgspec.json.encode(answer))
        answers.flush()
    # Threads that the app has started must not keep a developer waiting.
    os._exit(0)


def _problem(error: ExecutionError) -> Problem:
    return Problem(error.code, error.message, error.frames)


if __name__ == "__main__":
    main()
