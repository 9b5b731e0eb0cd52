"""A sync endpoint on a real socket whose hub is the model of ``tests/sync/fake_hub``: what a client's tests talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio_websocket

from rtdb.config import Limits
from rtdb.errors import UnauthenticatedError
from rtdb.link.frames import BlockNotice
from rtdb.sync.commands import Close, Command, RunFunction, SendText, VerifyToken
from rtdb.sync.connection import SyncConnection
from rtdb.sync.watch_table import WatchTable
from tests.sync.fake_hub import FakeHub
from tests.sync.session_world import NOBODY, NOW_NS, Person, SeededRandom


class SyncServer:
    """Sessions over one table. ``hold_answers`` keeps frames of the hub back, so that a test can cut in between.

    ``refused``: tokens that are not accepted. Any other token is the encoded name of its user.
    """

    def __init__(self) -> None:
        self.hub = FakeHub()
        self.table = WatchTable(current_ts=self.hub.ts, random=SeededRandom(), redact=False)
        self.hold_answers = False
        self.refused: set[str] = set()
        self.connections = 0
        self.actions: list[RunFunction] = []
        self.address = ""
        self._senders: dict[SyncConnection, trio.MemorySendChannel[SendText | Close]] = {}
        self._runs: dict[RunFunction, SyncConnection] = {}
        self._sockets: list[trio_websocket.WebSocketConnection] = []

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        async with trio.open_nursery() as nursery:
            server = await nursery.start(trio_websocket.serve_websocket, self._handle, "127.0.0.1", 0, None)
            self.address = f"http://127.0.0.1:{server.port}"
            task_status.started()

    async def drop_connections(self) -> None:
        """Cut every connection, without a close frame."""
        sockets, self._sockets = self._sockets, []
        for socket in sockets:
            await socket._stream.aclose()

    def write(self, key: int) -> None:
        self.hub.write([key])
        self.settle()

    def settle(self) -> None:
        """Let the hub and the table come to rest."""
        while not self.hold_answers:
            for asked in self.table.outgoing:
                self.hub.take(asked)
            self.table.outgoing.clear()
            self.hub.start_round()
            for round_ in list(self.hub.rounds):
                self.hub.finish_execution(round_, 0)
            if not self.hub.outbox:
                return
            frame = self.hub.outbox.pop(0)
            if isinstance(frame, tuple):
                run, answer = frame
                session = self._runs.pop(run)
                self._carry_out(session, session.answered(run, answer, NOW_NS))
                continue
            named = self.table.apply_notice(frame) if isinstance(frame, BlockNotice) else self.table.apply_round(frame)
            for subscriber in named:
                assert isinstance(subscriber, SyncConnection)
                self._carry_out(subscriber, subscriber.advance(NOW_NS))

    async def _handle(self, request: trio_websocket.WebSocketRequest) -> None:
        assert request.path == "/api/sync"
        socket = await request.accept()
        self._sockets.append(socket)
        self.connections += 1
        session = SyncConnection(self.table, anonymous=NOBODY, limits=Limits(), random=SeededRandom(), now_ns=NOW_NS)
        send, receive = trio.open_memory_channel[SendText | Close](1000)
        self._senders[session] = send
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, socket, session, receive)
            try:
                while True:
                    text = await socket.get_message()
                    self._carry_out(session, session.receive(text, NOW_NS))
                    self.settle()
            except trio_websocket.ConnectionClosed:
                session.socket_closed()
                self.settle()
                nursery.cancel_scope.cancel()

    async def _send(
        self,
        socket: trio_websocket.WebSocketConnection,
        session: SyncConnection,
        commands: trio.MemoryReceiveChannel[SendText | Close],
    ) -> None:
        async for command in commands:
            try:
                if isinstance(command, Close):
                    await socket.aclose(command.code or 1000, command.reason)
                    return
                await socket.send_message(command.text.decode())
            except trio_websocket.ConnectionClosed:
                return
            if command.transition:
                self._carry_out(session, session.transition_written(NOW_NS))

    def _carry_out(self, session: SyncConnection, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case RunFunction():
                    self._runs[command] = session
                    if command.kind == "mutation":
                        self.hub.run(command)
                    else:
                        self.actions.append(command)  # and never answered
                case VerifyToken(value=token):
                    if token in self.refused:
                        answer = session.identity_rejected(UnauthenticatedError("unknown token"), NOW_NS)
                    else:
                        answer = session.identity_verified(Person(f'"{token}"'.encode()), NOW_NS)
                    self._carry_out(session, answer)
                case SendText() | Close():
                    self._senders[session].send_nowait(command)


@asynccontextmanager
async def open_server() -> AsyncIterator[SyncServer]:
    async with trio.open_nursery() as nursery:
        server = SyncServer()
        await nursery.start(server.serve)
        yield server
        nursery.cancel_scope.cancel()
