"""Accepts connections and sends each to whoever speaks its protocol.

The beginning of the request is looked at without taking it from the socket (``MSG_PEEK``), so that whoever is handed
the socket reads it whole. What decides is the path alone: every request for a sync path goes to the WebSocket
transport, which refuses in the protocol's own words what is not an upgrade; the exception is OPTIONS, which browsers
ask about any path.

Waiting for more of a head that is incomplete uses ``SO_RCVLOWAT``: what was peeked at stays in the socket and would
keep it readable.

Invariant: a connection costs the gateway nothing but its own task; when its time is up or its head makes no sense, it
ends.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Awaitable, Callable
from enum import Enum

import structlog
import trio

from rtdb.config import Limits
from rtdb.http.app import is_sync_path
from rtdb.http.metrics import GatewayMetrics

__all__ = ["Destination", "Listener", "destination"]

_log = structlog.get_logger("rtdb.gateway")

PEEK_BYTES = 1024
"""A sync path is far shorter; what is not decided by then is HTTP's to complain about."""

ACCEPTS_AT_ONCE = 64
"""Connections accepted before other tasks get a turn."""

EXHAUSTED_SECONDS = 0.1
"""Pause when the process is out of descriptors or memory: accepting again at once would only spin."""

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})

Handler = Callable[[socket.socket], Awaitable[None]]


class Destination(Enum):
    """Who gets a connection."""

    SYNC = "sync"
    HTTP = "http"


def destination(head: bytes) -> Destination | None:
    """Return who gets a connection that begins with ``head``; None when that cannot be said yet."""
    method, separator, rest = head.partition(b" ")
    line = head.find(b"\n")
    if separator and (line < 0 or line > len(method)):
        for end, byte in enumerate(rest):
            if byte in b" ?\r\n":
                path = rest[:end].decode("latin-1")
                return Destination.SYNC if method != b"OPTIONS" and is_sync_path(path) else Destination.HTTP
        if len(head) < PEEK_BYTES:
            return None
    elif line < 0 and len(head) < PEEK_BYTES:
        return None
    return Destination.HTTP


class Listener:
    """Accepts on one listening socket until cancelled."""

    def __init__(
        self,
        listening: socket.socket,
        limits: Limits,
        metrics: GatewayMetrics,
        *,
        serve_sync: Handler | None,
        serve_http: Handler,
    ) -> None:
        """Store the parts. A handler owns the socket it is given; it may raise nothing.

        Without ``serve_sync`` every connection is HTTP's, whatever its first request is.
        """
        listening.setblocking(False)
        self._listening = listening
        self._limits = limits
        self._metrics = metrics
        self._serve_sync = serve_sync
        self._serve_http = serve_http
        self._undecided_or_http = 0
        self._deciding: set[trio.CancelScope] = set()

    @property
    def port(self) -> int:
        port: int = self._listening.getsockname()[1]
        return port

    async def run(
        self, connections: trio.Nursery, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Accept, and serve each connection in ``connections``, until cancelled."""
        task_status.started()
        while True:
            await trio.lowlevel.wait_readable(self._listening)
            for _ in range(ACCEPTS_AT_ONCE):
                try:
                    client, _address = self._listening.accept()
                except BlockingIOError:
                    break
                except OSError as error:
                    if error.errno in EXHAUSTED:
                        _log.error("cannot accept", reason=str(error))
                        await trio.sleep(EXHAUSTED_SECONDS)
                    # Anything else is about the connection, which ended before it was accepted.
                    break
                client.setblocking(False)
                if self._undecided_or_http >= self._limits.http_connections_max:
                    self._metrics.connections_refused.inc()
                    client.close()
                    continue
                connections.start_soon(self._serve, client)

    def abandon_undecided(self) -> None:
        """Close the connections on which no request has begun."""
        for scope in self._deciding:
            scope.cancel()

    async def _serve(self, client: socket.socket) -> None:
        self._undecided_or_http += 1
        try:
            decided = await self._decide(client)
            if decided is Destination.HTTP:
                await self._serve_http(client)
        finally:
            self._undecided_or_http -= 1
        if decided is Destination.SYNC:
            assert self._serve_sync is not None
            await self._serve_sync(client)

    async def _decide(self, client: socket.socket) -> Destination | None:
        """Return who gets this connection, or None when it has been closed instead."""
        decided: Destination | None = None
        try:
            with trio.move_on_after(self._limits.head_seconds_max) as scope:
                self._deciding.add(scope)
                decided = await self._peek(client)
            return decided
        except OSError:
            return None
        finally:
            self._deciding.discard(scope)
            if decided is None:
                client.close()

    async def _peek(self, client: socket.socket) -> Destination | None:
        raised = False
        while True:
            try:
                head = client.recv(PEEK_BYTES, socket.MSG_PEEK)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(client)
                continue
            if not head:
                return None
            decided = Destination.HTTP if self._serve_sync is None else destination(head)
            if decided is not None:
                if raised:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
                return decided
            raised = True
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, len(head) + 1)
            await trio.lowlevel.wait_readable(client)
            # The end of the stream wakes us too, and adds nothing.
            if len(client.recv(PEEK_BYTES, socket.MSG_PEEK)) <= len(head):
                return None
