"""The gateway process: client sockets and sync sessions on one side, a link to the hub on the other.

::

    hub ── Begun ──▶ configuration, secret, position          ◀── Ready
    hub ── Answer ──▶ call table ──▶ whoever asked             ◀── CallRequest, PushStepRequest, Cancel
    hub ── HttpActionHead, BodyChunk ──▶ HTTP action table ──▶ whoever asked   ◀── HttpActionRequest, BodyChunk
    hub ── DeployEvent ──▶ deploy table ──▶ whoever asked      ◀── DeployRequest, DeployCancel
    hub ── LogPage ──▶ log poll table ──▶ whoever asked        ◀── LogPoll, LogPollCancel
    hub ── BlockNotice, RoundResults ──▶ watch table ──▶ sessions   ◀── Watch, Unwatch
    hub ── Drain ──▶ no new connections, sessions closed, requests finished, then the process ends

Messages of the hub are handled one after the other, each completely, because their order carries meaning: a notice
comes before any answer of its block, and a session sees the database move in that order.

Invariants: a gateway holds nothing that is not in a client's hands or the hub's, so it may die at any time; when the
link to the hub ends, it does.
"""

from __future__ import annotations

import resource
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
import trio

from rtdb.auth.admin_key import AdminKeys
from rtdb.auth.credentials import Credentials, NoAuthProviders
from rtdb.auth.derived_key import UPLOAD_LABEL, derive_key
from rtdb.auth.identity import ANONYMOUS, Identity
from rtdb.blobstore.addresses import UploadTokens
from rtdb.blobstore.store import BlobStore
from rtdb.clock import Clock, Random, SystemClock, SystemRandom
from rtdb.config import Config, decode_config
from rtdb.errors import OverloadedError
from rtdb.gateway.deploy_table import DeployTable
from rtdb.gateway.framing import FrameCache, tune_socket
from rtdb.gateway.handshake import shake_hands
from rtdb.gateway.http_action_table import HttpActionTable
from rtdb.gateway.http_server import HttpServer
from rtdb.gateway.listener import Listener
from rtdb.gateway.log_poll_table import LogPollTable
from rtdb.gateway.sessions import Session, Sessions
from rtdb.gateway.upgrade import Accepted, Refused, refusal
from rtdb.gateway.websocket import WebSocket
from rtdb.http.app import HttpApplication
from rtdb.http.facade import HttpActionExchange
from rtdb.http.metrics import GatewayMetrics
from rtdb.http.receive_budget import ReceiveBudget
from rtdb.http.storage_routes import StorageRoutes
from rtdb.link.call_table import CallTable
from rtdb.link.child import become_child, calm_collector, inherited_socket
from rtdb.link.frames import (
    Answer,
    Begun,
    BlockNotice,
    BodyChunk,
    BodyCredit,
    DeployEvent,
    Drain,
    FileStep,
    HttpActionHead,
    HttpActionRequest,
    LogPage,
    Origin,
    PushStep,
    Ready,
    RequestKind,
    RoundResults,
    SessionRequest,
)
from rtdb.link.link import FROM_HUB_BYTES_MAX, Link, LinkClosed, Message, SocketLink
from rtdb.process_log import configure_process_log
from rtdb.sync.commands import VerifyToken
from rtdb.sync.connection import SyncConnection
from rtdb.sync.watch_table import WatchTable
from rtdb.sync.worker import SyncWorker

__all__ = ["Gateway", "main", "run_gateway"]

_log = structlog.get_logger("rtdb.gateway")


