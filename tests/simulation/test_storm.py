"""A storm of writes that touches what everybody watches: nobody is left behind, nobody sees half of it.

Transfers between a few accounts change the total's parts with every block. Some sessions watch quick queries, some also
slow ones, whose every execution is out of date before it ends. Each transition is checked against a fresh execution at
its timestamp as it arrives (`client.py`), which is what "all results of one transition are of one timestamp" means.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest
import trio

from rtdb.link.frames import RoundResults
from rtdb.link.link import Message
from rtdb.testing.simulation import Behaviour, Delay, Plant, SimulatedClient, World, simulate
from tests.simulation.ledger_model import OWNERS, check_requests, encoded
from tests.simulation.seeds import LEDGER, with_seeds

pytestmark = pytest.mark.slow

SLOW_SECONDS = 0.2
STORM_SECONDS = 1.5

STORM = Behaviour(
    executions={
        "bank:transfer": Delay(0.002),
        "bank:total": Delay(0.003),
        "bank:balance": Delay(0.001),
        "bank:total_slowly": Delay(SLOW_SECONDS),
        "bank:page": Delay(SLOW_SECONDS / 2),
    }
)

QUICK_BEHIND_SECONDS = 0.15
"""How old the state on the screen of somebody may be who watches quick queries only: the round (5 ms to settle, or as
long as the quick executions take), and twice the seldom delays of two links (20 ms) and of a socket (100 ms)."""

SLOW_BEHIND_SECONDS = 2 * SLOW_SECONDS + 2 * QUICK_BEHIND_SECONDS
"""And of a slow query: an execution may have to wait for the one before."""


class Screen:
    """Watches how far a client is behind the newest block."""

    def __init__(self, world: World, client: SimulatedClient, seconds_max: float) -> None:
        self._world = world
        self.client = client
        self._seconds_max = seconds_max
        self.worst_blocks = 0

    def look(self) -> None:
        history = self._world.history
        missed = history.seq - history.seq_at(self.client.last_ts)
        self.worst_blocks = max(self.worst_blocks, missed)
        if missed:
            # The oldest state that is not shown yet has been there for this long.
            age = self._world.clock.now_ns() - history.block_ts(history.seq_at(self.client.last_ts) + 1)
            assert age <= self._seconds_max * 1e9, (
                f"client {self.client.number} is {missed} blocks and {age / 1e9:.3f} s behind"
            )


async def storm(world: World) -> None:
    quick: list[tuple[str, dict[str, Any]]] = [("bank:total", {}), ("bank:balance", {"owner": "ann"})]
    slow = [("bank:total_slowly", {}), ("bank:page", {"book": "log", "newest": 3}), *quick]
    writers = [world.add_client() for _ in range(8)]
    screens = []
    for place in range(6):
        client = world.add_client()
        for path, args in slow if place % 2 else quick:
            client.subscribe(path, encoded(args))
        screens.append(Screen(world, client, SLOW_BEHIND_SECONDS if place % 2 else QUICK_BEHIND_SECONDS))
    writers[0].mutate("bank:append", encoded({"book": "log", "text": "a"}))
    for owner in OWNERS:
        writers[0].mutate("bank:transfer", encoded({"source": owner, "target": "ann", "amount": 0}))
    await world.wait_until_quiet()
    for writer in writers:
        world.every(0.01, partial(write, world, writer))
    before = world.history.seq
    seen = [screen.client.transitions for screen in screens]
    for _ in range(int(STORM_SECONDS / 0.01)):
        await trio.sleep(0.01)
        for screen in screens:
            screen.look()
    assert world.history.seq - before > 50 * STORM_SECONDS, "this is a storm"
    for screen, transitions in zip(screens, seen, strict=True):
        assert screen.client.transitions - transitions >= 5 * STORM_SECONDS, "everybody is told five times a second"
    await world.settle()
    check_requests(world)


def write(world: World, writer: SimulatedClient) -> None:
    if writer.unfinished < 8:
        source, target = world.chance.choice(OWNERS), world.chance.choice(OWNERS)
        writer.mutate(
            "bank:transfer", encoded({"source": source, "target": target, "amount": world.chance.randrange(5)})
        )
        if world.chance.happens(0.2):
            writer.mutate("bank:append", encoded({"book": "log", "text": "b"}))


@with_seeds(1)
def test_every_session_keeps_moving_under_a_storm_of_writes(seed: int) -> None:
    simulate(seed, LEDGER, storm, behaviour=STORM)


@pytest.mark.soak
@with_seeds(300)
def test_every_session_keeps_moving_under_storms_of_writes(seed: int) -> None:
    simulate(seed, LEDGER, storm, behaviour=STORM)


class RoundsAreKeptSecret(Plant):
    """Gateways are not told which rounds still run, and keep no versions for them."""

    def to_gateway(self, messages: list[Message]) -> list[Message]:
        return [
            msgspec.structs.replace(message, running=[]) if isinstance(message, RoundResults) else message
            for message in messages
        ]


def test_a_session_that_is_left_behind_is_noticed() -> None:
    with pytest.raises(AssertionError, match=r"blocks and .* s behind"):
        simulate(1, LEDGER, storm, behaviour=STORM, plant=RoundsAreKeptSecret())
