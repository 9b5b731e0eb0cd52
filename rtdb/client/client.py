"""A client on trio: one connection that is kept open, and calls and subscriptions on top of it.

All protocol state is in :class:`~rtdb.client.connection.ClientConnection`; here are the socket, the waiting and the
coming back. Between two checkpoints the state is consistent: callers change it, then wake the sender.

Overload: a subscription holds one result, the newest; a reader that is slow skips the ones between. Calls are not
bounded here; the server ends a session with too many.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

import trio

from rtdb.client.connection import (
    AuthRejected,
    ClientConnection,
    ClientEvent,
    Credentials,
    Outcome,
    RequestFinished,
    ResultsChanged,
    Terminated,
)
from rtdb.client.errors import ClientError, ConvexError, FunctionError
from rtdb.client.websocket import WebSocket, WebSocketClosed
from rtdb.clock import Clock, Random, SystemClock, SystemRandom
from rtdb.sync.messages import ProtocolError
from rtdb.values import json_codec
from rtdb.values.value import Value

__all__ = ["Client", "FetchToken", "Subscription", "open_client"]

FetchToken = Callable[[bool], Awaitable[str | None]]
"""Returns a user token, or None for nobody; True asks for a fresh one, because the last was refused."""

Arguments = Mapping[str, Value]

CLIENT_VERSION = b"rtdb-0.1.0"  # a client name the server knows no history of is always served
MESSAGE_BYTES_MAX = 256 * 1024 * 1024  # a transition holds the results of many queries, 16 MiB each
SILENCE_SECONDS_MAX = 60.0  # the server says something every 15 s
CONNECT_SECONDS_MAX = 30.0
BACKOFF_SECONDS_FIRST = 0.1
BACKOFF_SECONDS_MAX = 15.0

logger = logging.getLogger(__name__)


@asynccontextmanager
async def open_client(url: str, *, clock: Clock | None = None, random: Random | None = None) -> AsyncIterator[Client]:
    """Open a client of the deployment at ``url`` (``http://…`` or ``https://…``), and close it at the end of the block.

    Returns at once; calls wait until there is a connection. An error of the block is raised as it is.
    """
    client = Client(url, clock=clock or SystemClock(), random=random or SystemRandom())
    body_error: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.run)
        try:
            yield client
        except Exception as error:
            body_error = error  # raised outside, where the nursery does not wrap it in a group
        nursery.cancel_scope.cancel()
    if body_error is not None:
        raise body_error


class Client:
    """Calls functions and follows queries of one deployment. Made by :func:`open_client`."""

    def __init__(self, url: str, *, clock: Clock, random: Random) -> None:
        self._address = _sync_address(url)
        self._clock = clock
        self._random = random
        self._connection = ClientConnection(UUID(bytes=random.bytes(16), version=4))
        self._fetch_token: FetchToken | None = None
        self._credentials_refused = False
        self._failures = 0
        self._wake_sender = trio.Event()
        self._calls: dict[int, _Call] = {}
        self._subscriptions: dict[int, set[Subscription]] = {}

    # --- calls --------------------------------------------------------------------------------------------------------

    async def query(self, path: str, args: Arguments | None = None) -> Value:
        """Return a query's result now. Raises :class:`ConvexError` or :class:`FunctionError` if it fails."""
        async with self.subscribe(path, args) as results:
            return await anext(results)

    async def mutation(self, path: str, args: Arguments | None = None) -> Value:
        """Run a mutation once, also across lost connections; return when subscriptions show its effect.

        If cancelled, it may still take effect. Raises :class:`ConvexError` or :class:`FunctionError` if it fails.
        """
        return await self._call("mutation", path, args)

    async def action(self, path: str, args: Arguments | None = None) -> Value:
        """Run an action. Raises :class:`FunctionError` also if the connection is lost meanwhile: it may have run.

        If cancelled, it goes on.
        """
        return await self._call("action", path, args)

    def subscribe(self, path: str, args: Arguments | None = None) -> Subscription:
        """Follow a query: ``async with client.subscribe(…) as results: async for value in results``."""
        return Subscription(self, path, _encode_arguments(args))

    async def set_auth(self, token: str | FetchToken) -> None:
        """Be the user of this token. A function is asked for the token, and again when the server refuses it."""
        if isinstance(token, str):
            self._fetch_token = None
            self._set_credentials(Credentials("User", token))
        else:
            self._fetch_token = token
            value = await token(False)
            self._set_credentials(None if value is None else Credentials("User", value))

    def set_admin_auth(self, admin_key: str, acting_as: dict[str, Any] | None = None) -> None:
        """Be an admin, or the user with these attributes (``issuer`` and ``subject`` at least)."""
        self._fetch_token = None
        self._set_credentials(Credentials("Admin", admin_key, acting_as))

    def clear_auth(self) -> None:
        """Be nobody."""
        self._fetch_token = None
        self._set_credentials(None)

    def _set_credentials(self, credentials: Credentials | None) -> None:
        self._connection.set_auth(credentials)
        self._wake_sender.set()

    async def _call(self, kind: Literal["mutation", "action"], path: str, args: Arguments | None) -> Value:
        self._require_alive()
        call = _Call()
        number = self._connection.request(kind, path, _encode_arguments(args))
        self._calls[number] = call
        self._wake_sender.set()
        try:
            await call.done.wait()
        finally:
            del self._calls[number]
        if call.outcome is None:
            self._require_alive()
            raise AssertionError("a call ends with an outcome or with the client")
        return _value_of(call.outcome)

    def _require_alive(self) -> None:
        if self._connection.terminated is not None:
            raise ClientError(f"The server ended the session: {self._connection.terminated}")

    # --- the connection -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep a connection open until cancelled, or until the server says that going on makes no sense."""
        while self._connection.terminated is None:
            reason = await self._run_connection()
            self._deliver(self._connection.closed(reason))
            if self._connection.terminated is None:
                await trio.sleep(self._backoff_seconds())
                await self._renew_token()

    async def _run_connection(self) -> str | None:
        """Open one connection and use it up; return why it ended."""
        try:
            with trio.fail_after(CONNECT_SECONDS_MAX):
                stream = await self._open_stream()
        except (OSError, trio.BrokenResourceError, trio.TooSlowError) as error:
            logger.info("no connection to %s: %r", self._address.geturl(), error)
            return "FailedToConnect"
        async with stream:
            try:
                with trio.fail_after(CONNECT_SECONDS_MAX):
                    socket = await WebSocket.open(
                        stream,
                        self._address.netloc,
                        self._address.path,
                        [(b"Convex-Client", CLIENT_VERSION)],
                        message_bytes_max=MESSAGE_BYTES_MAX,
                    )
            except (WebSocketClosed, trio.TooSlowError) as error:
                logger.info("no session at %s: %r", self._address.geturl(), error)
                return "FailedToConnect"
            return await self._use_socket(socket)

    async def _open_stream(self) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
        host = self._address.hostname
        assert host is not None, "checked when the client was made"
        if self._address.scheme == "ws":
            return await trio.open_tcp_stream(host, self._address.port or 80)
        stream = await trio.open_ssl_over_tcp_stream(host, self._address.port or 443, https_compatible=True)
        try:
            await stream.do_handshake()
        except BaseException:
            # Not TLS, not a certificate we trust, or too slow: nobody else knows of this socket yet.
            await trio.aclose_forcefully(stream)
            raise
        return stream

    async def _use_socket(self, socket: WebSocket) -> str | None:
        self._connection.opened(self._clock.now_ns() // 1_000_000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_messages, socket)
            reason = await self._receive_messages(socket)
            nursery.cancel_scope.cancel()
        return reason

    async def _send_messages(self, socket: WebSocket) -> None:
        try:
            while True:
                while (message := self._connection.next_message()) is not None:
                    await socket.send_text(message.decode())
                self._wake_sender = trio.Event()
                await self._wake_sender.wait()
        except WebSocketClosed:
            pass  # the receiver sees it too, and ends the connection once it has read what had arrived

    async def _receive_messages(self, socket: WebSocket) -> str | None:
        """Handle messages until the connection ends; return why, for the next Connect."""
        while True:
            message: str | None = None
            try:
                with trio.move_on_after(SILENCE_SECONDS_MAX):
                    message = await socket.receive_text()
            except WebSocketClosed as error:
                return error.reason
            if message is None:
                return "InactiveServer"
            try:
                self._deliver(self._connection.receive(message))
            except ProtocolError as error:
                logger.warning("what the server says makes no sense: %s", error.message)
                return "ProtocolError"
            if self._connection.terminated is not None:
                return "FatalError"
            if self._connection.resumed:
                self._failures = 0

    def _deliver(self, events: list[ClientEvent]) -> None:
        for event in events:
            match event:
                case ResultsChanged():
                    for query_id, outcome in event.results.items():
                        for subscription in self._subscriptions.get(query_id, ()):
                            subscription.put(outcome)
                case RequestFinished():
                    call = self._calls.get(event.request)
                    if call is not None:  # else its caller was cancelled
                        call.finish(event.outcome)
                case AuthRejected():
                    logger.warning("failed to authenticate: %s", event.message)
                    self._credentials_refused = True
                case Terminated():
                    self._wake_everybody()

    def _wake_everybody(self) -> None:
        for call in self._calls.values():
            call.done.set()
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.changed.set()

    async def _renew_token(self) -> None:
        """After credentials were refused: get a fresh token, or go on as nobody."""
        if not self._credentials_refused:
            return
        self._credentials_refused = False
        refused = self._connection.credentials
        token = await self._fetch_token(True) if self._fetch_token is not None else None
        if token is not None and refused is not None and token == refused.value:
            token = None
        self._set_credentials(None if token is None else Credentials("User", token))

    def _backoff_seconds(self) -> float:
        """Full jitter, so that clients which lost one server do not come back together."""
        bound = min(BACKOFF_SECONDS_FIRST * 2.0 ** min(self._failures, 16), BACKOFF_SECONDS_MAX)
        self._failures += 1
        return bound * int.from_bytes(self._random.bytes(4), "big") / 2**32

    # --- subscriptions ------------------------------------------------------------------------------------------------

    def _open_subscription(self, subscription: Subscription, path: str, args: bytes) -> int:
        self._require_alive()
        query_id = self._connection.subscribe(path, args)
        self._subscriptions.setdefault(query_id, set()).add(subscription)
        outcome = self._connection.outcome(query_id)
        if outcome is not None:
            subscription.put(outcome)
        self._wake_sender.set()
        return query_id

    def _close_subscription(self, subscription: Subscription, query_id: int) -> None:
        self._connection.unsubscribe(query_id)
        subscriptions = self._subscriptions[query_id]
        subscriptions.discard(subscription)
        if not subscriptions:
            del self._subscriptions[query_id]
        self._wake_sender.set()


class Subscription:
    """An iterator over a query's results: the present one, then each that differs from the one before.

    Each result goes to one reader. A reader that is slow gets the newest and misses the ones between. A result that is
    an error is raised from the iteration, which may be resumed. Leaving the ``async with`` block ends the subscription.
    """

    def __init__(self, client: Client, path: str, args: bytes) -> None:
        self.changed = trio.Event()
        self._client = client
        self._path = path
        self._args = args
        self._query_id: int | None = None
        self._newest: Outcome | None = None

    async def __aenter__(self) -> Self:
        if self._query_id is None:
            self._query_id = self._client._open_subscription(self, self._path, self._args)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._query_id is not None:
            self._client._close_subscription(self, self._query_id)
            self._query_id = self._newest = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Value:
        """Wait for the next result. Raises what a failed query raises, and :class:`ClientError` at the end."""
        if self._query_id is None:
            raise ClientError("A subscription is open only inside its `async with` block")
        await trio.lowlevel.checkpoint_if_cancelled()
        while self._newest is None:
            self._client._require_alive()
            if self.changed.is_set():
                # A new one only then: another task may be waiting for the old one.
                self.changed = trio.Event()
            await self.changed.wait()
        outcome, self._newest = self._newest, None
        return _value_of(outcome)

    def put(self, outcome: Outcome) -> None:
        """Make this the next result, in place of one that nobody has taken."""
        self._newest = outcome
        self.changed.set()


class _Call:
    """A caller who waits. ``outcome`` is set together with ``done``, unless the client has ended."""

    __slots__ = ("done", "outcome")

    def __init__(self) -> None:
        self.done = trio.Event()
        self.outcome: Outcome | None = None

    def finish(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.done.set()


def _encode_arguments(args: Arguments | None) -> bytes:
    return b"{}" if args is None else json_codec.encode(dict(args))


def _value_of(outcome: Outcome) -> Value:
    """Return what a function returned, or raise as it did."""
    failure = outcome.failure
    if failure is None:
        assert outcome.value is not None, "an outcome is a value or a failure"
        return json_codec.decode(outcome.value)
    if failure.data is not None:
        raise ConvexError(failure.message, json_codec.decode(failure.data))
    raise FunctionError(failure.message)


def _sync_address(url: str) -> SplitResult:
    """Return the address of the sync endpoint of a deployment's address."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ClientError(f"Not the address of a deployment: {url!r}. It begins with http:// or https://")
    return SplitResult(scheme, parts.netloc, f"{parts.path.rstrip('/')}/api/sync", "", "")
