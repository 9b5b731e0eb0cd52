"""Frames to and from the process that runs queries and mutations, which the owner waits for (`javascript/channel.js`).

A frame is its length (4 bytes, little endian; the highest bit says that it goes on in a further piece), a header as
JSON, and lines of JSON that belong to it, each behind a line break. The owner speaks and the process answers.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from rtdb.typescript.steps import LogLine, StreamUse

__all__ = ["Channel", "Failure", "Frame", "GarbledError"]

_HEAD_BYTES: Final = 4
_MORE: Final = 1 << 31


class GarbledError(Exception):
    """The process says what it must not."""


class Failure(msgspec.Struct, frozen=True):
    """Why an execution failed: one of these is given."""

    described: str | None = None
    refused: str | None = None
    timedOut: bool = False
    stuck: bool = False


class Frame(msgspec.Struct):
    """The header of what the process says."""

    type: str
    execution: int = 0
    requests: list[tuple[int, str, bool, int | None]] = []
    logs: list[LogLine] = []
    streams: list[StreamUse] = []
    time: bool = False
    milliseconds: float = 0.0
    error: Failure = Failure()
    failures: list[str] = []
    deno: str = ""


_decoder = msgspec.json.Decoder(Frame)
_encoder = msgspec.json.Encoder()


class Channel:
    """The socket to one process. OSError is raised when the process is gone, TimeoutError when it is silent."""

    def __init__(self, sock: socket.socket, frame_bytes_max: int) -> None:
        self._socket = sock
        self._frame_bytes_max = frame_bytes_max

    def send(self, header: dict[str, Any], lines: Sequence[bytes]) -> None:
        """Send a frame."""
        body = b"\n".join([_encoder.encode(header), *lines])
        self._socket.sendall(len(body).to_bytes(_HEAD_BYTES, "little") + body)

    def receive(self, seconds_max: float) -> tuple[Frame, list[bytes]]:
        """Return the next frame and its lines. ``seconds_max`` is for each piece. Raises GarbledError too."""
        self._socket.settimeout(seconds_max)
        head, *lines = self._receive_lines()
        try:
            return _decoder.decode(head), lines
        except msgspec.DecodeError as error:
            raise GarbledError(str(error)) from error

    def _receive_lines(self) -> list[bytes]:
        body = bytearray()
        while True:
            head = int.from_bytes(self._read(_HEAD_BYTES), "little")
            length = head & ~_MORE
            if len(body) + length > self._frame_bytes_max:
                raise GarbledError(f"it sent a frame of {len(body) + length} bytes")
            piece = self._read(length)
            if not length:
                raise GarbledError("it sent a frame with nothing in it")
            if not head & _MORE:
                return bytes(body + piece if body else piece).split(b"\n")
            body += piece

    def _read(self, count: int) -> bytearray:
        """Return so many bytes."""
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            if not (got := self._socket.recv_into(view)):
                raise ConnectionResetError("its socket is closed")
            view = view[got:]
        return buffer
