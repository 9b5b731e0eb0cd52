"""Mutations and actions of one session: their order, their limits, their answers."""

from __future__ import annotations

import pytest

from rtdb.config import Limits
from rtdb.link.frames import ExecutionError, SessionRequest
from rtdb.sync.messages import encode_timestamp
from tests.sync.peer import CONNECT, LIMITS, SESSION, Peer, add, value


def test_mutations_run_one_at_a_time_with_the_key_that_makes_them_repeatable() -> None:
    peer = Peer()
    peer.say(CONNECT)
    peer.mutate(0)
    peer.mutate(1)
    [run] = peer.runs
    assert run.session == SessionRequest(SESSION, 0)
    peer.notice(110)
    response, transition = peer.answer(110, b'"id"')
    assert response == {
        "type": "MutationResponse",
        "requestId": 0,
        "success": True,
        "result": "id",
        "ts": encode_timestamp(110),
        "logLines": ["[LOG] 'x'"],
    }
    assert transition["endVersion"]["ts"] == encode_timestamp(110)
    assert [run.request for run in peer.runs] == [1]


def test_the_transition_after_a_mutation_waits_for_the_results_that_reflect_it() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    peer.round(value(1, 100))
    peer.mutate(0)
    peer.notice(110, 1)
    peer.notice(115)
    assert [message["type"] for message in peer.answer(110)] == ["MutationResponse"]
    [transition] = peer.round(value(1, 112, b"2.0"))
    assert transition["endVersion"]["ts"] == encode_timestamp(115)


def test_a_failed_mutation_is_followed_by_a_transition_too() -> None:
    peer = Peer()
    peer.say(CONNECT)
    peer.mutate(4)
    error = ExecutionError("ApplicationError", "Uncaught ConvexError: no", data=b'"NOPE"')
    response, transition = peer.answer(0, error=error)
    assert response == {
        "type": "MutationResponse",
        "requestId": 4,
        "success": False,
        "result": "[Request ID: b35e859a17235e86] Server Error\nUncaught ConvexError: no\n",
        "ts": None,
        "logLines": ["[LOG] 'x'"],
        "errorData": "NOPE",
    }
    assert transition["modifications"] == []


def test_actions_run_beside_each_other_and_carry_no_key() -> None:
    peer = Peer()
    peer.act(0)
    peer.act(1)
    assert [(run.kind, run.session) for run in peer.runs] == [("action", None), ("action", None)]
    response, transition = peer.answer(100)
    assert (response["type"], "ts" in response, transition["type"]) == ("ActionResponse", False, "Transition")


def test_positional_arguments_are_refused_in_their_place_in_the_order() -> None:
    peer = Peer()
    peer.mutate(0)
    assert peer.mutate(1, args=[1, 2]) == []
    first, second, transition = peer.answer(100)
    assert (first["requestId"], first["success"]) == (0, True)
    assert (second["requestId"], second["success"]) == (1, False)
    assert "Invalid arguments for m:x: " in second["result"]
    assert transition["type"] == "Transition"


def test_redaction_hides_log_lines_and_messages_of_mutations() -> None:
    peer = Peer(redact=True)
    peer.mutate(0)
    [response, _] = peer.answer(0, error=ExecutionError("x", "secret"))
    assert response["logLines"] == []
    assert response["result"].endswith("] Server Error")


def test_too_many_actions_end_the_session_with_try_again_later() -> None:
    peer = Peer()
    for request in range(3):
        assert peer.closing is None
        peer.act(request)
    assert peer.closing is not None
    assert (peer.closing.code, peer.closing.reason) == (1013, "TooManyInflightActionsForSingleClient")


@pytest.mark.parametrize("limits", [LIMITS, Limits(session_mutations_bytes_max=3)], ids=["count", "bytes"])
def test_a_session_with_many_waiting_mutations_takes_in_no_more_until_there_is_room(limits: Limits) -> None:
    """A client that came back with more mutations than may wait used to be ended again, before any had run."""
    peer = Peer(limits)
    for request in range(20):
        peer.mutate(request)
    assert peer.asks_to_pause()
    # In its place in the order, so after all of them.
    peer.modify(0, add(0))
    assert peer.table.outgoing == []
    for request in range(20):
        assert [run.request for run in peer.runs] == [request]
        responses = [one["requestId"] for one in peer.answer(100 + request) if one["type"] == "MutationResponse"]
        assert responses == [request]
    assert not peer.asks_to_pause()
    assert len(peer.table.outgoing) == 1
    assert peer.closing is None


def test_transitions_go_on_while_a_session_takes_in_no_more() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    for request in range(9):
        peer.mutate(request)
    assert peer.session.paused
    assert [one["modifications"][0]["value"] for one in peer.round(value(1, 100))] == [1.0]


def test_more_messages_than_can_be_held_end_the_session() -> None:
    peer = Peer()
    peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "User", "value": "jwt"})
    for _ in range(4097):
        assert peer.closing is None
        peer.say({"type": "Event", "eventType": "x"})
    assert peer.closing is not None
    assert (peer.closing.code, peer.closing.reason) == (1013, "TooManyQueuedMessages")
