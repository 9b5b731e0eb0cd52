"""The load generator: one process, one epoll loop, raw sockets, so that the client costs little and always the same.

``python -m benchmarks.load`` reads one JSON job from standard input and writes one JSON result:

* ``closed``: each of ``clients`` connections sends its next request when the last is answered, over ``http`` or
  ``websocket``. Throughput; its latencies are those of a closed loop and are named so.
* ``listen``: ``clients`` WebSocket sessions subscribe to one query; for each line on standard input (a marker) the time
  at which each session saw a transition that contains it is taken.

Messages are built by hand: a WebSocket client frame with a zero mask key is its payload behind a header.
"""

from __future__ import annotations

import base64
import bisect
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator
from typing import Any

CONNECT_SECONDS = 30.0


class Connection:
    """A non-blocking socket with the bytes not yet taken by either side."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), CONNECT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = bytearray()
        self.started = 0.0
        self.transferring = 0

    def send(self, data: bytes) -> None:
        # A request is far smaller than an empty socket buffer.
        sent = self.socket.send(data)
        assert sent == len(data)

    def fill(self) -> bool:
        """Read what is there; False when the server closed the connection."""
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return True
        self.received += data
        return bool(data)


def http_request(path: str, args: dict[str, Any], route: str = "/api/mutation") -> bytes:
    body = json.dumps({"path": path, "args": args, "format": "json"}).encode()
    return (
        f"POST {route} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def take_http(connection: Connection) -> bytes | None:
    """Return the body of the next complete answer, None if it is not all there."""
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
    return (
        body
        if head.startswith(b"http/1.1 200")
        else b'{"status":"http","head":' + json.dumps(head[:40].decode()).encode() + b"}"
    )


def websocket_frame(message: dict[str, Any]) -> bytes:
    payload = json.dumps(message).encode()
    if len(payload) < 126:
        return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload
    return bytes((0x81, 0x80 | 126)) + struct.pack(">H", len(payload)) + bytes(4) + payload


def take_websocket(connection: Connection) -> bytes | None:
    """Return the payload of the next complete text frame; other frames are skipped."""
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


def open_websocket(host: str, port: int, path: str = "/api/1.48.0/sync") -> Connection:
    connection = Connection(host, port)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.send(
        (
            f"GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
    )
    while b"\r\n\r\n" not in connection.received:
        assert connection.fill(), "refused"
    head, _, rest = bytes(connection.received).partition(b"\r\n\r\n")
    assert b" 101 " in head.split(b"\r\n", 1)[0], head
    connection.received = bytearray(rest)
    return connection


class Transfers:
    """Which accounts the next transfer is between."""

    def __init__(self, accounts: list[str], zipf: float, seed: int) -> None:
        self._accounts = accounts
        self._random = random.Random(seed)
        self._cumulative: list[float] = []
        if zipf:
            total = 0.0
            for rank in range(1, len(accounts) + 1):
                total += rank**-zipf
                self._cumulative.append(total)

    def next_args(self) -> dict[str, Any]:
        source = target = self._draw()
        while target == source:
            target = self._draw()
        return {"amount": 1, "from_id": source, "to_id": target}

    def _draw(self) -> str:
        if not self._cumulative:
            return self._random.choice(self._accounts)
        point = self._random.random() * self._cumulative[-1]
        return self._accounts[bisect.bisect_left(self._cumulative, point)]


def run_closed(job: dict[str, Any]) -> dict[str, Any]:
    """Run transfers (or empty posts) from ``clients`` connections for ``seconds`` after ``warm_up`` seconds."""
    over_websocket = job["transport"] == "websocket"
    transfers = Transfers(job.get("accounts") or ["a", "b"], job.get("zipf", 0.0), job["seed"])
    connections = {connection.socket.fileno(): connection for connection in _connect_all(job, over_websocket)}
    numbers = dict.fromkeys(connections, 0)
    poll = select.epoll()
    for descriptor in connections:
        poll.register(descriptor, select.EPOLLIN)

    def send_next(descriptor: int, connection: Connection) -> None:
        args = transfers.next_args()
        connection.started = time.perf_counter()
        if over_websocket:
            number = numbers[descriptor]
            numbers[descriptor] = number + 1
            message = {"type": "Mutation", "requestId": number, "udfPath": job["path"], "args": [args]}
            connection.send(websocket_frame(message))
        else:
            connection.send(http_request(job["path"], args, job.get("route", "/api/mutation")))

    for descriptor, connection in connections.items():
        send_next(descriptor, connection)
    begin = time.perf_counter() + job["warm_up"]
    end = begin + job["seconds"]
    latencies: list[float] = []
    errors: dict[str, int] = {}
    done = 0
    outstanding = len(connections)
    while outstanding:
        for descriptor, _events in poll.poll(1.0):
            connection = connections[descriptor]
            if not connection.fill():
                raise RuntimeError("the server closed a connection")
            while True:
                answer = take_websocket(connection) if over_websocket else take_http(connection)
                if answer is None:
                    break
                if over_websocket and b'"MutationResponse"' not in answer[:60]:
                    continue
                now = time.perf_counter()
                failed = (
                    b'"success":false' in answer if over_websocket else not answer.startswith(b'{"status":"success"')
                )
                done += 1
                if failed:
                    text = answer[:200].decode(errors="replace")
                    errors[text] = errors.get(text, 0) + 1
                elif begin <= now < end:
                    latencies.append(now - connection.started)
                if now < end:
                    send_next(descriptor, connection)
                else:
                    outstanding -= 1
    return _figures(latencies, job["seconds"]) | {"all": done, "errors": errors}


def _connect_all(job: dict[str, Any], over_websocket: bool) -> Iterator[Connection]:
    for index in range(job["clients"]):
        if over_websocket:
            connection = open_websocket(job["host"], job["port"])
            session = f"00000000-0000-4000-8000-{job['seed']:06x}{index:06x}"
            empty = {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": []}
            connection.send(websocket_frame({"type": "Connect", "sessionId": session, "connectionCount": 0}))
            connection.send(websocket_frame(empty))
        else:
            connection = Connection(job["host"], job["port"])
        connection.socket.setblocking(False)
        yield connection


def _figures(latencies: list[float], seconds: float) -> dict[str, Any]:
    latencies.sort()
    count = len(latencies)
    return {
        "per_second": count / seconds,
        "p50_ms": latencies[count // 2] * 1000 if count else None,
        "p99_ms": latencies[min(count - 1, int(count * 0.99))] * 1000 if count else None,
    }


def subscribe(connection: Connection, session: str, path: str, args: dict[str, Any]) -> None:
    """Begin a sync session on one query and wait for its first result."""
    add = {"type": "Add", "queryId": 0, "udfPath": path, "args": [args]}
    connection.send(websocket_frame({"type": "Connect", "sessionId": session, "connectionCount": 0}))
    connection.send(
        websocket_frame({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add]})
    )
    while (message := take_websocket(connection)) is None or b"QueryUpdated" not in message:
        if message is None:
            assert connection.fill(), "closed"


def run_listen(job: dict[str, Any]) -> None:
    """Subscribe every session, then answer each marker line with the times at which the sessions saw it."""
    poll = select.epoll()
    connections: dict[int, Connection] = {}
    raw = bool(job.get("raw"))
    for index in range(job["clients"]):
        connection = open_websocket(job["host"], job["port"], job.get("ws_path", "/api/1.48.0/sync"))
        if not raw:
            subscribe(connection, f"00000000-0000-4000-9000-{index:012x}", job["path"], job["args"])
        connection.socket.setblocking(False)
        connections[connection.socket.fileno()] = connection
        poll.register(connection.socket.fileno(), select.EPOLLIN)
    print(json.dumps({"connected": len(connections)}), flush=True)
    for line in sys.stdin:
        marker = line.strip().encode()
        waiting = len(connections)
        times = []
        deadline = time.perf_counter() + 60.0
        while waiting and time.perf_counter() < deadline:
            for descriptor, _events in poll.poll(1.0):
                connection = connections[descriptor]
                assert connection.fill(), "the server closed a session"
                while (message := take_websocket(connection)) is not None:
                    if marker in message:
                        times.append(time.perf_counter())
                        waiting -= 1
        print(json.dumps({"times": times, "missing": waiting}), flush=True)


def main() -> None:
    job = json.loads(sys.stdin.readline())
    if job["kind"] == "listen":
        run_listen(job)
    else:
        json.dump(run_closed(job), sys.stdout)


if __name__ == "__main__":
    main()
