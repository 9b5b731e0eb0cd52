"""Open loop: a request is sent when it is due, whatever became of those before it; its time counts from then.

So a server that stalls is charged with the wait of everybody who would have asked meanwhile (no coordinated omission).
Arrivals are random (Poisson). A connection carries one request at a time; when none is free, a request that is due
waits and its time runs. How late the generator itself was is said too: it is part of every latency.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from benchmarks.load.closed import failure_in, new_histogram
from benchmarks.load.connection import Connection, Waiter, http_request, say, take_http
from benchmarks.load.work import next_call

__all__ = ["run_paced"]

GIVE_UP_SECONDS = 60.0
START_SECONDS = 0.1


class _Stream:
    """Calls of one kind at one rate, and what became of them."""

    def __init__(self, description: dict[str, Any], chance: random.Random, seed: int) -> None:
        self.name = description["name"]
        self.route = description["route"]
        self.call = next_call(description["work"], seed)
        self.histogram = new_histogram()
        self.errors: dict[str, int] = {}
        self.sent = 0
        self.due = float("inf")
        self._chance = chance
        self._rate = description["rate"]

    def begin(self, now: float) -> None:
        self.due = now + self._chance.expovariate(self._rate)

    def take_due(self, until: float) -> Iterator[float]:
        """Yield the moments that have come."""
        while self.due <= until:
            yield self.due
            self.due += self._chance.expovariate(self._rate)

    def answered(self, answer: bytes, due: float, begin: float) -> None:
        if (failure := failure_in(answer, False)) is not None:
            self.errors[failure] = self.errors.get(failure, 0) + 1
        elif due >= begin:
            self.histogram.record_value(int(1e6 * (time.perf_counter() - due)))


def run_paced(job: dict[str, Any]) -> None:
    """Make HTTP calls at the rates of ``streams`` for ``seconds`` after ``warm_up`` seconds; say each one's figures."""
    chance = random.Random(job["seed"])
    waiter = Waiter()
    connections: dict[int, Connection] = {}
    for _ in range(job["clients"]):
        connection = Connection(job["host"], job["port"])
        connection.socket.setblocking(False)
        waiter.add(connection.socket.fileno())
        connections[connection.socket.fileno()] = connection
    free = deque(connections)
    streams = [_Stream(each, chance, job["seed"] + number) for number, each in enumerate(job["streams"])]
    late = new_histogram()
    start = time.perf_counter() + START_SECONDS
    begin = start + job["warm_up"]
    end = begin + job["seconds"]
    for stream in streams:
        stream.begin(start)
    waiting: deque[tuple[float, _Stream]] = deque()
    running: dict[int, tuple[float, _Stream]] = {}
    while True:
        now = time.perf_counter()
        for stream in streams:
            for due in stream.take_due(min(now, end)):
                waiting.append((due, stream))
                late.record_value(int(1e6 * (now - due)))
        while waiting and free:
            due, stream = waiting.popleft()
            descriptor = free.popleft()
            connections[descriptor].send(http_request(*stream.call(), stream.route))
            running[descriptor] = (due, stream)
            stream.sent += 1
        next_due = min(stream.due for stream in streams)
        if next_due >= end and not waiting and not running:
            break
        if now > end + GIVE_UP_SECONDS:
            raise RuntimeError(f"{len(running)} requests are not answered {GIVE_UP_SECONDS} s after the last was sent")
        for descriptor, _ in waiter.wait(min(max(next_due - time.perf_counter(), 0.0), 1.0)):
            connection = connections[descriptor]
            if not connection.fill():
                raise RuntimeError("the server closed a connection")
            if (answer := take_http(connection)) is not None:
                due, stream = running.pop(descriptor)
                free.append(descriptor)
                stream.answered(answer, due, begin)
    say(
        {
            "latency": {stream.name: stream.histogram.encode().decode() for stream in streams},
            "errors": {stream.name: stream.errors for stream in streams},
            "sent": {stream.name: stream.sent for stream in streams},
            "late": late.encode().decode(),
        }
    )
