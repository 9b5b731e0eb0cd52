"""What a client may know, and when: also across the death of the whole server between any two steps."""

from __future__ import annotations

from functools import partial

import pytest
import trio

from rtdb.testing.simulation import Behaviour, Delay, Plant, World, simulate
from tests.simulation.ledger_model import check_requests, encoded
from tests.simulation.seeds import LEDGER

INCREMENT = "bank:increment", encoded({"name": "red"})
TOO_MUCH = "bank:transfer", encoded({"source": "ann", "target": "bob", "amount": 1000})


def test_an_answer_waits_until_the_server_has_heard_of_the_block_it_was_read_at() -> None:
    """Runners see a block as soon as it is durable, which is before the committer has told the hub. A mutation that
    failed was answered at once, so its caller knew the new block while everybody was still shown, also from the
    cache, the state before it.
    """

    async def scenario(world: World) -> None:
        writer, reader = world.add_client(), world.add_client()
        await world.wait_until_quiet()
        writer.mutate(*INCREMENT)
        before = world.history.seq
        await world.until(lambda: world.history.seq > before)
        assert world.server is not None
        assert world.server.application.position[0] == before, "it is durable, and not told"
        refused = reader.mutate(*TOO_MUCH)
        await world.until(lambda: reader.is_finished(refused))
        assert world.server.application.position[0] == before + 1
        await world.settle()

    simulate(3, LEDGER, scenario, behaviour=Behaviour(fsync=Delay(5.0)))


def test_a_lost_acknowledgement_is_given_by_the_next_server() -> None:
    """The server dies when the mutation is durable and its client does not know."""

    async def scenario(world: World) -> None:
        client = world.add_client()
        client.subscribe("bank:count", encoded({"name": "red"}))
        await world.wait_until_quiet()
        before = world.history.seq
        number = client.mutate(*INCREMENT)
        await world.until(lambda: world.history.seq > before)
        assert not client.is_finished(number)
        await world.restart_server()
        await world.until(lambda: client.is_finished(number))
        await world.settle()
        assert [(one.request, one.seq) for one in world.history.committed] == [(number, before + 1)]
        assert client.requests[number].ts == world.history.committed[0].ts
        check_requests(world)

    simulate(1, LEDGER, scenario, behaviour=Behaviour(fsync=Delay(1.0)))


async def kill_when_acknowledged(world: World) -> None:
    client = world.add_client()
    for _ in range(5):
        number = client.mutate(*INCREMENT)
        await world.until(partial(client.is_finished, number))
        await world.restart_server()
    await world.settle()
    check_requests(world)


def test_what_was_acknowledged_is_there_after_a_restart() -> None:
    simulate(1, LEDGER, kill_when_acknowledged)


class SoonerToldThanDone(Plant):
    """The hub is told of a block before it is durable."""

    answers_early = True


def test_an_acknowledgement_that_comes_before_the_disk_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"acknowledged and is not there|seen what is not there"):
        simulate(1, LEDGER, kill_when_acknowledged, behaviour=Behaviour(fsync=Delay(5.0)), plant=SoonerToldThanDone())


def test_a_clock_that_is_set_back_holds_up_no_query() -> None:
    """The pause between two rounds was measured by the wall clock: set back by an hour while a slow query ran, nothing
    else was executed again until that had ended, and what had failed was tried again an hour later.
    """

    async def scenario(world: World) -> None:
        slow, quick = world.add_client(), world.add_client()
        slow.subscribe("bank:total_slowly", b"{}")
        count = quick.subscribe("bank:count", encoded({"name": "red"}))
        await world.wait_until_quiet()
        slow.mutate("bank:transfer", encoded({"source": "ann", "target": "bob", "amount": 1}))
        await world.until(lambda: world.server is not None and world.server.rounds_open > 0)
        world.clock.step(-3600)
        quick.mutate(*INCREMENT)
        with trio.fail_after(1):
            await world.until(lambda: quick.shows(count) == b"1.0")
        assert world.server is not None
        assert world.server.rounds_open > 0, "the slow query is still running"
        await world.settle()

    simulate(2, LEDGER, scenario, behaviour=Behaviour(executions={"bank:total_slowly": Delay(30.0)}))
