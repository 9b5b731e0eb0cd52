"""A client in a simulation: the real protocol core, over wires that break, and what a user of it has seen.

Everything it is told is checked as it arrives:

* timestamps never go back, whatever connection, gateway or life of the server they come by;
* after every transition, all results are those of a fresh execution at its timestamp;
* the transition after a mutation's response is at or above the commit;
* a mutation finishes once, and when it does, everything shown is at or above its commit;
* an action finishes once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

import msgspec
import trio

from rtdb.client.connection import ClientConnection, Outcome, RequestFinished, ResultsChanged
from rtdb.sync.messages import (
    Add,
    ModifyQuerySet,
    MutationResponse,
    Transition,
    decode_client_message,
    decode_server_message,
    decode_timestamp,
)
from rtdb.testing.simulation.behaviour import Behaviour
from rtdb.testing.simulation.gateway import ServerSocket
from rtdb.testing.simulation.history import History
from rtdb.testing.simulation.virtual_time import EPOCH_NS, Chance, Events
from rtdb.testing.simulation.wires import Wire

__all__ = ["Gateways", "Request", "SimulatedClient"]


class Gateways(Protocol):
    """Where clients connect to."""

    def connect(self, socket: ServerSocket) -> tuple[Callable[[bytes], None], Callable[[], None]] | None:
        """Have some gateway accept a socket; return what takes texts and what to call at its end. None: refused."""
        ...


class Request(msgspec.Struct):
    """A mutation or an action somebody asked for. ``outcome`` is set when its promise resolves, ``ts`` by the server's
    response to a mutation."""

    path: str
    args: bytes
    ts: int = 0
    outcome: Outcome | None = None


class _Connection:
    """One socket of the client."""

    def __init__(self, up: Wire[bytes], socket: ServerSocket, gone: Callable[[], None]) -> None:
        self.up = up
        self.socket = socket
        self.gone = gone
        self.owed_ts = 0
        self.added_at: dict[int, int] = {}
        """By query, the query set version that brought it."""


class SimulatedClient:
    """One user. :meth:`start` it, then ask what you like of it; it reconnects by itself until :meth:`stop`."""

    def __init__(
        self, number: int, gateways: Gateways, history: History, events: Events, chance: Chance, behaviour: Behaviour
    ) -> None:
        self.number = number
        self.core = ClientConnection(UUID(int=number + 1))
        self.queries: dict[int, tuple[str, bytes]] = {}
        self.requests: dict[int, Request] = {}
        """Mutations by their number."""
        self.actions: dict[int, Request] = {}
        """The same of actions."""
        self.shown_ts: dict[int, int] = {}
        """By query, the timestamp of the last transition that spoke for it."""
        self.last_ts = 0
        self.transitions = 0
        self._gateways = gateways
        self._history = history
        self._events = events
        self._chance = chance
        self._behaviour = behaviour
        self._connection: _Connection | None = None

    # --- what a user does ---------------------------------------------------------------------------------------------

    def subscribe(self, path: str, args: bytes) -> int:
        self._history.ask(path, args)
        query_id = self.core.subscribe(path, args)
        self.queries[query_id] = path, args
        self._send()
        return query_id

    def unsubscribe(self, query_id: int) -> None:
        del self.queries[query_id]
        self.shown_ts.pop(query_id, None)
        self.core.unsubscribe(query_id)
        self._send()

    def mutate(self, path: str, args: bytes) -> int:
        number = self.core.request("mutation", path, args)
        self.requests[number] = Request(path, args)
        self._send()
        return number

    def act(self, path: str, args: bytes) -> int:
        number = self.core.request("action", path, args)
        self.actions[number] = Request(path, args)
        self._send()
        return number

    def shows(self, query_id: int) -> bytes | None:
        """Return the value on the screen."""
        outcome = self.core.outcome(query_id)
        return None if outcome is None else outcome.value

    def is_finished(self, number: int) -> bool:
        """Whether a mutation's promise has resolved."""
        return self.requests[number].outcome is not None

    @property
    def unfinished(self) -> int:
        return sum(
            request.outcome is None for requests in (self.requests, self.actions) for request in requests.values()
        )

    @property
    def up_to_date(self) -> bool:
        """Whether nothing is under way between the client and its gateway, and everything asked is answered."""
        connection = self._connection
        return (
            connection is not None
            and connection.socket.idle
            and not connection.up.under_way
            and not self.unfinished
            and all(query_id in self.shown_ts for query_id in self.queries)
        )

    # --- the connection -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._events.after(self._behaviour.reconnect.draw(self._chance), self._connect)

    def drop(self) -> None:
        """Lose the connection, with everything under way in both directions."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        connection.up.cut()
        connection.socket.to_client.cut()
        # The gateway hears of it when its system does.
        self._events.after(self._behaviour.socket.draw(self._chance), connection.gone)
        for event in self.core.closed("dropped"):
            assert isinstance(event, RequestFinished), f"client {self.number} was told {event}"
            assert event.request in self.actions, f"mutations outlive a connection: {event}"
            self._finish(event)
        self.start()

    def _connect(self) -> None:
        socket = ServerSocket(self._events, self._chance, self._behaviour, self._receive, lambda: self._lost(socket))
        accepted = self._gateways.connect(socket)
        if accepted is None:
            self.start()
            return
        take, gone = accepted
        up: Wire[bytes] = Wire(self._events, self._chance, self._behaviour.socket, take)
        self._connection = _Connection(up, socket, gone)
        self.core.opened(EPOCH_NS // 1_000_000 + int(trio.current_time() * 1000))
        self._send()

    def _lost(self, socket: ServerSocket) -> None:
        if self._connection is not None and self._connection.socket is socket:
            self.drop()

    def _send(self) -> None:
        connection = self._connection
        if connection is None:
            return
        while (text := self.core.next_message()) is not None:
            message = decode_client_message(text)
            if isinstance(message, ModifyQuerySet):
                for modification in message.modifications:
                    if isinstance(modification, Add):
                        connection.added_at[modification.queryId] = message.newVersion
                    else:
                        del connection.added_at[modification.queryId]
            connection.up.send(text)

    def _receive(self, text: bytes) -> None:
        connection = self._connection
        assert connection is not None, "a cut wire delivers nothing"
        message = decode_server_message(text)
        if isinstance(message, MutationResponse) and message.ts is not None:
            connection.owed_ts = self.requests[message.requestId].ts = decode_timestamp(message.ts)
        events = self.core.receive(text)
        if isinstance(message, Transition):
            self._check_transition(connection, message)
        for event in events:
            if isinstance(event, RequestFinished):
                self._finish(event)
            else:
                assert isinstance(event, ResultsChanged), f"client {self.number} was told {event}"

    # --- checks -------------------------------------------------------------------------------------------------------

    def _check_transition(self, connection: _Connection, message: Transition) -> None:
        ts = decode_timestamp(message.endVersion.ts)
        assert ts >= self.last_ts, "a client never sees a timestamp go back"
        assert ts >= connection.owed_ts, "the transition after a response reflects it"
        self.last_ts = ts
        self.transitions += 1
        for query_id, version in connection.added_at.items():
            if query_id in self.queries and version <= message.endVersion.querySet:
                self._check_result(query_id, ts)
                self.shown_ts[query_id] = ts

    def _check_result(self, query_id: int, ts: int) -> None:
        path, args = self.queries[query_id]
        shown = self.core.outcome(query_id)
        assert shown is not None, "a transition has a result for every query it knows of"
        fresh = self._history.answer(path, args, self._history.seq_at(ts))
        where = f"client {self.number}, {path} {args.decode()} at {ts}"
        assert shown.value == fresh.result, f"{where}: shown {shown.value!r}, but it is {fresh.result!r}"
        if fresh.error is not None:
            assert shown.failure is not None, f"{where}: shown no failure, but it is {fresh.error}"
            assert fresh.error.message in shown.failure.message, f"{where}: shown {shown.failure}, not {fresh.error}"
            assert shown.failure.data == fresh.error.data

    def _finish(self, event: RequestFinished) -> None:
        if event.request in self.actions:
            assert self.actions[event.request].outcome is None, "an action finishes once"
            self.actions[event.request].outcome = event.outcome
            return
        request = self.requests[event.request]
        assert request.outcome is None, "a mutation finishes once"
        request.outcome = event.outcome
        if event.outcome.failure is None:
            late = {query_id: ts for query_id, ts in self.shown_ts.items() if ts < request.ts}
            assert not late, "a client sees its own write when the promise resolves"
