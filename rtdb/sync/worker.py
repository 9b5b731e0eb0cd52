"""Joins one session's state machine to its connection and to the hub.

Everything that happens to a session comes through here as a plain call, is told to the :class:`SyncConnection`, and the
commands it returns are carried out in order before anything else happens to it. Nothing here waits, except for a token
whose verification needs the network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import structlog
import trio

from rtdb.auth.identity import Identity
from rtdb.errors import InternalError, RtdbError
from rtdb.link.frames import Answer, RequestKind, SessionRequest
from rtdb.sync.commands import Close, Command, RunFunction, SendText, VerifyToken
from rtdb.sync.connection import SyncConnection
from rtdb.sync.transport import Transport

__all__ = ["SessionServices", "SyncWorker"]

_log = structlog.get_logger("rtdb.sync")

UNTYPED_ERROR = (1011, "InternalServerError")


class SessionServices(Protocol):
    """What all sessions of a gateway share."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, never stepping back."""

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
        """Run a function and hand its answer to ``deliver``; return the call's number."""

    def cancel_call(self, number: int) -> None:
        """Nobody waits for this answer any more."""

    def verify(self, token: VerifyToken) -> Awaitable[Identity]:
        """Find out whose token this is. Raises as http-api §9.4 and §10.3 say."""

    def send_watches(self) -> None:
        """Tell the hub what the watch table has gathered for it."""


class SyncWorker:
    """Runs one session. ``calls`` are the numbers of its calls under way."""

    __slots__ = ("_nursery", "_services", "_transport", "_unsent_transitions", "calls", "connection")

    def __init__(
        self,
        connection: SyncConnection,
        transport: Transport,
        services: SessionServices,
        nursery: trio.Nursery,
    ) -> None:
        """Store the parts; ``nursery`` runs the verification of tokens."""
        self.connection = connection
        self._transport = transport
        self._services = services
        self._nursery = nursery
        self._unsent_transitions = 0
        self.calls: set[int] = set()

    @property
    def paused(self) -> bool:
        """Whether the session asks not to be sent messages now."""
        return self.connection.paused

    def received(self, text: str | bytes) -> None:
        """Take in one message from the client."""
        self.carry_out(self.connection.receive(text, self._services.now_ns()))
        self._services.send_watches()

    def received_binary(self) -> None:
        """Note that the client has sent a binary message."""
        self.carry_out(self.connection.receive_binary())
        self._services.send_watches()

    def drained(self) -> None:
        """Note that everything sent so far has left."""
        while self._unsent_transitions:
            self._unsent_transitions -= 1
            self.carry_out(self.connection.transition_written(self._services.now_ns()))

    def advance(self, now_ns: int) -> None:
        """Move on: the watch table has named this session."""
        try:
            was_paused = self.connection.paused
            self.carry_out(self.connection.advance(now_ns))
            if was_paused and not self.connection.paused:
                self._transport.resume()
                self._services.send_watches()
        except Exception:
            self._fail()

    def tick(self, now_ns: int) -> None:
        """Do what time asks for."""
        try:
            self.carry_out(self.connection.tick(now_ns))
        except Exception:
            self._fail()

    def end(self, error: RtdbError) -> None:
        """End the session from outside, in the way the error's kind asks for."""
        self.carry_out(self.connection.end(error))
        self._services.send_watches()

    def socket_closed(self) -> None:
        """Note that the connection is gone."""
        self.connection.socket_closed()
        self._services.send_watches()
        for number in self.calls:
            self._services.cancel_call(number)
        self.calls.clear()

    def carry_out(self, commands: list[Command]) -> None:
        """Do what the session asks for, in order, and what it then asks for on top.

        What is to be sent goes out together: a response and the transition after it wake the client once.
        """
        while commands:
            messages: list[SendText] = []
            for command in commands:
                if isinstance(command, SendText):
                    messages.append(command)
                elif isinstance(command, RunFunction):
                    self._run(command)
                elif isinstance(command, VerifyToken):
                    self._nursery.start_soon(self._verify, command)
                else:
                    self._send(messages)
                    self._close(command)
                    return
            commands = self._send(messages)

    def _send(self, messages: list[SendText]) -> list[Command]:
        """Send messages; return what the session asks for once it has heard which transitions have left."""
        commands: list[Command] = []
        if messages:
            left = self._transport.send_texts(messages)
            for message in messages:
                if message.transition and left:
                    commands += self.connection.transition_written(self._services.now_ns())
                elif message.transition:
                    self._unsent_transitions += 1
        return commands

    def _close(self, command: Close) -> None:
        if command.code == UNTYPED_ERROR[0]:
            # All the client is told is that close code: whoever looks for the reason finds it here.
            _log.warning("a session ended", detail=command.detail)
        self._transport.close(command.code, command.reason)

    def _run(self, run: RunFunction) -> None:
        number = self._services.start_call(
            run.kind,
            run.path,
            run.args,
            run.identity,
            partial(self._answered, run),
            internal=run.internal,
            session=run.session,
            request_id=run.request_id,
        )
        self.calls.add(number)

    def _answered(self, run: RunFunction, answer: Answer) -> None:
        self.calls.discard(answer.call)
        try:
            self.carry_out(self.connection.answered(run, answer, self._services.now_ns()))
            if not self.connection.paused:
                self._transport.resume()
            # What was held back until now may have been about queries.
            self._services.send_watches()
        except Exception:
            self._fail()

    def _fail(self) -> None:
        """End this session after a mistake of ours, on a path that all sessions share: the others must go on."""
        _log.exception("a session failed")
        self.connection.socket_closed()
        self._transport.close(*UNTYPED_ERROR)

    async def _verify(self, token: VerifyToken) -> None:
        try:
            identity = await self._services.verify(token)
        except RtdbError as error:
            commands = self.connection.identity_rejected(error, self._services.now_ns())
        except Exception as error:
            # The boundary of one verification: whatever it is, it must end this session and no other.
            _log.exception("verifying a token failed")
            failure = InternalError(f"verifying a token failed: {error!r}")
            commands = self.connection.identity_rejected(failure, self._services.now_ns())
        else:
            commands = self.connection.identity_verified(identity, self._services.now_ns())
        self.carry_out(commands)
        self._services.send_watches()
        if not self.connection.paused:
            self._transport.resume()
