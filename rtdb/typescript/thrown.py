"""What an app's code has thrown, as its callers read it (typescript-runtime §10)."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from rtdb.typescript.stack import SourceMaps

__all__ = ["Thrown", "describe"]

_TEXTS: Final = {
    # V8's own sentence for a host without dynamic imports, which says little to an app's author.
    "A dynamic import callback was not specified.": (
        "Can't dynamically import modules in a query or mutation. Import them at the top of the file, or consider using"
        " an action."
    ),
}


class Thrown(NamedTuple):
    """``frames`` are lines with line ends; ``data`` is the JSON of a ConvexError's data."""

    message: str
    frames: str
    data: bytes | None


class _Described(msgspec.Struct):
    """How the realm describes a value that was thrown. ``name`` is None for what is not an error."""

    message: str = ""
    name: str | None = None
    stack: str = ""
    data: str | None = None


def describe(described: str, maps: SourceMaps, frames_max: int) -> Thrown:
    """Return the text of an error with the frames that the author knows."""
    try:
        error = msgspec.json.decode(described, type=_Described)
    except msgspec.DecodeError:
        # It has passed through the hands of the code that threw it.
        error = _Described(message="(the error could not be read)")
    text = _TEXTS.get(error.message, error.message)
    parts = [part for part in (error.name, text) if part]
    message = f"Uncaught {': '.join(parts)}".rstrip()
    data = None if error.data is None else error.data.encode()
    return Thrown(message, maps.frames(error.stack, frames_max), data)
