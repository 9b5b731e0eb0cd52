"""Open loop over the sync protocol: sessions post when it is due, and it is seen when they and others know.

``channels`` channels; of each, one session posts and watches, another watches only. A post carries a number that rises
within its channel, and the watched query shows the newest post first: whoever sees number n has seen all before it.
Latencies are counted from the moment a post was due until: the mutation's answer, the poster's own transition, the
other session's transition.

With ``closed`` instead of a rate, a channel's next post is sent when the last is answered: that finds the capacity.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections import deque
from typing import Any

from benchmarks.load.closed import failure_in, new_histogram
from benchmarks.load.connection import (
    Connection,
    Waiter,
    open_websocket,
    say,
    session_id,
    start_session,
    take_websocket,
    text_frame,
)

__all__ = ["run_posts"]

KINDS = ("answer", "own transition", "other client")
GIVE_UP_SECONDS = 60.0
_NUMBER = re.compile(rb"post-(\d+)-")


class _Channel:
    """A channel, its posts that somebody has not heard of yet, and how each of the kinds is to be told apart."""

    def __init__(self, job: dict[str, Any], number: int) -> None:
        self.name = f"channel{number}"
        query = {"path": "messages:list", "args": {"channel": self.name, "count": job["listed"]}}
        self.poster = _open(job, 2 * number, query)
        self.watcher = _open(job, 2 * number + 1, query)
        self.posts = 0
        self.unseen: dict[str, deque[tuple[int, float]]] = {kind: deque() for kind in KINDS}

    def post(self, due: float, filler: str) -> None:
        args = {"channel": self.name, "body": f"post-{self.posts}-{filler}"}
        message = {"type": "Mutation", "requestId": self.posts, "udfPath": "messages:send", "args": [args]}
        self.poster.send(text_frame(json.dumps(message).encode()))
        for unseen in self.unseen.values():
            unseen.append((self.posts, due))
        self.posts += 1

    def seen(self, kind: str, number: int) -> list[float]:
        """Return when the posts were due that are now known to have been seen, up to a number."""
        unseen = self.unseen[kind]
        due = []
        while unseen and unseen[0][0] <= number:
            due.append(unseen.popleft()[1])
        return due


def _open(job: dict[str, Any], number: int, query: dict[str, Any]) -> Connection:
    connection = open_websocket(job["host"], job["port"])
    connection.send(start_session(session_id(job["seed"], number), [query]))
    while (message := take_websocket(connection)) is None or b"QueryUpdated" not in message:
        if message is None:
            assert connection.fill(), "the server closed a session"
    connection.socket.setblocking(False)
    return connection


def _news(message: bytes, is_poster: bool) -> tuple[str, int]:
    """Return what a message tells of, and up to which post; -1 if of none."""
    if b'"MutationResponse"' in message[:60]:
        return "answer", json.loads(message)["requestId"]
    found = _NUMBER.search(message)
    return "own transition" if is_poster else "other client", -1 if found is None else int(found[1])


def run_posts(job: dict[str, Any]) -> None:
    """Post at ``rate`` a second (or ``closed``) for ``seconds`` after ``warm_up`` seconds; say the figures."""
    chance = random.Random(job["seed"])
    closed = job["rate"] is None
    channels = [_Channel(job, number) for number in range(job["channels"])]
    waiter = Waiter()
    ends: dict[int, tuple[_Channel, Connection]] = {}
    for channel in channels:
        for connection in (channel.poster, channel.watcher):
            ends[connection.socket.fileno()] = (channel, connection)
            waiter.add(connection.socket.fileno())
    say({"connected": len(ends)})

    filler = "x" * job["body_bytes"]
    histograms = {kind: new_histogram() for kind in KINDS}
    late = new_histogram()
    errors: dict[str, int] = {}
    answered = 0
    start = time.perf_counter() + 0.1
    begin = start + job["warm_up"]
    end = begin + job["seconds"]
    due = float("inf") if closed else start + chance.expovariate(job["rate"])
    if closed:
        for channel in channels:
            channel.post(time.perf_counter(), filler)
    while True:
        now = time.perf_counter()
        while due <= now and due < end:
            late.record_value(int(1e6 * (now - due)))
            chance.choice(channels).post(due, filler)
            due += chance.expovariate(job["rate"])
        if now >= end and not any(unseen for channel in channels for unseen in channel.unseen.values()):
            break
        if now > end + GIVE_UP_SECONDS:
            missing = {kind: sum(len(channel.unseen[kind]) for channel in channels) for kind in KINDS}
            raise RuntimeError(f"not heard of {GIVE_UP_SECONDS} s after the last post: {missing}")
        wake = end if due >= end else due
        for descriptor, _ in waiter.wait(min(max(wake - time.perf_counter(), 0.0), 1.0)):
            channel, connection = ends[descriptor]
            if not connection.fill():
                raise RuntimeError("the server closed a session")
            while (message := take_websocket(connection)) is not None:
                now = time.perf_counter()
                kind, number = _news(message, connection is channel.poster)
                if kind == "answer":
                    answered += begin <= now < end
                    if (failure := failure_in(message, True)) is not None:
                        errors[failure] = errors.get(failure, 0) + 1
                for moment in channel.seen(kind, number):
                    if moment >= begin:
                        histograms[kind].record_value(int(1e6 * (now - moment)))
                if closed and kind == "answer" and now < end:
                    channel.post(now, filler)
    say(
        {
            "per_second": answered / job["seconds"],
            "posts": sum(channel.posts for channel in channels),
            "latency": {kind: histogram.encode().decode() for kind, histogram in histograms.items()},
            "late": late.encode().decode(),
            "errors": errors,
        }
    )
