"""The app's own coded error.

An app raises ``ConvexError(data)`` to tell its caller something in a form a program can read. The payload reaches the
client even when the server redacts messages. It is any value a document may hold, and is checked only when the error
leaves the function: an error must be raisable anywhere.
"""

from __future__ import annotations

import json

from rtdb.errors import ApplicationError
from rtdb.values.value import Int64, Value

__all__ = ["ConvexError"]

MESSAGE_CHARACTERS_MAX = 16384  # data-model §9: clients cut there too, so longer text would never be seen


class ConvexError(ApplicationError):
    """An error with a payload for the client: ``raise ConvexError({"code": "FULL"})``.

    ``message`` is what it is printed as, unless the data say it well enough.
    """

    def __init__(self, data: Value, *, message: str | None = None) -> None:
        self.data = data
        super().__init__(_message(data) if message is None else message)


def _message(data: object) -> str:
    if isinstance(data, str):
        return data[:MESSAGE_CHARACTERS_MAX]
    try:
        text = json.dumps(data, default=_readable, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = "data that cannot be shown"  # whether it is a value is said where the error leaves the function
    return text[:MESSAGE_CHARACTERS_MAX]


def _readable(value: object) -> str:
    return f"{value.value}n" if isinstance(value, Int64) else repr(value)
