"""Action runner: many actions at once in one process, over a link to the hub.

::

    hub ── ActionCall ──▶ a task of its own      ◀── ActionProgress, ActionOutcome
    hub ── HttpActionRequest ──▶ the same; with it HttpActionHead, and BodyChunk and BodyCredit both ways
    hub ── ActionCancel ──▶ that task is cancelled
    hub ── Cancel ──▶ the client of a request has gone away
    hub ── Answer ──▶ the action that asked      ◀── CallRequest, Cancel
    hub ── EnvironmentChanged ──▶ variables are asked for again
    hub ── Drain ──▶ nothing more comes; the runner ends with its last action

It opens no database. What it must know of tables, to check ids in arguments and results, it asks the hub for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar

import msgspec
import trio

from rtdb.blobstore.addresses import FileAddresses
from rtdb.blobstore.store import BlobStore
from rtdb.clock import Clock, Random
from rtdb.config import Limits
from rtdb.functions.action_environment import ActionEnvironment
from rtdb.functions.action_files import ActionFiles
from rtdb.functions.action_variables import ActionVariables, Ask
from rtdb.functions.app_loader import App
from rtdb.functions.fetch import Fetcher
from rtdb.functions.http_actions import AnsweredRequest
from rtdb.functions.pulse import Pulse
from rtdb.functions.running_action import CalledAction, RunningAction
from rtdb.functions.system.tables import NUMBERS_PATH
from rtdb.functions.typescript.actions import TypeScriptActions
from rtdb.link import frames
from rtdb.link.call_table import CallTable
from rtdb.link.link import Link, Message

__all__ = ["ActionRunner", "running_call"]

BEAT_SECONDS = 0.1

running_call: ContextVar[int] = ContextVar("running_call", default=0)
"""The call that a task works for, 0 for none."""


class ActionRunner:
    """One deployment's actions. :meth:`run` returns when it has been drained; raises LinkClosed with the link."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        link: Link,
        pulse: Pulse,
        *,
        clock: Clock,
        random: Random,
        fetcher: Fetcher,
        blobs: BlobStore,
        addresses: FileAddresses,
        built_in: Mapping[str, str],
        typescript: TypeScriptActions | None = None,
    ) -> None:
        self._link = link
        self._pulse = pulse
        self._calls = CallTable(link)
        self._running: dict[int, RunningAction] = {}
        self._requests: dict[int, AnsweredRequest] = {}
        """Those of the running actions that answer requests."""
        self._variables = ActionVariables(self._calls.call, built_in, limits)
        self._environment = ActionEnvironment(
            app,
            limits,
            clock=clock,
            random=random,
            ask=self._calls.call,
            tables=_TableNumbers(app, self._calls.call),
            variables=self._variables,
            fetcher=fetcher,
            files=ActionFiles(blobs, addresses, self._calls, self._calls.call, limits, clock),
            typescript=typescript,
        )
        self._draining = False
        self._done = trio.Event()

    async def run(self, messages: Sequence[Message]) -> None:
        """Run actions; ``messages`` came with the first one."""
        async with trio.open_nursery() as nursery:
            if self._environment.typescript is not None:
                await nursery.start(self._environment.typescript.run)
            nursery.start_soon(self._beat)
            nursery.start_soon(self._follow, messages, nursery)
            await self._done.wait()
            nursery.cancel_scope.cancel()

    async def _follow(self, messages: Sequence[Message], nursery: trio.Nursery) -> None:
        while True:
            for message in messages:
                self._handle(message, nursery)
            self._link.flush()
            messages = await self._link.receive()

    def _handle(self, message: Message, nursery: trio.Nursery) -> None:
        match message:
            case frames.ActionCall():
                self._begin(message.call, CalledAction(self._environment, message), nursery)
            case frames.HttpActionRequest():
                answered = AnsweredRequest(self._environment, message, self._link.send_nowait)
                self._requests[message.call] = answered
                self._begin(message.call, answered, nursery)
            case frames.BodyChunk() | frames.BodyCredit() | frames.Cancel():
                request = self._requests.get(message.call)
                if request is not None:
                    request.take(message)
            case frames.ActionCancel():
                action_or_none = self._running.get(message.call)
                if action_or_none is not None:
                    action_or_none.cancel(message.error)
            case frames.Answer():
                self._calls.answer(message)
            case frames.EnvironmentChanged():
                self._variables.changed()
            case frames.Drain():
                self._draining = True
                self._end_if_drained()
            case _:
                raise AssertionError(f"the hub sends an action runner no {type(message).__name__}")

    def _begin(self, call: int, action: RunningAction, nursery: trio.Nursery) -> None:
        self._pulse.begun = call
        self._running[call] = action
        # Known from its first step on.
        token = running_call.set(call)
        nursery.start_soon(self._run_action, call, action)
        running_call.reset(token)

    async def _run_action(self, call: int, action: RunningAction) -> None:
        outcome = await action.run()
        del self._running[call]
        self._requests.pop(call, None)
        self._link.send_nowait(outcome)
        self._end_if_drained()

    def _end_if_drained(self) -> None:
        if self._draining and not self._running:
            self._link.flush()
            self._done.set()

    async def _beat(self) -> None:
        """Let the hub see that the loop turns, and what actions print."""
        while True:
            self._pulse.beat()
            for call, action in self._running.items():
                lines = action.unsaid()
                if lines:
                    self._link.send_nowait(frames.ActionProgress(call, lines))
            await trio.sleep(BEAT_SECONDS)


class _TableNumbers:
    """Which table an id belongs to, as of the last time somebody had to know. A number never changes its table."""

    def __init__(self, app: App, ask: Ask) -> None:
        self._ask = ask
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self.asked = False
        app.tables.lookup_number = self._number
        app.tables.lookup_name = self._name

    def _number(self, name: str) -> int | None:
        self.asked = True
        return self._numbers.get(name)

    def _name(self, number: int) -> str | None:
        self.asked = True
        return self._names.get(number)

    async def refresh(self) -> None:
        """Learn which tables there are now."""
        answer = await self._ask("query", NUMBERS_PATH, b"{}", None, internal=True, origin=frames.BY_SERVER)
        if answer.result is not None:
            numbers = msgspec.json.decode(answer.result, type=list[tuple[str, float]])
            self._numbers = {name: int(number) for name, number in numbers}
            self._names = {number: name for name, number in self._numbers.items()}
