"""Cursors: positions in a query's order, sealed for the trip to a client and back.

::

    hex of  version 01 ‖ AES-128-GCM-SIV(plaintext, associated data: purpose ‖ instance name) ‖ tag (16)
    plaintext: msgpack [fingerprint of the query, index key or nil]

A position is *after* an index key, or the *end* of the query's range. The key may hold fields that the client must not
see, and a made-up one could reach outside what a query shows: so a cursor is encrypted, cannot be changed, and belongs
to one query of one instance. The nonce is fixed, which this cipher is made for: equal positions of a query give equal
cursors, as caches and the comparison of results need. The key follows from the instance secret and outlives restarts.

A *journal* is a cursor of another purpose: the end of a page that a subscription was shown, which fixes that end when
the query runs again.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from rtdb.errors import DeveloperError

__all__ = ["CursorCodec", "Position", "Purpose"]

Purpose = Literal["cursor", "journal"]

VERSION: Final = b"\x01"
NONCE: Final = bytes(12)


class Position(msgspec.Struct, frozen=True):
    """A place between rows: behind the row with this index key, or (None) behind every row."""

    after: bytes | None


class _Contents(msgspec.Struct, array_like=True, frozen=True):
    fingerprint: bytes
    after: bytes | None


_contents_encoder = msgspec.msgpack.Encoder()
_contents_decoder = msgspec.msgpack.Decoder(_Contents)


class CursorCodec:
    """Seals and opens the cursors of one instance."""

    def __init__(self, key: bytes, instance_name: str) -> None:
        self._cipher = AESGCMSIV(key)
        self._instance = instance_name.encode()

    def seal(self, purpose: Purpose, fingerprint: bytes, position: Position) -> str:
        """Return the text of a position in the query with this fingerprint."""
        contents = _contents_encoder.encode(_Contents(fingerprint, position.after))
        return (VERSION + self._cipher.encrypt(NONCE, contents, self._bound_to(purpose))).hex()

    def open(self, purpose: Purpose, text: str) -> tuple[bytes, Position]:
        """Return fingerprint and position. Raises DeveloperError for what :meth:`seal` has not made for the purpose."""
        try:
            sealed = bytes.fromhex(text)
            if sealed[:1] != VERSION:
                raise _unreadable()
            contents = _contents_decoder.decode(self._cipher.decrypt(NONCE, sealed[1:], self._bound_to(purpose)))
        except (InvalidTag, ValueError) as error:
            raise _unreadable() from error
        return contents.fingerprint, Position(contents.after)

    def _bound_to(self, purpose: Purpose) -> bytes:
        return purpose.encode() + b"\0" + self._instance


def _unreadable() -> DeveloperError:
    return DeveloperError("Failed to parse cursor", code="InvalidCursor")
