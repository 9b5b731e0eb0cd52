"""Identities and what they permit."""

from __future__ import annotations

import pytest

from rtdb.auth.identity import ANONYMOUS, Identity, admin_identity, impersonated_identity, user_identity
from rtdb.errors import ForbiddenError
from rtdb.link.frames import RequestKind

USER = user_identity({"issuer": "i", "subject": "s", "name": "Ann"}, expires_ns=1000)
ADMIN = admin_identity(read_only=False)
READ_ONLY = admin_identity(read_only=True)
IMPERSONATED = impersonated_identity({"subject": "s", "issuer": "i"}, read_only=False)


def test_attributes_are_the_same_bytes_in_whatever_order_they_came() -> None:
    assert USER.attributes == b'{"issuer":"i","name":"Ann","subject":"s","tokenIdentifier":"i|s"}'
    again = user_identity({"name": "Ann", "subject": "s", "issuer": "i"}, expires_ns=None)
    assert again.attributes == USER.attributes


@pytest.mark.parametrize(
    ("identity", "internal", "is_admin"),
    [(ANONYMOUS, False, False), (USER, False, False), (ADMIN, True, True), (IMPERSONATED, True, False)],
)
def test_who_may_find_internal_functions(identity: Identity, internal: bool, is_admin: bool) -> None:
    assert (identity.internal, identity.is_admin) == (internal, is_admin)


def test_admin_endpoints_are_for_admin_keys() -> None:
    ADMIN.require_admin()
    IMPERSONATED.require_admin()
    for identity in (ANONYMOUS, USER):
        with pytest.raises(ForbiddenError) as refused:
            identity.require_admin()
        assert refused.value.code == "BadDeployKey"


@pytest.mark.parametrize(
    ("identity", "kind", "path", "code"),
    [
        (ANONYMOUS, "query", "messages:list", None),
        (ANONYMOUS, "query", "_system/cli:tables", "SystemIdentityRequired"),
        (IMPERSONATED, "mutation", "_system/cli:tables", "SystemIdentityRequired"),
        (ADMIN, "mutation", "_system/cli:tables", None),
        (READ_ONLY, "query", "messages:internal", None),
        (READ_ONLY, "mutation", "messages:send", "OperationNotPermitted"),
        (READ_ONLY, "action", "messages:send", "OperationNotPermitted"),
        (READ_ONLY, "any", "messages:send", "OperationNotPermitted"),
    ],
)
def test_what_a_caller_may_call(identity: Identity, kind: RequestKind, path: str, code: str | None) -> None:
    if code is None:
        identity.require_permitted(kind, path)
        return
    with pytest.raises(ForbiddenError) as refused:
        identity.require_permitted(kind, path)
    assert refused.value.code == code
    assert refused.value.message.startswith(f"Operation {kind} not permitted")
