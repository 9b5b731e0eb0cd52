"""How long does one write take when the server has nothing else to do, and what does doing nothing cost?

Workload: two WebSocket sessions subscribe to ``messages:list`` of one channel; the first posts a message ``rate`` times
a second (open loop: times count from when the message was due). Taken are the times until the first session has its
answer, until it sees its own write, and until the other session sees it. Before that, the CPU time the server uses in
``idle`` seconds with both connected.

Floor: trio-websocket passing a message from one client to the other; and one fsync, which no answer can come before.
Good: the other client after at most 3 ms in the median, and idle at most 5 % of a core.
"""

from __future__ import annotations

import argparse
import os
import select
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.floors import run_floor
from benchmarks.harness import ROOT, percentile, post, report, run_server
from benchmarks.load import Connection, open_websocket, subscribe, take_websocket, websocket_frame

PATIENCE_SECONDS = 10.0
KINDS = ("answer", "own transition", "other client")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks latency", description=__doc__)
    parser.add_argument("--writes", type=int, default=300)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--idle", type=float, default=10.0)
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with run_server() as server:
        post(server, "/api/mutation", {"path": "messages:send", "args": {"channel": "a", "body": ""}, "format": "json"})
        clients = [open_websocket(server.host, server.port) for _ in range(2)]
        for number, client in enumerate(clients):
            subscribe(client, f"00000000-0000-4000-a000-{number:012x}", "messages:list", {"channel": "a"})
        before, started = server.cpu_seconds(), time.perf_counter()
        time.sleep(options.idle)
        after, seconds = server.cpu_seconds(), time.perf_counter() - started

        def send(number: int, marker: str) -> None:
            args = {"channel": "a", "body": marker}
            message = {"type": "Mutation", "requestId": number, "udfPath": "messages:send", "args": [args]}
            clients[0].send(websocket_frame(message))

        rows += _rows("rtdb", _measure(clients, send, options, KINDS))
    idle = {name: 100 * (after[name] - before.get(name, 0.0)) / seconds for name in after}
    with run_floor("broadcast", 1) as port:
        clients = [_connect(port) for _ in range(2)]

        def speak(_number: int, marker: str) -> None:
            payload = marker.encode()
            clients[0].send(bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload)

        rows += _rows("floor: trio-websocket", _measure(clients, speak, options, ("own transition", "other client")))
    rows += _rows("floor: fsync", {"write and fsync 4 KiB": _fsyncs(options.writes)})
    rows.append({"who": "rtdb", "what": "idle, % of a core", "median ms": None, "idle": sum(idle.values())})
    report("latency", rows)
    print("  idle, % of a core: " + ", ".join(f"{name} {share:.1f}" for name, share in sorted(idle.items())))


def _connect(port: int) -> Connection:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return open_websocket("127.0.0.1", port)
        except (ConnectionError, AssertionError):
            if time.monotonic() > deadline:
                raise


def _measure(
    clients: list[Connection], send: Callable[[int, str], None], options: argparse.Namespace, kinds: tuple[str, ...]
) -> dict[str, list[float]]:
    """Return the delays in milliseconds by kind."""
    delays: dict[str, list[float]] = {kind: [] for kind in kinds}
    poll = select.epoll()
    for client in clients:
        client.socket.setblocking(False)
        poll.register(client.socket.fileno(), select.EPOLLIN)
    by_descriptor = {client.socket.fileno(): client for client in clients}
    due = time.perf_counter() + 0.5
    for number in range(options.writes):
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left)
        marker = f"marker-{number:06d}-"
        send(number, marker)
        seen: set[str] = set()
        while len(seen) < len(kinds):
            for descriptor, _events in poll.poll(PATIENCE_SECONDS):
                client = by_descriptor[descriptor]
                assert client.fill(), "the server closed a session"
                while (message := take_websocket(client)) is not None:
                    if b'"MutationResponse"' in message[:60]:
                        kind = "answer"
                    elif marker.encode() in message:
                        kind = "own transition" if client is clients[0] else "other client"
                    else:
                        continue
                    seen.add(kind)
                    delays[kind].append(1000 * (time.perf_counter() - due))
            assert time.perf_counter() - due < PATIENCE_SECONDS, f"missing after {marker}: {set(kinds) - seen}"
        due += 1 / options.rate
    return delays


def _fsyncs(count: int) -> list[float]:
    times = []
    with tempfile.TemporaryFile(dir=ROOT / "benchmarks") as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - started))
            time.sleep(0.005)
    return times


def _rows(who: str, delays: dict[str, list[float]]) -> list[dict[str, Any]]:
    return [
        {
            "who": who,
            "what": what,
            "median ms": percentile(times, 0.5),
            "p90 ms": percentile(times, 0.9),
            "p99 ms": percentile(times, 0.99),
        }
        for what, times in delays.items()
    ]
