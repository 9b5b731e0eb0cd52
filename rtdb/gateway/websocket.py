"""One WebSocket connection over a raw socket.

Receiving is wsproto's; sending is not, because a frame a server sends without extensions is a header of 2 to 10 bytes
and the payload, the same for every session: a message shared by many sessions is framed once and handed to each
socket.

States and what moves them::

    OPEN ── close() ─────────▶ CLOSING ── peer's close, end of stream, close_seconds_max ──▶ ENDED
      └── peer's close (answered), end of stream, error, too slow ─────────────────────────▶ ENDED

Sending never waits. What a socket does not take at once waits in ``_unsent`` for a writer task, which exists only as
long as something waits, and nothing more is read from a peer meanwhile. A peer that takes nothing for
``send_seconds_max``, or more than ``unsent_bytes_max`` waiting, ends the connection: skipping states a slow client
need not see is the session's business (:mod:`rtdb.sync.connection`), this is the bound behind it.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

import trio
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError

from rtdb.config import Limits
from rtdb.gateway.framing import PING_FRAME
from rtdb.http.metrics import GatewayMetrics
from rtdb.http.receive_budget import ReceiveBudget
from rtdb.sync.commands import SendText

__all__ = ["WebSocket", "WebSocketOwner"]

RECEIVE_BYTES = 64 * 1024
CLOSE_SECONDS_MAX = 5.0
"""How long a peer may take to answer our close frame; clients do so at once."""

UNTYPED_ERROR = (1011, "InternalServerError")
MESSAGE_TOO_LARGE = (1009, "MessageTooLarge")
TOO_MUCH_AT_ONCE = (1013, "TooManyConcurrentRequests")


class WebSocketOwner(Protocol):
    """Whom a connection tells what happens on it."""

    @property
    def paused(self) -> bool:
        """Whether nothing more should be received before :meth:`WebSocket.resume`."""

    def received(self, text: str | bytes) -> None:
        """Take in one message; bytes are UTF-8."""

    def received_binary(self) -> None:
        """A binary message has come, or a part of one."""

    def drained(self) -> None:
        """Everything sent so far has left."""


class _State(Enum):
    OPEN = "open"
    CLOSING = "closing"
    ENDED = "ended"


class WebSocket:
    """A connection whose handshake is done. :meth:`run` owns the socket."""

    __slots__ = (
        "_deaf",
        "_frame",
        "_limits",
        "_message",
        "_metrics",
        "_nursery",
        "_owner",
        "_protocol",
        "_received",
        "_resumed",
        "_scope",
        "_send",
        "_socket",
        "_state",
        "_stopped",
        "_unsent",
        "_unsent_bytes",
        "_writer_done",
        "heard",
        "spoken",
    )

    def __init__(
        self,
        client: socket.socket,
        trailing: bytes,
        *,
        frame: Callable[[SendText], bytes],
        limits: Limits,
        metrics: GatewayMetrics,
        received: ReceiveBudget,
        nursery: trio.Nursery,
    ) -> None:
        """Store the parts.

        ``trailing`` was received with the upgrade request; ``frame`` turns a message into what goes over the wire;
        ``nursery`` runs the writer task.
        """
        self._socket = client
        self._send = client.send
        self._frame = frame
        self._limits = limits
        self._metrics = metrics
        self._received = received
        self._nursery = nursery
        self._owner: WebSocketOwner | None = None
        self._protocol = Connection(ConnectionType.SERVER, [], trailing)
        self._scope = trio.CancelScope()
        self._state = _State.OPEN
        self._deaf = False
        self._stopped = False
        self._resumed: trio.Event | None = None
        self._message = bytearray()
        self._unsent: deque[memoryview] = deque()
        self._unsent_bytes = 0
        self._writer_done: trio.Event | None = None
        # Set by whatever is received or sent, taken and cleared by who watches for silence: reading a clock for every
        # delivery would cost more than this.
        self.heard = True
        self.spoken = False

    # --- sending ----------------------------------------------------------------------------------

    def send_texts(self, messages: Sequence[SendText]) -> bool:
        """Send messages; see :class:`rtdb.sync.transport.Transport`."""
        if self._state is not _State.OPEN:
            return True
        self.spoken = True
        # A frame shared by many sessions is not copied for each.
        frame = self._frame(messages[0]) if len(messages) == 1 else b"".join(map(self._frame, messages))
        return self._send_frame(frame)

    def ping(self) -> None:
        """Send a protocol ping: the pong shows that the peer is there."""
        if self._state is _State.OPEN:
            self._send_frame(PING_FRAME)

    def _send_frame(self, frame: bytes) -> bool:
        if not self._unsent:
            try:
                sent = self._send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                # The receiving side is told the same and ends the connection.
                return True
            if sent == len(frame):
                return True
            self._unsent.append(memoryview(frame)[sent:])
            self._unsent_bytes = len(frame) - sent
            self._writer_done = trio.Event()
            self._metrics.sends_blocked.inc()
            self._nursery.start_soon(self._write_unsent, self._writer_done)
            return False
        self._unsent.append(memoryview(frame))
        self._unsent_bytes += len(frame)
        if self._unsent_bytes > self._limits.unsent_bytes_max:
            self._end()
        return False

    async def _write_unsent(self, done: trio.Event) -> None:
        """Hand what waits to the socket as it takes it; end the connection if it takes nothing for too long."""
        try:
            while self._unsent:
                await self._write_frame(self._unsent[0])
                self._unsent_bytes -= len(self._unsent.popleft())
        except (OSError, trio.ClosedResourceError, trio.TooSlowError):
            self._end()
        finally:
            self._unsent.clear()
            self._unsent_bytes = 0
            done.set()
        if self._owner is not None and self._state is _State.OPEN:
            self._owner.drained()

    async def _write_frame(self, frame: memoryview) -> None:
        while frame:
            if self._state is _State.ENDED:
                raise trio.ClosedResourceError
            # For each part anew: a large result over a slow line takes as long as it takes.
            with trio.fail_after(self._limits.send_seconds_max):
                await trio.lowlevel.wait_writable(self._socket)
            try:
                frame = frame[self._send(frame) :]
            except BlockingIOError:
                continue

    def close(self, code: int | None, reason: str = "") -> None:
        """Send a close frame and give the peer a moment to answer it."""
        if self._state is not _State.OPEN:
            return
        self._send_frame(bytes(self._protocol.send(CloseConnection(code=_close_code(code), reason=reason or None))))
        self._state = _State.CLOSING
        self.resume()
        self._scope.deadline = trio.current_time() + CLOSE_SECONDS_MAX

    def stop_receiving(self) -> None:
        """Receive nothing more: what the client asks for from here on it will ask another gateway."""
        self._stopped = True

    def resume(self) -> None:
        """Go on receiving after a pause."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    def _end(self) -> None:
        self._state = _State.ENDED
        self._scope.cancel()

    # --- receiving --------------------------------------------------------------------------------

    async def run(self, owner: WebSocketOwner) -> None:
        """Deliver messages to ``owner`` until the connection has ended; the socket is closed then."""
        self._owner = owner
        try:
            with self._scope:
                self.ping()
                self._take_events(owner)
                while self._state is not _State.ENDED:
                    await self._receive(owner)
        except OSError:
            return
        except Exception:
            self.close(*UNTYPED_ERROR)
            raise
        finally:
            self._state = _State.ENDED
            self._take_message()
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()

    async def _receive(self, owner: WebSocketOwner) -> None:
        if self._writer_done is not None and self._state is _State.OPEN:
            # A peer that does not read is not read from either, or its requests' answers would pile up here.
            await self._writer_done.wait()
            self._writer_done = None
        if (owner.paused or self._stopped) and self._state is _State.OPEN:
            self._resumed = trio.Event()
            await self._resumed.wait()
        await trio.lowlevel.wait_readable(self._socket)
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._state = _State.ENDED
            return
        self.heard = True
        if self._deaf:
            return
        self._protocol.receive_data(data)
        self._take_events(owner)

    def _take_events(self, owner: WebSocketOwner) -> None:
        try:
            for event in self._protocol.events():
                if isinstance(event, CloseConnection):
                    self._peer_closed(event)
                    return
                if self._state is not _State.OPEN:
                    continue
                if isinstance(event, TextMessage):
                    self._take_text(event, owner)
                elif isinstance(event, BytesMessage):
                    owner.received_binary()
                elif isinstance(event, Ping):
                    self._send_frame(bytes(self._protocol.send(event.response())))
        except RemoteProtocolError as error:
            hint = error.event_hint
            self.close(hint.code if isinstance(hint, CloseConnection) else CloseReason.PROTOCOL_ERROR)
            # What follows cannot be understood any more; it is read only so that the close frame is not lost.
            self._deaf = True

    def _take_text(self, event: TextMessage, owner: WebSocketOwner) -> None:
        if event.message_finished:
            self._metrics.messages_received.inc()
        if event.message_finished and not self._message:
            if len(event.data) > self._limits.message_bytes_max:
                self.close(*MESSAGE_TOO_LARGE)
                return
            owner.received(event.data)
            return
        # As bytes: what a message holds until it is whole is then what its sender has sent, in however small pieces.
        piece = event.data.encode()
        if not self._received.take(len(piece)):
            self._take_message()
            self.close(*TOO_MUCH_AT_ONCE)
            return
        self._message += piece
        if len(self._message) > self._limits.message_bytes_max:
            self._take_message()
            self.close(*MESSAGE_TOO_LARGE)
        elif event.message_finished:
            owner.received(self._take_message())

    def _take_message(self) -> bytes:
        """Return what there is of a message in pieces, and hold it no longer."""
        message = bytes(self._message)
        self._received.give(len(message))
        self._message = bytearray()
        return message

    def _peer_closed(self, event: CloseConnection) -> None:
        if self._state is _State.OPEN:
            self._send_frame(bytes(self._protocol.send(event.response())))
        self._state = _State.ENDED


def _close_code(code: int | None) -> int:
    # wsproto's way to say "no code".
    return CloseReason.NO_STATUS_RCVD if code is None else code
