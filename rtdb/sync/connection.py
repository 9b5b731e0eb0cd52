"""One sync session as a synchronous state machine: messages and answers in, commands out.

    socket ── text ────────▶ receive  ┐                                ┌─▶ SendText, Close   transport
    transport wrote it ────▶ transition_written                        │
    hub ── Answer ─────────▶ answered ├─▶ SyncConnection ── commands ──┼─▶ RunFunction       hub
    watch table changed ───▶ advance  │                                │
    time ──────────────────▶ tick     ┘                                └─▶ VerifyToken       authenticator

What moves the session on is :meth:`SyncConnection.advance`. A transition is *due* after every ModifyQuerySet,
Authenticate, mutation and action (also failed ones, also if it is then empty), or when a result has changed. It is sent
once all queries have results of one timestamp, that timestamp is not below what the client has seen, and fewer than
``unsent_transitions_max`` earlier ones wait for the socket. A client too slow skips what it missed.

Invariants:

* ``startVersion`` of a transition is ``endVersion`` of the one before; timestamps never go back, also not below what
  the client says it has seen on an earlier connection.
* A mutation's response is sent before any transition that must reflect it, and the very next transition has a timestamp
  at or above its commit.
* Mutations of a session run one at a time in order of arrival, as the caller the session had when they were read.
* While a token is being verified, or the database is behind what the client has seen, no message is handled and no
  transition is sent. While as many mutations wait as may, no message is handled. What comes in meanwhile queues up in
  order, and the transport is asked to stop reading.
* After a :class:`~rtdb.sync.commands.Close` every method returns nothing.

This module knows no socket and no clock: ``now_ns`` is nanoseconds since the Unix epoch and must not step back.
"""

from __future__ import annotations

from collections import deque

import msgspec

from rtdb.clock import Random
from rtdb.config import Limits
from rtdb.errors import InternalError, RateLimitedError, RtdbError, UnauthenticatedError
from rtdb.link.frames import Answer
from rtdb.sync.commands import Caller, Command, RunFunction, SendText
from rtdb.sync.ending import REFUSED_WRITES, auth_error_ending, ending
from rtdb.sync.function_call import FunctionCall, understand_call
from rtdb.sync.messages import (
    Action,
    Authenticate,
    ClientMessage,
    Connect,
    Event,
    ModifyQuerySet,
    Mutation,
    Ping,
    decode_client_message,
    decode_timestamp,
    encode_message,
)
from rtdb.sync.query_set import QuerySet
from rtdb.sync.request_queue import RequestQueue
from rtdb.sync.session_identity import SessionIdentity
from rtdb.sync.transition import StateVersion, encode_transition
from rtdb.sync.watch_table import WatchTable

__all__ = ["SyncConnection"]

NANOSECONDS = 1_000_000_000
HELD_MESSAGES_MAX = 4096
"""More than one read of a transport (64 KiB) can bring of the shortest messages there are."""
EXPIRED_MESSAGE = "Convex token identity expired"

_PING = SendText(encode_message(Ping()))


