"""Floors: servers that do nothing but move bytes, for the same load generators.

``python -m benchmarks.floors KIND DESCRIPTOR``, started by :func:`run_floor` with a listening socket:

* ``http``: an empty Starlette POST under Hypercorn; ``/bytes/N`` answers with so many
* ``broadcast``: trio-websocket; what one client says is sent to every client
* ``sockets``: the same with nothing but sockets: one loop, a frame made once, a ``send`` for each
"""

from __future__ import annotations

import base64
import hashlib
import logging
import resource
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, WebSocketServer

from benchmarks.harness.process_costs import costs_by_role
from rtdb.link.child import calm_collector
from rtdb.link.supervisor import open_listeners

__all__ = ["Floor", "run_floor"]

BODY = b'{"status":"success","value":null}'
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE_BYTES_MAX = 1 << 26


async def _answer(request: Request) -> Response:
    await request.body()
    return Response(BODY, media_type="application/json")


async def _answer_bytes(request: Request) -> Response:
    await request.body()
    return Response(BODY.ljust(request.path_params["count"]), media_type="application/json")


def run_http(listener: socket.socket) -> None:
    sized = Route("/bytes/{count:int}", _answer_bytes, methods=["POST"])
    app = Starlette(routes=[Route("/api/mutation", _answer, methods=["POST"]), sized])
    config = HypercornConfig()
    # By default it closes a connection after 1,000 requests, which a fast machine sends in a run; ours does not.
    config.keep_alive_max_requests = sys.maxsize
    config.bind = [f"fd://{listener.detach()}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("floor")
    trio.run(lambda: serve(app, config))  # type: ignore[arg-type]  # Hypercorn types ASGI apps more narrowly than Starlette


def run_broadcast(listener: socket.socket) -> None:
    connections: list[WebSocketConnection] = []

    async def handle(request: WebSocketRequest) -> None:
        connection = await request.accept()
        connections.append(connection)
        with suppress(ConnectionClosed):
            while True:
                message = await connection.get_message()
                for other in connections:
                    await other.send_message(message)

    stream = trio.SocketListener(trio.socket.from_stdlib_socket(listener))
    trio.run(WebSocketServer(handle, [stream], max_message_size=MESSAGE_BYTES_MAX).run)


def run_sockets(listener: socket.socket) -> None:
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    received: dict[int, bytearray] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == listener.fileno():
                with suppress(BlockingIOError):
                    while True:
                        connection, _ = listener.accept()
                        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        poll.register(connection.fileno(), select.EPOLLIN)
                        connections[connection.fileno()], received[connection.fileno()] = connection, bytearray()
                continue
            data = connections[descriptor].recv(1 << 16)
            if not data:
                poll.unregister(descriptor)
                connections.pop(descriptor).close()
                continue
            buffer = received[descriptor]
            buffer += data
            if buffer.startswith(b"GET "):
                if b"\r\n\r\n" in buffer:
                    connections[descriptor].send(_agreement(bytes(buffer)))
                    buffer.clear()
            elif (payload := _take_frame(buffer)) is not None:
                head = bytes((0x81, 126)) + len(payload).to_bytes(2, "big")
                frame = (bytes((0x81, len(payload))) if len(payload) < 126 else head) + payload
                for connection in connections.values():
                    connection.send(frame)


def _agreement(request: bytes) -> bytes:
    key = next(
        line.split(b":", 1)[1].strip() for line in request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key")
    )
    accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest())
    upgrade = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return upgrade + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


def _take_frame(buffer: bytearray) -> bytes | None:
    """Return the payload of a text frame that our own load generator sends: masked with zeros, below 64 KiB."""
    if len(buffer) < 2:
        return None
    length, start = buffer[1] & 0x7F, 6
    if length == 126:
        length, start = int.from_bytes(buffer[2:4], "big"), 8
    if len(buffer) < start + length:
        return None
    payload = bytes(buffer[start : start + length])
    del buffer[: start + length]
    return payload


class Floor:
    """A running floor."""

    def __init__(self, port: int, processes: list[int]) -> None:
        self.address: dict[str, Any] = {"host": "127.0.0.1", "port": port}
        self._processes = processes

    def cpu_seconds(self) -> float:
        """What all of its processes have taken so far."""
        return sum(costs.cpu_seconds for pid in self._processes for costs in costs_by_role(pid).values())


@contextmanager
def run_floor(kind: str, processes: int = 1) -> Iterator[Floor]:
    """Run a floor on ``processes`` processes that share a port."""
    listeners = open_listeners("127.0.0.1", 0, processes)
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.floors", kind, str(listener.fileno())], pass_fds=[listener.fileno()]
        )
        for listener in listeners
    ]
    try:
        yield Floor(listeners[0].getsockname()[1], [child.pid for child in children])
    finally:
        for child in children:
            child.kill()
            child.wait()
        for listener in listeners:
            listener.close()


if __name__ == "__main__":
    # A floor has the same chances as the server: its collector is kept as calm.
    calm_collector()
    _, files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files_max, files_max))
    {"http": run_http, "broadcast": run_broadcast, "sockets": run_sockets}[sys.argv[1]](
        socket.socket(fileno=int(sys.argv[2]))
    )
