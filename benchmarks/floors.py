"""Floors: servers that do nothing but move bytes, on the same libraries, for the same load generator.

``python -m benchmarks.floors http SOCKET…``        an empty Starlette POST under Hypercorn, a process per listening
socket ``python -m benchmarks.floors broadcast SOCKET``    trio-websocket sending every client what the first one
sends
"""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trio
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, WebSocketServer

from rtdb.link.supervisor import open_listeners

BODY = b'{"status":"success","value":null}'


async def _answer(request: Request) -> Response:
    await request.body()
    return Response(BODY, media_type="application/json")


def run_http(descriptor: int) -> None:
    app = Starlette(routes=[Route("/api/mutation", _answer, methods=["POST"])])
    config = HypercornConfig()
    # By default it closes a connection after 1,000 requests, which a fast machine sends in a run; ours does not.
    config.keep_alive_max_requests = sys.maxsize
    config.bind = [f"fd://{descriptor}"]
    config.accesslog = None
    config.errorlog = logging.getLogger("floor")
    trio.run(lambda: serve(app, config))  # type: ignore[arg-type]  # Hypercorn types ASGI apps more narrowly than Starlette


def run_broadcast(descriptor: int) -> None:
    listener = socket.socket(fileno=descriptor)
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
    trio.run(WebSocketServer(handle, [stream], max_message_size=1 << 26).run)


@contextmanager
def run_floor(kind: str, processes: int) -> Iterator[int]:
    """Run a floor on ``processes`` processes; yields its port."""
    listeners = open_listeners("127.0.0.1", 0, processes)
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.floors", kind, str(listener.fileno())], pass_fds=[listener.fileno()]
        )
        for listener in listeners
    ]
    try:
        yield listeners[0].getsockname()[1]
    finally:
        for child in children:
            child.kill()
            child.wait()
        for listener in listeners:
            listener.close()


if __name__ == "__main__":
    {"http": run_http, "broadcast": run_broadcast}[sys.argv[1]](int(sys.argv[2]))
