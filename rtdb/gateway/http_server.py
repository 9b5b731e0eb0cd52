"""Hypercorn's server for the connections that are not sync sessions.

Hypercorn is given accepted sockets one by one, which is not its public interface: the dependency is pinned, and this
module is the only one that knows its insides. Where it spends the most on a small request, :class:`_Connection` does
the same with less: sending tries the socket before it takes a lock, a scope and a turn of the scheduler; and the time
a connection may be idle is one deadline that is moved, not a task started and cancelled around every request.
(Measured: 14 turns of the scheduler a request before, and a connection that the client had closed stayed for its idle
time.)
"""

from __future__ import annotations

import math
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as HypercornConfig
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.task_group import TaskGroup, _handle
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from starlette.types import ASGIApp

from rtdb.config import Limits

__all__ = ["HttpServer"]

_log = structlog.get_logger("rtdb.gateway")

RECEIVE_BYTES = 64 * 1024


class HttpServer:
    """Speaks HTTP on accepted sockets and asks one ASGI application."""

    def __init__(self, application: ASGIApp, limits: Limits) -> None:
        asgi: Any = application
        self._application = ASGIWrapper(asgi)
        self._context = WorkerContext(None)
        self._connections: set[_Connection] = set()
        self._limits = limits
        self._config = HypercornConfig()
        self._config.h11_max_incomplete_size = limits.head_bytes_max
        # Closing a connection that is in use only makes the client open another, and may lose its next request.
        self._config.keep_alive_max_requests = sys.maxsize
        self._config.include_server_header = False
        # What fails is logged where it is handled: by the application, or below.
        self._config.errorlog = None

    async def serve(self, client: socket.socket) -> None:
        """Serve one connection until it ends; the socket is closed then. Nothing may have been read from it."""
        trio_socket = trio.socket.from_stdlib_socket(client)
        connection: _Connection | None = None
        try:
            connection = _Connection(self._application, self._config, self._context, client, trio_socket, self._limits)
            self._connections.add(connection)
            await connection.run()
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            # The peer is gone in the middle of something.
            pass
        except* Exception as errors:
            # The boundary of one connection: its fault, or Hypercorn's, is not the gateway's end.
            _log.warning("an HTTP connection failed", exc_info=errors)
        finally:
            if connection is not None:
                self._connections.discard(connection)
            trio_socket.close()

    async def finish(self) -> None:
        """Close idle connections now, and the others after the answer they are working on."""
        await self._context.terminated.set()
        for connection in self._connections:
            connection.idle_timer.end_if_idle()


async def _stay_with_http1(_request: object) -> None:
    """Take Hypercorn's decision to go over to HTTP/2 when a request asks for it.

    Without TLS no browser does, and a proxy speaks what it is told to. Streams, windows and resets would be one more
    thing to defend.
    """


class _IdleTimer:
    """Hypercorn's ``SingleTask`` for idle connections, as a deadline: infinite while a request is under way."""

    def __init__(self, connection: _Connection, limits: Limits) -> None:
        self._connection = connection
        self._limits = limits
        self._scope = trio.CancelScope()
        self._started = False
        self._ended = False

    async def restart(self, task_group: Any, _action: object) -> None:
        """Begin to wait for the next request, or the first one's head."""
        if self._started:
            self._scope.deadline = trio.current_time() + self._limits.keep_alive_seconds_max
            return
        self._started = True
        self._scope.deadline = trio.current_time() + self._limits.head_seconds_max
        task_group.spawn(self._wait)

    async def stop(self) -> None:
        """A request has begun."""
        self._scope.deadline = math.inf

    def end_if_idle(self) -> None:
        """Close the connection now unless a request is under way."""
        if self._scope.deadline < math.inf:
            self._scope.cancel()

    def end(self) -> None:
        """The connection is over: nothing is left to wait for."""
        self._ended = True
        self._scope.cancel()

    async def _wait(self) -> None:
        with self._scope:
            await trio.sleep_forever()
        if not self._ended:
            await self._connection.close_idle()


