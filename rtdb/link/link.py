"""Framed links between processes: a socket pair carrying msgspec messages, and its in-memory twin.

A frame is a 4-byte big-endian length followed by one msgpack array of messages (`frames`). Whatever is queued when a
link is flushed shares one frame, so batching follows load by itself and costs nothing when there is none.

Three ends: :class:`SocketLink` under trio, :class:`BlockingLink` for the committer and the runners, which are plain
blocking code, and :class:`MemoryLink`, which joins two trio tasks of one process (it encodes and decodes like the
others, so that a test sees what a process would see).

A link that ends raises :class:`LinkClosed` from ``receive``; sending into an ended link is silently dropped, because
the reader is where an end is noticed and handled.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol

import msgspec
import trio

from rtdb.link import frames

__all__ = [
    "FROM_HUB_BYTES_MAX",
    "BlockingLink",
    "Link",
    "LinkClosed",
    "LinkGarbledError",
    "MemoryLink",
    "SocketLink",
    "open_memory_link_pair",
]

Message = (
    frames.ActionCall
    | frames.ActionCancel
    | frames.ActionOutcome
    | frames.ActionProgress
    | frames.Answer
    | frames.Begun
    | frames.BlockApplied
    | frames.BlockNotice
    | frames.BodyChunk
    | frames.BodyCredit
    | frames.Call
    | frames.CallRequest
    | frames.Cancel
    | frames.Commit
    | frames.CommitterReady
    | frames.CommitterStart
    | frames.DeployCancel
    | frames.DeployEvent
    | frames.DeployRequest
    | frames.Drain
    | frames.Durable
    | frames.FileStepRequest
    | frames.EnvironmentChanged
    | frames.HttpActionHead
    | frames.HttpActionRequest
    | frames.LaneReset
    | frames.LogPage
    | frames.LogPoll
    | frames.LogPollCancel
    | frames.Outcome
    | frames.PushStepRequest
    | frames.ReaderCheck
    | frames.Ready
    | frames.RoundResults
    | frames.RunnerReady
    | frames.RunnerStart
    | frames.Stale
    | frames.Unwatch
    | frames.Watch
)
"""Everything that may travel over a link."""

HEADER_BYTES = 4
FROM_HUB_BYTES_MAX = 2 ** (8 * HEADER_BYTES) - 1
"""Frame size for the hub's children: every frame the hub sends was checked where its content came from."""
FRAME_BYTES_SHARED = 16 * 1024 * 1024
"""Messages share a frame up to this size: the other end keeps a frame in memory until it is complete."""
RECEIVE_BYTES = 64 * 1024
"""Below what the allocator takes from the operating system and gives back at once (128 KiB): from there on a receive,
however short, took 14 µs more in a loop by itself, though no difference was seen in a server under load."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Message])


class LinkClosed(Exception):
    """The other end is gone (its process ended or closed the link)."""


class LinkGarbledError(Exception):
    """The other end sends what it must not. Of our own processes only those can that run code of an app, and they are
    killed for it; anywhere else it is a mistake of this program."""


class Link(Protocol):
    """One end of a link under trio."""

    def send_nowait(self, message: Message) -> None:
        """Queue a message; everything queued until the next flush travels in one frame."""
        ...

    def queue(self, message: Message) -> None:
        """Queue a message for a flush that the caller is going to make itself, before it next waits."""
        ...

    def flush(self) -> None:
        """Hand what is queued to the operating system, as far as it takes it, without waiting."""
        ...

    @property
    def unsent_bytes(self) -> int:
        """What has been flushed and the other end has not made room for."""
        ...

    async def receive(self) -> list[Message]:
        """Wait for at least one frame and return the messages of all that have arrived.

        Raises :class:`LinkClosed` when the other end is gone and everything it sent has been returned, and
        :class:`LinkGarbledError` when what it sends is no message.
        """
        ...

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Flush what was queued without a flush, and what the socket did not take at once, until the link ends."""
        ...

    def close(self) -> None: ...


def _encode(messages: Sequence[Message]) -> bytes:
    """Return the messages as one frame, or as several where one would be large: only a single message may be."""
    body = _encoder.encode(messages)
    if len(body) > FRAME_BYTES_SHARED and len(messages) > 1:
        half = len(messages) // 2
        return _encode(messages[:half]) + _encode(messages[half:])
    return len(body).to_bytes(HEADER_BYTES, "big") + body


