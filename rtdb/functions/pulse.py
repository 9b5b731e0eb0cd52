"""A few bytes that an action process and the hub share, so that the hub sees what a stuck process cannot say.

::

    beats      8   counted up by the event loop; when it stands still, something keeps the loop from turning
    running    8   the call whose step is being executed right now, 0 between steps: the one that is to blame
    begun      8   the highest call that was begun; what was sent after it may still be run elsewhere
    length     4   of what follows
    frames     …   where the loop was found stuck, as lines of a stack trace

Each field is written by the action process alone and read by the hub alone. A field that changes while it is read gives
its old value or its new one: eight aligned bytes are copied at once.
"""

from __future__ import annotations

import mmap
import os
import struct

__all__ = ["Pulse", "make_pulse", "open_pulse"]

SIZE = 4096
_FRAMES_AT = 28

_NUMBER = struct.Struct("<Q")
_LENGTH = struct.Struct("<I")


class Pulse:
    """Both sides' view of the shared bytes."""

    __slots__ = ("_buffer",)

    def __init__(self, buffer: mmap.mmap | bytearray) -> None:
        self._buffer = buffer

    def beat(self) -> None:
        self._write(0, self.beats + 1)

    @property
    def beats(self) -> int:
        return self._read(0)

    @property
    def running(self) -> int:
        return self._read(8)

    @running.setter
    def running(self, call: int) -> None:
        self._write(8, call)

    @property
    def begun(self) -> int:
        return self._read(16)

    @begun.setter
    def begun(self, call: int) -> None:
        self._write(16, call)

    @property
    def frames(self) -> str:
        (length,) = _LENGTH.unpack_from(self._buffer, 24)
        data = self._buffer[_FRAMES_AT : _FRAMES_AT + min(length, SIZE - _FRAMES_AT)]
        return data.decode("utf-8", "ignore")

    @frames.setter
    def frames(self, text: str) -> None:
        data = text.encode("utf-8", "replace")[: SIZE - _FRAMES_AT]
        self._buffer[_FRAMES_AT : _FRAMES_AT + len(data)] = data
        _LENGTH.pack_into(self._buffer, 24, len(data))

    def close(self) -> None:
        if isinstance(self._buffer, mmap.mmap):
            self._buffer.close()

    def _read(self, offset: int) -> int:
        number: int = _NUMBER.unpack_from(self._buffer, offset)[0]
        return number

    def _write(self, offset: int, number: int) -> None:
        _NUMBER.pack_into(self._buffer, offset, number)


def make_pulse() -> tuple[Pulse, int]:
    """Return a new one and a descriptor of it, to be inherited by the process and then closed."""
    descriptor = os.memfd_create("rtdb-pulse", os.MFD_CLOEXEC)
    try:
        os.ftruncate(descriptor, SIZE)
        return open_pulse(descriptor), descriptor
    except BaseException:
        os.close(descriptor)
        raise


def open_pulse(descriptor: int) -> Pulse:
    """Return the one behind an inherited descriptor."""
    return Pulse(mmap.mmap(descriptor, SIZE))
