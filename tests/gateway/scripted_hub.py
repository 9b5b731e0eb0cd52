"""A gateway on a real port with a hub of a few lines behind it, joined by the in-memory link."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from rtdb.auth.admin_key import AdminKeys
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Config, Limits, encode_config
from rtdb.gateway.gateway import run_gateway
from rtdb.link.frames import (
    Answer,
    Begun,
    BlockNotice,
    CallRequest,
    Cancel,
    Drain,
    ExecutionError,
    Ready,
    RoundResults,
    Unwatch,
    Watch,
    WatchResult,
)
from rtdb.link.link import LinkClosed, MemoryLink, Message, open_memory_link_pair
from rtdb.link.log_frames import LogPage, LogPoll, LogPollCancel

__all__ = ["FIRST_TS", "SECRET", "ScriptedHub", "open_gateway"]

SECRET = bytes(range(32))
FIRST_TS = 1_700_000_000_000_000_000


class ScriptedHub:
    """Answers calls with ``on_call`` and watches with ``results``; records everything it is sent."""

    def __init__(self, link: MemoryLink, config: Config) -> None:
        self.link = link
        self.port = 0
        self.ts = FIRST_TS
        self.calls: list[CallRequest] = []
        self.cancelled: list[int] = []
        self.watches: dict[int, Watch] = {}
        self.unwatched: list[int] = []
        self.results: dict[str, bytes | ExecutionError] = {}
        self.on_call: Callable[[CallRequest], Answer | None] = self.echo
        self.on_poll: Callable[[LogPoll], LogPage | None] = lambda poll: None
        self.polls: list[LogPoll] = []
        self.polls_cancelled: list[int] = []
        self.ended = trio.Event()
        self._changed = trio.Event()
        self.admin_key = AdminKeys(config.instance_name, SECRET).issue(SystemClock(), SystemRandom())
        self.read_only_key = AdminKeys(config.instance_name, SECRET).issue(
            SystemClock(), SystemRandom(), read_only=True
        )

    def echo(self, request: CallRequest) -> Answer:
        return Answer(request.call, request.args, None, [], self.ts)

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
        try:
            while True:
                for message in await self.link.receive():
                    self._handle(message)
                self._changed.set()
                self._changed = trio.Event()
        except LinkClosed:
            self.ended.set()

    def _handle(self, message: Message) -> None:
        match message:
            case CallRequest():
                self.calls.append(message)
                answer = self.on_call(message)
                if answer is not None:
                    self.link.send_nowait(answer)
            case LogPoll():
                self.polls.append(message)
                page = self.on_poll(message)
                if page is not None:
                    self.link.send_nowait(page)
            case LogPollCancel():
                self.polls_cancelled.append(message.poll)
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
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:

                async def gateway() -> None:
                    await run_gateway(there, listening, SystemClock(), SystemRandom())
                    there.close()

                nursery.start_soon(gateway)
                here.send_nowait(Begun(encode_config(config), SECRET, 1, FIRST_TS))
                (ready,) = await here.receive()
                assert isinstance(ready, Ready)
                hub.port = ready.port
                nursery.start_soon(hub.run)
                yield hub
                nursery.cancel_scope.cancel()
