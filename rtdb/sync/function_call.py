"""What a client's message asks to run: a function path and one argument object, or the error to answer with.

A path that is no path makes the whole message unacceptable (:class:`ProtocolError`, sync-protocol §2.3); arguments that
are wrong are an outcome of the call. Current clients send exactly one argument, an object; the older positional form is
refused in words.
"""

from __future__ import annotations

import msgspec

from rtdb.errors import InternalError, RtdbError
from rtdb.link.frames import ExecutionError
from rtdb.sync.commands import Caller
from rtdb.sync.messages import Action, Add, Mutation, ProtocolError
from rtdb.values import json_codec
from rtdb.values.function_path import parse_function_path

MIB = 1024 * 1024

__all__ = ["FunctionCall", "understand_call"]


class FunctionCall(msgspec.Struct, frozen=True, gc=False):
    """A function to run. ``error`` set: answer with it instead."""

    path: str
    args: bytes
    error: ExecutionError | None = None


def understand_call(message: Add | Mutation | Action, caller: Caller, *, arguments_bytes_max: int) -> FunctionCall:
    """Return what to run for this caller.

    Arguments of a query are brought into the one form in which subscriptions are compared.
    """
    if message.componentPath and not caller.is_admin:
        raise InternalError("only an admin may name a component")
    try:
        function = parse_function_path(message.udfPath)
    except RtdbError as error:
        raise ProtocolError(f"Received Invalid JSON on websocket: {error.message}") from error
    path, name = str(function), function.short
    if message.componentPath:
        return _failed(path, "ComponentPathNotFound", f"Could not find component '{message.componentPath[:200]}'.")
    if len(message.args) > 1:
        text = f"Invalid arguments for {name}: expected one object, got {len(message.args)} positional arguments"
        return _failed(path, "InvalidArguments", text)
    args = bytes(message.args[0]) if message.args else b"{}"
    if len(args) > arguments_bytes_max:
        actual, limit = f"{len(args) / MIB:.2f} MiB", f"{arguments_bytes_max / MIB:g} MiB"
        text = f"Arguments for {name} are too large (actual: {actual}, limit: {limit})"
        return _failed(path, "ArgumentsTooLarge", text)
    if isinstance(message, Add):
        try:
            args = json_codec.canonicalize(args)
        except RtdbError as error:
            return _failed(path, error.code, f"Invalid arguments for {name}: {error.message}")
    return FunctionCall(path, args)


def _failed(path: str, code: str, message: str) -> FunctionCall:
    return FunctionCall(path, b"{}", ExecutionError(code, message))
