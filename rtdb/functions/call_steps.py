"""The steps of a call of one of the app's functions, wherever it runs: finding it, its arguments, its result.

Each raises :class:`CallFailed` with the error that the caller is told.
"""

from __future__ import annotations

import inspect
from typing import Any

from rtdb.config import Limits
from rtdb.errors import BadRequestError, DeveloperError, ValidationError
from rtdb.functions.app import App, AppFunction
from rtdb.functions.convex_error import ConvexError
from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.function_handle import HANDLE_PREFIX
from rtdb.functions.query_builder import Query, TableQuery
from rtdb.link.frames import ExecutionError, FunctionKind
from rtdb.values.function_path import FunctionPath, parse_function_path
from rtdb.values.json_codec import canonical_form, decode, decode_canonical, encode, encode_exact
from rtdb.values.value import UNDEFINED, display
from rtdb.values.violations import display_bytes

__all__ = [
    "CallFailed",
    "CallTerminated",
    "NestedCallError",
    "as_exception",
    "call_depth_exceeded",
    "check_arguments",
    "check_arguments_size",
    "check_result",
    "decode_arguments",
    "decode_result",
    "encode_arguments",
    "encode_result",
    "file_path",
    "find_function",
    "not_found",
    "parse_path",
    "path_of",
    "path_of_handle",
    "result_too_large",
    "wrong_kind",
]


class CallFailed(Exception):
    """A call of a function ended with this error. ``out_of_memory``: because this process has no more."""

    def __init__(self, error: ExecutionError, *, out_of_memory: bool = False) -> None:
        self.error = error
        self.out_of_memory = out_of_memory


class NestedCallError(DeveloperError):
    """What a nested call failed with, for its caller: the printed form of the error."""


class CallTerminated(Exception):
    """The process that ran an app's code for this one has ended: whatever called whom, all of it is over."""

    def __init__(self, error: ExecutionError) -> None:
        self.error = error


def path_of(app: App, function: object) -> str:
    """Return the path of a function that the app's code named, or gave itself."""
    if isinstance(function, str):
        return path_of_handle(app, function) if function.startswith(HANDLE_PREFIX) else function
    if not isinstance(function, FunctionDefinition):
        raise TypeError(f"A function is named by its path or given itself, not by {type(function).__name__}")
    path = app.path_of(function)
    if path is None:
        raise TypeError(f"{function!r} is not a function of this app")
    return path


def path_of_handle(app: App, handle: str) -> str:
    """Return the path of the function that a handle stands for. Raises DeveloperError if there is none."""
    path = app.path_of_handle(handle)
    if path is None:
        raise DeveloperError(
            f"Couldn't resolve the function handle {handle[:200]}: there is no such function, or not any more.",
            code="InvalidReference",
        )
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
    _check_result_size(path, result, limits)
    return exact, result


def decode_result(path: FunctionPath, returned: bytes, limits: Limits) -> tuple[Any, bytes]:
    """Return the result whose JSON this should be, and its canonical form. Raises CallFailed."""
    _check_result_size(path, returned, limits)
    try:
        return canonical_form(returned)
    except (BadRequestError, DeveloperError) as error:
        raise _failed(error.code, f"Function {file_path(path)} return value invalid: {error.message}") from None


def _check_result_size(path: FunctionPath, result: bytes, limits: Limits) -> None:
    if len(result) > limits.result_bytes_max:
        raise result_too_large(path, len(result), limits)


def result_too_large(path: FunctionPath, result_bytes: int, limits: Limits) -> CallFailed:
    """Return what a call fails with whose result is of so many bytes."""
    return _failed(
        "ReturnValueTooLarge",
        f"Function {file_path(path)} return value is too large "
        f"(actual: {display_bytes(result_bytes)}, limit: {display_bytes(limits.result_bytes_max)})",
    )


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
