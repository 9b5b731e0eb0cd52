"""Closed loop: each connection sends its next request when the last one is answered.

With ``plain``, arguments are sent as they are, to servers that know no functions.

Says how many succeeded in the measured time, and latencies, which are those of so many clients that never pause: a slow
answer delays the next question, so they say nothing of what a user would wait (`paced.py` does).
"""

from __future__ import annotations

import json
import time
from typing import Any

from hdrh.histogram import HdrHistogram

from benchmarks.load.connection import (
    Connection,
    Waiter,
    http_request,
    open_websocket,
    plain_request,
    say,
    session_id,
    start_session,
    take_http,
    take_websocket,
    text_frame,
)
from benchmarks.load.work import next_call

__all__ = ["failure_in", "new_histogram", "run_closed"]

ERROR_CHARACTERS = 200
MICROSECONDS_MAX = 120_000_000
SIGNIFICANT_DIGITS = 3


def new_histogram() -> HdrHistogram:
    """An empty histogram of microseconds, to three digits."""
    return HdrHistogram(1, MICROSECONDS_MAX, SIGNIFICANT_DIGITS)


def failure_in(answer: bytes, over_websocket: bool) -> str | None:
    """Return the error in an answer, None if it is a success."""
    if over_websocket:
        succeeded = b'"success":true' in answer[:200]
    else:
        # What a server of another kind answers when it has created something.
        succeeded = answer.startswith((b'{"status":"success"', b"http/1.1 201 "))
    return None if succeeded else answer[:ERROR_CHARACTERS].decode(errors="replace")


class _Client:
    """A connection and its request under way."""

    def __init__(self, connection: Connection, job: dict[str, Any]) -> None:
        self.connection = connection
        self.started = 0.0
        self._over_websocket = job["transport"] == "websocket"
        self._plain = job.get("plain", False)
        self._route = job.get("route", "/api/mutation")
        self._number = 0

    def ask(self, path: str, args: dict[str, Any]) -> None:
        self.started = time.perf_counter()
        if self._over_websocket:
            message = {"type": "Mutation", "requestId": self._number, "udfPath": path, "args": [args]}
            self._number += 1
            self.connection.send(text_frame(json.dumps(message).encode()))
        elif self._plain:
            self.connection.send(plain_request(args, self._route))
        else:
            self.connection.send(http_request(path, args, self._route))

    def answer(self) -> bytes | None:
        if not self._over_websocket:
            return take_http(self.connection)
        while (message := take_websocket(self.connection)) is not None:
            if b'"MutationResponse"' in message[:60]:
                return message
        return None


def run_closed(job: dict[str, Any]) -> None:
    """Make calls for ``seconds`` after ``warm_up`` seconds, or as many as ``calls`` in all; say the figures."""
    over_websocket = job["transport"] == "websocket"
    call = next_call(job["work"], job["seed"])
    waiter = Waiter()
    clients: dict[int, _Client] = {}
    for index in range(job["clients"]):
        if over_websocket:
            connection = open_websocket(job["host"], job["port"])
            connection.send(start_session(session_id(job["seed"], index), []))
        else:
            connection = Connection(job["host"], job["port"])
        connection.socket.setblocking(False)
        waiter.add(connection.socket.fileno())
        clients[connection.socket.fileno()] = _Client(connection, job)

    for client in clients.values():
        client.ask(*call())
    # Time runs from when everybody has been answered once: a server may still be starting.
    unanswered = set(clients)
    begin = end = float("inf")
    histogram = new_histogram()
    errors: dict[str, int] = {}
    succeeded = answered = 0
    outstanding = len(clients)
    cpu = time.process_time()
    while outstanding:
        for descriptor, _ in waiter.wait(1.0):
            client = clients[descriptor]
            if not client.connection.fill():
                raise RuntimeError("the server closed a connection")
            while (answer := client.answer()) is not None:
                now = time.perf_counter()
                answered += 1
                if unanswered:
                    unanswered.discard(descriptor)
                    if not unanswered:
                        begin = now + job["warm_up"]
                        end = begin + job["seconds"]
                if (failure := failure_in(answer, over_websocket)) is not None:
                    errors[failure] = errors.get(failure, 0) + 1
                elif begin <= now < end:
                    succeeded += 1
                    histogram.record_value(int(1e6 * (now - client.started)))
                if now < end:
                    client.ask(*call())
                else:
                    outstanding -= 1
    say(
        {
            "per_second": succeeded / job["seconds"],
            "answered": answered,
            "errors": errors,
            "latency": histogram.encode().decode(),
            "load_cpu_seconds": time.process_time() - cpu,
        }
    )
