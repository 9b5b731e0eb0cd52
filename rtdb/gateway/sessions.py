"""All sync sessions of a gateway: moving them on, and noticing silence.

**Fan-out.** When results arrive, the watch table names the sessions they concern and each is moved on in one loop of
plain calls: the state machine says what to send, the message is framed once for all who are told the same, and each
socket is tried without waiting. The loop lets other tasks run now and then, but the next message from the hub waits
until it is through: versions kept for these sessions would otherwise be gone.

**Silence.** One task looks at all sessions about every second: a session that said nothing to its client for
``ping_seconds`` sends the protocol's Ping, a client that was not heard of for as long is asked by a WebSocket ping,
and one not heard of for ``connection_silence_seconds_max`` is let go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from rtdb.config import Limits
from rtdb.gateway.websocket import WebSocket
from rtdb.http.metrics import GatewayMetrics
from rtdb.sync.watch_table import Subscriber
from rtdb.sync.worker import SyncWorker

__all__ = ["Session", "Sessions"]

DELIVERIES_AT_ONCE = 256
"""Sessions moved on before other tasks get a turn: about 3 ms."""

SWEEPS_PER_PING = 16
"""How often sessions are looked at in ``ping_seconds``: about every second."""

DRAIN_POLL_SECONDS = 0.02
NANOSECONDS = 1_000_000_000

CLIENT_DISCONNECTED = (1000, "ClientDisconnected")
GOING_AWAY = (1001, "ServerShuttingDown")


class Session:
    """One session and its connection. The times are when the client was last heard of and last asked."""

    __slots__ = ("asked_ns", "heard_ns", "websocket", "worker")

    def __init__(self, worker: SyncWorker, websocket: WebSocket, now_ns: int) -> None:
        self.worker = worker
        self.websocket = websocket
        self.heard_ns = now_ns
        self.asked_ns = now_ns


class Sessions:
    """The sessions of one gateway, by what the watch table calls them."""

    def __init__(self, limits: Limits, metrics: GatewayMetrics, now_ns: Callable[[], int]) -> None:
        self._sweep_seconds = limits.ping_seconds / SWEEPS_PER_PING
        self._ping_ns = int(limits.ping_seconds * NANOSECONDS)
        self._silence_ns = int(limits.connection_silence_seconds_max * NANOSECONDS)
        self._metrics = metrics
        self._now_ns = now_ns
        self._sessions: dict[Subscriber, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, session: Session) -> None:
        """Move this session on from here on, and watch over it."""
        self._sessions[session.worker.connection] = session
        self._metrics.sessions.set(len(self._sessions))

    def remove(self, session: Session) -> None:
        """Forget a session whose connection is gone."""
        del self._sessions[session.worker.connection]
        self._metrics.sessions.set(len(self._sessions))

    async def advance(self, subscribers: Sequence[Subscriber]) -> None:
        """Move the named sessions on, as far as each can go."""
        sessions = self._sessions
        self._metrics.advances.inc(len(subscribers))
        now_ns = self._now_ns()
        for count, subscriber in enumerate(subscribers, 1):
            # A session may have ended while others had their turn.
            session = sessions.get(subscriber)
            if session is not None:
                session.worker.advance(now_ns)
            if count % DELIVERIES_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()
                now_ns = self._now_ns()

    async def watch_silence(self) -> None:
        """Keep sessions from being taken for dead, and let go of dead ones, until cancelled."""
        while True:
            await trio.sleep(self._sweep_seconds)
            now_ns = self._now_ns()
            for count, session in enumerate(list(self._sessions.values()), 1):
                self._watch(session, now_ns)
                if count % DELIVERIES_AT_ONCE == 0:
                    await trio.lowlevel.checkpoint()

    def _watch(self, session: Session, now_ns: int) -> None:
        """Do for one session what its silence asks for; nothing if it has ended meanwhile."""
        websocket, worker = session.websocket, session.worker
        if websocket.heard or worker.paused:
            # From a session that is paused nothing is read: that it is not heard of is our doing.
            websocket.heard = False
            session.heard_ns = session.asked_ns = now_ns
        elif now_ns - session.heard_ns >= self._silence_ns:
            websocket.close(*CLIENT_DISCONNECTED)
            return
        elif now_ns - session.asked_ns >= self._ping_ns:
            session.asked_ns = now_ns
            websocket.ping()
        if now_ns >= worker.connection.next_deadline:
            worker.tick(now_ns)

    async def drain(self) -> None:
        """Close every session, those with calls under way once these are answered. The caller sets the deadline."""
        while self._sessions:
            for session in list(self._sessions.values()):
                if not session.worker.calls:
                    session.websocket.close(*GOING_AWAY)
                else:
                    session.websocket.stop_receiving()
            await trio.sleep(DRAIN_POLL_SECONDS)
