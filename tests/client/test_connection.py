"""The client's protocol state: what it repeats on a new connection, and when a call has ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.client.connection import (
    AuthRejected,
    ClientConnection,
    Credentials,
    Failure,
    Outcome,
    RequestFinished,
    ResultsChanged,
    Terminated,
)
from rtdb.sync.messages import ProtocolError, encode_timestamp

NOW_MS = 1_700_000_000_000


def open_connection() -> ClientConnection:
    connection = ClientConnection(UUID(int=1))
    connection.opened(NOW_MS)
    return connection


def said(connection: ClientConnection) -> list[dict[str, Any]]:
    messages = []
    while (text := connection.next_message()) is not None:
        messages.append(msgspec.json.decode(text))
    return messages


def version(query_set: int, identity: int, ts: int) -> dict[str, Any]:
    return {"querySet": query_set, "identity": identity, "ts": encode_timestamp(ts)}


def hear(connection: ClientConnection, message: dict[str, Any]) -> list[Any]:
    return list(connection.receive(msgspec.json.encode(message)))


def transition(start: dict[str, Any], end: dict[str, Any], *modifications: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Transition", "startVersion": start, "endVersion": end, "modifications": list(modifications)}


def updated(query_id: int, value: Any, journal: str | None = None) -> dict[str, Any]:
    return {"type": "QueryUpdated", "queryId": query_id, "value": value, "logLines": [], "journal": journal}


def responded(request: int, ts: int) -> dict[str, Any]:
    return {
        "type": "MutationResponse",
        "requestId": request,
        "success": True,
        "result": 1.0,
        "ts": encode_timestamp(ts),
        "logLines": [],
    }


def test_a_connection_begins_with_who_we_are_and_what_we_watch() -> None:
    connection = ClientConnection(UUID(int=1))
    connection.set_auth(Credentials("User", "jwt"))
    connection.subscribe("q:a", b'{"x":1.0}')
    connection.request("mutation", "m:x", b"{}")
    assert connection.next_message() is None
    connection.opened(NOW_MS)
    assert [message["type"] for message in said(connection)] == [
        "Connect",
        "Authenticate",
        "ModifyQuerySet",
        "Mutation",
    ]


def test_equal_subscriptions_share_one_query_until_the_last_is_gone() -> None:
    connection = open_connection()
    said(connection)
    first = connection.subscribe("q:a", b"{}")
    assert connection.subscribe("q:a", b"{}") == first
    assert len(said(connection)) == 1
    connection.unsubscribe(first)
    assert said(connection) == []
    connection.unsubscribe(first)
    [message] = said(connection)
    assert (message["baseVersion"], message["newVersion"]) == (2, 3)
    assert message["modifications"] == [{"type": "Remove", "queryId": first}]


def test_a_mutation_ends_with_the_transition_that_reflects_it() -> None:
    connection = open_connection()
    request = connection.request("mutation", "m:x", b"{}")
    said(connection)
    assert hear(connection, responded(request, 50)) == []
    assert hear(connection, transition(version(0, 0, 0), version(1, 0, 49))) == []
    finished = hear(connection, transition(version(1, 0, 49), version(1, 0, 50)))
    assert finished == [RequestFinished(request, Outcome(b"1.0", None))]


def test_a_mutation_that_failed_ends_at_once() -> None:
    connection = open_connection()
    request = connection.request("mutation", "m:x", b"{}")
    said(connection)
    message = {"type": "MutationResponse", "requestId": request, "success": False, "result": "no", "logLines": []}
    assert hear(connection, {**message, "errorData": None}) == [
        RequestFinished(request, Outcome(None, Failure("no", b"null")))
    ]


def test_after_a_lost_connection_mutations_are_repeated_and_sent_actions_fail() -> None:
    connection = open_connection()
    mutation = connection.request("mutation", "m:x", b"{}")
    action = connection.request("action", "a:x", b"{}")
    said(connection)
    unsent = connection.request("action", "a:y", b"{}")
    [lost] = connection.closed("dropped")
    assert lost == RequestFinished(action, Outcome(None, Failure("Connection lost while action was in flight")))
    connection.opened(NOW_MS)
    connect, _, *requests = said(connection)
    assert (connect["connectionCount"], connect["lastCloseReason"]) == (1, "dropped")
    assert [message["requestId"] for message in requests] == [mutation, unsent]


def test_a_mutation_answered_but_not_yet_reflected_is_repeated_and_ends_once() -> None:
    connection = open_connection()
    request = connection.request("mutation", "m:x", b"{}")
    said(connection)
    hear(connection, responded(request, 50))
    assert connection.closed(None) == []
    connection.opened(NOW_MS)
    connect, _, repeated = said(connection)
    assert connect["maxObservedTimestamp"] == encode_timestamp(50)
    assert repeated["requestId"] == request
    assert hear(connection, transition(version(0, 0, 0), version(0, 0, 60))) == []
    hear(connection, responded(request, 50))
    assert len(hear(connection, transition(version(0, 0, 60), version(1, 0, 60)))) == 1


def test_a_result_that_a_new_connection_repeats_is_not_reported_again() -> None:
    connection = open_connection()
    query = connection.subscribe("q:a", b"{}")
    first = hear(connection, transition(version(0, 0, 0), version(2, 0, 50), updated(query, 1.0, "page")))
    assert first == [ResultsChanged(50, {query: Outcome(b"1.0", None)})]
    connection.closed(None)
    connection.opened(NOW_MS)
    modify = said(connection)[1]
    assert modify["modifications"][0]["journal"] == "page"
    assert hear(connection, transition(version(0, 0, 0), version(1, 0, 60), updated(query, 1.0, "page"))) == []
    assert len(hear(connection, transition(version(1, 0, 60), version(1, 0, 61), updated(query, 2.0)))) == 1


def test_an_error_under_a_new_request_id_is_the_same_error() -> None:
    connection = open_connection()
    query = connection.subscribe("q:a", b"{}")
    failed = {"type": "QueryFailed", "queryId": query, "logLines": [], "journal": None}
    first = {**failed, "errorMessage": "[Request ID: 1f] Server Error"}
    second = {**failed, "errorMessage": "[Request ID: 2e] Server Error"}
    assert len(hear(connection, transition(version(0, 0, 0), version(2, 0, 50), first))) == 1
    assert hear(connection, transition(version(2, 0, 50), version(2, 0, 51), second)) == []


@pytest.mark.parametrize(
    "end_and_start",
    [
        (version(1, 0, 50), version(1, 0, 49)),
        (version(1, 0, 50), version(2, 0, 50)),
        (version(1, 0, 50), version(1, 1, 50)),
    ],
)
def test_a_transition_from_elsewhere_is_a_protocol_error(end_and_start: tuple[dict[str, Any], dict[str, Any]]) -> None:
    connection = open_connection()
    end, start = end_and_start
    hear(connection, transition(version(0, 0, 0), end))
    with pytest.raises(ProtocolError):
        hear(connection, transition(start, version(2, 1, 60)))


def test_a_transition_into_the_past_is_a_protocol_error() -> None:
    connection = open_connection()
    hear(connection, transition(version(0, 0, 0), version(1, 0, 50)))
    with pytest.raises(ProtocolError):
        hear(connection, transition(version(1, 0, 50), version(1, 0, 49)))


def test_an_auth_error_of_credentials_already_replaced_is_ignored() -> None:
    connection = open_connection()
    connection.set_auth(Credentials("User", "old"))
    error = {"type": "AuthError", "error": "no", "baseVersion": 0, "authUpdateAttempted": True}
    assert hear(connection, error) == [AuthRejected("no")]
    connection.set_auth(Credentials("User", "new"))
    assert hear(connection, error) == []


def test_a_fatal_error_ends_the_client_for_good() -> None:
    connection = open_connection()
    assert hear(connection, {"type": "FatalError", "error": "no"}) == [Terminated("no")]
    assert connection.terminated == "no"


numbers = st.integers(-1, 3)
timestamps = st.sampled_from(["AAAAAAAAAAA=", "AQAAAAAAAAA=", "x", None])
versions = st.fixed_dictionaries({"querySet": numbers, "identity": numbers, "ts": timestamps})
changes = st.fixed_dictionaries(
    {"type": st.sampled_from(["QueryUpdated", "QueryFailed", "QueryRemoved", "X"]), "queryId": numbers},
    optional={"value": numbers, "errorMessage": st.text(max_size=2), "logLines": st.just([]), "journal": st.none()},
)
server_messages = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("Transition"),
            "startVersion": st.just({"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="}) | versions,
            "endVersion": versions,
            "modifications": st.lists(changes, max_size=3),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["MutationResponse", "ActionResponse", "X"]),
            "requestId": numbers,
            "success": st.booleans(),
            "result": numbers | st.text(max_size=2),
            "logLines": st.just([]),
        },
        optional={"ts": timestamps, "errorData": numbers},
    ),
)


@given(st.lists(server_messages, max_size=8))
def test_whatever_a_server_says_is_understood_or_a_protocol_error(stream: list[Any]) -> None:
    connection = open_connection()
    connection.subscribe("q:a", b"{}")
    connection.request("mutation", "m:x", b"{}")
    connection.request("action", "a:x", b"{}")
    for message in stream:
        try:
            hear(connection, message)
        except ProtocolError:
            connection.closed("ProtocolError")
            connection.opened(NOW_MS)
        connection.next_message()
