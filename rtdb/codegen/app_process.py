"""An app's description without a server: made by a child process, because importing an app runs its code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

import msgspec

from rtdb.codegen.describe_process import Answer, Problem
from rtdb.functions.description import Description

__all__ = ["AppProblem", "describe_app"]

DESCRIBE_SECONDS_MAX: Final = 60.0

_decoder: Final[msgspec.json.Decoder[Answer | Problem]] = msgspec.json.Decoder(Answer | Problem)


class AppProblem(Exception):
    """The app cannot be imported. ``frames`` says where in its code, one line a frame, empty if it is not the code."""

    def __init__(self, message: str, frames: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.frames = frames


def describe_app(directory: Path, what: Literal["app", "schema"] = "app") -> Description:
    """Return what the modules in a directory are, or their schema alone. Raises :class:`AppProblem`.

    What they print while they are imported goes to our standard error.
    """
    command = [sys.executable, "-P", "-m", "rtdb.codegen.describe_process", what, str(directory.resolve())]
    try:
        process = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=DESCRIBE_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired:
        raise AppProblem(
            f"The modules in {directory} were not imported within {DESCRIBE_SECONDS_MAX:g} s. "
            "Does one of them wait for something at its top level?"
        ) from None
    try:
        answer = _decoder.decode(process.stdout)
    except msgspec.DecodeError:
        code = process.returncode
        ending = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        raise AppProblem(f"Importing the modules in {directory} ended the process, {ending}.") from None
    if isinstance(answer, Problem):
        raise AppProblem(answer.message, answer.frames)
    return answer.description
