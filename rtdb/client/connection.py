"""The client's side of the sync protocol as a synchronous state machine, over any number of connections in turn.

    caller ── subscribe, request, set_auth ──▶ ┌──────────────────┐ ── next_message ──▶ socket
    socket ── opened, receive, closed ───────▶ │ ClientConnection │
                                               └──────────────────┘ ── events ────────▶ caller

What outlives a connection: the session id, the queries with their journals and last results, requests without an
answer, the credentials, and the greatest timestamp seen. ``opened`` replays them, so that the server brings the new
connection to where the old one was.

States of a request:

    waiting ──▶ sent ──▶ answered ──▶ finished
       mutation: answered when it succeeded, finished by the first transition at or above its commit
       mutation that failed, action: finished by its response
    a lost connection puts a mutation back to waiting (same id: it is applied once), and fails an action that was sent

Invariants: the versions of transitions chain; results change only by whole transitions, and a result equal to the one
before is not reported; a mutation finishes after the results that reflect it have been reported.

It knows no socket and no clock, and decodes no document: arguments and results are encoded JSON.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Raw

from rtdb.sync.messages import (
    Action,
    ActionResponse,
    Add,
    Authenticate,
    AuthError,
    Connect,
    FatalError,
    ModifyQuerySet,
    Mutation,
    MutationResponse,
    Ping,
    ProtocolError,
    QueryFailed,
    QueryRemoved,
    QueryUpdated,
    Remove,
    Transition,
    VersionMessage,
    decode_server_message,
    decode_timestamp,
    encode_message,
    encode_timestamp,
)

__all__ = [
    "AuthRejected",
    "ClientConnection",
    "ClientEvent",
    "Credentials",
    "Failure",
    "Outcome",
    "RequestFinished",
    "ResultsChanged",
    "Terminated",
]

CONNECTION_LOST = "Connection lost while action was in flight"
_REQUEST_ID = re.compile(r"^\[Request ID: [0-9a-f]*\] ")
_ZERO = VersionMessage(0, 0, encode_timestamp(0))


class Failure(msgspec.Struct, frozen=True):
    """Why a function failed; ``data`` is the encoded payload of the app's own error, None when it is none."""

    message: str
    data: bytes | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What a function returned: an encoded value, or a failure."""

    value: bytes | None
    failure: Failure | None
    log_lines: tuple[str, ...] = ()

    def says_the_same(self, other: Outcome) -> bool:
        """Whether a reader could not tell the two apart, request ids of errors aside."""
        return _without_request_id(self) == _without_request_id(other)


class Credentials(msgspec.Struct, frozen=True):
    """Who to be on every connection."""

    token_type: Literal["User", "Admin"]
    value: str
    acting_as: dict[str, Any] | None = None


class ResultsChanged(msgspec.Struct, frozen=True):
    """Queries, by id, whose results are new as of ``ts``; all of one timestamp."""

    ts: int
    results: dict[int, Outcome]


class RequestFinished(msgspec.Struct, frozen=True):
    """A mutation or action has its outcome; for a mutation that succeeded the results show it already."""

    request: int
    outcome: Outcome


class AuthRejected(msgspec.Struct, frozen=True):
    """The server does not accept the credentials in use, or no longer; it closes the connection."""

    message: str


class Terminated(msgspec.Struct, frozen=True):
    """The server says that going on makes no sense. Nothing is sent any more."""

    message: str


ClientEvent = ResultsChanged | RequestFinished | AuthRejected | Terminated


class _Query:
    """One watched query. ``uses`` counts subscribers; ``outcome`` is the last result, kept across connections."""

    __slots__ = ("args", "journal", "outcome", "path", "uses")

    def __init__(self, path: str, args: bytes) -> None:
        self.path = path
        self.args = args
        self.uses = 0
        self.journal: str | None = None
        self.outcome: Outcome | None = None

    def add(self, query_id: int) -> Add:
        return Add(query_id, self.path, [Raw(self.args)], self.journal)


class _Request:
    """A mutation or action without a final answer. ``ts`` and ``outcome`` are set while it is *answered*."""

    __slots__ = ("message", "outcome", "sent", "ts")

    def __init__(self, message: Mutation | Action) -> None:
        self.message = message
        self.sent = False
        self.ts = 0
        self.outcome: Outcome | None = None


class ClientConnection:
    """The protocol state of one client."""

    def __init__(self, session_id: UUID) -> None:
        self.session_id = session_id
        self.max_observed_ts = 0
        self.terminated: str | None = None
        self.credentials: Credentials | None = None
        self._open = False
        self._connection_count = 0
        self._close_reason: str | None = "InitialConnect"
        self._outgoing: deque[msgspec.Struct] = deque()
        self._queries: dict[int, _Query] = {}
        self._query_ids: dict[tuple[str, bytes], int] = {}
        self._next_query = 0
        self._requests: dict[int, _Request] = {}
        self._next_request = 0
        self._query_set_version = 0
        self._identity_version = 0
        self._version = _ZERO

    @property
    def resumed(self) -> bool:
        """Whether the server has answered what this connection began with."""
        return self._version is not _ZERO

    # --- the caller ---------------------------------------------------------------------------------------------------

    def subscribe(self, path: str, args: bytes) -> int:
        """Watch a query; return its id, the same one for equal path and args. Undo with :meth:`unsubscribe`."""
        query_id = self._query_ids.get((path, args))
        if query_id is None:
            query_id = self._next_query
            self._next_query += 1
            query = self._queries[query_id] = _Query(path, args)
            self._query_ids[path, args] = query_id
            self._modify_query_set([query.add(query_id)])
        self._queries[query_id].uses += 1
        return query_id

    def unsubscribe(self, query_id: int) -> None:
        """Undo one :meth:`subscribe`."""
        query = self._queries[query_id]
        query.uses -= 1
        if query.uses == 0:
            del self._queries[query_id], self._query_ids[query.path, query.args]
            self._modify_query_set([Remove(query_id)])

    def outcome(self, query_id: int) -> Outcome | None:
        """Return the last result of a watched query, None before the first."""
        return self._queries[query_id].outcome

    def request(self, kind: Literal["mutation", "action"], path: str, args: bytes) -> int:
        """Ask for a mutation or action; return the id its :class:`RequestFinished` will carry."""
        request = self._next_request
        self._next_request += 1
        message = (Mutation if kind == "mutation" else Action)(request, path, [Raw(args)])
        self._requests[request] = _Request(message)
        self._send(message)
        return request

    def set_auth(self, credentials: Credentials | None) -> None:
        """Be someone else from here on; None: nobody."""
        self.credentials = credentials
        if self._open:
            self._authenticate()

    # --- the socket ---------------------------------------------------------------------------------------------------

    def opened(self, now_ms: int) -> None:
        """Begin a connection: say who we are, and all that the server must know again."""
        self._outgoing.clear()
        self._open = True
        self._version = _ZERO
        self._query_set_version = self._identity_version = 0
        seen = encode_timestamp(self.max_observed_ts) if self.max_observed_ts else None
        self._send(Connect(self.session_id, self._connection_count, self._close_reason, seen, now_ms))
        self._connection_count += 1
        if self.credentials is not None:
            self._authenticate()
        self._modify_query_set([query.add(query_id) for query_id, query in self._queries.items()])
        for request in self._requests.values():
            self._send(request.message)

    def next_message(self) -> bytes | None:
        """Return the next text to send, None when there is nothing. Taken is sent: it may have arrived."""
        if not self._outgoing:
            return None
        message = self._outgoing.popleft()
        if isinstance(message, Mutation | Action) and message.requestId in self._requests:
            self._requests[message.requestId].sent = True
        return encode_message(message)

    def closed(self, reason: str | None) -> list[ClientEvent]:
        """Note that the connection is gone. Actions that may have started fail; all else waits for the next one."""
        self._open = False
        self._close_reason = reason
        self._outgoing.clear()
        events: list[ClientEvent] = []
        for number, request in list(self._requests.items()):
            if request.sent and isinstance(request.message, Action):
                del self._requests[number]
                events.append(RequestFinished(number, Outcome(None, Failure(CONNECTION_LOST))))
            request.sent = False
            request.outcome = None
        return events

    def receive(self, text: str | bytes) -> list[ClientEvent]:
        """Handle one message of the server.

        Raises :class:`ProtocolError` when it makes no sense: close the connection and open another.
        """
        message = decode_server_message(text)
        match message:
            case Transition():
                return self._transition(message)
            case MutationResponse():
                return self._mutation_response(message)
            case ActionResponse():
                request = self._requests.get(message.requestId)
                if request is None or not isinstance(request.message, Action):
                    return []
                del self._requests[message.requestId]
                return [RequestFinished(message.requestId, _response_outcome(message))]
            case AuthError():
                # Of an identity that a later Authenticate has replaced already: the server closes, nothing is wrong.
                superseded = message.baseVersion + 1 < self._identity_version
                return [] if superseded else [AuthRejected(message.error)]
            case FatalError():
                self.terminated = message.error
                return [Terminated(message.error)]
            case Ping():
                return []

    # --- the parts ----------------------------------------------------------------------------------------------------

    def _send(self, message: msgspec.Struct) -> None:
        if self._open:
            self._outgoing.append(message)

    def _modify_query_set(self, modifications: list[Add | Remove]) -> None:
        if self._open:
            base = self._query_set_version
            self._query_set_version += 1
            self._send(ModifyQuerySet(base, self._query_set_version, modifications))

    def _authenticate(self) -> None:
        base = self._identity_version
        self._identity_version += 1
        if self.credentials is None:
            self._send(Authenticate(base, "None"))
        else:
            credentials = self.credentials
            self._send(
                Authenticate(base, credentials.token_type, credentials.value, impersonating=credentials.acting_as)
            )

    def _transition(self, message: Transition) -> list[ClientEvent]:
        if message.startVersion != self._version:
            raise ProtocolError(f"The server went on from {message.startVersion}, we are at {self._version}")
        ts = decode_timestamp(message.endVersion.ts)
        if ts < decode_timestamp(self._version.ts):
            raise ProtocolError("The server went back in time")
        self._version = message.endVersion
        self.max_observed_ts = max(self.max_observed_ts, ts)
        changed: dict[int, Outcome] = {}
        for modification in message.modifications:
            query = self._queries.get(modification.queryId)
            if query is None or isinstance(modification, QueryRemoved):
                continue  # no longer wanted; the server had not heard
            outcome = _query_outcome(modification)
            query.journal = modification.journal
            if query.outcome is None or not query.outcome.says_the_same(outcome):
                changed[modification.queryId] = query.outcome = outcome
        events: list[ClientEvent] = [ResultsChanged(ts, changed)] if changed else []
        # An answer on this connection came after the server had heard of the queries again, so this shows its effect.
        return events + self._finish_mutations(ts)

    def _finish_mutations(self, ts: int) -> list[ClientEvent]:
        finished = [
            (number, request.outcome)
            for number, request in self._requests.items()
            if request.outcome is not None and request.ts <= ts
        ]
        for number, _ in finished:
            del self._requests[number]
        return [RequestFinished(number, outcome) for number, outcome in finished]

    def _mutation_response(self, message: MutationResponse) -> list[ClientEvent]:
        request = self._requests.get(message.requestId)
        if request is None or not isinstance(request.message, Mutation) or request.outcome is not None:
            return []
        outcome = _response_outcome(message)
        if not message.success:
            del self._requests[message.requestId]
            return [RequestFinished(message.requestId, outcome)]
        if message.ts is None:
            raise ProtocolError("A mutation that succeeded needs its timestamp")
        request.ts = decode_timestamp(message.ts)
        request.outcome = outcome
        self.max_observed_ts = max(self.max_observed_ts, request.ts)
        return []


def _query_outcome(modification: QueryUpdated | QueryFailed) -> Outcome:
    lines = tuple(modification.logLines)
    if isinstance(modification, QueryUpdated):
        return Outcome(bytes(modification.value), None, lines)
    data = None if modification.errorData is UNSET else bytes(modification.errorData)
    return Outcome(None, Failure(modification.errorMessage, data), lines)


def _response_outcome(message: MutationResponse | ActionResponse) -> Outcome:
    lines = tuple(message.logLines)
    if message.success:
        return Outcome(bytes(message.result), None, lines)
    try:
        text = msgspec.json.decode(message.result, type=str)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"The text of a failure is not a string: {error}") from error
    data = None if message.errorData is UNSET else bytes(message.errorData)
    return Outcome(None, Failure(text, data), lines)


def _without_request_id(outcome: Outcome) -> Outcome:
    if outcome.failure is None:
        return outcome
    message = _REQUEST_ID.sub("", outcome.failure.message)
    return Outcome(None, Failure(message, outcome.failure.data), outcome.log_lines)
