"""Admin keys: what opens them and what does not."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.auth.admin_key import SECRET_BYTES, AdminKeys
from rtdb.auth.identity import IdentityKind
from rtdb.clock import SystemClock, SystemRandom
from rtdb.errors import BadRequestError, ForbiddenError, UnauthenticatedError

KEYS = AdminKeys("happy-animal-1", b"s" * SECRET_BYTES)


def issue(keys: AdminKeys = KEYS, *, read_only: bool = False) -> str:
    return keys.issue(SystemClock(), SystemRandom(), read_only=read_only)


def acting_as(attributes: object) -> str:
    return ":" + base64.b64encode(json.dumps(attributes).encode()).decode()


def test_an_issued_key_names_the_instance_and_makes_an_admin() -> None:
    key = issue()
    assert key.startswith("happy-animal-1|01")
    for identity in (KEYS.verify(key), KEYS.verify_header(key)):
        assert identity.kind is IdentityKind.ADMIN
        assert identity.internal
        assert identity.is_admin
        assert not identity.read_only
        assert identity.attributes is None


def test_a_read_only_key_says_so() -> None:
    assert KEYS.verify(issue(read_only=True)).read_only


def test_two_keys_differ() -> None:
    assert issue() != issue()


@pytest.mark.parametrize("prefix", ["prod:", "dev:", "anything:"])
def test_a_type_prefix_is_dropped(prefix: str) -> None:
    assert KEYS.verify(prefix + issue()).is_admin
    assert KEYS.verify_header(prefix + issue()).is_admin


@pytest.mark.parametrize("prefix", ["preview:team:", "project:"])
def test_keys_that_do_not_name_an_instance_are_refused(prefix: str) -> None:
    key = prefix + issue()
    with pytest.raises(UnauthenticatedError):
        KEYS.verify_header(key)
    with pytest.raises(UnauthenticatedError):
        KEYS.verify("preview:team:" + issue())


def test_another_instance_or_another_secret_does_not_open_a_key() -> None:
    key = issue()
    other_name = AdminKeys("sad-animal-2", b"s" * SECRET_BYTES)
    other_secret = AdminKeys("happy-animal-1", b"t" * SECRET_BYTES)
    for keys in (other_name, other_secret):
        with pytest.raises(UnauthenticatedError) as refused:
            keys.verify(key)
        assert refused.value.code == "BadAdminKey"
        assert refused.value.message == "The provided admin key was invalid for this instance"
    with pytest.raises(UnauthenticatedError):
        other_name.verify(key.replace("happy-animal-1", "sad-animal-2").replace("|", "||"))


@given(st.data())
def test_a_key_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    key = issue()
    place = data.draw(st.integers(0, len(key) - 1))
    changed = data.draw(st.characters().filter(lambda character: character.lower() != key[place]))
    for verify in (KEYS.verify, KEYS.verify_header):
        with pytest.raises((UnauthenticatedError, BadRequestError)):
            verify(key[:place] + changed + key[place + 1 :])


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_other_text_is_refused_and_nothing_else_happens(text: str, rest: str) -> None:
    for attempt in (text, f"happy-animal-1|{text}", f"happy-animal-1|{text}:{rest}", f"{text}:{rest}"):
        for verify in (KEYS.verify, KEYS.verify_header):
            with pytest.raises(UnauthenticatedError):
                verify(attempt)


def test_an_admin_may_act_as_a_user() -> None:
    attributes = {"subject": "u1", "issuer": "https://idp", "email": "a@b", "roles": ["x"]}
    from_header = KEYS.verify_header(issue() + acting_as(attributes))
    from_session = KEYS.verify_impersonating(issue(), dict(attributes))
    for identity in (from_header, from_session):
        assert identity.kind is IdentityKind.IMPERSONATED
        assert identity.internal
        assert not identity.is_admin
        assert json.loads(identity.attributes or b"") == {**attributes, "tokenIdentifier": "https://idp|u1"}
    assert from_header == from_session


def test_a_token_identifier_alone_names_a_user() -> None:
    identity = KEYS.verify_header(issue() + acting_as({"tokenIdentifier": "t"}))
    assert identity.attributes == b'{"tokenIdentifier":"t"}'


@pytest.mark.parametrize(
    "suffix",
    [":", ":!!", acting_as({}), acting_as([]), acting_as("x"), acting_as({"issuer": "i"}), acting_as({"subject": 1})],
)
def test_whom_to_act_as_must_be_named(suffix: str) -> None:
    with pytest.raises(BadRequestError) as refused:
        KEYS.verify_header(issue() + suffix)
    assert refused.value.code == "HeaderParseFailure"


def test_a_read_only_key_may_not_act_as_a_user() -> None:
    with pytest.raises(ForbiddenError):
        KEYS.verify_header(issue(read_only=True) + acting_as({"tokenIdentifier": "t"}))
