"""What an action host and its owner know of calls: what is run, who answers for it, and how it ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from rtdb.config import Limits
from rtdb.typescript.deno import SCRIPTS

__all__ = [
    "ActionHostDied",
    "ActionThrew",
    "CallBodies",
    "HostProcess",
    "HttpHead",
    "HttpRequest",
    "Read",
    "Refusal",
    "ResultTooLarge",
    "Syscalls",
    "Variables",
    "start_header",
]

Variables = Mapping[str, str | None]
"""Environment variables; None for one that cannot be read."""
Read = Callable[[], Awaitable[bytes | None]]
"""Returns the next piece of a body, None at its end."""


class ActionThrew(Exception):
    """The app's code has thrown, or could not be called: what its caller reads. ``data`` is a ConvexError's JSON."""

    def __init__(self, message: str, frames: str = "", data: bytes | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.frames = frames
        self.data = data


class ActionHostDied(Exception):
    """The process ended, was killed, or could not be started. ``why`` is one of ``blocked``, ``memory``, ``ended``,
    ``unavailable``; ``calls`` is how many calls were under way in it."""

    def __init__(self, why: str, detail: str, calls: int) -> None:
        super().__init__(detail)
        self.why = why
        self.detail = detail
        self.calls = calls


class ResultTooLarge(Exception):
    """An action returned more than ``result_bytes_max``: JSON of so many bytes."""

    def __init__(self, result_bytes: int) -> None:
        super().__init__(f"a result of {result_bytes} bytes")
        self.result_bytes = result_bytes


class Refusal(Exception):
    """A request failed in a way that the app's code may catch; ``data`` is the JSON of a ConvexError's data."""

    def __init__(self, message: str, data: bytes | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data


class Syscalls(Protocol):
    """Who answers for a call."""

    def log(self, level: str, text: str) -> None: ...

    async def request(self, op: str, args: bytes, bodies: CallBodies) -> bytes:
        """Return the JSON of an answer. Raises Refusal."""
        ...


def start_header(limits: Limits, variables: Variables) -> dict[str, Any]:
    """Return what every process is told first (`javascript/action_host.js`)."""
    return {
        "type": "start",
        "inspect": (SCRIPTS / "vendor" / "object_inspect.js").read_text("utf-8"),
        "window": limits.http_action_window_bytes,
        "limits": {
            "operations": limits.action_operations_max,
            "resultBytes": limits.result_bytes_max,
            "frameBytes": limits.frame_bytes_max,
        },
        "variables": dict(variables),
    }


class HttpRequest(msgspec.Struct, frozen=True):
    """A request to an HTTP action. ``body`` is None if it has none."""

    url: str
    method: str
    headers: Sequence[tuple[str, str]]
    body: Read | None


class HttpHead(msgspec.Struct, frozen=True):
    """How the answer to a request begins. ``body`` is all of its body, or reads what is still being made."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | Read


class HostProcess(Protocol):
    """A started process with our end of its socket."""

    socket: Any
    """A blocking socket of the standard library."""

    @property
    def pid(self) -> int: ...

    def limit_memory(self, more_bytes_max: int) -> None:
        """Let it allocate so many bytes more than it has by now."""
        ...

    def end(self) -> tuple[int, str]:
        """Kill it if it has not ended; return its exit code (negative: the signal) and its last words."""
        ...


class CallBodies(Protocol):
    """Bodies that go with the requests of a call. They end with it."""

    def send(self, read: Read) -> int:
        """Send what ``read`` gives to the process, in a task, and return the number under which it comes there."""
        ...

    def receive(self, body: int) -> Read:
        """Return what gives the pieces of a body that the process sends under this number."""
        ...

    def drop(self, body: int) -> None:
        """Take no more of it."""
        ...
