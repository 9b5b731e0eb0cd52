"""One session: the order of what it sends, versions, limits, authentication, and every way it can end."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.errors import ForbiddenError, OverloadedError, UnauthenticatedError
from rtdb.link.frames import Answer, BlockNotice, ExecutionError, RoundResults, SessionRequest, Watch, WatchResult
from rtdb.sync.commands import Close, Command, RunFunction, SendText, VerifyToken
from rtdb.sync.connection import SyncConnection
from rtdb.sync.messages import encode_timestamp
from rtdb.sync.watch_table import WatchTable
from tests.sync.session_world import NOBODY, NOW_NS, Person, SeededRandom

SESSION = "0b9f1c52-8d43-4a6e-9c1e-7f3a2d5b6e10"
CONNECT = {"type": "Connect", "sessionId": SESSION, "connectionCount": 0}
SECOND = 1_000_000_000
LIMITS = Limits(session_mutations_max=3, session_actions_max=2, session_queries_max=3)


class Peer:
    """A session with the hands to feed it, and its answers as plain JSON."""

    def __init__(self, limits: Limits = LIMITS, *, redact: bool = False) -> None:
        self.table = WatchTable(current_ts=100, random=SeededRandom(), redact=redact)
        self.session = self.open_session(limits)
        self.runs: list[RunFunction] = []
        self.tokens: list[VerifyToken] = []
        self.closing: Close | None = None

    def open_session(self, limits: Limits = LIMITS) -> SyncConnection:
        return SyncConnection(self.table, anonymous=NOBODY, limits=limits, random=SeededRandom(), now_ns=NOW_NS)

    def take(self, commands: list[Command]) -> list[dict[str, Any]]:
        said = []
        for command in commands:
            assert self.closing is None, "nothing follows a close"
            match command:
                case SendText():
                    said.append(msgspec.json.decode(command.text))
                case RunFunction():
                    self.runs.append(command)
                case VerifyToken():
                    self.tokens.append(command)
                case Close():
                    self.closing = command
        return said

    def say(self, message: dict[str, Any], now_ns: int = NOW_NS) -> list[dict[str, Any]]:
        return self.take(self.session.receive(msgspec.json.encode(message), now_ns))

    def modify(self, base: int, *modifications: dict[str, Any], new: int | None = None) -> list[dict[str, Any]]:
        message = {"type": "ModifyQuerySet", "baseVersion": base, "newVersion": base + 1 if new is None else new}
        return self.say({**message, "modifications": list(modifications)})

    def mutate(self, request: int, now_ns: int = NOW_NS, args: list[Any] | None = None) -> list[dict[str, Any]]:
        arguments = [{}] if args is None else args
        return self.say({"type": "Mutation", "requestId": request, "udfPath": "m:x", "args": arguments}, now_ns)

    def act(self, request: int) -> list[dict[str, Any]]:
        return self.say({"type": "Action", "requestId": request, "udfPath": "a:x", "args": [{}]})

    def answer(self, ts: int, result: bytes = b"null", error: ExecutionError | None = None) -> list[dict[str, Any]]:
        answer = Answer(0, None if error else result, error, ["[LOG] 'x'"], ts)
        return self.take(self.session.answered(self.runs.pop(0), answer, NOW_NS))

    def notice(self, ts: int, *dirty: int) -> list[dict[str, Any]]:
        return self.advance(self.table.apply_notice(BlockNotice(ts, ts, list(dirty))))

    def round(self, *results: WatchResult, running: list[int] | None = None) -> list[dict[str, Any]]:
        return self.advance(self.table.apply_round(RoundResults(list(results), running or [])))

    def advance(self, sessions: Any) -> list[dict[str, Any]]:
        return [message for session in sessions for message in self.take(session.advance(NOW_NS))]

    def asks_to_pause(self) -> bool:
        return self.session.paused

    def written(self) -> list[dict[str, Any]]:
        return self.take(self.session.transition_written(NOW_NS))


def add(query_id: int, path: str = "q:list", **more: Any) -> dict[str, Any]:
    return {"type": "Add", "queryId": query_id, "udfPath": path, "args": [{}], **more}


def remove(query_id: int) -> dict[str, Any]:
    return {"type": "Remove", "queryId": query_id}


def value(watch: int, ts: int, value: bytes = b"1.0", **more: Any) -> WatchResult:
    return WatchResult(watch, ts, more.get("dirty_ts", 0), False, value, None, [], more.get("journal"))


def version(query_set: int, identity: int, ts: int) -> dict[str, Any]:
    return {"querySet": query_set, "identity": identity, "ts": encode_timestamp(ts)}


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
    peer.table.subscribe(_query(), peer.open_session())
    peer.table.apply_round(RoundResults([value(1, 100)], []))
    peer.notice(110, 1)
    peer.say({**CONNECT, "maxObservedTimestamp": encode_timestamp(110)})
    assert peer.modify(0, add(0)) == []
    [transition] = peer.round(value(1, 110))
    assert transition["endVersion"]["ts"] == encode_timestamp(110)


def _query() -> Any:
    from rtdb.sync.watch_table import Query

    return Query("q:list", b"{}", None, False, None)


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


# --- mutations and actions --------------------------------------------------------------------------------------------


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


def test_too_many_queries_end_the_session() -> None:
    peer = Peer()
    peer.modify(0, *[add(number) for number in range(4)])
    assert peer.closing is not None
    assert peer.closing.code == 1013


# --- who is asking ----------------------------------------------------------------------------------------------------


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


# --- garbage ----------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
small = st.integers(0, 3)
odd = st.one_of(small, json_values)
paths = st.one_of(st.sampled_from(["q:a", "m:x", "q", "", "../q", "a-b:c", "q:a:b"]), json_values)
arguments = st.one_of(st.just([{}]), st.lists(json_values, max_size=2), json_values)
requests = st.fixed_dictionaries({"udfPath": paths, "args": arguments}, optional={"componentPath": odd, "journal": odd})
modifications = st.lists(
    st.builds(
        lambda kind, query, more: {"type": kind, "queryId": query, **more},
        st.sampled_from(["Add", "Remove"]),
        odd,
        requests,
    ),
    max_size=3,
)
messages = st.one_of(
    json_values,
    st.builds(
        lambda kind, request, more: {"type": kind, "requestId": request, **more},
        st.sampled_from(["Mutation", "Action"]),
        odd,
        requests,
    ),
    st.fixed_dictionaries(
        {"type": st.just("ModifyQuerySet"), "baseVersion": odd, "newVersion": odd, "modifications": modifications}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("Authenticate"),
            "baseVersion": odd,
            "tokenType": st.sampled_from(["User", "Admin", "None", "X"]),
        },
        optional={"value": st.text(max_size=3), "impersonating": json_values, "acting_as": json_values},
    ),
    st.fixed_dictionaries(
        {"type": st.just("Connect"), "sessionId": st.sampled_from([SESSION, "x"]), "connectionCount": odd},
        optional={
            "clientTs": odd,
            "maxObservedTimestamp": st.sampled_from(["AQAAAAAAAAA=", "Fc2FPf6clxc=", "x", None]),
        },
    ),
)


@given(st.lists(messages, max_size=8))
def test_whatever_arrives_a_session_answers_with_messages_or_ends(stream: list[Any]) -> None:
    peer = Peer()
    for message in stream:
        peer.take(peer.session.receive(msgspec.json.encode(message), NOW_NS))
        if peer.tokens:
            peer.tokens.clear()
            peer.take(peer.session.identity_verified(NOBODY, NOW_NS))
        while peer.runs and peer.closing is None:
            peer.answer(100)
        peer.runs.clear()
    if peer.closing is not None:
        assert peer.closing.code in {None, 1011, 1013}
        assert peer.session.closed


@given(st.text() | st.binary())
def test_text_that_is_no_json_ends_the_session_with_a_fatal_error(text: str | bytes) -> None:
    peer = Peer()
    [said] = peer.take(peer.session.receive(text, NOW_NS))
    assert said["type"] == "FatalError"
    assert peer.closing is not None
