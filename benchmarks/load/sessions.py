"""Many WebSocket sessions: connected at once or some at a time, told to expect something, dropped and brought back.

The job gives ``opening``: what a client sends and what it waits for before the next, as text in which ``{session}`` and
``{number}`` stand for the session's own; so the same sessions can be held with servers of other protocols. Then each
line on standard input is a command, and is answered:

* ``expect``: with ``marker`` and ``count``; answered twice, when it is looking out and when so many sessions have
  received a message that contains the marker: the times of the first, the median and the last
* ``limit``: have at most ``at_once`` connections under way from here on
* ``drop``: close all connections;  ``connect``: open all of them;  ``alive``: read what has come and say how many live
"""

from __future__ import annotations

import json
import select
import statistics
import sys
import time
from typing import Any

from benchmarks.load.connection import (
    Connection,
    Waiter,
    raise_descriptor_limit,
    say,
    session_id,
    take_upgrade,
    take_websocket,
    text_frame,
    upgrade_request,
)

__all__ = ["run_sessions"]

SPARE_DESCRIPTORS = 100
EXPECT_SECONDS = 60.0
CONNECT_SECONDS = 120.0
RETRIES_MAX = 20


class _Session:
    """One session on its way to being live."""

    def __init__(self, job: dict[str, Any], number: int) -> None:
        self.number = number
        self.connection: Connection | None = None
        self.step = -2  # -2: connecting; -1: waiting for the upgrade; n: waiting for the answer to opening n
        self.connects = 0
        self._job = job

    def connect(self) -> int:
        self.connection = Connection(self._job["host"], self._job["port"], blocking=False)
        self.step = -2
        return self.connection.socket.fileno()

    def advance(self) -> bool:
        """Go on with what has been received; whether the session is live now."""
        connection = self.connection
        assert connection is not None
        if self.step == -1:
            if not take_upgrade(connection):
                return False
            return self._send_next()
        while (message := take_websocket(connection)) is not None:
            if self._job["opening"][self.step]["until"].encode() in message:
                return self._send_next()
        return False

    def _send_next(self) -> bool:
        assert self.connection is not None
        self.step += 1
        if self.step == len(self._job["opening"]):
            self.connects += 1
            return True
        for template in self._job["opening"][self.step]["send"]:
            text = template.replace("{session}", session_id(self._job["seed"], self.number))
            text = text.replace("{number}", str(self.number)).replace("{connects}", str(self.connects))
            self.connection.send(text_frame(text.encode()))
        return False


class _Sessions:
    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._sessions = [_Session(job, number) for number in range(job["clients"])]
        self._by_descriptor: dict[int, _Session] = {}
        self._waiter = Waiter()

    def connect(self) -> dict[str, Any]:
        """Bring every session to life, at most ``at_once`` under way at a time; say how long it took."""
        started = time.perf_counter()
        waiting = [session for session in reversed(self._sessions) if session.connection is None]
        wanted = len(waiting)
        opening = live = failures = 0
        times: list[float] = []
        began: dict[int, float] = {}
        while live < wanted:
            if time.perf_counter() - started > CONNECT_SECONDS:
                raise RuntimeError(f"{wanted - live} of {wanted} sessions are not live after {CONNECT_SECONDS} s")
            while waiting and opening < self._job["at_once"]:
                session = waiting.pop()
                descriptor = session.connect()
                began.setdefault(session.number, time.perf_counter())
                self._by_descriptor[descriptor] = session
                self._waiter.add(descriptor, select.EPOLLOUT)
                opening += 1
            for descriptor, events in self._waiter.wait(1.0):
                session = self._by_descriptor[descriptor]
                assert session.connection is not None
                if session.step == -2:
                    if events & (select.EPOLLERR | select.EPOLLHUP):
                        failures += 1
                        opening -= 1
                        if failures > RETRIES_MAX * wanted:
                            raise RuntimeError("the server refuses connections")
                        self._forget(descriptor)
                        waiting.append(session)
                        continue
                    session.connection.send(upgrade_request(self._job["path"]))
                    session.step = -1
                    self._waiter.change(descriptor, select.EPOLLIN)
                    continue
                if session.step == len(self._job["opening"]):
                    self._read(session.connection)
                    continue
                if not session.connection.fill():
                    failures += 1
                    opening -= 1
                    self._forget(descriptor)
                    waiting.append(session)
                elif session.advance():
                    opening -= 1
                    live += 1
                    times.append(time.perf_counter() - began[session.number])
        seconds = time.perf_counter() - started
        return {"connected": live, "seconds": seconds, "failures": failures, "slowest": max(times, default=0.0)}

    def _forget(self, descriptor: int) -> None:
        session = self._by_descriptor.pop(descriptor)
        assert session.connection is not None
        self._waiter.remove(descriptor)
        session.connection.socket.close()
        session.connection = None

    def limit(self, at_once: int) -> dict[str, Any]:
        self._job["at_once"] = at_once
        return {"at_once": at_once}

    def drop(self) -> dict[str, Any]:
        dropped = len(self._by_descriptor)
        for descriptor in list(self._by_descriptor):
            self._forget(descriptor)
        return {"dropped": dropped}

    def expect(self, marker: bytes, count: int) -> dict[str, Any]:
        """Wait until so many sessions have received the marker; each counts once."""
        times: list[float] = []
        seen: set[int] = set()
        size = 0
        deadline = time.perf_counter() + EXPECT_SECONDS
        while len(seen) < count and (left := deadline - time.perf_counter()) > 0:
            for descriptor, _ in self._waiter.wait(min(left, 1.0)):
                connection = self._by_descriptor[descriptor].connection
                assert connection is not None
                assert connection.fill(), "the server closed a session"
                while (message := take_websocket(connection)) is not None:
                    if marker in message and descriptor not in seen:
                        times.append(time.perf_counter())
                        seen.add(descriptor)
                        size = len(message)
        if not times:
            return {"missing": count, "bytes": 0, "first": 0.0, "median": 0.0, "last": 0.0}
        return {
            "missing": count - len(seen),
            "bytes": size,
            "first": times[0],
            "median": statistics.median(times),
            "last": times[-1],
        }

    def alive(self) -> dict[str, Any]:
        """Read what has come."""
        closed: set[int] = set()
        while ready := [descriptor for descriptor, _ in self._waiter.wait(0.0) if descriptor not in closed]:
            for descriptor in ready:
                connection = self._by_descriptor[descriptor].connection
                assert connection is not None
                if not self._read(connection):
                    closed.add(descriptor)
        return {"alive": len(self._by_descriptor) - len(closed), "closed": len(closed)}

    @staticmethod
    def _read(connection: Connection) -> bool:
        """Take what has come for nobody; False when the connection has ended."""
        alive = connection.fill()
        while take_websocket(connection) is not None:
            pass
        return alive


def run_sessions(job: dict[str, Any]) -> None:
    """Connect, then do as told until standard input ends."""
    raise_descriptor_limit(job["clients"] + SPARE_DESCRIPTORS)
    sessions = _Sessions(job)
    say(sessions.connect())
    for line in sys.stdin:
        command = json.loads(line)
        match command["do"]:
            case "expect":
                say({"expecting": command["marker"]})
                say(sessions.expect(command["marker"].encode(), command["count"]))
            case "drop":
                say(sessions.drop())
            case "limit":
                say(sessions.limit(command["at_once"]))
            case "connect":
                say(sessions.connect())
            case "alive":
                say(sessions.alive())