class _FrameReader:
    """Cuts a byte stream into frames and frames into messages."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        offset = 0
        available = len(buffer)
        while available - offset >= HEADER_BYTES:
            length = int.from_bytes(buffer[offset : offset + HEADER_BYTES], "big")
            # Both ends are ours: an oversized frame is no mistake of a client.
            if length > self._frame_bytes_max:
                raise LinkGarbledError(f"frame of {length} bytes")
            if available - offset - HEADER_BYTES < length:
                break
            with memoryview(buffer) as view:
                start = offset + HEADER_BYTES
                try:
                    messages += _decoder.decode(view[start : start + length])
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    raise LinkGarbledError(str(error)) from None
            offset += HEADER_BYTES + length
        if offset:
            del buffer[:offset]
        return messages


class SocketLink:
    """A trio task's end of a socket pair."""

    def __init__(self, sock: socket.socket, frame_bytes_max: int) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._reader = _FrameReader(frame_bytes_max)
        self._queued: list[Message] = []
        self._unsent = bytearray()
        self._all_sent = trio.Event()
        """Set, and replaced, whenever nothing is unsent any more."""
        self._writer: trio.lowlevel.Task | None = None
        self._closed = False

    @property
    def unsent_bytes(self) -> int:
        return len(self._unsent)

    def send_nowait(self, message: Message) -> None:
        self._queued.append(message)
        if self._writer is not None:
            trio.lowlevel.reschedule(self._writer)
            self._writer = None

    def queue(self, message: Message) -> None:
        self._queued.append(message)

    def flush(self) -> None:
        if self._queued:
            data = _encode(self._queued)
            self._queued.clear()
            if self._unsent:
                self._unsent += data
                return
            sent = self._try_send(data)
            if sent < len(data):
                self._unsent += memoryview(data)[sent:]
                if self._writer is not None:
                    trio.lowlevel.reschedule(self._writer)
                    self._writer = None

    def _try_send(self, data: bytes | bytearray) -> int:
        if self._closed:
            return len(data)
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            # The reader notices the end; what can no longer be sent is dropped.
            self._unsent.clear()
            return len(data)

    async def receive(self) -> list[Message]:
        waited = False
        while True:
            if self._closed:
                raise LinkClosed
            try:
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                await trio.lowlevel.wait_readable(self._socket)
                waited = True
                continue
            except OSError as error:
                raise LinkClosed from error
            if not data:
                raise LinkClosed
            messages = self._reader.feed(data)
            if messages:
                if not waited:
                    # A busy link lets others have their turn all the same.
                    await trio.lowlevel.cancel_shielded_checkpoint()
                return messages

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        while not self._closed:
            self.flush()
            while self._unsent:
                try:
                    await trio.lowlevel.wait_writable(self._socket)
                except (trio.ClosedResourceError, OSError, ValueError):
                    self._unsent.clear()
                    self._all_sent.set()
                    return
                sent = self._try_send(self._unsent)
                del self._unsent[:sent]
            self._all_sent.set()
            self._all_sent = trio.Event()
            if self._queued:
                continue
            self._writer = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._writer = None
        return trio.lowlevel.Abort.SUCCEEDED

    async def wait_sent(self) -> None:
        """Wait until the operating system has taken everything, or the other end is gone: before a process ends."""
        await trio.lowlevel.checkpoint()
        self.flush()
        while self._unsent:
            await self._all_sent.wait()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._writer is not None:
            trio.lowlevel.reschedule(self._writer)
            self._writer = None
        trio.lowlevel.notify_closing(self._socket)
        self._socket.close()


class BlockingLink:
    """The end of a process that is plain blocking code."""

    def __init__(self, sock: socket.socket, frame_bytes_max: int) -> None:
        sock.setblocking(True)
        self._socket = sock
        self._reader = _FrameReader(frame_bytes_max)

    def receive(self) -> list[Message]:
        """Block for at least one frame; return everything that has arrived by then."""
        while True:
            messages = self.receive_until(None)
            if messages:
                return messages

    def receive_until(self, seconds: float | None) -> list[Message]:
        """Like :meth:`receive`, but return an empty list when nothing arrives within ``seconds``."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except (TimeoutError, BlockingIOError):
            return []
        except OSError as error:
            raise LinkClosed from error
        if not data:
            raise LinkClosed
        return self._reader.feed(data)

    def send(self, messages: Sequence[Message]) -> None:
        """Send the messages as one frame, blocking until the operating system has taken it."""
        self._socket.settimeout(None)
        try:
            self._socket.sendall(_encode(messages))
        except OSError as error:
            raise LinkClosed from error

    def close(self) -> None:
        self._socket.close()


class MemoryLink:
    """One end of a pair joined inside a process."""

    def __init__(self, outgoing: trio.MemorySendChannel[bytes], incoming: trio.MemoryReceiveChannel[bytes]) -> None:
        self._outgoing = outgoing
        self._incoming = incoming

    def send_nowait(self, message: Message) -> None:
        try:
            self._outgoing.send_nowait(_encoder.encode([message]))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    def queue(self, message: Message) -> None:
        self.send_nowait(message)

    def flush(self) -> None:
        """Nothing is held back here."""

    @property
    def unsent_bytes(self) -> int:
        return 0

    async def receive(self) -> list[Message]:
        try:
            messages = _decoder.decode(await self._incoming.receive())
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            raise LinkClosed from error
        except msgspec.DecodeError as error:
            raise LinkGarbledError(str(error)) from None
        while True:
            try:
                messages += _decoder.decode(self._incoming.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel, trio.ClosedResourceError):
                return messages

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        self._outgoing.close()
        self._incoming.close()


def open_memory_link_pair(messages_max: int = 10_000) -> tuple[MemoryLink, MemoryLink]:
    """Return two joined ends. ``messages_max`` bounds what one end may send ahead of the other's reading."""
    here_out, there_in = trio.open_memory_channel[bytes](messages_max)
    there_out, here_in = trio.open_memory_channel[bytes](messages_max)
    return MemoryLink(here_out, here_in), MemoryLink(there_out, there_in)
