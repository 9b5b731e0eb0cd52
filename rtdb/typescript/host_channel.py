"""Frames to and from an action host (`javascript/actions/channel.js`).

A frame is its length (4 bytes, little endian), a header as JSON, a line break, and a payload that the header tells the
meaning of. What comes out of such a process may be the work of the app's code, which shares the process with ours: it
is held to what our own code would say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import trio

__all__ = ["Frame", "HostChannel", "HostGarbledError"]

_LENGTH_BYTES: Final = 4
_RECEIVE_BYTES: Final = 1 << 16


class HostGarbledError(Exception):
    """The process says what it must not."""


class Frame(msgspec.Struct):
    """The header of what the process says."""

    type: str
    call: int = 0
    number: int = 0
    op: str = ""
    level: str = ""
    refused: str | None = None
    status: int = 0
    headers: list[tuple[str, str]] = []
    body: int | None = None
    bytes: int = 0
    last: bool = False
    message: str = ""
    version: str = ""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Frame)


class HostChannel:
    """One process's frames: those it sends go to ``take``, with their payloads, in order."""

    def __init__(self, take: Callable[[Frame, bytes], None], frame_bytes_max: int) -> None:
        self._take = take
        self._frame_bytes_max = frame_bytes_max
        self._unsent: list[bytes] = []
        self._wake = trio.Event()
        self.heard = 0
        """Frames that have come."""

    def send(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        """Send a frame as soon as there is room for it, behind those before."""
        head = _encoder.encode(header)
        self._unsent.append((len(head) + 1 + len(payload)).to_bytes(_LENGTH_BYTES, "little") + head + b"\n" + payload)
        self._wake.set()

    async def read(self, stream: trio.abc.ReceiveStream) -> None:
        """Take what comes until the process has ended.

        Raises HostGarbledError for a frame that is too large, and whatever ``take`` raises.
        """
        buffer = bytearray()
        try:
            while received := await stream.receive_some(_RECEIVE_BYTES):
                buffer += received
                while len(buffer) >= _LENGTH_BYTES:
                    length = int.from_bytes(buffer[:_LENGTH_BYTES], "little")
                    if length > self._frame_bytes_max:
                        raise HostGarbledError(f"a frame of {length} bytes")
                    if len(buffer) < _LENGTH_BYTES + length:
                        break
                    head, _, payload = bytes(buffer[_LENGTH_BYTES : _LENGTH_BYTES + length]).partition(b"\n")
                    del buffer[: _LENGTH_BYTES + length]
                    self.heard += 1
                    self._take(_decode(head), payload)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def write(self, stream: trio.abc.SendStream) -> None:
        """Send what there is to send until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            data, self._unsent = b"".join(self._unsent), []
            try:
                await stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                # The reader hears of it too.
                await trio.sleep_forever()


def _decode(head: bytes) -> Frame:
    try:
        return _decoder.decode(head)
    except msgspec.DecodeError as error:
        raise HostGarbledError(str(error)) from error
