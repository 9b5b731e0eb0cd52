"""Random schemas, documents, queries and writes: what is shown is what is there, and nothing runs for nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import trio

from rtdb.index.index_range import key_in_range
from rtdb.link.frames import BlockApplied, ReadRange
from rtdb.storage.keys import index_number
from rtdb.testing.simulation import Behaviour, Chance, Plant, SimulatedClient, World, simulate
from tests.simulation.random_app import RandomApp
from tests.simulation.seeds import with_seeds

pytestmark = pytest.mark.slow

FAULTS = Behaviour(runner_killed_every=0.5, client_dropped_every=0.3, gateway_killed_every=1.0, server_killed_every=2.0)


def simulate_app(
    seed: int,
    scenario: Callable[[World, RandomApp], Awaitable[None]],
    behaviour: Behaviour | None = None,
    plant: Plant | None = None,
) -> None:
    with TemporaryDirectory() as directory:
        app = RandomApp(Chance(seed), Path(directory))

        async def with_app(world: World) -> None:
            await scenario(world, app)

        simulate(seed, app.functions, with_app, behaviour=behaviour, plant=plant)


def change_subscriptions(world: World, app: RandomApp, client: SimulatedClient) -> None:
    if client.queries and world.chance.happens(0.4):
        client.unsubscribe(world.chance.choice(sorted(client.queries)))
    else:
        client.subscribe(*app.question())


def write(app: RandomApp, client: SimulatedClient) -> None:
    if client.unfinished < 4:
        client.mutate(*app.writes())


async def everybody_watches_and_writes(world: World, app: RandomApp) -> None:
    for _ in range(4):
        client = world.add_client()
        for _ in range(3):
            client.subscribe(*app.question())
        world.every(0.1, partial(write, app, client))
        world.every(0.3, partial(change_subscriptions, world, app, client))
    await trio.sleep(1.5)
    await world.settle()


@with_seeds(4)
def test_a_subscription_always_shows_what_a_fresh_execution_returns(seed: int) -> None:
    """At every transition, of every client, for every query: see ``rtdb/testing/simulation/client.py``."""
    simulate_app(seed, everybody_watches_and_writes)


@with_seeds(2)
def test_a_subscription_shows_the_truth_whatever_breaks(seed: int) -> None:
    simulate_app(seed, everybody_watches_and_writes, FAULTS)


@pytest.mark.soak
@with_seeds(2000)
def test_a_subscription_shows_the_truth_whatever_breaks_at_depth(seed: int) -> None:
    simulate_app(seed, everybody_watches_and_writes, FAULTS)


def is_read(block: BlockApplied, reads: list[ReadRange]) -> bool:
    """The rule, one by one: whether a key that the block changed lies in a range."""
    keys = [
        (change.index, b"".join(parts))
        for change in block.changes
        for parts in (change.old, change.new)
        if parts is not None
    ]
    return any(read.index == index and key_in_range(key, read) for read in reads for index, key in keys)


async def every_execution_has_a_reason(world: World, app: RandomApp) -> None:
    """One write at a time: exactly the queries that read something it changed run again, once each."""
    watcher, writer = world.add_client(), world.add_client()
    questions = {app.question() for _ in range(12)}
    for _ in range(4):
        writer.mutate(*app.writes())
    for question in sorted(questions):
        watcher.subscribe(*question)
    await world.wait_until_quiet()
    for _ in range(12):
        assert world.server is not None
        before = world.server.application.reactor_statistics.executions_started
        reads = [world.history.execute(*question).reads for question in questions]
        blocks = len(world.history.blocks)
        writer.mutate(*app.writes())
        await world.wait_until_quiet()
        [block] = world.history.blocks[blocks:]
        reasons = sum(is_read(block, of_query) for of_query in reads)
        ran = world.server.application.reactor_statistics.executions_started - before
        assert ran == reasons, f"{ran} executions, and {reasons} queries had read what the write changed"
    await world.settle()


@with_seeds(4)
def test_a_write_outside_every_read_range_runs_nothing(seed: int) -> None:
    simulate_app(seed, every_execution_has_a_reason)


# --- controls ---------------------------------------------------------------------------------------------------------


class OneIndexIsSkipped(Plant):
    """Changes of the first declared index of every table are not told to the hub."""

    def block(self, message: BlockApplied) -> BlockApplied:
        skipped = index_number(0, 2)
        changes = [change for change in message.changes if change.index % 128 != skipped]
        return msgspec.structs.replace(message, changes=changes)


class EverythingIsTold(Plant):
    """Every write is told as if it had also changed the whole of every table's index of creation times."""

    def block(self, message: BlockApplied) -> BlockApplied:
        changes = [
            msgspec.structs.replace(change, index=change.index + by) for change in message.changes for by in (0, 1, 2)
        ]
        return msgspec.structs.replace(message, changes=changes)


def test_an_index_that_invalidation_skips_is_noticed() -> None:
    def simulate_some() -> None:
        for seed in range(20):
            simulate_app(seed, everybody_watches_and_writes, plant=OneIndexIsSkipped())

    with pytest.raises(AssertionError, match=r"shown .*, but it is|ends with an old result"):
        simulate_some()


def test_executions_without_a_reason_are_noticed() -> None:
    def simulate_some() -> None:
        for seed in range(20):
            simulate_app(seed, every_execution_has_a_reason, plant=EverythingIsTold())

    with pytest.raises(AssertionError, match="executions, and"):
        simulate_some()
