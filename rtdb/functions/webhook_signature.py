"""Signatures for webhooks, so that a receiver knows who has sent one, when, and that nobody changed it on the way.

::

    X-Convex-Signature: t=1700000000,v1=5257a869e7ec…

``t`` is when it was signed, in seconds since 1970; ``v1`` is HMAC-SHA256, in hexadecimal digits, of ``t``, a full stop
and the body. The time is signed too: who has overheard a request cannot send it again much later. There may be several
``v1``, of an old and a new secret while it is changed; one that fits is enough.
"""

from __future__ import annotations

import hashlib
import hmac

from rtdb.errors import DeveloperError

__all__ = ["SIGNATURE_HEADER", "InvalidSignatureError", "sign_webhook", "verify_webhook"]

SIGNATURE_HEADER = "X-Convex-Signature"

TOLERANCE_SECONDS = 300.0
"""Clocks differ, and requests wait in queues; an overheard request can be sent again for as long."""

SIGNATURE_CHARACTERS_MAX = 4096
"""Room for many signatures; a header that is longer is none."""


class InvalidSignatureError(DeveloperError, ValueError):
    """A request is not what it says: not signed with this secret, changed since, or too old."""

    default_code = "InvalidSignature"


def sign_webhook(body: str | bytes, secret: str | bytes, *, now: int) -> str:
    """Return the value of the header that says who sends this body: exactly these bytes are what must be sent.

    ``now`` is the time in milliseconds since 1970: ``ctx.now()``.
    """
    timestamp = b"%d" % (now // 1000)
    return f"t={timestamp.decode()},v1={_digest(timestamp, _bytes(body), _key(secret))}"


def verify_webhook(
    body: str | bytes,
    signature: str | None,
    secret: str | bytes,
    *,
    now: int,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> None:
    """Return if the header's value is a signature of exactly this body that is not too old.

    Raises :class:`InvalidSignatureError`, which does not say what the right one would have been. What it takes does not
    depend on how much of a signature is right.
    """
    if not signature:
        raise InvalidSignatureError(f"the request has no signature; it belongs into the header {SIGNATURE_HEADER}")
    key, data = _key(secret), _bytes(body)
    parts = [part.strip().partition("=") for part in signature[:SIGNATURE_CHARACTERS_MAX].split(",")]
    times = [value for name, _, value in parts if name == "t"]
    given = [value for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12) or not given:
        raise InvalidSignatureError("the signature cannot be read; it has the form t=1700000000,v1=0123abcd…")
    expected = _digest(times[0].encode(), data, key).encode()
    # All of them, so that it takes as long whichever fits.
    if not sum([hmac.compare_digest(expected, one.encode("utf-8", "replace")) for one in given]):
        raise InvalidSignatureError("the signature is not that of this body with this secret")
    if abs(now / 1000 - int(times[0])) > tolerance_seconds:
        raise InvalidSignatureError(
            f"the request was signed more than {tolerance_seconds:g} s ago, or the clocks differ by as much"
        )


def _digest(timestamp: bytes, body: bytes, key: bytes) -> str:
    return hmac.new(key, timestamp + b"." + body, hashlib.sha256).hexdigest()


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _key(secret: str | bytes) -> bytes:
    key = _bytes(secret)
    if not key:
        raise InvalidSignatureError("the secret is empty: anybody could sign with it")
    return key
