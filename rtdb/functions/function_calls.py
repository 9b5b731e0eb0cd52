"""Calling functions of an app inside one transaction: the one that was asked for, and those that it calls in turn.

::

    find it ─▶ check its kind ─▶ check arguments ─▶ run it ─▶ encode and check the result

A nested call shares everything with its caller but its arguments, result and seed, which are values of its own: the
transaction with its read set, limits and time, and the log lines. (A stale query has a transaction of its own, at the
same snapshot; the limits are shared nevertheless.) When it fails, the writes it made are undone, also
those of its own nested calls; what it has read stays read, because the caller's decision to go on depends on it.

It does not know sessions, replies or where calls come from: that is the executor's.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import nullcontext
from functools import partial
from typing import Any

from rtdb.config import Limits
from rtdb.errors import BadRequestError, DeveloperError, ValidationError
from rtdb.functions.app_loader import App, AppFunction
from rtdb.functions.context import Invocation, MutationContext, QueryContext
from rtdb.functions.convex_error import ConvexError
from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.environment_context import Environment
from rtdb.functions.error_report import is_ours, report_exception
from rtdb.functions.log_lines import PrintCapture
from rtdb.functions.pages import Pages
from rtdb.functions.query_builder import Query, TableQuery
from rtdb.functions.scheduler_context import Scheduler
from rtdb.functions.scheduling import TransactionJobs
from rtdb.functions.services import Services
from rtdb.functions.stored_files import TransactionFiles
from rtdb.functions.transaction_limits import allowance_of
from rtdb.link.frames import ExecutionError, FunctionKind
from rtdb.transaction.transaction import Transaction
from rtdb.values.function_path import FunctionPath, parse_function_path
from rtdb.values.json_codec import decode, decode_canonical, encode, encode_exact
from rtdb.values.value import UNDEFINED, Value, display
from rtdb.values.violations import display_bytes

__all__ = [
    "CallFailed",
    "FunctionCalls",
    "NestedCallError",
    "as_exception",
    "call_depth_exceeded",
    "check_arguments",
    "check_arguments_size",
    "check_result",
    "decode_arguments",
    "encode_arguments",
    "encode_result",
    "file_path",
    "find_function",
    "not_found",
    "parse_path",
    "path_of",
    "wrong_kind",
]


class CallFailed(Exception):
    """A call of a function ended with this error."""

    def __init__(self, error: ExecutionError) -> None:
        self.error = error


class NestedCallError(DeveloperError):
    """What a nested call failed with, for its caller: the printed form of the error."""


class FunctionCalls:
    """Runs functions in one transaction."""

    __slots__ = (
        "_app",
        "_depth",
        "_environment",
        "_files",
        "_invocation",
        "_jobs",
        "_limits",
        "_services",
        "_transaction",
    )

    def __init__(
        self,
        app: App,
        transaction: Transaction,
        invocation: Invocation,
        services: Services,
        limits: Limits,
    ) -> None:
        self._app = app
        self._transaction = transaction
        self._invocation = invocation
        self._services = services
        self._limits = limits
        self._depth = 0
        """Nested calls under way."""
        self._bind()

    def call(self, function: AppFunction, arguments: dict[str, Any], journal: str | None) -> tuple[bytes, str | None]:
        """Run a function with decoded arguments and return its encoded result and its journal. Raises CallFailed.

        ``journal`` is that of an earlier execution, whose page it is to read again.
        """
        check_arguments(function, arguments)
        pages = Pages(self._transaction, self._services.cursors, self._limits, journal)
        if function.kind == "mutation":
            context: QueryContext = MutationContext(
                self._transaction,
                pages,
                self._invocation,
                self._environment,
                self._files,
                self,
                Scheduler(self._jobs),
            )
        else:
            context = QueryContext(self._transaction, pages, self._invocation, self._environment, self._files, self)
        returned = self._run_handler(function.handler, context, arguments)
        exact, result = encode_result(function.path, returned, self._limits)
        check_result(function, exact)
        return result, pages.journal

    def run(
        self,
        kind: FunctionKind,
        caller: FunctionKind,
        function: object,
        arguments: object,
        *,
        limits: object = None,
        stale: bool = False,
    ) -> Value:
        """Call a function from inside another one of kind ``caller`` (data-model §7.4).

        ``limits`` are an app's `TransactionLimits`. A ``stale`` query reads what the transaction has begun with.
        """
        if kind == "mutation" and caller != "mutation":
            raise DeveloperError("Cannot call a Mutation function from a Query function", code="WrongFunctionKind")
        if stale and caller != "mutation":
            raise DeveloperError(
                "`use_stale_snapshot` is only supported in mutations, not queries.", code="WrongFunctionKind"
            )
        if self._depth >= self._limits.call_depth_max:
            raise call_depth_exceeded()
        path = path_of(self._app, function)
        allowance = allowance_of(limits)
        transaction = self._transaction
        savepoint = transaction.savepoint() if kind == "mutation" else None
        self._depth += 1
        if stale:
            self._transaction = transaction.begin_stale()
            self._bind()
        try:
            found = find_function(self._app, path, internal=True)
            if found.kind != kind:
                raise wrong_kind(found.path, kind, found.kind)
            # Detached from the caller's objects and held to what a client may send.
            detached = decode_arguments(found.path, encode_arguments(found.path, arguments), self._limits)
            with self._transaction.restricted(allowance) if allowance else nullcontext():
                result, _ = self.call(found, detached, None)
        except CallFailed as failed:
            if savepoint is not None:
                transaction.roll_back(savepoint)
            raise as_exception(failed.error) from None
        finally:
            self._depth -= 1
            if stale:
                self._leave_stale(transaction)
        return decode_canonical(result)

    def _leave_stale(self, transaction: Transaction) -> None:
        """Go on in the transaction that a stale query was called from."""
        stale, self._transaction = self._transaction, transaction
        self._bind()
        stale.end()
        if stale.failure is not None:
            transaction.fail(stale.failure)

    def _bind(self) -> None:
        """Have everything that functions reach read and write in the transaction."""
        self._environment = Environment(partial(self._services.variables.lookup, self._transaction))
        self._files = TransactionFiles(self._transaction, self._services.addresses)
        self._jobs = TransactionJobs(self._app, self._transaction, self._invocation.job)
        self._app.tables.lookup_number = self._transaction.table_number
        self._app.tables.lookup_name = self._transaction.table_name

    def _run_handler(self, handler: Any, context: QueryContext, arguments: dict[str, Any]) -> Any:
        """Call the app's code, with what it prints captured."""
        stdout = sys.stdout
        capture = PrintCapture(self._invocation.log_lines)
        sys.stdout = capture
        try:
            returned = handler(context, **arguments)
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: it is the app's code that raised them
            if is_ours(error):
                self._transaction.fail(error)
                raise
            raise CallFailed(report_exception(error, self._app.root, self._limits)) from None
        finally:
            sys.stdout = stdout
            capture.finish()
        if self._transaction.failure is not None:
            raise self._transaction.failure
        return returned


