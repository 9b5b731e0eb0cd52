"""What syscalls of one call were refused with, so that an error that its code does not catch keeps its code.

The npm library makes an ``Error`` of its own out of the text of a refusal, and nothing else. So the text is all there
is to know it by; whoever throws the same text again has said the same.
"""

from __future__ import annotations

from typing import Final

from rtdb.errors import RtdbError

__all__ = ["Refusals"]

REMEMBERED_MAX: Final = 64
"""An action may try something for hours; what it fails with is among the last."""


class Refusals:
    __slots__ = ("_codes",)

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}

    def note(self, error: RtdbError) -> None:
        """Remember what the code is told now."""
        text = _uncaught(error.message)
        self._codes.pop(text, None)
        self._codes[text] = error.code
        if len(self._codes) > REMEMBERED_MAX:
            del self._codes[next(iter(self._codes))]

    def code_of(self, thrown: str, otherwise: str) -> str:
        """Return the code of an error by its text, as callers read it."""
        return self._codes.get(thrown, otherwise)


def _uncaught(message: str) -> str:
    return f"Uncaught Error: {message}".rstrip()
