"""Who a session asks as: tokens, acting as others, expiry, and what each may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.errors import ForbiddenError, OverloadedError, UnauthenticatedError
from rtdb.link.frames import Watch
from tests.sync.peer import SECOND, Peer, add, value, version
from tests.sync.session_world import NOBODY, NOW_NS, Person


def test_nothing_advances_while_a_token_is_verified() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    peer.round(value(1, 100))
    peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": "jwt"})
    assert [(token.token_type, token.value) for token in peer.tokens] == [("User", "jwt")]
    peer.notice(110, 1)
    assert peer.round(value(1, 110, b"2.0")) == []
    assert peer.mutate(0) == []
    assert peer.runs == []
    peer.take(peer.session.identity_verified(Person(b'{"name":"ann"}'), NOW_NS))
    assert [run.identity for run in peer.runs] == [b'{"name":"ann"}']
    [transition] = peer.round(value(2, 110, b"3.0"))
    assert transition["endVersion"]["identity"] == 1
    assert transition["modifications"][0]["value"] == 3.0
    assert transition["serverTs"] == NOW_NS


def test_a_new_identity_is_acknowledged_although_it_sees_the_same() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    peer.round(value(1, 100, journal="page"))
    peer.table.outgoing.clear()
    peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": "jwt"})
    peer.take(peer.session.identity_verified(Person(b"{}"), NOW_NS))
    watch = peer.table.outgoing[0]
    assert isinstance(watch, Watch)
    assert (watch.identity, watch.journal) == (b"{}", "page")
    [transition] = peer.round(value(watch.watch, 100))
    assert transition["modifications"] == []
    assert transition["endVersion"] == version(1, 1, 100)


def test_becoming_nobody_needs_no_verification() -> None:
    peer = Peer()
    [transition] = peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "None"})
    assert transition["endVersion"] == version(0, 1, 100)


@pytest.mark.parametrize("name", ["impersonating", "acting_as"])
def test_an_admin_may_act_as_someone_named_either_way(name: str) -> None:
    peer = Peer()
    message = {"type": "Authenticate", "baseVersion": 0, "tokenType": "Admin", "value": "key"}
    peer.say({**message, name: {"issuer": "https://i", "subject": "u1", "team": 4}})
    assert peer.tokens[0].impersonating == {
        "issuer": "https://i",
        "subject": "u1",
        "team": 4,
        "tokenIdentifier": "https://i|u1",
    }


@pytest.mark.parametrize("error", [UnauthenticatedError("bad"), ForbiddenError("bad")])
def test_a_refused_token_is_an_auth_error_and_a_close_without_code(error: Exception) -> None:
    peer = Peer()
    peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": "jwt"})
    assert isinstance(error, UnauthenticatedError | ForbiddenError)
    said = peer.take(peer.session.identity_rejected(error, NOW_NS))
    assert said == [{"type": "AuthError", "error": "bad", "baseVersion": 0, "authUpdateAttempted": True}]
    assert peer.closing is not None
    assert peer.closing.code is None


def test_a_provider_that_cannot_be_asked_is_no_auth_error() -> None:
    peer = Peer()
    peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": "jwt"})
    assert peer.take(peer.session.identity_rejected(OverloadedError("later", code="AuthProvider"), NOW_NS)) == []
    assert peer.closing is not None
    assert (peer.closing.code, peer.closing.reason) == (1013, "AuthProvider")


def test_an_expired_identity_ends_the_session_when_it_asks_for_something() -> None:
    peer = Peer()
    peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": "jwt"})
    peer.take(peer.session.identity_verified(Person(b"{}", expires_ns=NOW_NS + SECOND), NOW_NS))
    said = peer.mutate(0, NOW_NS + SECOND)
    assert said == [
        {"type": "AuthError", "error": "Convex token identity expired", "baseVersion": 1, "authUpdateAttempted": False}
    ]
    assert peer.runs == []


ADMIN = Person(None, internal=True, is_admin=True)
ACTING = Person(b'{"name":"ann"}', internal=True)


def become(peer: Peer, caller: Person, version: int = 0) -> list[dict[str, Any]]:
    peer.say({"type": "Authenticate", "baseVersion": version, "tokenType": "Admin", "value": "key"})
    return peer.take(peer.session.identity_verified(caller, NOW_NS))


@pytest.mark.parametrize("caller", [NOBODY, ACTING], ids=["nobody", "acting as a user"])
def test_a_system_query_cannot_be_watched_by_who_is_no_admin(caller: Person) -> None:
    """An admin who acts as a user finds internal functions, which used to be all that a watch was checked for."""
    peer = Peer()
    become(peer, caller)
    [transition] = peer.modify(0, add(0, "_system/deployments:current"))
    [failed] = transition["modifications"]
    assert "Operation query not permitted" in failed["errorMessage"]
    assert peer.table.outgoing == []


def test_what_may_be_watched_is_decided_again_for_each_identity() -> None:
    peer = Peer()
    become(peer, ADMIN)
    peer.modify(0, add(0, "_system/deployments:current"))
    [transition] = peer.round(value(1, 100))
    assert transition["modifications"][0]["type"] == "QueryUpdated"
    peer.written()
    [transition] = become(peer, ACTING, 1)
    assert transition["modifications"][0]["type"] == "QueryFailed"
    peer.written()
    become(peer, ADMIN, 2)
    [transition] = peer.round(value(2, 100))
    assert transition["modifications"][0]["type"] == "QueryUpdated"


def test_a_mutation_is_permitted_or_not_as_who_asked_when_it_was_read() -> None:
    """What an admin asked for stays permitted when they log out, and what nobody asked for stays refused after."""
    peer = Peer()
    become(peer, ADMIN)
    system = {"type": "Mutation", "udfPath": "_system/deployments:push", "args": [{}]}
    peer.mutate(0)
    peer.say({**system, "requestId": 1})
    peer.say({"type": "Authenticate", "baseVersion": 1, "tokenType": "None"})
    peer.say({**system, "requestId": 2})
    peer.answer(100)
    assert [run.request for run in peer.runs] == [1]
    said = peer.answer(100)
    refused = next(one for one in said if one.get("requestId") == 2)
    assert not refused["success"]
    assert "Operation mutation not permitted" in refused["result"]
    assert peer.runs == []


def test_a_system_action_by_who_is_no_admin_ends_the_session() -> None:
    peer = Peer()
    said = peer.say({"type": "Action", "requestId": 0, "udfPath": "_system/x:y", "args": [{}]})
    assert [one["type"] for one in said] == ["FatalError"]
    assert peer.closing is not None
    assert (peer.closing.code, peer.closing.reason) == (1000, "SystemIdentityRequired")
