"""The addresses of files: where one is uploaded to, and where one is read.

::

    <origin>/api/storage/upload?token=<token>     for an hour, for any number of files; the token is all it takes
    <origin>/api/storage/<uuid>                   as long as there is the file; the UUID is all it takes

    token: hex of  version 01 ‖ AES-128-GCM-SIV(msgpack [instance name, seconds since 1970]) ‖ tag (16)

A token is kept nowhere, so asking for one costs no write. It cannot be made or changed without a key that follows from
the instance secret. The nonce is fixed, which this cipher is made for: the tokens of one second are equal.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from rtdb.errors import UnauthenticatedError

__all__ = ["FILES_PREFIX", "UPLOAD_PATH", "UPLOAD_SECONDS", "FileAddresses", "UploadTokens", "parse_uuid"]

FILES_PREFIX: Final = "/api/storage/"
UPLOAD_PATH: Final = "/api/storage/upload"

UPLOAD_SECONDS: Final = 3600
"""How long an address for uploads is good (platform §1.1)."""

_VERSION: Final = b"\x01"
_NONCE: Final = bytes(12)
_UUID: Final = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})", re.IGNORECASE)


def parse_uuid(text: str) -> str | None:
    """Return a UUID in its usual spelling, None if ``text`` is none."""
    found = _UUID.fullmatch(text)
    return None if found is None else "-".join(found.groups()).lower()


class _Contents(msgspec.Struct, array_like=True, frozen=True):
    instance: str
    issued: int


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Contents)


class UploadTokens:
    """Gives out and checks the tokens of one instance."""

    def __init__(self, key: bytes, instance_name: str) -> None:
        self._cipher = AESGCMSIV(key)
        self._instance_name = instance_name

    def issue(self, now_ns: int) -> str:
        contents = _encoder.encode(_Contents(self._instance_name, now_ns // 1_000_000_000))
        return (_VERSION + self._cipher.encrypt(_NONCE, contents, None)).hex()

    def check(self, token: str, now_ns: int) -> None:
        """Return if the token is good now. Raises UnauthenticatedError with the reference's codes."""
        try:
            sealed = bytes.fromhex(token)
            if sealed[:1] != _VERSION:
                raise _undecodable()
            contents = _decoder.decode(self._cipher.decrypt(_NONCE, sealed[1:], None))
        except (InvalidTag, ValueError) as error:
            raise _undecodable() from error
        if contents.instance != self._instance_name:
            raise UnauthenticatedError(
                f"This address for uploads was given out by another deployment ({contents.instance}).",
                code="InvalidStorageToken",
            )
        if now_ns // 1_000_000_000 - contents.issued > UPLOAD_SECONDS:
            raise UnauthenticatedError("Store File Authorization expired", code="StorageTokenExpired")


def _undecodable() -> UnauthenticatedError:
    return UnauthenticatedError("Couldn't decode the StoreFileAuthorization token", code="StorageTokenInvalid")


class FileAddresses:
    """Makes the addresses of one server. ``origin`` is where clients reach it, without a slash at the end."""

    def __init__(self, origin: str, tokens: UploadTokens) -> None:
        self._origin = origin
        self._tokens = tokens

    def file_url(self, uuid: str) -> str:
        """Return where a file is read."""
        return f"{self._origin}{FILES_PREFIX}{uuid}"

    def upload_url(self, now_ns: int) -> str:
        """Return where files can be uploaded to for the next hour."""
        return f"{self._origin}{UPLOAD_PATH}?token={self._tokens.issue(now_ns)}"
