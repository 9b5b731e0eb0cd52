"""A body of any size over a link, in little memory: chunks one way, credit the other.

::

    BodySender ── BodyChunk, BodyChunk, … last ──▶ BodyReceiver
               ◀──────── BodyCredit ──────────────

The sender stops when it has used its credit up. The receiver gives it a window of credit in the beginning, unless the
sender knows that somebody is there to receive and begins with one; from then on, as much as its reader has taken. So
whatever lies between the two holds one window at most, and a reader that is slow, or does not read at all, holds up the
writer and nobody else.

Invariant: a body that ends without its last chunk is never taken for a whole one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio

from rtdb.link.frames import BodyChunk, BodyCredit
from rtdb.link.link import Message

__all__ = ["CHUNK_BYTES", "BodyReceiver", "BodySender"]

CHUNK_BYTES = 64 * 1024
"""The largest chunk: a link carries others' messages too, and they wait for one chunk at most."""

Send = Callable[[Message], None]


class BodySender:
    """The writing end. One task writes."""

    def __init__(self, call: int, send: Send, credit_bytes: int = 0) -> None:
        self._call = call
        self._send = send
        self._credit = credit_bytes
        self._granted = trio.Event()

    async def send(self, data: bytes, *, last: bool = False) -> None:
        """Send a part of the body, waiting until the reader has made room for it."""
        await trio.lowlevel.checkpoint()
        sent = 0
        while sent < len(data):
            while not self._credit:
                self._granted = trio.Event()
                await self._granted.wait()
            piece = data[sent : sent + min(self._credit, CHUNK_BYTES)]
            sent += len(piece)
            self._credit -= len(piece)
            self._send(BodyChunk(self._call, piece, last and sent == len(data)))
        if last and not data:
            self._send(BodyChunk(self._call, b"", True))

    def grant(self, credit: BodyCredit) -> None:
        """The reader has taken so much."""
        self._credit += credit.bytes
        self._granted.set()


class BodyReceiver:
    """The reading end. One task reads."""

    def __init__(self, call: int, send: Send, window_bytes: int) -> None:
        self._call = call
        self._send = send
        self._window_bytes = window_bytes
        self._credit_bytes = max(1, window_bytes // 2)
        """Taken bytes to gather before they are given back: the window is half full by then at the latest."""
        self._taken = 0
        self._chunks: deque[bytes] = deque()
        self._arrived = trio.Event()
        self._complete = False
        self._failure: Exception | None = None

    def open(self) -> None:
        """Let a sender that has no credit begin."""
        self._send(BodyCredit(self._call, self._window_bytes))

    def take(self, chunk: BodyChunk) -> None:
        """A chunk has arrived."""
        if self._complete:
            # Our own senders end with the last chunk; code of the app that has a link may not.
            return
        if chunk.data:
            self._chunks.append(chunk.data)
        self._complete = chunk.last
        self._arrived.set()

    def fail(self, failure: Exception) -> None:
        """No more will arrive. The reader meets ``failure`` after what has arrived, unless the body was complete."""
        if not self._complete and self._failure is None:
            self._failure = failure
            self._arrived.set()

    async def receive(self) -> bytes | None:
        """Return the next part of the body, None at its end. Raises what the body has broken off with."""
        await trio.lowlevel.checkpoint()
        while not self._chunks:
            if self._complete:
                return None
            if self._failure is not None:
                raise self._failure
            self._arrived = trio.Event()
            await self._arrived.wait()
        data = self._chunks.popleft()
        self._taken += len(data)
        if self._taken >= self._credit_bytes and not self._complete:
            self._send(BodyCredit(self._call, self._taken))
            self._taken = 0
        return data