class Gateway:
    """One gateway, once the hub has said what it needs to know."""

    def __init__(
        self, begun: Begun, link: Link, listening: Sequence[socket.socket], clock: Clock, random: Random
    ) -> None:
        self.config: Config = decode_config(begun.config)
        limits = self.config.limits
        self.metrics = GatewayMetrics()
        self._link = link
        self._clock = clock
        self._random = random
        self._last_ns = 0
        self._draining = False
        redact = self.config.redact_errors
        self._credentials = Credentials(
            AdminKeys(self.config.instance_name, begun.admin_secret), NoAuthProviders(redact_errors=redact)
        )
        self._calls = CallTable(link)
        self._http_actions = HttpActionTable(link, self._calls, limits.http_action_window_bytes)
        self._deploys = DeployTable(link)
        self._log_polls = LogPollTable(link)
        self._watches = WatchTable(current_ts=begun.ts, random=random, redact=redact)
        self._sessions = Sessions(limits, self.metrics, self.now_ns)
        self._frames = FrameCache()
        self._received = ReceiveBudget(limits.received_bytes_max)
        tokens = UploadTokens(derive_key(begun.admin_secret, UPLOAD_LABEL), self.config.instance_name)
        files = StorageRoutes(self, BlobStore(self.config.data_dir, random), tokens, clock, limits)
        main, *sites = listening
        site_port = sites[0].getsockname()[1] if sites else 0
        self._application = HttpApplication(
            self, self._credentials, self.config, random, self.metrics, self._received, files, site_port
        )
        self._http_server = HttpServer(self._application, limits)
        self._listener = Listener(
            main, limits, self.metrics, serve_sync=self._serve_sync, serve_http=self._http_server.serve
        )
        self._site_server = HttpServer(self._application.site, limits)
        self._site_listeners = [
            Listener(site, limits, self.metrics, serve_sync=None, serve_http=self._site_server.serve) for site in sites
        ]
        self._accepting = trio.CancelScope()

    # --- what requests and sessions ask -----------------------------------------------------------

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, never stepping back."""
        self._last_ns = max(self._last_ns, self._clock.now_ns())
        return self._last_ns

    def latest_ts(self) -> int:
        """The newest timestamp this gateway has heard of."""
        return self._watches.current_ts

    def is_ready(self) -> bool:
        """Whether new work is welcome."""
        return not self._draining

    async def call(
        self,
        kind: RequestKind,
        path: str,
        args: bytes,
        identity: bytes | None,
        *,
        internal: bool,
        request_id: str,
        at_ts: int | None = None,
    ) -> Answer:
        """Run a function and wait for its answer."""
        self.metrics.calls.inc()
        origin = Origin(caller="HttpApi", request=request_id)
        return await self._calls.call(kind, path, args, identity, internal=internal, origin=origin, at_ts=at_ts)

    async def file_step(self, step: FileStep, args: bytes) -> Answer:
        """Take a step of file storage for one of this gateway's own routes."""
        return await self._calls.file_step(step, args)

    def open_http_action(self, request: HttpActionRequest) -> HttpActionExchange:
        """Have an HTTP action answer a request."""
        self.metrics.calls.inc()
        return self._http_actions.open(request)

    async def deploy(self, archive: bytes, *, dry_run: bool, report: Callable[[bytes], Awaitable[None]]) -> None:
        """Have an app deployed and report what happens."""
        await self._deploys.deploy(archive, dry_run=dry_run, report=report)

    async def push_step(self, step: PushStep, body: bytes) -> Answer:
        """Take a step of a push and wait for its answer."""
        return await self._calls.push_step(step, body)

    async def function_log(self, after: int, newest_max: int | None) -> LogPage:
        """Return what the function log has after a cursor, as soon as there is something."""
        return await self._log_polls.poll(after, newest_max)

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
        self.metrics.calls.inc()
        origin = Origin(caller="SyncWorker", request=request_id)
        return self._calls.start(kind, path, args, identity, deliver, internal=internal, origin=origin, session=session)

    def cancel_call(self, number: int) -> None:
        """Nobody waits for this answer any more."""
        self._calls.cancel(number)

    async def verify(self, token: VerifyToken) -> Identity:
        """Find out whose token this is."""
        if token.token_type == "User":  # noqa: S105  # a kind of token, not one
            return await self._credentials.verify_user(token.value)
        return self._credentials.verify_admin(token.value, token.impersonating)

    def send_watches(self) -> None:
        """Tell the hub what the watch table has gathered for it."""
        outgoing = self._watches.outgoing
        if outgoing:
            for message in outgoing:
                self._link.send_nowait(message)
            outgoing.clear()

    # --- the process ------------------------------------------------------------------------------

    async def run(self, messages: list[Message]) -> None:
        """Serve until drained; ``messages`` came with Begun. Raises :class:`LinkClosed` when the hub is gone."""
        async with trio.open_nursery() as services:
            services.start_soon(self._sessions.watch_silence)
            services.start_soon(self._follow_hub, messages)
            async with trio.open_nursery() as connections:
                self._connections = connections
                self._link.send_nowait(Ready(self._listener.port))
                with self._accepting:
                    async with trio.open_nursery() as listeners:
                        for listener in [self._listener, *self._site_listeners]:
                            listeners.start_soon(listener.run, connections)
                # Only a drain ends accepting; what is open now has this long to finish.
                connections.cancel_scope.deadline = trio.current_time() + self.config.limits.drain_seconds_max
                for listener in [self._listener, *self._site_listeners]:
                    listener.abandon_undecided()
                await self._http_server.finish()
                await self._site_server.finish()
                await self._sessions.drain()
            services.cancel_scope.cancel()

    async def _follow_hub(self, messages: list[Message]) -> None:
        while True:
            for message in messages:
                await self._handle(message)
            messages = await self._link.receive()

    async def _handle(self, message: Message) -> None:
        match message:
            case Answer():
                self._calls.answer(message)
            case BlockNotice():
                await self._sessions.advance(self._watches.apply_notice(message))
                self.send_watches()
            case RoundResults():
                self.metrics.rounds.inc()
                await self._sessions.advance(self._watches.apply_round(message))
                self.send_watches()
            case BodyChunk():
                self._http_actions.chunk(message)
            case BodyCredit():
                self._http_actions.credit(message)
            case HttpActionHead():
                self._http_actions.head(message)
            case DeployEvent():
                self._deploys.event(message)
            case LogPage():
                self._log_polls.page(message)
            case Drain():
                self._draining = True
                self._log_polls.drain()
                self._accepting.cancel()
            case _:
                raise AssertionError(f"the hub sends a gateway no {type(message).__name__}")

    # --- sync sessions ----------------------------------------------------------------------------

    async def _serve_sync(self, client: socket.socket) -> None:
        with client:
            try:
                tune_socket(client, self.config.limits)
                accepted = await shake_hands(client, self.config.limits, self._refusal)
                if accepted is not None:
                    _log.debug("session opened", client=accepted.client.name, version=accepted.client.text)
                    await self._run_session(client, accepted)
            except (OSError, trio.ClosedResourceError):
                # The peer is gone in the middle of something.
                return
            except Exception:
                # The boundary of one connection: whatever it is, it must end this session and no other.
                _log.exception("a sync session failed")

    def _refusal(self) -> Refused | None:
        """Return what to tell a client that would like a session now; None when it may have one."""
        if self._draining:
            return refusal(OverloadedError("This server is shutting down.", code="ServerShuttingDown"))
        if len(self._sessions) >= self.config.limits.sessions_max:
            self.metrics.connections_refused.inc()
            return refusal(OverloadedError("This server holds as many sessions as it can.", code="TooManySessions"))
        return None

    async def _run_session(self, client: socket.socket, accepted: Accepted) -> None:
        limits = self.config.limits
        now_ns = self.now_ns()
        async with trio.open_nursery() as nursery:
            websocket = WebSocket(
                client,
                accepted.trailing,
                frame=self._frames.chunks if accepted.client.accepts_transition_chunks else self._frames.frame,
                limits=limits,
                metrics=self.metrics,
                received=self._received,
                nursery=nursery,
            )
            connection = SyncConnection(
                self._watches, anonymous=ANONYMOUS, limits=limits, random=self._random, now_ns=now_ns
            )
            worker = SyncWorker(connection, websocket, self, nursery)
            session = Session(worker, websocket, now_ns)
            self._sessions.add(session)
            try:
                await websocket.run(worker)
            finally:
                self._sessions.remove(session)
                worker.socket_closed()
                nursery.cancel_scope.cancel()


