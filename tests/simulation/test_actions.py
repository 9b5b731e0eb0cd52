"""Actions while everything under them dies: what they have done is done once, and who asked for them is told.

Each errand leaves a document for every step. At the end no step is there twice, so nothing was run again; the steps of
an errand that went one after the other are a beginning of it; and one whose caller was told of success is complete, and
was when it said so.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
import trio

from rtdb.functions.pulse import Pulse
from rtdb.testing.simulation import Behaviour, SimulatedClient, World, simulate
from tests.simulation.ledger_model import encoded
from tests.simulation.seeds import APPS, with_seeds

pytestmark = pytest.mark.slow

ERRANDS = APPS / "errands"
INTERRUPTED = ("Transient error while executing action", "Connection lost while action was in flight")


def begin_errand(world: World, client: SimulatedClient) -> None:
    if client.unfinished < 4:
        path = world.chance.choice(["errands:run", "errands:run_at_once"])
        errand = f"{client.number}-{len(client.actions)}"
        client.act(path, encoded({"errand": errand, "count": world.chance.randrange(8)}))


def errands_for(seconds: float, *, clients: int = 4) -> Callable[[World], Any]:
    async def scenario(world: World) -> None:
        for number in range(clients):
            client = world.add_client()
            client.subscribe("errands:total", encoded({}))
            client.subscribe("errands:steps", encoded({"errand": f"{number}-0"}))
            world.every(0.05, partial(begin_errand, world, client))
        await trio.sleep(seconds)
        await world.settle()
        check_errands(world)

    return scenario


def check_errands(world: World) -> None:
    complete = 0
    for client in world.clients:
        for request in client.actions.values():
            args = msgspec.json.decode(request.args)
            asked = list(range(args["count"]))
            found = world.history.execute("errands:steps", encoded({"errand": args["errand"]}))
            assert found.result is not None
            steps = msgspec.json.decode(found.result)
            assert len(steps) == len(set(steps)), f"a step of {args} was taken twice: {steps}"
            if request.path == "errands:run":
                assert steps == asked[: len(steps)], f"{args} went another way: {steps}"
            assert request.outcome is not None
            if request.outcome.failure is None:
                complete += 1
                assert request.outcome.value is not None
                assert msgspec.json.decode(request.outcome.value) == asked == steps, f"{args} was told to be done"
            else:
                assert any(text in request.outcome.failure.message for text in INTERRUPTED), request.outcome.failure
    assert complete > 0, "some errands came through"


@with_seeds(2)
def test_actions_whose_processes_are_killed_are_not_run_again(seed: int) -> None:
    simulate(seed, ERRANDS, errands_for(1.5), behaviour=Behaviour(action_runner_killed_every=0.3))


@with_seeds(2)
def test_actions_do_not_notice_the_deaths_of_runners_and_gateways(seed: int) -> None:
    faults = Behaviour(runner_killed_every=0.2, gateway_killed_every=0.7, client_dropped_every=0.5)
    simulate(seed, ERRANDS, errands_for(1.5), behaviour=faults)


EVERYTHING = Behaviour(
    runner_killed_every=0.3,
    action_runner_killed_every=0.5,
    client_dropped_every=0.5,
    gateway_killed_every=1.0,
    server_killed_every=1.5,
    clock_stepped_every=0.5,
)


@with_seeds(1)
def test_actions_on_a_server_where_everything_dies_are_told_and_done_at_most_once(seed: int) -> None:
    simulate(seed, ERRANDS, errands_for(2.0), behaviour=EVERYTHING)


@pytest.mark.soak
@with_seeds(300)
def test_actions_on_servers_where_everything_dies(seed: int) -> None:
    simulate(seed, ERRANDS, errands_for(2.0), behaviour=EVERYTHING)


def test_an_action_that_is_run_again_after_its_process_died_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub believes of every action that it had not begun."""
    monkeypatch.setattr(Pulse, "begun", property(lambda pulse: 0, lambda pulse, call: None))
    with pytest.raises(AssertionError, match=r"was taken twice|went another way|was told to be done"):
        simulate(1, ERRANDS, errands_for(3.0), behaviour=Behaviour(action_runner_killed_every=0.1))
