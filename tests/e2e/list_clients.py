"""Clients that append to lists and read them in random transactions, over sessions and over HTTP, and note it all.

What they note is a history for `rtdb.testing.histories`: each mutation and query with when it was asked for and
answered, and after everything that a session is told, what all of its subscriptions show together.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

import httpx
import msgspec
import trio

from rtdb.client import Client, ConvexError
from rtdb.client.connection import ClientEvent, RequestFinished
from rtdb.clock import SystemClock, SystemRandom
from rtdb.testing.histories import Append, Operation, Read, Transaction
from tests.e2e.server_process import REPOSITORY, ServerProcess

__all__ = ["APP", "VICTIMS", "Load", "record_history"]

APP = REPOSITORY / "tests" / "e2e" / "apps" / "lists"
VICTIMS = ("serve", "rtdb-hub", "rtdb-committer", "rtdb-gateway", "rtdb-runner")

LISTS_IN_USE = 6
APPENDS_MAX = 40
"""To one list; then another takes its place, so that reading one stays cheap."""

SUBSCRIPTIONS = 2
MUTATIONS_PER_SUBSCRIPTION = 25
RETRY_SECONDS = 0.05

Steps = list[list[Any]]


class Load(NamedTuple):
    """How much of what; ``transactions`` is about how many there are in all."""

    transactions: int
    sessions: int = 5
    http_clients: int = 3
    kills: int = 0
    seed: int = 0
    settle_seconds: float = 10.0
    """How long the sessions have at the end to show the newest state."""


async def record_history(server: ServerProcess, load: Load) -> list[Transaction]:
    """Run the clients against a server with the app of lists, kill its processes meanwhile, and return the history.

    It ends with a read of all lists, and with what every session shows once it has had the time to follow.
    """
    return await _Run(server, load).run()


class _Run:
    def __init__(self, server: ServerProcess, load: Load) -> None:
        self.server = server
        self.load = load
        self.chosen = random.Random(load.seed)
        self.history: list[Transaction] = []
        self.finished = 0
        self.progress = trio.Event()
        self.is_over = trio.Event()
        self.writing = load.sessions + load.http_clients
        """Clients that may still have something under way."""
        self.nobody_writes = trio.Event()
        self.final: dict[str, tuple[int, ...]] = {}
        self.all_read = trio.Event()
        self._instant = 0
        self._value = 0
        self._lists = 0
        self._in_use: dict[str, int] = {}
        """By name of each list, how often it has been appended to."""
        self._used: list[str] = []
        for _ in range(LISTS_IN_USE):
            self._begin_list()

    def instant(self) -> int:
        self._instant += 1
        return self._instant

    async def run(self) -> list[Transaction]:
        async with trio.open_nursery() as nursery:
            for number in range(self.load.sessions):
                nursery.start_soon(_Session(self, f"session {number}").run)
            for number in range(self.load.http_clients):
                nursery.start_soon(_HttpClient(self, f"HTTP client {number}").run)
            for number in range(self.load.kills):
                await self._wait_finished(self.load.transactions * (number + 1) // (self.load.kills + 1))
                victim = VICTIMS[number % len(VICTIMS)]
                await trio.to_thread.run_sync(self.server.kill_one, victim, self.chosen)
            await self._wait_finished(self.load.transactions)
            self.is_over.set()
            await self.nobody_writes.wait()
            await self._read_everything()
        return self.history

    def note(self, transaction: Transaction) -> None:
        self.history.append(transaction)
        self.finished += 1
        self.progress.set()

    def stop_writing(self) -> None:
        self.writing -= 1
        if not self.writing:
            self.nobody_writes.set()

    def keys(self, count: int) -> list[str]:
        return self.chosen.sample(sorted(self._in_use), min(count, len(self._in_use)))

    def steps(self) -> Steps:
        """Return what a transaction is to do."""
        steps = self._some_steps()
        if self.chosen.random() < 0.1:
            steps.insert(self.chosen.randint(0, len(steps)), ["undo", self._some_steps()])
        if self.chosen.random() < 0.1:
            steps.append(["fail"])
        return steps

    def _some_steps(self) -> Steps:
        steps: Steps = []
        for _ in range(self.chosen.randint(1, 4)):
            (key,) = self.keys(1)
            if self.chosen.random() < 0.5:
                steps.append(["read", key])
            else:
                self._value += 1
                steps.append(["append", key, self._value])
                self._in_use[key] += 1
                if self._in_use[key] == APPENDS_MAX:
                    del self._in_use[key]
                    self._begin_list()
        return steps

    def _begin_list(self) -> None:
        self._lists += 1
        key = f"{'ar'[self._lists % 2]}{self._lists}"
        self._used.append(key)
        self._in_use[key] = 0

    async def _wait_finished(self, count: int) -> None:
        while self.finished < count:
            self.progress = trio.Event()
            await self.progress.wait()

    async def _read_everything(self) -> None:
        async with httpx.AsyncClient(base_url=self.server.url) as http:
            begin = self.instant()
            answer = await _post(http, "query", "lists:show", {"keys": self._used})
            assert answer is not None, "nothing is killed any more"
            lists = _lists_of(answer["value"])
        self.final = {read.key: read.values for read in lists}
        self.note(Transaction(name="the last read", operations=lists, begin=begin, end=self.instant()))
        self.all_read.set()


def _lists_of(shown: Any) -> tuple[Read, ...]:
    return tuple(Read(key, tuple(int(value) for value in values)) for key, values in shown)


def _operations(steps: Steps, results: Iterable[Any] | None) -> tuple[Operation, ...]:
    """Return what a transaction did, with what it saw, if it said so; what it undid itself is left out."""
    seen = None if results is None else iter(results)
    operations: list[Operation] = []
    for what, *rest in steps:
        if what == "append":
            operations.append(Append(*rest))
        elif what == "read" and seen is not None:
            operations.append(Read(rest[0], tuple(int(value) for value in next(seen))))
    return tuple(operations)


def _undone(name: str, steps: Steps) -> list[Transaction]:
    """Return the nested calls that failed, as transactions that nobody may have seen anything of."""
    return [
        Transaction(name=f"{name}, nested", operations=_operations(rest[0], None), status="failed")
        for what, *rest in steps
        if what == "undo"
    ]


# --- sessions ---------------------------------------------------------------------------------------------------------


class _WatchingClient(Client):
    """A client that notes what it shows after each thing that it is told."""

    def __init__(self, session: _Session) -> None:
        super().__init__(session.run_.server.url, clock=SystemClock(), random=SystemRandom())
        self._session = session

    def _deliver(self, events: list[ClientEvent]) -> None:
        if any(isinstance(event, RequestFinished) for event in events):
            self._session.told()
        super()._deliver(events)
        if events:
            outcomes = [self._connection.outcome(query_id) for query_id in self._subscriptions]
            values = [outcome.value for outcome in outcomes if outcome is not None]
            self._session.shown(
                tuple(read for value in values if value is not None for read in _lists_of(msgspec.json.decode(value)))
            )


class _Session:
    """One client: mutations one after the other, and subscriptions to a few lists at a time."""

    def __init__(self, run: _Run, name: str) -> None:
        self.run_ = run
        self.name = name
        self._screen: tuple[Read, ...] = ()
        self._changed = trio.Event()
        self._told_at = 0
        self._screens = 0

    def told(self) -> None:
        """The mutation has been answered; what is shown from now on must show it."""
        self._told_at = self.run_.instant()
        self._screen = ()

    def shown(self, screen: tuple[Read, ...], begin: int | None = None) -> None:
        if screen and (screen != self._screen or begin is not None):
            self._screens += 1
            self.run_.history.append(
                Transaction(
                    name=f"{self.name}, screen {self._screens}",
                    operations=screen,
                    begin=begin,
                    end=self.run_.instant(),
                    session=self.name,
                )
            )
        self._screen = screen
        self._changed.set()

    async def run(self) -> None:
        client = _WatchingClient(self)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.run)
            mutations = 0
            while not self.run_.is_over.is_set():
                async with AsyncExitStack() as subscriptions:
                    for _ in range(SUBSCRIPTIONS):
                        keys = self.run_.keys(self.run_.chosen.randint(1, 3))
                        await subscriptions.enter_async_context(client.subscribe("lists:show", {"keys": [*keys]}))
                    for _ in range(MUTATIONS_PER_SUBSCRIPTION):
                        mutations += 1
                        await self._mutate(client, f"{self.name}, mutation {mutations}")
                        if self.run_.is_over.is_set():
                            await self._show_the_end()
                            break
            nursery.cancel_scope.cancel()

    async def _mutate(self, client: Client, name: str) -> None:
        run = self.run_
        steps, path = _choose(run)
        begin = run.instant()
        try:
            results = await client.mutation(path, {"steps": steps})  # type: ignore[dict-item]  # values, all of them
        except ConvexError:
            run.note(Transaction(name=name, operations=_operations(steps, None), status="failed"))
            return
        assert isinstance(results, list)
        for undone in _undone(name, steps):
            run.history.append(undone)
        run.note(
            Transaction(
                name=name,
                operations=_operations(steps, results),
                begin=begin,
                end=self._told_at,
                session=self.name,
            )
        )

    async def _show_the_end(self) -> None:
        """Wait until the newest state is shown. If that takes too long, what is shown instead is noted all the same."""
        self.run_.stop_writing()
        await self.run_.all_read.wait()
        begin = self.run_.instant()
        with trio.move_on_after(self.run_.load.settle_seconds):
            while any(read.values != self.run_.final[read.key] for read in self._screen) or not self._screen:
                self._changed = trio.Event()
                await self._changed.wait()
        self.shown(self._screen, begin)


def _choose(run: _Run) -> tuple[Steps, str]:
    """Return the steps of a mutation, and the function that is to do them: now and then one that takes its time."""
    steps = run.steps()
    if run.chosen.random() < 0.4:
        steps.insert(run.chosen.randint(0, len(steps)), ["work", run.chosen.randint(50_000, 400_000)])
        return steps, "lists:transact_slowly"
    return steps, "lists:transact"


# --- HTTP -------------------------------------------------------------------------------------------------------------


class _HttpClient:
    """One client without a session: nobody tells it what became of a request whose connection was lost."""

    def __init__(self, run: _Run, name: str) -> None:
        self._run = run
        self._name = name

    async def run(self) -> None:
        number = 0
        async with httpx.AsyncClient(base_url=self._run.server.url) as http:
            while not self._run.is_over.is_set():
                number += 1
                if self._run.chosen.random() < 0.5:
                    await self._query(http, f"{self._name}, query {number}")
                else:
                    await self._mutate(http, f"{self._name}, mutation {number}")
        self._run.stop_writing()

    async def _query(self, http: httpx.AsyncClient, name: str) -> None:
        run = self._run
        begin = run.instant()
        answer = await _post(http, "query", "lists:show", {"keys": run.keys(run.chosen.randint(1, LISTS_IN_USE))})
        if answer is not None and answer["status"] == "success":
            operations = _lists_of(answer["value"])
            run.note(Transaction(name=name, operations=operations, begin=begin, end=run.instant()))

    async def _mutate(self, http: httpx.AsyncClient, name: str) -> None:
        run = self._run
        steps, path = _choose(run)
        begin = run.instant()
        answer = await _post(http, "mutation", path, {"steps": steps})
        end = run.instant()
        for undone in _undone(name, steps):
            run.history.append(undone)
        if answer is not None and answer["status"] == "success":
            run.note(Transaction(name=name, operations=_operations(steps, answer["value"]), begin=begin, end=end))
        elif answer is not None and "errorData" in answer:
            run.note(Transaction(name=name, operations=_operations(steps, None), status="failed"))
        else:
            run.note(Transaction(name=name, operations=_operations(steps, None), status="unknown", begin=begin))


async def _post(http: httpx.AsyncClient, kind: str, path: str, args: dict[str, Any]) -> dict[str, Any] | None:
    """Call a function; None when no answer came, after a short rest."""
    try:
        response = await http.post(f"/api/{kind}", json={"path": path, "args": args, "format": "json"})
        answer: dict[str, Any] = response.json()
    except (httpx.HTTPError, ValueError):
        await trio.sleep(RETRY_SECONDS)
        return None
    return answer if "status" in answer else None
