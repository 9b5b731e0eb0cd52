"""The bodies of HTTP messages and files that pass between us and an action host (`javascript/actions/bodies.js`).

Many at once, in pieces, both ways. A body never takes more memory here than one window, whatever the process says.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from rtdb.errors import DeveloperError
from rtdb.link.body_stream import BodyReceiver, BodySender
from rtdb.link.frames import BodyChunk, BodyCredit
from rtdb.link.link import Message
from rtdb.typescript.action_calls import Read
from rtdb.typescript.host_channel import Frame, HostGarbledError

__all__ = ["Bodies", "BodyBrokenError"]


class BodyBrokenError(DeveloperError):
    """A body broke off where it comes from."""

    default_code = "BodyBroken"


class Bodies:
    """The bodies between us and one process (`javascript/actions/bodies.js`). Each end numbers those that it sends."""

    def __init__(self, send: Callable[..., None], window_bytes: int) -> None:
        self._send = send
        self._window_bytes = window_bytes
        self._sending: dict[int, tuple[BodySender, trio.CancelScope]] = {}
        self._receiving: dict[int, BodyReceiver] = {}
        self._credit: dict[int, int] = {}
        """Of those that are received: how much more may come."""
        self._last = 0

    def send_to_host(self, nursery: trio.Nursery, read: Read) -> int:
        """Send a body as fast as it is read, in a task, and return its number."""
        self._last += 1
        body = self._last
        scope = trio.CancelScope()
        self._sending[body] = BodySender(body, self._send_message), scope
        nursery.start_soon(self._send_all, body, read, scope)
        return body

    async def _send_all(self, body: int, read: Read, scope: trio.CancelScope) -> None:
        sender, _ = self._sending[body]
        try:
            with scope:
                try:
                    while (data := await read()) is not None:
                        await sender.send(data)
                except DeveloperError as broken:
                    self._send({"type": "broken", "body": body, "message": broken.message})
                else:
                    await sender.send(b"", last=True)
        finally:
            del self._sending[body]

    def receive_from_host(self, body: int) -> Read:
        """Return what gives the pieces of a body that the process sends under this number, None at its end."""
        if body in self._receiving:
            raise HostGarbledError(f"the body {body} twice")
        self._credit[body] = 0
        receiver = self._receiving[body] = BodyReceiver(body, self._send_message, self._window_bytes)
        receiver.open()

        async def receive() -> bytes | None:
            return await receiver.receive()

        return receive

    def fail(self, body: int, reason: str) -> None:
        """Have whoever reads a body hear that the rest of it will not come."""
        if body in self._receiving:
            self._receiving[body].fail(BodyBrokenError(reason))

    def drop(self, body: int) -> None:
        """Take no more of a body."""
        if self._forget(body) is not None:
            self._send({"type": "cancelBody", "body": body})

    def _forget(self, body: int) -> BodyReceiver | None:
        self._credit.pop(body, None)
        return self._receiving.pop(body, None)

    def take(self, frame: Frame, payload: bytes) -> None:
        """The process has said something of a body."""
        body = frame.body or 0
        if frame.type == "chunk":
            receiver = self._receiving.get(body)
            if receiver is not None:
                self._credit[body] -= len(payload)
                if self._credit[body] < 0:
                    raise HostGarbledError("more of a body than there is room for")
                receiver.take(BodyChunk(body, payload, frame.last))
                if frame.last:
                    self._forget(body)
        elif frame.type == "broken":
            broken = self._forget(body)
            if broken is not None:
                broken.fail(BodyBrokenError(frame.message))
        elif body in self._sending:
            sender, scope = self._sending[body]
            if frame.type == "credit":
                if frame.bytes <= 0:
                    raise HostGarbledError(f"room for {frame.bytes} bytes")
                sender.grant(BodyCredit(body, frame.bytes))
            else:
                scope.cancel()

    def _send_message(self, message: Message) -> None:
        match message:
            case BodyChunk(body, data, last):
                self._send({"type": "chunk", "body": body, "last": last}, data)
            case BodyCredit(body, count):
                if body in self._credit:
                    self._credit[body] += count
                self._send({"type": "credit", "body": body, "bytes": count})
            case _:
                raise AssertionError(f"a body is no {type(message).__name__}")
