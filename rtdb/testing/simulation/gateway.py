"""A gateway in a simulation: the real sessions, watch table and call table, with wires in place of sockets.

It follows `rtdb/gateway/gateway.py`, which does the same with tasks and sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from rtdb.auth.admin_key import AdminKeys
from rtdb.auth.credentials import Credentials, NoAuthProviders
from rtdb.auth.identity import ANONYMOUS, Identity
from rtdb.clock import Clock
from rtdb.config import decode_config
from rtdb.link.call_table import CallTable
from rtdb.link.frames import (
    Answer,
    Begun,
    BlockNotice,
    Origin,
    RequestKind,
    RoundResults,
    SessionRequest,
)
from rtdb.link.link import Message
from rtdb.sync.commands import SendText, VerifyToken
from rtdb.sync.connection import SyncConnection
from rtdb.sync.watch_table import Subscriber, WatchTable
from rtdb.sync.worker import UNTYPED_ERROR, SyncWorker
from rtdb.testing.simulation.behaviour import Behaviour
from rtdb.testing.simulation.virtual_time import Chance, Events
from rtdb.testing.simulation.wires import LinkWire, Wire

__all__ = ["ServerSocket", "SimulatedGateway"]

TICK_SECONDS = 1.0


class ServerSocket:
    """A session's transport. ``to_client`` carries texts; ``lost`` is called when the gateway closes the connection."""

    def __init__(
        self,
        events: Events,
        chance: Chance,
        behaviour: Behaviour,
        deliver: Callable[[bytes], None],
        lost: Callable[[], None],
    ) -> None:
        self._events = events
        self._chance = chance
        self._behaviour = behaviour
        self._lost = lost
        self._unsent: list[bytes] = []
        self._closing = False
        self.to_client: Wire[bytes] = Wire(events, chance, behaviour.socket, deliver)
        self.worker: SyncWorker | None = None

    @property
    def idle(self) -> bool:
        return not self._unsent and not self.to_client.under_way

    def send_texts(self, messages: Sequence[SendText]) -> bool:
        if self._closing:
            return True
        texts = [message.text for message in messages]
        if not self._unsent and not self._chance.happens(self._behaviour.reading.share):
            for text in texts:
                self.to_client.send(text)
            return True
        if not self._unsent:
            self._events.after(self._behaviour.reading.draw(self._chance), self._drain)
        self._unsent += texts
        return False

    def close(self, code: int | None, reason: str) -> None:
        # The log says which of the two.
        assert (code, reason) != UNTYPED_ERROR, "a session failed, or its client has seen what is not there"
        if not self._closing:
            self._flush()
            self._closing = True
            self.to_client.then(self._lost)

    def break_off(self) -> None:
        """The gateway has died: what it had not sent is gone, and its system closes the connection."""
        self._closing = True
        self._unsent.clear()
        self.to_client.then(self._lost)

    def resume(self) -> None:
        """Nothing: a session that pauses queues what arrives."""

    def _flush(self) -> None:
        for text in self._unsent:
            self.to_client.send(text)
        self._unsent.clear()

    def _drain(self) -> None:
        self._flush()
        if self.worker is not None and not self._closing and not self.to_client.is_cut:
            self.worker.drained()


class SimulatedGateway:
    """One gateway's life, from ``Begun`` to :meth:`stop`. ``nursery`` verifies tokens."""

    def __init__(
        self,
        begun: Begun,
        to_hub: LinkWire,
        clock: Clock,
        events: Events,
        chance: Chance,
        nursery: trio.Nursery,
    ) -> None:
        self._config = decode_config(begun.config)
        self._to_hub = to_hub
        self._clock = clock
        self._events = events
        self._chance = chance
        self._nursery = nursery
        self._last_ns = 0
        self._stopped = False
        redact = self._config.redact_errors
        self._credentials = Credentials(
            AdminKeys(self._config.instance_name, begun.admin_secret), NoAuthProviders(redact_errors=redact)
        )
        self._calls = CallTable(to_hub)
        self.watches = WatchTable(current_ts=begun.ts, random=chance.fork(), redact=redact)
        self._workers: dict[Subscriber, SyncWorker] = {}
        self._sockets: dict[ServerSocket, None] = {}
        events.after(TICK_SECONDS, self._tick)

    @property
    def idle(self) -> bool:
        """Whether it waits for no answer."""
        return not len(self._calls)

    # --- SessionServices ----------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        self._last_ns = max(self._last_ns, self._clock.now_ns())
        return self._last_ns

    def start_call(
        self,
        kind: RequestKind,
        path: str,
        args: bytes,
        identity: bytes | None,
        deliver: Callable[[Answer], None],
        *,
        internal: bool,
        session: SessionRequest | None,
        request_id: str,
    ) -> int:
        origin = Origin(caller="SyncWorker", request=request_id)
        return self._calls.start(kind, path, args, identity, deliver, internal=internal, origin=origin, session=session)

    def cancel_call(self, number: int) -> None:
        self._calls.cancel(number)

    async def verify(self, token: VerifyToken) -> Identity:
        return self._credentials.verify_admin(token.value, token.impersonating)

    def send_watches(self) -> None:
        for message in self.watches.outgoing:
            self._to_hub.send_nowait(message)
        self.watches.outgoing.clear()

    # --- sockets ------------------------------------------------------------------------------------------------------

    def accept(self, socket: ServerSocket) -> Callable[[bytes], None]:
        """Begin a session on a socket; return what takes the client's texts."""
        connection = SyncConnection(
            self.watches,
            anonymous=ANONYMOUS,
            limits=self._config.limits,
            random=self._chance.fork(),
            now_ns=self.now_ns(),
        )
        worker = SyncWorker(connection, socket, self, self._nursery)
        socket.worker = worker
        self._workers[connection] = worker
        self._sockets[socket] = None
        return lambda text: None if self._stopped else worker.received(text.decode())

    def closed(self, socket: ServerSocket) -> None:
        """Note that a socket is gone."""
        worker = socket.worker
        if worker is not None and not self._stopped:
            socket.worker = None
            del self._sockets[socket]
            del self._workers[worker.connection]
            worker.socket_closed()

    def stop(self) -> None:
        """End, as a killed process does."""
        self._stopped = True
        for worker in self._workers.values():
            worker.connection.closed = True
        self._workers.clear()
        for socket in self._sockets:
            socket.break_off()

    # --- the hub ------------------------------------------------------------------------------------------------------

    def receive(self, messages: list[Message]) -> None:
        """Take one frame of the hub."""
        for message in messages:
            match message:
                case Answer():
                    self._calls.answer(message)
                case BlockNotice():
                    self._advance(self.watches.apply_notice(message))
                case RoundResults():
                    self._advance(self.watches.apply_round(message))
                case _:
                    raise AssertionError(f"the hub sends a gateway no {type(message).__name__}")

    def _advance(self, subscribers: Sequence[Subscriber]) -> None:
        now_ns = self.now_ns()
        for subscriber in subscribers:
            worker = self._workers.get(subscriber)
            if worker is not None:
                worker.advance(now_ns)
        self.send_watches()

    def _tick(self) -> None:
        if self._stopped:
            return
        now_ns = self.now_ns()
        for worker in list(self._workers.values()):
            if now_ns >= worker.connection.next_deadline:
                worker.tick(now_ns)
        self._events.after(TICK_SECONDS, self._tick)
