"""Admin keys: ``<instance name>|<hex>``, issued and verified with the instance secret alone.

::

    hex of  version 01 ‖ nonce (12) ‖ AES-128-GCM-SIV(plaintext, associated data: version) ‖ tag (16)
    plaintext: msgpack [issued at in seconds, read-only]
    key: derived from the 32-byte instance secret, label "admin key" (derived_key.py)

A key says what it permits and nothing else keeps track of it: there is no list and no expiry, and a new instance
secret ends all keys. The cipher resists a repeated nonce, and comparing a tag takes the same time for every wrong
key.

Keys come in three spellings (http-api §10.1): as above, with a type prefix (``prod:name|hex``), and, in an HTTP
header, with ``:<base64 JSON>`` behind it for acting as a user.
"""

from __future__ import annotations

import base64
import binascii
import hmac

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from rtdb.auth.derived_key import derive_key
from rtdb.auth.identity import Identity, admin_identity, impersonated_identity
from rtdb.clock import Clock, Random
from rtdb.errors import BadRequestError, UnauthenticatedError

__all__ = ["SECRET_BYTES", "AdminKeys"]

SECRET_BYTES = 32

VERSION = b"\x01"
NONCE_BYTES = 12
TAG_BYTES = 16
LABEL = b"admin key"
TEXT_CHARACTERS_MAX = 1024
"""Far above any key we issue; what is longer is not worth decoding."""

UNNAMED_TYPES = frozenset({"preview", "project"})
"""Key types whose text before ``|`` is not the name of an instance."""


class _Contents(msgspec.Struct, array_like=True, frozen=True):
    issued_seconds: int
    read_only: bool


_contents_decoder = msgspec.msgpack.Decoder(_Contents)
_identity_decoder = msgspec.json.Decoder(dict[str, object])


class AdminKeys:
    """Issues and verifies the admin keys of one instance."""

    def __init__(self, instance_name: str, secret: bytes) -> None:
        assert len(secret) == SECRET_BYTES, "the instance secret has a fixed length"
        self._instance_name = instance_name
        self._cipher = AESGCMSIV(derive_key(secret, LABEL))

    def issue(self, clock: Clock, random: Random, *, read_only: bool = False) -> str:
        """Return a new key."""
        nonce = random.bytes(NONCE_BYTES)
        contents = msgspec.msgpack.encode(_Contents(clock.now_ns() // 1_000_000_000, read_only))
        sealed = self._cipher.encrypt(nonce, contents, VERSION)
        return f"{self._instance_name}|{(VERSION + nonce + sealed).hex()}"

    def verify(self, text: str) -> Identity:
        """Return the identity of a key as it is sent over a sync session. Raises ``BadAdminKey``."""
        name, separator, encoded = text.partition("|")
        # ``prod:`` and the like; of a preview key this leaves a name that is not ours.
        name = name.partition(":")[2] or name
        if not separator:
            raise _bad_admin_key()
        return self._open(name, encoded)

    def verify_header(self, text: str) -> Identity:
        """Return the identity of what follows ``Convex `` in an Authorization header (http-api §5).

        Raises ``BadAdminKey``, and ``HeaderParseFailure`` when the attributes of the user to act as are unusable.
        """
        name, separator, rest = text.partition("|")
        kind, prefixed, bare_name = name.partition(":")
        if prefixed:
            name = "" if kind in UNNAMED_TYPES else bare_name
        if not separator:
            raise _bad_admin_key()
        encoded, impersonating, attributes = rest.partition(":")
        identity = self._open(name, encoded)
        if not impersonating:
            return identity
        return impersonated_identity(_decode_attributes(attributes), read_only=identity.read_only)

    def verify_impersonating(self, text: str, attributes: dict[str, object]) -> Identity:
        """Return the identity of an admin who acts as a user, as it is sent over a sync session."""
        return impersonated_identity(attributes, read_only=self.verify(text).read_only)

    def _open(self, name: str, encoded: str) -> Identity:
        if not hmac.compare_digest(name.encode(), self._instance_name.encode()) or len(encoded) > TEXT_CHARACTERS_MAX:
            raise _bad_admin_key()
        try:
            sealed = bytes.fromhex(encoded)
        except ValueError as error:
            raise _bad_admin_key() from error
        if sealed[:1] != VERSION or len(sealed) < 1 + NONCE_BYTES + TAG_BYTES:
            raise _bad_admin_key()
        try:
            contents = self._cipher.decrypt(sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :], VERSION)
        except InvalidTag as error:
            raise _bad_admin_key() from error
        return admin_identity(read_only=_contents_decoder.decode(contents).read_only)


def _decode_attributes(encoded: str) -> dict[str, object]:
    try:
        return _identity_decoder.decode(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise BadRequestError(
            "Failed to parse the user to act as: expected the base64 of a JSON object", code="HeaderParseFailure"
        ) from error


def _bad_admin_key() -> UnauthenticatedError:
    return UnauthenticatedError("The provided admin key was invalid for this instance", code="BadAdminKey")
