"""Exceptions of the app's code as its callers read them (sync-protocol §9.1).

::

    Uncaught ValueError: no such user
        at find_user (users.py:12)
        at show (profiles.py:30)

Frames are innermost first and only those in the app's own files: where in the server or in a library an error was
raised does not help the app's developer, and would tell clients about the machine.
"""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

from rtdb.config import MIB, Limits
from rtdb.errors import BadRequestError, DeveloperError, RtdbError
from rtdb.functions.convex_error import ConvexError
from rtdb.link.frames import ExecutionError
from rtdb.values.json_codec import encode

__all__ = ["cut_message", "format_frames", "is_ours", "report_exception", "sole_error"]

PACKAGE_PREFIX = f"{Path(__file__).parent.parent}/"


def report_exception(error: BaseException, root: Path, limits: Limits) -> ExecutionError:
    """Describe an exception that a function did not catch."""
    frames = format_frames(error.__traceback__, root, limits)
    data = None
    code = error.code if isinstance(error, RtdbError) else "FunctionError"
    message = f"Uncaught {_name(error)}: {_text(error)}"
    if isinstance(error, MemoryError):
        code = "OutOfMemory"
        message = (
            f"Python execution ran out of memory (maximum memory usage: {limits.runner_memory_bytes_max // MIB} MB)"
        )
    elif isinstance(error, SystemExit):
        message = f"Uncaught SystemExit: a function cannot end the process (exit code {error.code!r})"
    elif isinstance(error, ConvexError):
        try:
            data = encode(error.data)
        except DeveloperError as invalid:
            code, message = "FunctionError", f"Uncaught Error: ConvexError with invalid data: {invalid.message}"
    return ExecutionError(code, cut_message(message, limits), frames, data)


def format_frames(trace: TracebackType | None, root: Path, limits: Limits) -> str:
    """Return a line for each frame in a file of the app, innermost first."""
    prefix = f"{root}/"
    lines: list[str] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(prefix):
            lines.append(f"    at {code.co_name} ({code.co_filename[len(prefix) :]}:{trace.tb_lineno})\n")
        trace = trace.tb_next
    # A runaway recursion has a thousand equal frames; the innermost say what happened.
    return "".join(lines[: -limits.error_frames_max - 1 : -1])


def is_ours(error: BaseException) -> bool:
    """Return whether an exception that came through the app's code is a failure of the server and not of the app.

    What our API raises on purpose is the app's to see. Anything else that starts in our own code is a bug or a broken
    disk; a ``TypeError`` there is how Python says that we were called in the wrong way.
    """
    if isinstance(error, RtdbError):
        return not isinstance(error, DeveloperError | BadRequestError)
    if not isinstance(error, Exception) or isinstance(error, TypeError | RecursionError | MemoryError):
        return False
    innermost = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        innermost = frame
    return innermost is not None and innermost.f_code.co_filename.startswith(PACKAGE_PREFIX)


def sole_error(error: BaseException) -> BaseException:
    """Return the one exception that a nursery has wrapped in a group; the group itself if there are several in it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _name(error: BaseException) -> str:
    # Errors of our own API are plain errors to clients, whose code matches on the phrases after this word.
    if isinstance(error, RtdbError) and not isinstance(error, ConvexError):
        return "Error"
    return type(error).__name__


def _text(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        several = [f"{_name(each)}: {_text(each)}" for each in map(sole_error, error.exceptions)]
        return f"{len(several)} errors: {'; '.join(several)}"
    try:
        return str(error)
    except Exception:
        return "(the exception's own __str__ failed)"


def cut_message(message: str, limits: Limits) -> str:
    """Return an error's message, no longer than it may be."""
    encoded = message.encode("utf-8", "replace")
    return encoded[: limits.error_message_bytes_max].decode("utf-8", "ignore")
