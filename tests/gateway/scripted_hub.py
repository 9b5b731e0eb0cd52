"""A gateway on a real port with a hub of a few lines behind it, joined by the in-memory link."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rtdb.auth.admin_key import AdminKeys
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Config, Limits, encode_config
from rtdb.gateway.gateway import run_gateway
from rtdb.link.body_stream import BodyReceiver, BodySender
from rtdb.link.frames import (
    Answer,
    Begun,
    BlockNotice,
    BodyChunk,
    BodyCredit,
    CallRequest,
    Cancel,
    Drain,
    ExecutionError,
    HttpActionHead,
    HttpActionRequest,
    LogPage,
    LogPoll,
    LogPollCancel,
    PushStepRequest,
    Ready,
    RoundResults,
    Unwatch,
    Watch,
    WatchResult,
)
from rtdb.link.link import LinkClosed, MemoryLink, Message, open_memory_link_pair
from tests.waiting import SECONDS_MAX

__all__ = ["FIRST_TS", "SECRET", "ScriptedAction", "ScriptedHub", "open_gateway"]

SECRET = bytes(range(32))
FIRST_TS = 1_700_000_000_000_000_000


class ScriptedAction:
    """A request that an HTTP action would answer, and both bodies, in the test's hands."""

    def __init__(self, hub: ScriptedHub, request: HttpActionRequest) -> None:
        self.hub = hub
        self.request = request
        self.received = BodyReceiver(request.call, hub.send, hub.window_bytes)
        self.chunks: list[BodyChunk] = []
        """As they arrived, read or not."""
        self.body = BodySender(request.call, hub.send, hub.window_bytes)
        if request.body:
            self.received.open()

    def head(self, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
        self.hub.send(HttpActionHead(self.request.call, status, list(headers)))

    def end(self, error: ExecutionError | None = None) -> None:
        self.hub.send(Answer(self.request.call, None if error else b"null", error, [], self.hub.ts))

    async def answer(self, body: bytes, status: int = 200, *headers: tuple[bytes, bytes]) -> None:
        """Answer as an action does that has all of it at hand."""
        self.head(status, *headers)
        await self.body.send(body, last=True)
        self.end()

    async def read(self) -> bytes:
        """Read the request's body to its end."""
        chunks = []
        while (data := await self.received.receive()) is not None:
            chunks.append(data)
        return b"".join(chunks)


class ScriptedHub:
    """Answers calls with ``on_call``, watches with ``results`` and HTTP requests with ``on_request``; records
    everything it is sent."""

    def __init__(self, link: MemoryLink, config: Config) -> None:
        self.link = link
        self.port = 0
        self.site_port = 0
        self.ts = FIRST_TS
        self.calls: list[CallRequest] = []
        self.cancelled: list[int] = []
        self.watches: dict[int, Watch] = {}
        self.unwatched: list[int] = []
        self.results: dict[str, bytes | ExecutionError] = {}
        self.on_call: Callable[[CallRequest], Answer | None] = self.echo
        self.on_poll: Callable[[LogPoll], LogPage | None] = lambda poll: None
        self.polls: list[LogPoll] = []
        self.on_push_step: Callable[[PushStepRequest], Answer | None] = lambda request: None
        self.push_steps: list[PushStepRequest] = []
        self.polls_cancelled: list[int] = []
        self.window_bytes = config.limits.http_action_window_bytes
        self.actions: list[ScriptedAction] = []
        self.on_request: Callable[[ScriptedAction], Awaitable[None]] = self.answer_nothing
        self.ended = trio.Event()
        self._changed = trio.Event()
        self.admin_key = AdminKeys(config.instance_name, SECRET).issue(SystemClock(), SystemRandom())
        self.read_only_key = AdminKeys(config.instance_name, SECRET).issue(
            SystemClock(), SystemRandom(), read_only=True
        )

    def echo(self, request: CallRequest) -> Answer:
        return Answer(request.call, request.args, None, [], self.ts)

    async def answer_nothing(self, action: ScriptedAction) -> None:
        """Leave it to the test."""

    def commit(self, watch: str, value: bytes) -> None:
        """Change the value of a watched query in a new block, and send the round that follows it."""
        self.ts += 1000
        self.results[watch] = value
        numbers = [number for number, asked in self.watches.items() if asked.path == watch]
        self.link.send_nowait(BlockNotice(self.ts, self.ts, numbers))
        self.link.send_nowait(RoundResults([self._result(number) for number in numbers], []))

    def send(self, message: Message) -> None:
        self.link.send_nowait(message)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until what was received makes the condition true."""
        while not condition():
            await self._changed.wait()

    def _result(self, number: int) -> WatchResult:
        value = self.results.get(self.watches[number].path, b"null")
        if isinstance(value, ExecutionError):
            return WatchResult(number, self.ts, 0, False, None, value, [], None)
        return WatchResult(number, self.ts, 0, False, value, None, [], None)

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            await self._follow(nursery)

    async def _follow(self, nursery: trio.Nursery) -> None:
        try:
            while True:
                for message in await self.link.receive():
                    self._handle(message, nursery)
                self._changed.set()
                self._changed = trio.Event()
        except LinkClosed:
            self.ended.set()

    def _action(self, call: int) -> ScriptedAction:
        return next(action for action in self.actions if action.request.call == call)

    def _handle(self, message: Message, nursery: trio.Nursery) -> None:
        match message:
            case CallRequest():
                self.calls.append(message)
                answer = self.on_call(message)
                if answer is not None:
                    self.link.send_nowait(answer)
            case PushStepRequest():
                self.push_steps.append(message)
                answer = self.on_push_step(message)
                if answer is not None:
                    self.link.send_nowait(answer)
            case LogPoll():
                self.polls.append(message)
                page = self.on_poll(message)
                if page is not None:
                    self.link.send_nowait(page)
            case LogPollCancel():
                self.polls_cancelled.append(message.poll)
            case HttpActionRequest():
                action = ScriptedAction(self, message)
                self.actions.append(action)
                nursery.start_soon(self.on_request, action)
            case BodyChunk():
                action = self._action(message.call)
                action.chunks.append(message)
                action.received.take(message)
            case BodyCredit():
                self._action(message.call).body.grant(message)
            case Cancel():
                self.cancelled.append(message.call)
            case Watch():
                self.watches[message.watch] = message
                self.link.send_nowait(RoundResults([self._result(message.watch)], []))
            case Unwatch():
                self.unwatched.append(message.watch)
                del self.watches[message.watch]
            case _:
                raise AssertionError(f"a gateway sends no {message!r}")

    def drain(self) -> None:
        self.link.send_nowait(Drain())


@asynccontextmanager
async def open_gateway(*, limits: Limits | None = None, redact_errors: bool = False) -> AsyncIterator[ScriptedHub]:
    """Run a gateway; yield its hub."""
    config = Config(
        data_dir=Path("unused"), instance_name="happy-animal-1", redact_errors=redact_errors, limits=limits or Limits()
    )
    here, there = open_memory_link_pair()
    hub = ScriptedHub(here, config)
    with socket.socket() as listening, socket.socket() as site:
        for one in (listening, site):
            one.bind(("127.0.0.1", 0))
            one.listen(128)
        hub.site_port = site.getsockname()[1]
        with trio.fail_after(SECONDS_MAX):
            async with trio.open_nursery() as nursery:

                async def gateway() -> None:
                    await run_gateway(there, [listening, site], SystemClock(), SystemRandom())
                    there.close()

                nursery.start_soon(gateway)
                here.send_nowait(Begun(encode_config(config), SECRET, 1, FIRST_TS))
                (ready,) = await here.receive()
                assert isinstance(ready, Ready)
                hub.port = ready.port
                nursery.start_soon(hub.run)
                yield hub
                nursery.cancel_scope.cancel()
