"""Actions of an app in an action runner of this process; what they call runs over a real committer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio

from rtdb.blobstore.store import BlobStore
from rtdb.config import Config, Limits
from rtdb.functions.action_runner import ActionRunner
from rtdb.functions.action_variables import VALUES_PATH
from rtdb.functions.app_loader import load_app
from rtdb.functions.environment_context import built_in_variables
from rtdb.functions.fetch import Fetcher
from rtdb.functions.pulse import SIZE, Pulse
from rtdb.functions.typescript.actions import TypeScriptActions
from rtdb.link.frames import (
    ActionCall,
    ActionCancel,
    ActionOutcome,
    Answer,
    CallRequest,
    Drain,
    ExecutionError,
    FileStepRequest,
    HttpActionHead,
    HttpActionRequest,
)
from rtdb.link.link import MemoryLink, open_memory_link_pair
from rtdb.typescript.module_set import read_module_set
from rtdb.typescript.networks import reach_of
from rtdb.values.json_codec import decode, encode
from tests.functions.app_bench import AppBench
from tests.transaction.workbench import SeededRandom

__all__ = ["ActionBench", "running_actions"]


class ActionBench:
    """The hub's side of an action runner. ``requests`` are the calls its actions have made."""

    def __init__(self, directory: Path, limits: Limits, transport: httpx.MockTransport | None, **modules: str) -> None:
        self.app = AppBench(directory, limits, **modules)
        self.app.push()
        # Not the one of the committer's side: each asks its own surroundings for tables.
        app = load_app(directory / "app", limits)
        if app.host is not None:
            app.host.close()
        typescript = read_module_set(directory / "app")
        config = Config(data_dir=directory / "data", limits=limits, action_networks_allowed="127.0.0.0/8")
        self.link, theirs = open_memory_link_pair()
        self.theirs: MemoryLink = theirs
        self.pulse = Pulse(bytearray(SIZE))
        self.blobs = BlobStore(directory / "data", SeededRandom(6))
        self.blobs.prepare()
        self.typescript = None if typescript is None else TypeScriptActions(app, typescript, config)
        self.runner = ActionRunner(
            app,
            limits,
            theirs,
            self.pulse,
            clock=self.app.clock,
            random=SeededRandom(5),
            fetcher=Fetcher(limits, reach_of(config.action_networks_allowed), transport),
            blobs=self.blobs,
            addresses=self.app.services.addresses,
            built_in=built_in_variables("http://cloud", "http://site"),
            typescript=self.typescript,
        )
        self.requests: list[CallRequest] = []
        self.heads: dict[int, HttpActionHead] = {}
        """How answers to HTTP requests begin, by the number of the call."""
        self.held: list[CallRequest] = []
        self.holding = False
        """While set, calls of actions are not answered."""
        self._outcomes: dict[int, ActionOutcome] = {}
        self._changed = trio.Event()
        self._calls = 0

    async def run(self) -> None:
        """Be the hub until the runner ends."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve)
            await self.runner.run([])
            nursery.cancel_scope.cancel()

    async def _serve(self) -> None:
        while True:
            for message in await self.link.receive():
                if isinstance(message, CallRequest) and message.path == VALUES_PATH:
                    self.link.send_nowait(self._answer(message))
                elif isinstance(message, CallRequest):
                    self.requests.append(message)
                    self.held.append(message)
                elif isinstance(message, FileStepRequest):
                    path = f"_system/files:{message.step}"
                    self.held.append(CallRequest(message.call, "any", path, message.args, None, True))
                elif isinstance(message, HttpActionHead):
                    self.heads[message.call] = message
                elif isinstance(message, ActionOutcome):
                    self._outcomes[message.call] = message
            if not self.holding:
                self.release()
            self._changed.set()
            self._changed = trio.Event()

    def release(self) -> None:
        """Run what the actions have asked for."""
        held, self.held = self.held, []
        for request in held:
            self.link.send_nowait(self._answer(request))

    def _answer(self, request: CallRequest) -> Answer:
        outcome = self.app.execute(
            request.path,
            kind=request.kind,
            raw_args=request.args,
            identity=request.identity,
            internal=request.internal,
            # Among what is asked here, only a step of file storage, which has another frame, is of kind "any".
            by_server=request.kind == "any",
        )
        if outcome.writes:
            self.app.commit(outcome)
        return Answer(request.call, outcome.result, outcome.error, outcome.log_lines, outcome.ts)

    def start(self, path: str, args: Any = None, *, internal: bool = False, identity: bytes | None = None) -> int:
        """Begin an action."""
        self._calls += 1
        data = encode({} if args is None else args)
        self.link.send_nowait(ActionCall(self._calls, path, data, identity, internal))
        return self._calls

    def request(self, method: str, target: str) -> int:
        """Begin to have an HTTP request without a body answered."""
        self._calls += 1
        self.link.send_nowait(HttpActionRequest(self._calls, method, "http://site.example", target, [], False, None))
        return self._calls

    def cancel(self, call: int, error: ExecutionError) -> None:
        self.link.send_nowait(ActionCancel(call, error))

    def drain(self) -> None:
        self.link.send_nowait(Drain())

    async def outcome(self, call: int) -> ActionOutcome:
        with trio.fail_after(60):
            while call not in self._outcomes:
                await self._changed.wait()
        return self._outcomes[call]

    async def wait_requests(self, count: int) -> None:
        """Wait until the actions have made so many calls."""
        with trio.fail_after(60):
            while len(self.requests) < count:
                await self._changed.wait()

    async def act(self, path: str, args: Any = None, **options: Any) -> Any:
        """Run an action that must succeed; return its decoded result."""
        outcome = await self.outcome(self.start(path, args, **options))
        assert outcome.error is None, outcome.error
        assert outcome.result is not None
        return decode(outcome.result)

    async def error(self, path: str, args: Any = None, **options: Any) -> ExecutionError:
        """Run an action that must fail; return its error."""
        outcome = await self.outcome(self.start(path, args, **options))
        assert outcome.result is None
        assert outcome.error is not None
        return outcome.error


@asynccontextmanager
async def running_actions(
    directory: Path,
    limits: Limits | None = None,
    transport: httpx.MockTransport | None = None,
    **modules: str,
) -> AsyncIterator[ActionBench]:
    """Run the actions of an app from source text."""
    bench = ActionBench(directory, limits or Limits(), transport, **modules)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.run)
            yield bench
            nursery.cancel_scope.cancel()
    finally:
        bench.app.close()
