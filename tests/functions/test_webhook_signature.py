from __future__ import annotations

import hashlib
import hmac
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.functions.webhook_signature import InvalidSignatureError, sign_webhook, verify_webhook

NOW = 1_700_000_000_123
SECRET = "a secret of both"
BODY = b'{"event": "member.joined"}'


def test_a_signature_is_what_others_compute_too() -> None:
    digest = hmac.new(SECRET.encode(), b"1700000000." + BODY, hashlib.sha256).hexdigest()
    assert sign_webhook(BODY, SECRET, now=NOW) == f"t=1700000000,v1={digest}"
    command = ["openssl", "dgst", "-sha256", "-hmac", SECRET]
    said = subprocess.run(command, input=b"1700000000." + BODY, capture_output=True, check=True).stdout.decode()
    assert said.strip().endswith(digest)


@given(st.binary(max_size=50), st.binary(min_size=1, max_size=50), st.integers(0, 10**14))
def test_what_was_signed_is_verified(body: bytes, secret: bytes, now: int) -> None:
    verify_webhook(body, sign_webhook(body, secret, now=now), secret, now=now)


@given(st.binary(max_size=50), st.integers(0, 400), st.integers(0, 7))
def test_a_changed_bit_is_noticed(body: bytes, place: int, bit: int) -> None:
    signature = sign_webhook(body, SECRET, now=NOW)
    changed = bytearray(body or b"\0")
    if body:
        changed[place % len(changed)] ^= 1 << bit
    with pytest.raises(InvalidSignatureError, match="not that of this body"):
        verify_webhook(bytes(changed), signature, SECRET, now=NOW)


def test_another_secret_or_another_time_does_not_fit() -> None:
    signature = sign_webhook(BODY, SECRET, now=NOW)
    with pytest.raises(InvalidSignatureError, match="not that of this body"):
        verify_webhook(BODY, signature, "another", now=NOW)
    later = signature.replace("t=1700000000", "t=1700000001")
    with pytest.raises(InvalidSignatureError, match="not that of this body"):
        verify_webhook(BODY, later, SECRET, now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_is_too_old_or_from_the_future_is_refused(seconds: int) -> None:
    signature = sign_webhook(BODY, SECRET, now=NOW)
    with pytest.raises(InvalidSignatureError, match="more than 300 s ago"):
        verify_webhook(BODY, signature, SECRET, now=NOW + seconds * 1000)
    verify_webhook(BODY, signature, SECRET, now=NOW + seconds * 1000, tolerance_seconds=302)


def test_a_secret_can_be_changed_while_requests_are_under_way() -> None:
    old, new = sign_webhook(BODY, "old", now=NOW), sign_webhook(BODY, "new", now=NOW)
    both = f"{old},{new.partition(',')[2]}"
    for secret in ("old", "new"):
        verify_webhook(BODY, both, secret, now=NOW)
    with pytest.raises(InvalidSignatureError):
        verify_webhook(BODY, both, "third", now=NOW)


@pytest.mark.parametrize(
    "signature",
    ["x", "t=1", "v1=00", "t=1,t=2,v1=00", "t=-1,v1=00", "t=\u0661,v1=00", "t=1e3,v1=00", "t=,v1=00", "t=" + "9" * 400],
)
def test_what_is_no_signature_is_refused_with_its_form(signature: str) -> None:
    with pytest.raises(InvalidSignatureError, match="cannot be read"):
        verify_webhook(BODY, signature, SECRET, now=NOW)


@pytest.mark.parametrize("digest", ["", "é", "0" * 63, "0" * 5000])
def test_a_digest_that_is_none_does_not_fit(digest: str) -> None:
    with pytest.raises(InvalidSignatureError, match="not that of this body"):
        verify_webhook(BODY, f"t=1700000000,v1={digest}", SECRET, now=NOW)


@pytest.mark.parametrize("signature", [None, ""])
def test_a_request_without_a_signature_is_refused(signature: str | None) -> None:
    with pytest.raises(InvalidSignatureError, match="no signature; it belongs into the header X-Convex-Signature"):
        verify_webhook(BODY, signature, SECRET, now=NOW)


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(InvalidSignatureError, match="anybody could sign"):
        sign_webhook(BODY, "", now=NOW)
    with pytest.raises(InvalidSignatureError, match="anybody could sign"):
        verify_webhook(BODY, "t=1,v1=00", b"", now=NOW)