class _Applications:
    """Hypercorn's ``TaskGroup`` for the requests of one connection, whose application hears of its end at once.

    Hypercorn puts the end of the connection behind what has arrived of the body: as long as the application does not
    read that, everything waits, the connection's own end included. Here the end never waits. Besides,
    ``scope["state"]["gone"]`` is an event that says it to an application that is doing something else than reading,
    and ``scope["state"]["reset"]()`` ends the connection so that nobody takes it for the end of an answer.
    """

    def __init__(self, tasks: TaskGroup, reset: Callable[[], None]) -> None:
        self._tasks = tasks
        self._reset = reset

    async def spawn_app(self, app: ASGIWrapper, config: HypercornConfig, scope: Any, send: Any) -> Any:
        events, arriving = trio.open_memory_channel[Any](config.max_app_queue_size)
        gone = scope["state"]["gone"] = trio.Event()
        scope["state"]["reset"] = self._reset

        async def receive() -> Any:
            try:
                return await arriving.receive()
            except trio.EndOfChannel:
                return {"type": "http.disconnect"}

        async def put(event: Any) -> None:
            if event["type"] == "http.disconnect":
                gone.set()
                events.close()
                return
            try:
                await events.send(event)
            except trio.ClosedResourceError:
                # A part of a body that was waiting for room when the connection ended.
                return

        self._tasks.spawn(_handle, app, config, scope, receive, send, trio.to_thread.run_sync, trio.from_thread.run)
        return put


class _Connection(TCPServer):
    """One connection, with the expensive parts replaced."""

    def __init__(
        self,
        application: ASGIWrapper,
        config: HypercornConfig,
        context: WorkerContext,
        client: socket.socket,
        trio_socket: trio.socket.SocketType,
        limits: Limits,
    ) -> None:
        stream: Any = trio.SocketStream(trio_socket)
        super().__init__(application, config, context, ConnectionState({}), stream)
        self._client = client
        self._trio_socket = trio_socket
        self._send_seconds_max = limits.send_seconds_max
        self._more_announced = False
        self.idle_timer = _IdleTimer(self, limits)
        idle_task: Any = self.idle_timer
        self.idle_task = idle_task

    async def protocol_send(self, event: Event) -> None:
        if isinstance(event, RawData):
            rest = self._send_at_once(event.data)
            if rest:
                await self._send_waiting(rest)
        elif isinstance(event, Updated) and not event.idle:
            await self.idle_timer.stop()
        else:
            await super().protocol_send(event)

    def _send_at_once(self, data: bytes) -> bytes:
        """Send what the socket takes now and return the rest.

        The head of an answer is announced to be followed by more (``MSG_MORE``), so that head and body leave in one
        packet and wake the client once; the kernel does not wait longer than 200 ms for a body that takes its time.
        """
        if self.send_lock.locked():
            return data
        if not data:
            if self._more_announced:
                # An answer without a body: this option, though set already, pushes out what was held back.
                self._more_announced = False
                self._client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return b""
        self._more_announced = data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1")
        try:
            sent = self._client.send(data, socket.MSG_MORE if self._more_announced else 0)
        except OSError:
            # Full, or broken: whoever waits for it will know.
            return data
        return data[sent:]

    async def _send_waiting(self, data: bytes) -> None:
        """Send as the peer takes it; give the connection up when it takes nothing for too long.

        Shielded, because what follows half an answer would be taken for its rest.
        """
        async with self.send_lock:
            try:
                view = memoryview(data)
                while view:
                    with trio.fail_after(self._send_seconds_max) as patience:
                        patience.shield = True
                        await trio.lowlevel.wait_writable(self._client)
                    try:
                        view = view[self._client.send(view) :]
                    except BlockingIOError:
                        continue
                return
            except (OSError, trio.ClosedResourceError, trio.TooSlowError):
                pass
        await self.stream.aclose()
        await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        http1: Any = self.protocol.protocol
        http1._check_protocol = _stay_with_http1
        http1.task_group = _Applications(self._task_group, self._end_with_reset)
        while True:
            try:
                data = await self.stream.receive_some(RECEIVE_BYTES)
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                break
            await self.protocol.handle(RawData(data=bytes(data)))
            if not data:
                break
        await self.protocol.handle(Closed())
        self.idle_timer.end()

    def _end_with_reset(self) -> None:
        with suppress(OSError):  # closed already
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._trio_socket.close()

    async def close_idle(self) -> None:
        """Close a connection on which no request is under way."""
        with trio.CancelScope(shield=True):
            await self._initiate_server_close()