class SyncConnection:
    """A session on one socket. Every method returns the commands to carry out, in order.

    Received and sent state are apart: ``_queries`` and ``_identity`` have the client's counters of the last accepted
    message, ``_sent`` is the end version of the last transition.

    ``_due``: set when a transition must follow even if empty, cleared when it is sent. ``_floor_ts``: the timestamp the
    next transition must reach. ``_stamp``: set by Connect; the next transition then carries clock skew and server time.
    ``_behind_until_ns``: set while the database has not reached what the client has seen, to when that is given up.
    """

    __slots__ = (
        "_behind_until_ns",
        "_client_clock_skew",
        "_due",
        "_floor_ts",
        "_identity",
        "_inbox",
        "_last_sent_ns",
        "_limits",
        "_queries",
        "_requests",
        "_sent",
        "_stamp",
        "_table",
        "_unsent",
        "closed",
    )

    def __init__(self, table: WatchTable, *, anonymous: Caller, limits: Limits, random: Random, now_ns: int) -> None:
        self.closed = False
        self._table = table
        self._limits = limits
        self._identity = SessionIdentity(anonymous)
        self._client_clock_skew: int | None = None
        self._stamp = False
        self._sent = StateVersion(0, 0, 0)
        self._queries = QuerySet(table, self, limits)
        self._due = False
        self._floor_ts = 0
        self._behind_until_ns: int | None = None
        self._inbox: deque[ClientMessage] = deque()
        self._requests = RequestQueue(limits, random, redact=table.redact)
        self._unsent = 0
        self._last_sent_ns = now_ns

    # --- what the surroundings tell ---------------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether incoming messages only queue up now. Reading the socket may stop meanwhile, and should."""
        return self._halted or self._requests.full

    @property
    def _halted(self) -> bool:
        return self._identity.verifying or self._behind_until_ns is not None

    def receive(self, text: str | bytes, now_ns: int) -> list[Command]:
        """Handle one text message from the client, whatever it is."""
        if self.closed:
            return []
        try:
            message = decode_client_message(text)
            if self.paused:
                return self._hold(message)
            return self._handle(message, now_ns) + self._advance(now_ns)
        except RtdbError as error:
            return self._end(error)

    def receive_binary(self) -> list[Command]:
        """Handle a binary message: the protocol has none."""
        return [] if self.closed else self._end(InternalError("binary message"))

    def answered(self, run: RunFunction, answer: Answer, now_ns: int) -> list[Command]:
        """Bring the outcome of a :class:`RunFunction` this session asked for."""
        if self.closed:
            return []
        error = answer.error
        if error is not None and error.system:
            if error.code not in REFUSED_WRITES:
                return self._end_by(error.system, error.code, error.message)
            answer = msgspec.structs.replace(answer, error=msgspec.structs.replace(error, system=0))
        self._raise_floor(answer.ts)
        commands = self._note_responses(self._requests.finish(run, answer), now_ns)
        return commands + (self._resume(now_ns) if self._inbox else self._advance(now_ns))

    def identity_verified(self, caller: Caller, now_ns: int) -> list[Command]:
        """Answer to :class:`VerifyToken`: the token is good and this is whose it is."""
        if self.closed:
            return []
        try:
            self._identity.verified(caller)
        except RtdbError as error:
            return self._end(error)
        self._caller_changed()
        return self._resume(now_ns)

    def identity_rejected(self, error: RtdbError, now_ns: int) -> list[Command]:
        """Answer to :class:`VerifyToken`: the token is no good, or nobody can tell."""
        if self.closed:
            return []
        self._identity.give_up()
        if error.http_status in {400, 401, 403}:
            return self._end_unauthenticated(error.message, attempted=True)
        return self._end(error)

    def advance(self, now_ns: int) -> list[Command]:
        """Move on if that is possible: call after the watch table named this session. Never raises."""
        if self.closed:
            return []
        if self._behind_until_ns is not None and self._table.current_ts >= self._floor_ts:
            self._behind_until_ns = None
            return self._resume(now_ns)
        return self._advance(now_ns)

    def transition_written(self, now_ns: int) -> list[Command]:
        """Note that the oldest unsent transition has left for the socket."""
        if self.closed:
            return []
        held_back = self._unsent >= self._limits.unsent_transitions_max
        self._unsent -= 1
        # Else nothing was waiting for this; most deliveries leave at once and end here.
        return self._advance(now_ns) if held_back else []

    @property
    def next_deadline(self) -> int:
        """When to call :meth:`tick`, nanoseconds since the Unix epoch. Only sending moves it, and only later."""
        ping_ns = self._last_sent_ns + int(self._limits.ping_seconds * NANOSECONDS)
        return ping_ns if self._behind_until_ns is None else min(ping_ns, self._behind_until_ns)

    def tick(self, now_ns: int) -> list[Command]:
        """Do what time asks for: keep the client from taking us for dead, and give up waiting."""
        if self.closed:
            return []
        if self._behind_until_ns is not None and now_ns >= self._behind_until_ns:
            return self._end(InternalError("the client has seen a later timestamp than this database"))
        if now_ns < self._last_sent_ns + int(self._limits.ping_seconds * NANOSECONDS):
            return []
        self._last_sent_ns = now_ns
        return [_PING]

    def end(self, error: RtdbError) -> list[Command]:
        """End the session for a reason from outside (a failure, a drain), in the way its kind asks for."""
        return [] if self.closed else self._end(error)

    def socket_closed(self) -> None:
        """Note that the socket is gone. What runs goes on; its answers are for nobody."""
        if not self.closed:
            self._release()

    # --- messages -----------------------------------------------------------------------------------------------------

    def _hold(self, message: ClientMessage) -> list[Command]:
        if len(self._inbox) >= HELD_MESSAGES_MAX:
            raise RateLimitedError("Too many messages while the session cannot go on", code="TooManyQueuedMessages")
        self._inbox.append(message)
        return []

    def _resume(self, now_ns: int) -> list[Command]:
        """Handle what came in while the session was paused, until something pauses it again."""
        commands: list[Command] = []
        try:
            while self._inbox and not self.paused:
                commands += self._handle(self._inbox.popleft(), now_ns)
        except RtdbError as error:
            return commands + self._end(error)
        return commands + self._advance(now_ns)

    def _handle(self, message: ClientMessage, now_ns: int) -> list[Command]:
        match message:
            case Mutation():
                return self._mutation(message, now_ns)
            case Action():
                return self._action(message, now_ns)
            case ModifyQuerySet():
                self._queries.modify(message, self._identity.caller)
                self._due = True
            case Authenticate():
                return self._authenticate(message)
            case Connect():
                self._connect(message, now_ns)
            case Event():
                pass  # telemetry
        return []

    def _connect(self, message: Connect, now_ns: int) -> None:
        self._requests.session = str(message.sessionId)
        if message.clientTs is not None:
            self._client_clock_skew = message.clientTs - now_ns // 1_000_000
        self._stamp = True
        if message.maxObservedTimestamp is not None:
            self._raise_floor(decode_timestamp(message.maxObservedTimestamp))
            if self._floor_ts > self._table.current_ts:
                # Another node may be ahead of this one for a moment. Beyond that it is lost data, and silence is worse.
                patience = int(self._limits.observed_timestamp_seconds_max * NANOSECONDS)
                self._behind_until_ns = now_ns + patience

    def _authenticate(self, message: Authenticate) -> list[Command]:
        if (verify := self._identity.authenticate(message)) is not None:
            return [verify]
        self._caller_changed()
        return []

    def _caller_changed(self) -> None:
        self._queries.change_caller(self._identity.caller)
        self._due = True

    def _understand(self, message: Mutation | Action) -> FunctionCall:
        return understand_call(message, self._identity.caller, arguments_bytes_max=self._limits.arguments_bytes_max)

    # --- mutations and actions ----------------------------------------------------------------------------------------

    def _mutation(self, message: Mutation, now_ns: int) -> list[Command]:
        self._require_unexpired(now_ns)
        call = self._understand(message)
        return self._note_responses(self._requests.add_mutation(message, call, self._identity.caller), now_ns)

    def _action(self, message: Action, now_ns: int) -> list[Command]:
        self._require_unexpired(now_ns)
        call = self._understand(message)
        return self._note_responses(self._requests.add_action(message, call, self._identity.caller), now_ns)

    def _note_responses(self, commands: list[Command], now_ns: int) -> list[Command]:
        """A transition follows every response, also that to a request which was refused without running."""
        if any(isinstance(command, SendText) for command in commands):
            self._last_sent_ns = now_ns
            self._due = True
        return commands

    # --- transitions --------------------------------------------------------------------------------------------------

    def _raise_floor(self, timestamp: int) -> None:
        self._floor_ts = max(self._floor_ts, timestamp)
        if self._floor_ts > self._table.current_ts:
            self._table.wait_for_timestamp(self._floor_ts, self)

    def _advance(self, now_ns: int) -> list[Command]:
        """Send a transition if one is due or something changed, and it may be sent."""
        if self._unsent >= self._limits.unsent_transitions_max or self._halted:
            return []
        sent = self._sent
        target = self._queries.target(max(sent.ts, self._floor_ts))
        if target is None:
            return []
        if self._identity.is_expired(now_ns):
            return self._end_unauthenticated(EXPIRED_MESSAGE, attempted=False)
        modifications = self._queries.changes(target)
        if not modifications and not self._due:
            return []
        for _, content in modifications:
            if content is not None and content.failure is not None:
                return self._end_by(content.failure.system, content.failure.code, content.failure.message)
        end = StateVersion(self._queries.version, self._identity.version, target)
        if self._stamp or end.identity != sent.identity:
            stamp = _encode_stamp(self._client_clock_skew, now_ns)
            send = SendText(encode_transition(sent, end, modifications, stamp), transition=True)
            self._stamp = False
        elif self._queries.shared:
            send = self._table.transitions.get(sent, end, modifications)
        else:
            send = SendText(encode_transition(sent, end, modifications), transition=True)
        self._sent = end
        self._due = False
        self._floor_ts = 0
        self._unsent += 1
        self._last_sent_ns = now_ns
        return [send]

    # --- the end ------------------------------------------------------------------------------------------------------

    def _require_unexpired(self, now_ns: int) -> None:
        if self._identity.is_expired(now_ns):
            raise UnauthenticatedError(EXPIRED_MESSAGE, code="TokenExpired")

    def _end(self, error: RtdbError) -> list[Command]:
        return self._end_by(error.http_status, error.code, error.message)

    def _end_by(self, status: int, code: str, message: str) -> list[Command]:
        if status == 401:
            return self._end_unauthenticated(message, attempted=False)
        self._release()
        return ending(status, code, message)

    def _end_unauthenticated(self, message: str, *, attempted: bool) -> list[Command]:
        self._release()
        return auth_error_ending(message, self._sent.identity, attempted=attempted)

    def _release(self) -> None:
        self.closed = True
        self._table.stop_waiting(self)
        self._queries.clear()
        self._identity.give_up()
        self._inbox.clear()
        self._requests.clear()


def _encode_stamp(client_clock_skew: int | None, now_ns: int) -> str:
    skew = "null" if client_clock_skew is None else str(client_clock_skew)
    return f',"clientClockSkew":{skew},"serverTs":{now_ns}'
