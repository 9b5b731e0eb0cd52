"""What is sent over a WebSocket and over TCP, before it is one connection's: frames as bytes, and socket options."""

from __future__ import annotations

import socket

from wsproto.frame_protocol import FrameProtocol

from rtdb.config import Limits
from rtdb.sync.commands import SendText
from rtdb.sync.transition import CHUNK_BYTES_MAX, split_transition

__all__ = ["PING_FRAME", "FrameCache", "text_frame", "tune_socket"]

KERNEL_UNSENT_BYTES = 128 * 1024
"""How much the kernel takes for a peer that does not read (``TCP_NOTSENT_LOWAT``). Beyond the window of a fast peer,
and little enough that a slow one is skipped ahead instead of being fed states long past."""

PING_FRAME = bytes(FrameProtocol(client=False, extensions=[]).ping())


def text_frame(text: bytes) -> bytes:
    """Return the frame of a whole text message, as a server sends it: final, unmasked."""
    length = len(text)
    if length < 126:
        return bytes((0x81, length)) + text
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2, "big") + text
    return b"\x81\x7f" + length.to_bytes(8, "big") + text


def tune_socket(client: socket.socket, limits: Limits) -> None:
    """Set what a sync connection needs of TCP: no delay, and an end to peers that vanish."""
    if client.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limits.send_seconds_max * 1000))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_UNSENT_BYTES)


class FrameCache:
    """Remembers the frame of the last message, since sessions that are told the same share one instance of it."""

    __slots__ = ("_chunks", "_frame", "_message")

    def __init__(self) -> None:
        self._message: SendText | None = None
        self._frame = b""
        self._chunks = b""

    def frame(self, message: SendText) -> bytes:
        """Return the message's frame."""
        if message is not self._message:
            self._frame = text_frame(message.text)
            self._chunks = b""
            self._message = message
        return self._frame

    def chunks(self, message: SendText) -> bytes:
        """Return the message's frame, or those of the chunks of a transition that is too large for one."""
        frame = self.frame(message)
        if len(message.text) <= CHUNK_BYTES_MAX or not message.transition:
            return frame
        if not self._chunks:
            self._chunks = b"".join(map(text_frame, split_transition(message.text)))
        return self._chunks
