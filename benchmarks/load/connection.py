"""Client sockets and the two protocols spoken over them, by hand: a WebSocket client frame with a zero mask key is its
payload behind a header.
"""

from __future__ import annotations

import base64
import json
import os
import resource
import select
import socket
import struct
import sys
import time
from typing import Any

__all__ = [
    "Connection",
    "Waiter",
    "http_request",
    "open_websocket",
    "plain_request",
    "raise_descriptor_limit",
    "say",
    "session_id",
    "start_session",
    "take_http",
    "take_websocket",
    "text_frame",
    "upgrade_request",
]

CONNECT_SECONDS = 30.0
SYNC_PATH = "/api/1.48.0/sync"


class Connection:
    """A socket with the bytes that have been received and not been looked at yet."""

    def __init__(self, host: str, port: int, *, blocking: bool = True) -> None:
        if blocking:
            self.socket = socket.create_connection((host, port), CONNECT_SECONDS)
        else:
            self.socket = socket.socket()
            self.socket.setblocking(False)
            self.socket.connect_ex((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()

    def send(self, data: bytes) -> None:
        # A request is far smaller than an empty socket buffer.
        sent = self.socket.send(data)
        assert sent == len(data), "the server does not read"

    def fill(self) -> bool:
        """Read what is there; False when the server closed the connection."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        self.received += data
        return bool(data)


class Waiter:
    """An epoll whose timeouts are exact: its own are rounded up to milliseconds, which would count as latency."""

    def __init__(self) -> None:
        self._poll = select.epoll()

    def add(self, descriptor: int, events: int = select.EPOLLIN) -> None:
        self._poll.register(descriptor, events)

    def change(self, descriptor: int, events: int) -> None:
        self._poll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        self._poll.unregister(descriptor)

    def wait(self, seconds: float) -> list[tuple[int, int]]:
        """Return what is ready within so many seconds."""
        if seconds > 0:
            select.select([self._poll.fileno()], [], [], seconds)
        return self._poll.poll(0)


def say(message: dict[str, Any]) -> None:
    """Tell the benchmark something."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def raise_descriptor_limit(wanted: int) -> None:
    """Allow this process ``wanted`` open files; raises SystemExit with what to do when the system does not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, PermissionError):
            raise SystemExit(f"{wanted} open files are needed and {hard} allowed: ulimit -Hn {wanted}") from None
    else:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# --- HTTP -------------------------------------------------------------------------------------------------------------


def http_request(path: str, args: dict[str, Any], route: str) -> bytes:
    """Return a call of a function."""
    return plain_request({"path": path, "args": args, "format": "json"}, route)


def plain_request(content: dict[str, Any], route: str) -> bytes:
    """Return a POST of JSON."""
    body = json.dumps(content).encode()
    head = (
        f"POST {route} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def take_http(connection: Connection) -> bytes | None:
    """Return the body of the next complete answer, its first line if that is not of status 200, None if it is not
    there.
    """
    received = connection.received
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    at = head.find(b"content-length:")
    assert at >= 0, head
    length = int(head[at + 15 :].split(b"\r\n", 1)[0])
    if len(received) < end + 4 + length:
        return None
    body = bytes(received[end + 4 : end + 4 + length])
    del received[: end + 4 + length]
    return body if head.startswith(b"http/1.1 200") else head.split(b"\r\n", 1)[0] + b" " + body


# --- WebSocket --------------------------------------------------------------------------------------------------------


def text_frame(payload: bytes) -> bytes:
    if len(payload) < 126:
        return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload
    if len(payload) < 1 << 16:
        return bytes((0x81, 0xFE)) + struct.pack(">H", len(payload)) + bytes(4) + payload
    return bytes((0x81, 0xFF)) + struct.pack(">Q", len(payload)) + bytes(4) + payload


def take_websocket(connection: Connection) -> bytes | None:
    """Return the payload of the next complete text frame, None if there is none; pings and pongs are skipped."""
    received = connection.received
    while len(received) >= 2:
        length = received[1] & 0x7F
        start = 2
        if length == 126:
            if len(received) < 4:
                return None
            length = int.from_bytes(received[2:4], "big")
            start = 4
        elif length == 127:
            if len(received) < 10:
                return None
            length = int.from_bytes(received[2:10], "big")
            start = 10
        if len(received) < start + length:
            return None
        opcode = received[0] & 0x0F
        payload = bytes(received[start : start + length])
        del received[: start + length]
        if opcode == 1:
            return payload
        assert opcode in (9, 10), f"the server closed the connection: {payload!r}"
    return None


def upgrade_request(path: str = SYNC_PATH) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def take_upgrade(connection: Connection) -> bool:
    """Whether the server has agreed; what it has sent after that stays."""
    head, end, rest = bytes(connection.received).partition(b"\r\n\r\n")
    if not end:
        return False
    assert b" 101 " in head.split(b"\r\n", 1)[0], head
    connection.received = bytearray(rest)
    return True


def open_websocket(host: str, port: int, path: str = SYNC_PATH) -> Connection:
    """Connect and wait until the server has agreed. It may still be starting."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            connection = Connection(host, port)
            break
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    connection.send(upgrade_request(path))
    while not take_upgrade(connection):
        assert connection.fill(), "the server refuses WebSocket connections"
    return connection


# --- sync protocol ----------------------------------------------------------------------------------------------------


def session_id(group: int, number: int) -> str:
    """Return the UUID of a session, different for different groups."""
    return f"00000000-0000-4000-8000-{group:06x}{number:06x}"


def start_session(session: str, queries: list[dict[str, Any]], connection_count: int = 0) -> bytes:
    """Return the first messages of a session that watches queries (``path`` and ``args`` each)."""
    connect = {"type": "Connect", "sessionId": session, "connectionCount": connection_count}
    add = [
        {"type": "Add", "queryId": number, "udfPath": query["path"], "args": [query["args"]]}
        for number, query in enumerate(queries)
    ]
    modify = {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": add}
    return text_frame(json.dumps(connect).encode()) + text_frame(json.dumps(modify).encode())
