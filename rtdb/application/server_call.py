"""Calls of the server's own functions by the server itself: the steps of a deploy, of collecting blobs."""

from __future__ import annotations

from typing import Any, Protocol

import trio

from rtdb.application.caller import Caller
from rtdb.link import frames
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["ServerCallFailed", "ServerCalls", "call_by_server"]


class ServerCalls(Protocol):
    """What is needed of the application."""

    def request(self, caller: Caller, request: frames.CallRequest, *, by_server: bool = False) -> None: ...

    def pump(self) -> None: ...


class ServerCallFailed(Exception):
    """The function has failed, or could not be run."""

    def __init__(self, error: frames.ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error


class _ServerCaller:
    """Waits for one call."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.result: Any = None
        self.error: frames.ExecutionError | None = None

    def answer(self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int) -> None:
        self.result = None if result is None else decode_canonical(result)
        self.error = error
        self.done.set()


async def call_by_server(application: ServerCalls, path: str, arguments: dict[str, Any]) -> Any:
    """Run one of the server's own functions and return its result. Raises :class:`ServerCallFailed`.

    If cancelled, it may still take effect.
    """
    caller = _ServerCaller()
    request = frames.CallRequest(call=0, kind="any", path=path, args=encode(arguments), identity=None, internal=True)
    application.request(caller, request, by_server=True)
    application.pump()
    await caller.done.wait()
    if caller.error is not None:
        raise ServerCallFailed(caller.error)
    return caller.result
