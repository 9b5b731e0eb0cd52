"""The arguments of syscalls: JSON that code of an app has made, so that it may be anything.

What is wrong with them is told in the developer's words: the methods of ``ctx`` that the library turns into syscalls.
"""

from __future__ import annotations

import re
from typing import Any, Final, Generic, TypeVar

import msgspec

from rtdb.errors import BadRequestError, DeveloperError
from rtdb.values.json_codec import value_of
from rtdb.values.value import UNDEFINED, Undefined, Value

__all__ = ["Arguments", "invalid_argument", "is_undefined", "literal_of", "value_argument"]

Parsed = TypeVar("Parsed")

_PLACE: Final = re.compile(r"(?P<cause>.*) - at `\$\.(?P<field>\w+).*`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>\w+)`")
_COMMIT_TIMESTAMP: Final = {"$commitTs": None}
_UNDEFINED: Final = {"$undefined": None}


class Arguments(Generic[Parsed]):
    """What one syscall takes. ``method`` is what developers know it by: ``db.get``."""

    __slots__ = ("_decoder", "method")

    def __init__(self, method: str, parsed: type[Parsed]) -> None:
        self.method = method
        self._decoder = msgspec.json.Decoder(parsed)

    def parse(self, data: bytes) -> Parsed:
        """Return the arguments. Raises DeveloperError."""
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError as error:
            raise self._invalid(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DeveloperError(f"Received invalid json: {error}", code="SyscallArgsInvalidJson") from None

    def _invalid(self, text: str) -> DeveloperError:
        missing = _MISSING.search(text)
        if missing is not None:
            return invalid_argument(missing["field"], self.method, "it is missing")
        place = _PLACE.fullmatch(text)
        if place is not None:
            return invalid_argument(place["field"], self.method, place["cause"])
        return DeveloperError(f"Invalid arguments for `{self.method}`: {text}", code="InvalidArgument")


def invalid_argument(argument: str, method: str, cause: str) -> DeveloperError:
    return DeveloperError(f"Invalid argument `{argument}` for `{method}`: {cause}", code="InvalidArgument")


def value_argument(parsed: Any, argument: str, method: str) -> Value:
    """Return the value of encoded JSON that has been parsed, which is used up by that. Raises DeveloperError."""
    try:
        return value_of(parsed)
    except BadRequestError as error:
        if _mentions_commit_timestamp(parsed):
            raise _no_commit_timestamp() from None
        raise invalid_argument(argument, method, error.message) from None


def literal_of(parsed: Any, argument: str, method: str) -> Value | Undefined:
    """Return a value as in queries and patches, where it may also be said to be undefined. Raises DeveloperError."""
    return UNDEFINED if is_undefined(parsed) else value_argument(parsed, argument, method)


def is_undefined(parsed: Any) -> bool:
    """Whether this is how the library says that something is undefined."""
    return bool(parsed == _UNDEFINED)


def _mentions_commit_timestamp(parsed: Any) -> bool:
    if isinstance(parsed, dict):
        return parsed == _COMMIT_TIMESTAMP or any(map(_mentions_commit_timestamp, parsed.values()))
    return isinstance(parsed, list) and any(map(_mentions_commit_timestamp, parsed))


def _no_commit_timestamp() -> DeveloperError:
    return DeveloperError(
        "`ctx.db.vars.commitTs` is not supported by this server: a document is complete before its commit has a "
        "timestamp. Use `Date.now()`, or order by `_creationTime`.",
        code="CommitTimestampUnsupported",
    )
