"""What an app's code has thrown, as its callers read it (typescript-runtime §10)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from rtdb.typescript.stack import SourceMaps

__all__ = ["Thrown", "describe"]


class Thrown(NamedTuple):
    """``frames`` are lines with line ends; ``data`` is the JSON of a ConvexError's data."""

    message: str
    frames: str
    data: bytes | None


class _Described(msgspec.Struct):
    """How `realm.js` describes a value that was thrown. ``name`` is None for what is not an error."""

    message: str = ""
    name: str | None = None
    stack: str = ""
    data: str | None = None


def describe(described: str, maps: SourceMaps, frames_max: int) -> Thrown:
    """Return the text of an error with the frames that the author knows."""
    error = msgspec.json.decode(described, type=_Described)
    parts = [part for part in (error.name, error.message) if part]
    message = f"Uncaught {': '.join(parts)}".rstrip()
    data = None if error.data is None else error.data.encode()
    return Thrown(message, maps.frames(error.stack, frames_max), data)
