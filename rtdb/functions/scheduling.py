"""Scheduling functions of an app from its own code: which one is meant, and a mutation's way of writing it down."""

from __future__ import annotations

from typing import Any

from rtdb.errors import BadRequestError, DeveloperError
from rtdb.functions.app_loader import App
from rtdb.functions.call_steps import path_of_handle
from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.function_handle import HANDLE_PREFIX
from rtdb.scheduler.scheduled_job import cancel_job, schedule_job
from rtdb.transaction.transaction import Transaction
from rtdb.values.function_path import FunctionPath, parse_function_path

__all__ = ["TransactionJobs", "check_job_arguments", "find_target"]


class TransactionJobs:
    """What one transaction schedules. ``running`` is the job it is the run of, if it is one's."""

    __slots__ = ("_app", "_running", "_transaction")

    def __init__(self, app: App, transaction: Transaction, running: bytes | None) -> None:
        self._app = app
        self._transaction = transaction
        self._running = running

    @property
    def now_ms(self) -> float:
        return self._transaction.now_ms

    def schedule(self, function: object, time_ms: float, arguments: dict[str, Any] | None) -> str:
        return schedule_job(
            self._transaction, find_target(self._app, function), check_job_arguments(arguments), time_ms
        )

    def cancel(self, id: str) -> None:
        cancel_job(self._transaction, id, running=self._running)


def find_target(app: App, function: object) -> FunctionPath:
    """Return the path of a function that can be asked for. Its kind and arguments are looked at when it is called, by
    the code of that time. Raises DeveloperError ``InvalidScheduledFunction``."""
    if isinstance(function, FunctionDefinition):
        found = app.path_of(function)
        if found is None:
            raise _invalid(f"{function!r} is not a function of this app")
        return parse_function_path(found)
    if not isinstance(function, str):
        raise _invalid(
            f"Only functions can be scheduled. A function is named by its path or given itself, "
            f"not by {type(function).__name__}"
        )
    if function.startswith(HANDLE_PREFIX):
        return parse_function_path(path_of_handle(app, function))
    try:
        path = parse_function_path(function)
    except BadRequestError as error:
        raise _invalid(error.message) from error
    if str(path) in app.functions:
        return path
    if any(known.path.module == path.module for known in app.functions.values()):
        raise _invalid(
            f"Attempted to schedule function, but no exported function {path.export} found in the file: "
            f"{path.module}.js. Did you forget to export it?"
        )
    raise _invalid(f"Attempted to schedule function at nonexistent path: {path.module}.js")


def check_job_arguments(arguments: object) -> dict[str, Any]:
    """Return the arguments of a scheduled function. Raises TypeError for anything but an object."""
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise TypeError(f"The arguments of a scheduled function are a dict, not {type(arguments).__name__}")
    return arguments


def _invalid(message: str) -> DeveloperError:
    return DeveloperError(message, code="InvalidScheduledFunction")
