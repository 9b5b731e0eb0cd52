"""The headers of an HTTP request or response, as an app reads and writes them.

A mapping from names to text. Names have no case; a name that occurs several times reads as its values joined with
``", "``, and :meth:`Headers.get_list` gives them one by one. Order and repetition survive, because ``Set-Cookie`` needs
them.

What an app sets is checked here, so that no value of a document can begin a header or an answer of its own: a name is a
token of RFC 9110, a value is text of Latin-1 characters without control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import cast

from rtdb.errors import DeveloperError

__all__ = ["Headers", "HeadersLike", "InvalidHeaderError", "MissingHeaderError"]

HeadersLike = Mapping[str, str] | Iterable[tuple[str, str]]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class InvalidHeaderError(DeveloperError, ValueError):
    """What an app sets cannot be a header."""

    default_code = "InvalidHeader"


class MissingHeaderError(DeveloperError, KeyError):
    """There is no header of the name."""

    default_code = "HeaderNotFound"

    def __str__(self) -> str:
        return self.message


class Headers(MutableMapping[str, str]):
    """Names and values, in order: ``Headers({"Content-Type": "text/plain"})``, or from a list of pairs."""

    __slots__ = ("_pairs",)

    def __init__(self, headers: HeadersLike = ()) -> None:
        self._pairs: list[tuple[str, str]] = []
        for name, value in _pairs_of(headers):
            self.append(name, value)

    @classmethod
    def decode(cls, pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Return headers as they were received, which are not checked: whatever the client sent can be read."""
        headers = cls()
        headers._pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs]
        return headers

    def encode(self) -> list[tuple[bytes, bytes]]:
        """Return names and values as bytes, in order."""
        return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._pairs]

    def append(self, name: str, value: str) -> None:
        """Add a header, beside others of the same name."""
        self._pairs.append((_checked_name(name), _checked_value(name, value)))

    def get_list(self, name: str) -> list[str]:
        """Return the values of every header of that name, in order."""
        wanted = name.lower()
        return [value for present, value in self._pairs if present == wanted]

    def multi_items(self) -> list[tuple[str, str]]:
        """Return names, in lower case, and values; a name as often as it occurs."""
        return list(self._pairs)

    def __getitem__(self, name: str) -> str:
        values = self.get_list(name)
        if not values:
            raise MissingHeaderError(f"there is no header `{name}`; `headers.get` returns None then")
        return ", ".join(values)

    def __setitem__(self, name: str, value: str) -> None:
        """Set a header, in place of all others of the same name."""
        pair = _checked_name(name), _checked_value(name, value)
        self._pairs = [*(present for present in self._pairs if present[0] != pair[0]), pair]

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise MissingHeaderError(f"there is no header `{name}`")
        self._pairs = [pair for pair in self._pairs if pair[0] != name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(present == name.lower() for present, _ in self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._pairs))

    def __len__(self) -> int:
        return len(dict(self._pairs))

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"


def _pairs_of(headers: HeadersLike) -> Iterable[tuple[str, str]]:
    # What came from httpx repeats names as ours does, and its `items()` would join cookies into one.
    multi_items = getattr(headers, "multi_items", None)
    if multi_items is not None:
        return cast("Iterable[tuple[str, str]]", multi_items())
    return headers.items() if isinstance(headers, Mapping) else headers


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise InvalidHeaderError(f"{name!r} is not the name of a header: use letters, digits and hyphens")
    return name.lower()


def _checked_value(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"the header `{name}` is text, got {type(value).__name__}; write `str(value)`")
    if _CONTROL.search(value) is not None:
        raise InvalidHeaderError(f"the header `{name}` has a line break or another control character in its value")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise InvalidHeaderError(
            f"the header `{name}` has a character that headers cannot carry; use `urllib.parse.quote`"
        ) from None
    return value.strip(" \t")
