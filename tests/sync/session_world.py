"""A gateway with several sessions, their clients, and the pipes between them, moved one step at a time by a test.

Every message a client receives is checked against the hub's history as it arrives.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from uuid import UUID

import msgspec

from rtdb.client.connection import (
    ClientConnection,
    Credentials,
    RequestFinished,
    ResultsChanged,
)
from rtdb.config import Limits
from rtdb.errors import ForbiddenError
from rtdb.link.frames import BlockNotice, RequestKind
from rtdb.sync.commands import Close, Command, RunFunction, SendText, VerifyToken
from rtdb.sync.connection import SyncConnection
from rtdb.sync.messages import (
    Authenticate,
    ModifyQuerySet,
    MutationResponse,
    Transition,
    decode_client_message,
    decode_server_message,
    decode_timestamp,
)
from rtdb.sync.transition import StateVersion
from rtdb.sync.watch_table import WatchTable
from tests.sync.fake_hub import KEYS, FakeHub

NOW_NS = 1_700_000_000_000_000_000


class SeededRandom:
    def __init__(self) -> None:
        self._random = random.Random(7)

    def bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)


@dataclass(frozen=True)
class Person:
    """A caller; ``attributes`` is the encoded name."""

    attributes: bytes | None
    internal: bool = False
    is_admin: bool = False
    expires_ns: int | None = None

    def require_permitted(self, kind: RequestKind, path: str) -> None:
        if path.startswith("_system/") and not self.is_admin:
            raise ForbiddenError(f"Operation {kind} not permitted", code="SystemIdentityRequired")


NOBODY = Person(None)


class Socket:
    """One connection: what is under way in both directions, and what the client has said on it."""

    def __init__(self, session: SyncConnection) -> None:
        self.session = session
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.unwritten: list[SendText] = []
        self.verifying: VerifyToken | None = None
        self.identities: list[bytes | None] = [None]
        self.query_set = 0
        self.owed_ts = 0
        self.added_at: dict[int, int] = {}
        self.version = StateVersion(0, 0, 0)
        self.closing: Close | None = None


class Member:
    """A client, and what a user of it has seen."""

    def __init__(self, number: int) -> None:
        self.connection = ClientConnection(UUID(int=number + 1))
        self.socket: Socket | None = None
        self.last_ts = 0
        self.subscribed: list[tuple[int, int]] = []
        self.mutations: dict[int, int] = {}
        self.finished: dict[int, RequestFinished] = {}
        self.seen: dict[int, bytes] = {}
        self.as_of: dict[int, int] = {}
        """By query, the timestamp of the last transition that spoke for it."""


class World:
    def __init__(self, clients: int, limits: Limits | None = None) -> None:
        self.hub = FakeHub()
        self.limits = limits or Limits()
        self.random = SeededRandom()
        self.table = WatchTable(current_ts=self.hub.ts, random=self.random, redact=False)
        self.clients = [Member(number) for number in range(clients)]
        self.sockets: dict[SyncConnection, Socket] = {}
        self.runs: dict[RunFunction, Socket] = {}

    # --- clients ------------------------------------------------------------------------------------------------------

    def subscribe(self, client: Member, key: int) -> None:
        query_id = client.connection.subscribe("q:get", b'{"key":%d}' % key)
        client.subscribed.append((query_id, key))

    def unsubscribe(self, client: Member, index: int) -> None:
        query_id, _ = client.subscribed.pop(index % len(client.subscribed))
        client.connection.unsubscribe(query_id)
        if all(query_id != other for other, _ in client.subscribed):
            client.seen.pop(query_id, None)
            client.as_of.pop(query_id, None)

    def mutate(self, client: Member, key: int) -> None:
        client.mutations[client.connection.request("mutation", "m:set", b'{"key":%d}' % key)] = key

    def connect(self, client: Member) -> None:
        session = SyncConnection(self.table, anonymous=NOBODY, limits=self.limits, random=self.random, now_ns=NOW_NS)
        client.socket = self.sockets[session] = Socket(session)
        client.connection.opened(NOW_NS // 1_000_000)

    def disconnect(self, client: Member) -> None:
        socket = client.socket
        assert socket is not None
        client.socket = None
        client.connection.closed("dropped")
        del self.sockets[socket.session]
        socket.session.socket_closed()
        self._to_hub()

    def client_sends(self, client: Member) -> bool:
        """The client hands its next message to the socket."""
        assert client.socket is not None
        text = client.connection.next_message()
        if text is not None:
            client.socket.up.append(text)
        return text is not None

    def client_receives(self, client: Member) -> bool:
        assert client.socket is not None
        if not client.socket.down:
            return False
        text = client.socket.down.pop(0)
        message = decode_server_message(text)
        events = client.connection.receive(text)
        if isinstance(message, MutationResponse) and message.ts is not None:
            client.socket.owed_ts = decode_timestamp(message.ts)
        elif isinstance(message, Transition):
            self._check_transition(client, client.socket, message)
        for event in events:
            if isinstance(event, RequestFinished):
                self._check_finished(client, event)
            elif isinstance(event, ResultsChanged):
                for query_id, outcome in event.results.items():
                    assert outcome.value is not None
                    assert outcome.value != client.seen.get(query_id), "a result is not repeated"
                    client.seen[query_id] = outcome.value
            else:
                raise AssertionError(event)
        return True

    def _check_transition(self, client: Member, socket: Socket, message: Transition) -> None:
        ts = decode_timestamp(message.endVersion.ts)
        assert ts >= client.last_ts, "a client never sees a timestamp go back"
        client.last_ts = ts
        assert ts >= socket.owed_ts, "the transition after a response reflects it: other clients do not wait for more"
        socket.version = StateVersion(message.endVersion.querySet, message.endVersion.identity, ts)
        identity = socket.identities[message.endVersion.identity]
        live = dict(client.subscribed)
        for query_id, version in socket.added_at.items():
            if query_id in live and version <= message.endVersion.querySet:
                outcome = client.connection.outcome(query_id)
                assert outcome is not None
                assert outcome.value == self.hub.answer_at(live[query_id], ts, identity)
                client.as_of[query_id] = ts
        ids = [modification.queryId for modification in message.modifications]
        assert ids == sorted(set(ids))

    def _check_finished(self, client: Member, event: RequestFinished) -> None:
        assert event.request not in client.finished, "a mutation finishes once"
        client.finished[event.request] = event
        if client.mutations[event.request] >= KEYS:
            assert event.outcome.failure is not None
            assert event.outcome.failure.data == b'"no"'
            return
        ts, value = self.hub.commits[str(client.connection.session_id), event.request]
        assert event.outcome.value == b"%d.0" % value
        assert all(shown >= ts for shown in client.as_of.values()), "a client sees its own write when it resolves"

    # --- the gateway --------------------------------------------------------------------------------------------------

    def server_receives(self, client: Member) -> bool:
        socket = client.socket
        assert socket is not None
        if not socket.up or socket.closing:
            return False
        text = socket.up.pop(0)
        message = decode_client_message(text)
        if isinstance(message, Authenticate):
            socket.identities.append(None if message.value is None else msgspec.json.encode(message.value))
        elif isinstance(message, ModifyQuerySet):
            for modification in message.modifications:
                if hasattr(modification, "args"):
                    socket.added_at[modification.queryId] = message.newVersion
                else:
                    del socket.added_at[modification.queryId]
            socket.query_set = message.newVersion
        self.carry_out(socket, socket.session.receive(text, NOW_NS))
        return True

    def verify(self, socket: Socket) -> bool:
        token, socket.verifying = socket.verifying, None
        if token is not None:
            person = Person(msgspec.json.encode(token.value))
            self.carry_out(socket, socket.session.identity_verified(person, NOW_NS))
        return token is not None

    def written(self, client: Member) -> bool:
        """The socket takes one message of what the session has sent."""
        socket = client.socket
        assert socket is not None
        if not socket.unwritten:
            return False
        send = socket.unwritten.pop(0)
        socket.down.append(send.text)
        if send.transition:
            self.carry_out(socket, socket.session.transition_written(NOW_NS))
        return True

    def gateway_receives(self) -> bool:
        """The gateway takes one frame from the hub."""
        if not self.hub.outbox:
            return False
        frame = self.hub.outbox.pop(0)
        if isinstance(frame, tuple):
            run, answer = frame
            socket = self.runs.pop(run, None)
            if socket is not None:
                self.carry_out(socket, socket.session.answered(run, answer, NOW_NS))
            return True
        subscribers = (
            self.table.apply_notice(frame) if isinstance(frame, BlockNotice) else self.table.apply_round(frame)
        )
        for subscriber in subscribers:
            commands = subscriber.advance(NOW_NS)
            assert isinstance(subscriber, SyncConnection)
            self.carry_out(self.sockets[subscriber], commands)
        self._to_hub()
        return True

    def carry_out(self, socket: Socket, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case SendText():
                    socket.unwritten.append(command)
                case RunFunction():
                    self.runs[command] = socket
                    self.hub.run(command)
                case VerifyToken():
                    socket.verifying = command
                case Close():
                    socket.closing = command
        assert sum(send.transition for send in socket.unwritten) <= self.limits.unsent_transitions_max
        self._to_hub()

    def _to_hub(self) -> None:
        for frame in self.table.outgoing:
            self.hub.take(frame)
        self.table.outgoing.clear()

    def talk(self, client: Member) -> bool:
        """Everything under way between a client and its session arrives; the token of an Authenticate is checked."""
        assert client.socket is not None
        moved = False
        while (
            self.client_sends(client)
            or self.server_receives(client)
            or self.verify(client.socket)
            or self.written(client)
            or self.client_receives(client)
        ):
            moved = True
        return moved

    # --- the end ------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Let everything under way happen, without new writes."""
        for client in self.clients:
            if client.socket is None:
                self.connect(client)
        progress = True
        while progress:
            progress = False
            for client in self.clients:
                progress |= self.talk(client)
            progress |= self.hub.start_round()
            for round_ in list(self.hub.rounds):
                self.hub.finish_execution(round_, 0)
                progress = True
            progress |= self.gateway_receives()

    def set_auth(self, client: Member, name: str | None) -> None:
        client.connection.set_auth(None if name is None else Credentials("User", name))

    def check_settled(self) -> None:
        """All clients show the newest state, and every mutation has been applied once and is finished."""
        for client in self.clients:
            credentials = client.connection.credentials
            identity = None if credentials is None else msgspec.json.encode(credentials.value)
            for query_id, key in client.subscribed:
                outcome = client.connection.outcome(query_id)
                assert outcome is not None
                assert outcome.value == self.hub.answer_at(key, self.hub.ts, identity)
            assert set(client.finished) == set(client.mutations)
            socket = client.socket
            assert socket is not None
            assert socket.version.identity == len(socket.identities) - 1, "every Authenticate is acknowledged"
            assert socket.version.query_set == socket.query_set, "every ModifyQuerySet is acknowledged"
        assert len(self.hub.applied) == len(set(self.hub.applied))
