"""Many clients mutate the same few documents, through the lane and the pool, while things break.

Goal: what the server promises about transactions holds for the whole of it, not only for its parts. Method: every
result that a mutation returned is compared with the same mutations run one after the other on dictionaries, in the
order of their timestamps (`ledger_model.py`); what clients are shown is checked as it arrives (`client.py`).
"""

from __future__ import annotations

import msgspec
import pytest
import trio

from rtdb.link.frames import Answer, Commit, Durable
from rtdb.link.link import Message
from rtdb.testing.simulation import Behaviour, Delay, Plant, Scenario, World, simulate
from tests.simulation.ledger_model import check_requests, use_ledger
from tests.simulation.seeds import LEDGER, with_seeds

pytestmark = pytest.mark.slow

MIXED = Behaviour(
    executions={
        "bank:increment": Delay(0.001),
        "bank:append": Delay(0.004, 0.03, 0.1),
        "bank:transfer": Delay(0.01, 0.1, 0.1),
        "bank:level": Delay(0.05, 0.4, 0.2),
        "bank:total_slowly": Delay(0.1, 0.4, 0.2),
    }
)
"""Increments stay in the lane, levelling in the pool, the others move between the two."""


def broken(**every: float) -> Behaviour:
    """Faults of a kind, at this mean distance in seconds."""
    return msgspec.structs.replace(MIXED, **every)


def ledger_for(seconds: float, *, clients: int = 6) -> Scenario:
    async def scenario(world: World) -> None:
        use_ledger(world, clients=clients, mutation_every=0.05)
        await trio.sleep(seconds)
        await world.settle()
        check_requests(world)

    return scenario


@with_seeds(2)
def test_a_committed_history_equals_a_serial_one_in_timestamp_order(seed: int) -> None:
    simulate(seed, LEDGER, ledger_for(1.0), behaviour=MIXED)


@with_seeds(1)
def test_killed_runners_cost_nobody_a_mutation(seed: int) -> None:
    simulate(seed, LEDGER, ledger_for(1.0), behaviour=broken(runner_killed_every=0.1))


@with_seeds(1)
def test_a_mutation_sent_again_over_new_connections_is_applied_once(seed: int) -> None:
    faults = broken(client_dropped_every=0.1, gateway_killed_every=0.5)
    simulate(seed, LEDGER, ledger_for(1.0), behaviour=faults)


@with_seeds(1)
def test_a_killed_server_loses_nothing_acknowledged_and_repeats_nothing(seed: int) -> None:
    simulate(seed, LEDGER, ledger_for(1.0), behaviour=broken(server_killed_every=0.4))


@with_seeds(1)
def test_clocks_that_are_set_forward_and_back_by_minutes_change_nothing(seed: int) -> None:
    simulate(seed, LEDGER, ledger_for(1.0), behaviour=broken(clock_stepped_every=0.2))


EVERYTHING = broken(
    runner_killed_every=0.3,
    client_dropped_every=0.3,
    gateway_killed_every=1.0,
    server_killed_every=1.5,
    clock_stepped_every=0.5,
)


@with_seeds(2)
def test_all_of_it_at_once(seed: int) -> None:
    simulate(seed, LEDGER, ledger_for(1.0), behaviour=EVERYTHING)


@pytest.mark.soak
@with_seeds(1000)
def test_all_of_it_at_once_for_long(seed: int) -> None:
    simulate(seed, LEDGER, ledger_for(10.0, clients=12), behaviour=EVERYTHING)


def test_the_same_seed_gives_the_same_run() -> None:
    """Down to the bytes of the log: its last hash covers every id, timestamp and result."""

    def fingerprint() -> tuple[bytes, int, list[int]]:
        found: list[tuple[bytes, int, list[int]]] = []

        async def scenario(world: World) -> None:
            await ledger_for(1.0)(world)
            transitions = [client.transitions for client in world.clients]
            found.append((world.history.chain, world.events.happened, transitions))

        simulate(7, LEDGER, scenario, behaviour=EVERYTHING)
        return found[0]

    assert fingerprint() == fingerprint()


# --- controls: mistakes planted on purpose, which the checks above must notice ----------------------------------------


class NothingIsValidated(Plant):
    """The committer is not told what a mutation has read."""

    def commit(self, message: Commit) -> Commit:
        return msgspec.structs.replace(message, reads=[])


class TheLaneForgetsNothing(Plant):
    """The lane's runner is never told that its pending writes are durable, and goes on reading them."""

    def to_runner(self, message: Message) -> Message:
        return msgspec.structs.replace(message, pending=0) if isinstance(message, Durable) else message


class AnswersComeFirst(Plant):
    """What a gateway is told at one time reaches it with the answers in front."""

    def to_gateway(self, messages: list[Message]) -> list[Message]:
        return sorted(messages, key=lambda message: not isinstance(message, Answer))


@pytest.mark.parametrize(
    ("plant", "complaint"),
    [
        (NothingIsValidated(), "run after those before it"),
        (TheLaneForgetsNothing(), "run after those before it"),
        (AnswersComeFirst(), "an answer comes after the notice of its block"),
    ],
    ids=lambda case: type(case).__name__ if isinstance(case, Plant) else "",
)
def test_a_planted_mistake_is_noticed(plant: Plant, complaint: str) -> None:
    def simulate_some() -> None:
        for seed in range(5):
            simulate(seed, LEDGER, ledger_for(1.0), behaviour=MIXED, plant=plant)

    with pytest.raises(AssertionError, match=complaint):
        simulate_some()
