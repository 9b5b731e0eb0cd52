"""The opening handshake of a sync session on its socket: :mod:`rtdb.gateway.upgrade` with reading and writing."""

from __future__ import annotations

import socket
from collections.abc import Callable

import trio

from rtdb.config import Limits
from rtdb.gateway.upgrade import Accepted, Refused, UpgradeParser

__all__ = ["shake_hands"]

LINGER_SECONDS_MAX = 2.0
"""How long a refused client may take to read the refusal and go."""

HEAD_BYTES_AT_ONCE = 16 * 1024


async def shake_hands(client: socket.socket, limits: Limits, refuse: Callable[[], Refused | None]) -> Accepted | None:
    """Read an upgrade request and answer it; None means there will be no session and the socket can be closed.

    ``refuse`` is asked about a proper request. Raises ``OSError`` when the peer is gone.
    """
    with trio.move_on_after(limits.head_seconds_max):
        result = await _read_request(client, limits.head_bytes_max)
        if isinstance(result, Accepted):
            result = refuse() or result
        await _send_all(client, result.response)
        if isinstance(result, Accepted):
            return result
    await _linger(client)
    return None


async def _read_request(client: socket.socket, head_bytes_max: int) -> Accepted | Refused:
    parser = UpgradeParser(head_bytes_max)
    while True:
        await trio.lowlevel.wait_readable(client)
        result = parser.feed(client.recv(HEAD_BYTES_AT_ONCE))
        if result is not None:
            return result


async def _send_all(client: socket.socket, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[client.send(view) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(client)


async def _linger(client: socket.socket) -> None:
    """Let the peer read what was sent: closing with unread data in the socket would take it back."""
    client.shutdown(socket.SHUT_WR)
    with trio.move_on_after(LINGER_SECONDS_MAX):
        while True:
            await trio.lowlevel.wait_readable(client)
            if not client.recv(HEAD_BYTES_AT_ONCE):
                return