def path_of(app: App, function: object) -> str:
    """Return the path of a function that the app's code named, or gave itself."""
    if isinstance(function, str):
        return function
    if not isinstance(function, FunctionDefinition):
        raise TypeError(f"A function is named by its path or given itself, not by {type(function).__name__}")
    path = app.path_of(function)
    if path is None:
        raise TypeError(f"{function!r} is not a function of this app")
    return path


def parse_path(app: App, text: str) -> FunctionPath:
    """Return the path of a function that may exist. Raises CallFailed."""
    function = app.functions.get(text)
    if function is not None:
        return function.path
    try:
        return parse_function_path(text)
    except BadRequestError as error:
        raise _failed(error.code, error.message) from None


def find_function(app: App, text: str, *, internal: bool) -> AppFunction:
    """Return the function with this path, an internal one only for those who may call it. Raises CallFailed."""
    path = parse_path(app, text)
    function = app.functions.get(str(path))
    if function is None or (function.internal and not internal):
        raise not_found(path, internal=internal)
    return function


def not_found(path: FunctionPath, *, internal: bool) -> CallFailed:
    if internal:
        message = f"Could not find function for '{path.short}'. Did you forget to run `npx convex dev`?"
    else:
        message = f"Could not find public function for '{path.short}'."
    return _failed("FunctionNotFound", message)


def wrong_kind(path: FunctionPath, wanted: str, kind: FunctionKind) -> CallFailed:
    return _failed(
        "WrongFunctionKind",
        f"Trying to execute {file_path(path)} as {wanted.title()}, but it is defined as {kind.title()}.",
    )


