"""One session: what it tells of its queries and in which order, and every way it can end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from rtdb.link.frames import ExecutionError, RoundResults, Watch, WatchResult
from rtdb.sync.messages import encode_timestamp
from rtdb.sync.watch_table import Query
from tests.sync.peer import CONNECT, SECOND, Peer, add, remove, value, version
from tests.sync.session_world import NOW_NS, Person

# --- transitions ------------------------------------------------------------------------------------------------------


def test_the_first_transition_starts_at_zero_and_carries_the_clock_skew() -> None:
    peer = Peer()
    assert peer.say({**CONNECT, "clientTs": NOW_NS // 1_000_000 - 35}) == []
    [transition] = peer.modify(0)
    assert transition == {
        "type": "Transition",
        "startVersion": version(0, 0, 0),
        "endVersion": version(1, 0, 100),
        "modifications": [],
        "clientClockSkew": -35,
        "serverTs": NOW_NS,
    }
    [transition] = peer.modify(1)
    assert "serverTs" not in transition


def test_results_come_in_ascending_order_of_id_when_all_are_there() -> None:
    peer = Peer()
    assert peer.modify(0, add(7, "q:a"), add(2, "q:b", journal="old")) == []
    first, second = peer.table.outgoing
    assert isinstance(first, Watch)
    assert isinstance(second, Watch)
    assert second.journal == "old"
    assert peer.round(value(first.watch, 100), running=[100]) == []
    [transition] = peer.round(value(second.watch, 100, b"2.0", journal="new"))
    assert transition["modifications"] == [
        {"type": "QueryUpdated", "queryId": 2, "value": 2.0, "logLines": [], "journal": "new"},
        {"type": "QueryUpdated", "queryId": 7, "value": 1.0, "logLines": [], "journal": None},
    ]


def test_equal_arguments_in_another_spelling_are_the_same_query() -> None:
    peer = Peer()
    peer.modify(0, {**add(0), "args": [{"b": 1, "a": 2}]}, {**add(1, "q.js:list"), "args": [{"a": 2.0, "b": 1.0}]})
    assert len(peer.table.outgoing) == 1


def test_a_result_that_reads_the_same_is_not_sent_again() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    [transition] = peer.round(value(1, 100))
    assert len(transition["modifications"]) == 1
    assert peer.notice(105, 1) == []
    assert peer.round(value(1, 105)) == []
    assert peer.notice(110, 1) == []
    [transition] = peer.round(value(1, 110, b"2.0"))
    assert transition["startVersion"] == version(1, 0, 100)
    assert transition["endVersion"] == version(1, 0, 110)


def test_a_removed_query_is_acknowledged_and_an_id_may_be_used_again() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    assert peer.modify(1, remove(0))[0]["modifications"] == [{"type": "QueryRemoved", "queryId": 0}]
    peer.modify(2, add(0, "q:b"))
    peer.written()
    peer.round(value(2, 100))
    peer.written()
    assert peer.modify(3, remove(0), add(0, "q:c")) == []
    [transition] = peer.round(value(3, 100, b"1.0"))
    assert [change["type"] for change in transition["modifications"]] == ["QueryUpdated"]


def test_sessions_that_are_told_the_same_share_one_text() -> None:
    peer = Peer()
    other = peer.open_session()
    for session in (peer.session, other):
        session.receive(b'{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,"modifications":[%b]}' % ADD_ZERO, 0)
    sessions = peer.table.apply_round(RoundResults([value(1, 100)], []))
    [[first], [second]] = [session.advance(NOW_NS) for session in sessions]
    assert first is second


ADD_ZERO = msgspec.json.encode(add(0))


def test_a_client_that_does_not_read_is_brought_up_to_date_in_one_step() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    assert peer.round(value(1, 100)) != []
    said = []
    for ts in (110, 120, 130, 140):
        peer.notice(ts, 1)
        said.append(len(peer.round(value(1, ts, b"%d.0" % ts))))
    assert said == [1, 0, 0, 0]
    [transition] = peer.written()
    assert transition["startVersion"]["ts"] == encode_timestamp(110)
    assert transition["endVersion"]["ts"] == encode_timestamp(140)
    assert transition["modifications"][0]["value"] == 140.0
    assert peer.written() == []


def test_a_session_moves_to_just_before_a_block_that_made_its_query_dirty() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    peer.round(value(1, 100))
    peer.notice(110, 1)
    [transition] = peer.modify(1)
    assert transition["endVersion"] == version(2, 0, 109)


def test_a_returning_client_is_not_shown_less_than_it_has_seen() -> None:
    peer = Peer()
    peer.table.subscribe(Query("q:list", b"{}", None, False, None), peer.open_session())
    peer.table.apply_round(RoundResults([value(1, 100)], []))
    peer.notice(110, 1)
    peer.say({**CONNECT, "maxObservedTimestamp": encode_timestamp(110)})
    assert peer.modify(0, add(0)) == []
    [transition] = peer.round(value(1, 110))
    assert transition["endVersion"]["ts"] == encode_timestamp(110)


def test_a_client_that_has_seen_more_than_the_database_waits_for_it() -> None:
    peer = Peer()
    peer.say({**CONNECT, "maxObservedTimestamp": encode_timestamp(150)})
    assert peer.session.paused
    assert peer.modify(0) == []
    assert peer.notice(140) == []
    [transition] = peer.notice(150)
    assert transition["endVersion"] == version(1, 0, 150)


def test_a_database_that_stays_behind_its_client_ends_the_session() -> None:
    peer = Peer()
    peer.say({**CONNECT, "maxObservedTimestamp": encode_timestamp(150)})
    deadline = peer.session.next_deadline
    assert deadline == NOW_NS + 5 * SECOND
    assert peer.take(peer.session.tick(deadline - 1)) == []
    peer.take(peer.session.tick(deadline))
    assert peer.closing is not None
    assert (peer.closing.code, peer.closing.reason) == (1011, "InternalServerError")


def test_too_many_queries_end_the_session() -> None:
    peer = Peer()
    peer.modify(0, *[add(number) for number in range(4)])
    assert peer.closing is not None
    assert peer.closing.code == 1013


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "fatal", "code"),
    [
        ({"type": "Nonsense"}, "Received Invalid JSON on websocket: ", None),
        ({"type": "Mutation", "requestId": 0, "udfPath": "/etc/x-y", "args": []}, "Received Invalid JSON", None),
        (
            {"type": "ModifyQuerySet", "baseVersion": 3, "newVersion": 4, "modifications": []},
            "Base version 3 passed up doesn't match the current version 0",
            None,
        ),
        ({"type": "Authenticate", "baseVersion": 0, "tokenType": "User"}, "Received Invalid JSON", None),
        ({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 0, "modifications": []}, None, 1011),
        ({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [remove(4)]}, None, 1011),
        ({"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add(4), add(4)]}, None, 1011),
        ({"type": "Authenticate", "baseVersion": 2, "tokenType": "None"}, None, 1011),
        ({"type": "Mutation", "requestId": 0, "udfPath": "m:x", "args": [{}], "componentPath": "c"}, None, 1011),
    ],
)
def test_what_breaks_the_protocol_ends_the_session(
    message: dict[str, Any], fatal: str | None, code: int | None
) -> None:
    peer = Peer()
    said = peer.say(message)
    assert [one["type"] for one in said] == ([] if fatal is None else ["FatalError"])
    if fatal is not None:
        assert said[0]["error"].startswith(fatal)
    assert peer.closing is not None
    assert peer.closing.code == code
    assert peer.mutate(1) == []


def test_a_binary_message_ends_the_session() -> None:
    peer = Peer()
    assert peer.take(peer.session.receive_binary()) == []
    assert peer.closing is not None
    assert peer.closing.code == 1011


@pytest.mark.parametrize(("status", "code"), [(503, 1013), (429, 1013), (500, 1011), (404, 1000)])
def test_a_system_failure_of_a_mutation_ends_the_session(status: int, code: int) -> None:
    peer = Peer()
    peer.mutate(0)
    assert peer.answer(0, error=ExecutionError("CommitterFullError", "no", system=status)) == []
    assert peer.closing is not None
    assert peer.closing.code == code
    assert peer.closing.reason == ("InternalServerError" if status == 500 else "CommitterFullError")


@pytest.mark.parametrize("code", ["WriteFailed", "DataQuotaExceeded"])
def test_a_mutation_that_cannot_be_written_for_long_is_answered_and_the_session_goes_on(code: str) -> None:
    """The session was closed, and clients sent the mutation again and again until somebody made space."""
    peer = Peer()
    peer.mutate(0)
    assert peer.mutate(1) == []
    said = peer.answer(0, error=ExecutionError(code, "no space left", system=503))
    assert [message["type"] for message in said] == ["MutationResponse", "Transition"]
    assert (said[0]["requestId"], said[0]["success"], said[0]["ts"]) == (0, False, None)
    assert "no space left" in said[0]["result"]
    assert peer.closing is None
    assert peer.answer(1)[0]["success"] is True


def test_a_system_failure_of_a_query_ends_the_session() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    error = ExecutionError("Overloaded", "no", system=503)
    assert peer.round(WatchResult(1, 100, 0, False, None, error, [], None)) == []
    assert peer.closing is not None
    assert (peer.closing.code, peer.closing.reason) == (1013, "Overloaded")


def test_an_admin_who_names_a_component_is_told_that_there_is_none() -> None:
    peer = Peer()
    peer.say({"type": "Authenticate", "baseVersion": 0, "tokenType": "Admin", "value": "key"})
    peer.take(peer.session.identity_verified(Person(None, internal=True, is_admin=True), NOW_NS))
    [transition] = peer.modify(0, add(0, componentPath="sub"))
    [failed] = transition["modifications"]
    assert failed["type"] == "QueryFailed"
    assert "errorData" not in failed
    assert peer.table.outgoing == []


def test_a_session_that_ends_lets_go_of_its_queries() -> None:
    peer = Peer()
    peer.modify(0, add(0))
    peer.session.socket_closed()
    assert [type(frame).__name__ for frame in peer.table.outgoing] == ["Watch", "Unwatch"]
    assert peer.round(value(1, 100)) == []
    assert peer.mutate(0) == []


def test_a_ping_follows_fifteen_seconds_of_silence_also_before_connect() -> None:
    peer = Peer()
    assert peer.session.next_deadline == NOW_NS + 15 * SECOND
    assert peer.take(peer.session.tick(NOW_NS + 14 * SECOND)) == []
    assert peer.take(peer.session.tick(NOW_NS + 15 * SECOND)) == [{"type": "Ping"}]
    assert peer.session.next_deadline == NOW_NS + 30 * SECOND