async def run_gateway(
    link: Link,
    listening: Sequence[socket.socket],
    clock: Clock,
    random: Random,
    *,
    configure_logging: Callable[[str], None] | None = None,
) -> None:
    """Run a gateway on a link until it is drained. Raises :class:`LinkClosed` when the hub is gone.

    ``listening`` are the sockets of the main port and, if there is one, of the site port.
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(link.run)
        begun, *following = await link.receive()
        assert isinstance(begun, Begun), "the hub begins with Begun"
        gateway = Gateway(begun, link, listening, clock, random)
        if configure_logging is not None:
            configure_logging(gateway.config.log_level)
        await gateway.run(following)
        nursery.cancel_scope.cancel()


def main(arguments: list[str]) -> int:
    """Be the gateway process: ``arguments`` are the descriptor of the link, the parent, and the descriptors of the
    listening sockets."""
    link_descriptor, parent, *listening_descriptors = map(int, arguments)
    become_child(parent, "rtdb-gateway")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        # Every client is a descriptor.
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    link = SocketLink(inherited_socket(link_descriptor), FROM_HUB_BYTES_MAX)
    listening = [inherited_socket(descriptor) for descriptor in listening_descriptors]
    calm_collector()
    try:
        trio.run(
            partial(
                run_gateway,
                link,
                listening,
                SystemClock(),
                SystemRandom(),
                configure_logging=partial(configure_process_log, "gateway"),
            )
        )
    except ExceptionGroup as errors:
        lost, others = errors.split(LinkClosed)
        if others is not None:
            raise others from None
        assert lost is not None
        _log.warning("the link to the hub has ended")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
