"""A client's WebSocket over a trio stream: text messages both ways.

On wsproto rather than trio-websocket, whose client leaves its socket open when the server closes first, waits out its
time limit when the server hangs up during the handshake, and raises what it cannot parse from a task beside the caller.

Whatever goes wrong with the connection is :class:`WebSocketClosed`. One task may send while another receives; the
stream belongs to whoever opened it.
"""

from __future__ import annotations

import h11
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import ProtocolError

__all__ = ["WebSocket", "WebSocketClosed"]

RECEIVE_BYTES = 65536


class WebSocketClosed(Exception):
    """The connection is over. ``reason``: the server's, or ``closed with code N``, or None when it just ended."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason)
        self.reason = reason


class WebSocket:
    """One open connection. Made by :meth:`open`."""

    def __init__(self, stream: trio.abc.Stream, *, message_bytes_max: int) -> None:
        self._stream = stream
        self._message_bytes_max = message_bytes_max
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._sending = trio.Lock()

    @classmethod
    async def open(
        cls,
        stream: trio.abc.Stream,
        host: str,
        target: str,
        headers: list[tuple[bytes, bytes]],
        *,
        message_bytes_max: int,
    ) -> WebSocket:
        """Shake hands. Raises :class:`WebSocketClosed` if the server does not want to, or is none."""
        socket = cls(stream, message_bytes_max=message_bytes_max)
        await socket._send(Request(host=host, target=target, extra_headers=headers))
        event = await socket._next_event()
        if isinstance(event, RejectConnection):
            raise WebSocketClosed(f"rejected with status {event.status_code}")
        if not isinstance(event, AcceptConnection):
            raise WebSocketClosed("no handshake")
        return socket

    async def send_text(self, text: str) -> None:
        """Send one message."""
        await self._send(TextMessage(data=text))

    async def receive_text(self) -> str:
        """Return the next message."""
        parts: list[str] = []
        size = 0
        while True:
            event = await self._next_event()
            match event:
                case TextMessage():
                    parts.append(event.data)
                    size += len(event.data)
                    if size > self._message_bytes_max:
                        raise WebSocketClosed("message too large")
                    if event.message_finished:
                        return "".join(parts)
                case Ping():
                    await self._send(event.response())
                case CloseConnection():
                    raise WebSocketClosed(event.reason or f"closed with code {int(event.code)}")
                case _:
                    pass  # pongs, and binary messages, which the sync protocol does not have

    async def _send(self, event: Event) -> None:
        async with self._sending:
            try:
                await self._stream.send_all(self._protocol.send(event))
            except (trio.BrokenResourceError, trio.ClosedResourceError, ProtocolError) as error:
                raise WebSocketClosed(None) from error

    async def _next_event(self) -> Event:
        while True:
            try:
                for event in self._protocol.events():
                    return event
                data = await self._stream.receive_some(RECEIVE_BYTES)
                if not data:
                    raise WebSocketClosed(None)
                self._protocol.receive_data(bytes(data))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WebSocketClosed(None) from error
            except (ProtocolError, h11.ProtocolError) as error:
                raise WebSocketClosed(f"not a WebSocket: {error}") from error