def decode_arguments(path: FunctionPath, data: bytes, limits: Limits) -> dict[str, Any]:
    """Return the one object of arguments in encoded JSON. Raises CallFailed."""
    check_arguments_size(path, data, limits)
    try:
        arguments = decode(data)
    except (BadRequestError, DeveloperError) as error:
        raise _failed(error.code, f"Invalid arguments for {file_path(path)}: {error.message}") from None
    if isinstance(arguments, list):
        if len(arguments) != 1:
            raise _failed(
                "ValidationError",
                "ArgumentValidationError: Expected to receive a single object as the function's argument. "
                f"Instead received {len(arguments)} arguments: {display(arguments)}",
            )
        arguments = arguments[0]
    if not isinstance(arguments, dict):
        raise _failed(
            "ValidationError",
            "ArgumentValidationError: Expected to receive an object as the function's argument. "
            f"Instead received: {display(arguments)}",
        )
    return arguments


def check_arguments_size(path: FunctionPath, data: bytes, limits: Limits) -> None:
    """Raise CallFailed if these are too many bytes of arguments."""
    limit = limits.arguments_bytes_max
    if len(data) > limit:
        raise _failed(
            "ArgumentsTooLarge",
            f"Arguments for {file_path(path)} are too large "
            f"(actual: {display_bytes(len(data))}, limit: {display_bytes(limit)})",
        )


def encode_arguments(path: FunctionPath, arguments: object) -> bytes:
    """Return what the app's code gave as arguments, encoded. Raises CallFailed."""
    try:
        return encode({} if arguments is None else arguments)  # type: ignore[arg-type]  # it says what is no value
    except DeveloperError as error:
        raise _failed(error.code, f"Invalid arguments for {file_path(path)}: {error.message}") from None


def check_arguments(function: AppFunction, arguments: dict[str, Any]) -> None:
    """Raise CallFailed unless these are arguments that the function declares."""
    try:
        function.check_args(arguments)
    except ValidationError as error:
        raise _failed("ValidationError", f"ArgumentValidationError: {error.message}") from None


def encode_result(path: FunctionPath, returned: Any, limits: Limits) -> tuple[Any, bytes]:
    """Return the result made of exact types, and encoded; UNDEFINED is null (data-model §1.7). Raises CallFailed."""
    try:
        exact, result = encode_exact(None if returned is UNDEFINED else returned)
    except DeveloperError as error:
        raise _no_result(path, returned, error) from None
    limit = limits.result_bytes_max
    if len(result) > limit:
        raise _failed(
            "ReturnValueTooLarge",
            f"Function {file_path(path)} return value is too large "
            f"(actual: {display_bytes(len(result))}, limit: {display_bytes(limit)})",
        )
    return exact, result


def check_result(function: AppFunction, exact: Any) -> None:
    """Raise CallFailed unless this is a result that the function declares."""
    if function.check_returns is None:
        return
    try:
        function.check_returns(exact)
    except ValidationError as error:
        raise _failed("ValidationError", f"ReturnsValidationError: {error.message}") from None


def file_path(path: FunctionPath) -> str:
    """Return a path as errors print it."""
    return f"{path.module}.js:{path.export}"


def call_depth_exceeded() -> DeveloperError:
    return DeveloperError(
        "Cross component call depth limit exceeded. Do you have an infinite loop in your app?",
        code="MaximumCallDepthExceeded",
    )


def as_exception(error: ExecutionError) -> DeveloperError:
    """Return the error of a nested call as its caller's code sees it."""
    printed = f"{error.message}\n{error.frames}".rstrip("\n")
    if error.data is not None:
        return ConvexError(decode_canonical(error.data), message=printed)
    return NestedCallError(printed, code=error.code)


def _no_result(path: FunctionPath, returned: Any, error: DeveloperError) -> CallFailed:
    """Say why this cannot be a result, with advice for the usual mistakes."""
    if isinstance(returned, Query | TableQuery):
        return _failed(
            "InvalidReturnValue",
            "Return value is a Query. Results must be retrieved with `.collect()`, `.take(n), `.unique()`, or "
            "`.first()`.",
        )
    if inspect.isgenerator(returned) or inspect.isawaitable(returned) or inspect.isasyncgen(returned):
        if inspect.iscoroutine(returned):
            returned.close()  # it will never be awaited, and that is said here
        return _failed(
            "InvalidReturnValue",
            f"Function {file_path(path)} returned a {type(returned).__name__}: a function returns a value; use a list "
            "instead of a generator, and await what is to be awaited, which only actions can.",
        )
    return _failed(error.code, f"Function {file_path(path)} return value invalid: {error.message}")


def _failed(code: str, message: str) -> CallFailed:
    return CallFailed(ExecutionError(code, message))
