"""What HTTP requests and sync sessions ask of the gateway they live in.

A contract: :mod:`rtdb.gateway.gateway` implements it over the link to the hub, tests with a few lines.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from rtdb.link.frames import (
    Answer,
    ExecutionError,
    FileStep,
    HttpActionHead,
    HttpActionRequest,
    LogPage,
    PushStep,
    RequestKind,
)

__all__ = ["ActionFailed", "Facade", "HttpActionExchange"]


class ActionFailed(Exception):
    """An HTTP action has not answered, or not to the end."""

    def __init__(self, error: ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error


class HttpActionExchange(Protocol):
    """A request that an HTTP action answers. Both bodies may be under way at once, one task each."""

    async def head(self) -> HttpActionHead:
        """Wait for how the answer begins. Raises :class:`ActionFailed` when there is none."""
        ...

    async def receive(self) -> bytes | None:
        """Return the next part of the answer's body, None at its end. Raises :class:`ActionFailed` when the body
        breaks off."""
        ...

    async def send(self, data: bytes, *, last: bool) -> None:
        """Send a part of the request's body, waiting until the action has made room for it."""
        ...

    def close(self) -> None:
        """End it; an action that has not answered to the end is told that its client has gone."""
        ...


class Facade(Protocol):
    """Functions are called through this."""

    async def call(
        self,
        kind: RequestKind,
        path: str,
        args: bytes,
        identity: bytes | None,
        *,
        internal: bool,
        request_id: str,
        at_ts: int | None = None,
    ) -> Answer:
        """Run a function and return its answer; ``request_id`` is what the caller is told with an error.

        If cancelled, the hub is told that nobody waits; a mutation may still take effect.
        """
        ...

    async def file_step(self, step: FileStep, args: bytes) -> Answer:
        """Take a step of file storage, which no client can ask for."""
        ...

    def open_http_action(self, request: HttpActionRequest) -> HttpActionExchange:
        """Have an HTTP action answer a request, which is given its number here."""
        ...

    async def deploy(self, archive: bytes, *, dry_run: bool, report: Callable[[bytes], Awaitable[None]]) -> None:
        """Make an app the active deployment and report what happens, one JSON object at a time; the last says how it
        ended. If cancelled, the deploy is given up."""
        ...

    async def push_step(self, step: PushStep, body: bytes) -> Answer:
        """Take a step of a push by the official CLI. If cancelled, the hub is told that nobody waits."""
        ...

    async def function_log(self, after: int, newest_max: int | None) -> LogPage:
        """Return what the function log has after a cursor, as soon as there is something (`link/frames/log.py`).

        Raises ``OverloadedError`` when the server is being shut down.
        """
        ...

    def latest_ts(self) -> int:
        """The newest timestamp this gateway has heard of."""
        ...

    def is_ready(self) -> bool:
        """Whether new work is welcome: the hub is there and nothing is being shut down."""
        ...
