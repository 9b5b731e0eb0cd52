"""Developers who deploy to the same server at once, in one go and in steps, and lose interest, in virtual time.

Whatever they do: each of them is told that it is done, or why not; what is active is what was finished last; and
nothing is left of anything else.
"""

from __future__ import annotations

import pytest
import trio

from rtdb.config import Limits
from rtdb.deploy.preparation import DeployRefused
from rtdb.functions.bundle import Bundle, read_bundle
from rtdb.testing.simulation import Behaviour, Chance, SimulatedClient, World, simulate
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from tests.simulation.ledger_model import encoded
from tests.simulation.seeds import LEDGER, with_seeds

pytestmark = pytest.mark.slow

IDLE_SECONDS = 1.0
TOLD = {"ConcurrentPush", "RaceDetected", "InvalidModules"}
"""The last one, because a runner that is killed while it loads an app has it taken for the app's doing."""
BY_OWNER = '.index("by_owner", ["owner"])'


class Developers:
    """What they have done: ``finished`` are the hashes of what was deployed, the last one at the end."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.finished: list[str] = []
        self.told: list[str] = []
        self._ledger = read_bundle(LEDGER, Limits())
        self._versions = 0

    async def work(self, chance: Chance, deploys: int) -> None:
        for _ in range(deploys):
            await trio.sleep(chance.uniform(0, 1))
            bundle = self._next_version(chance)
            # Somebody who goes away gives up what he is waiting for.
            with trio.move_on_after(chance.choice([0.05, 0.3, 1e6, 1e6])):
                try:
                    await (self._in_steps(chance, bundle) if chance.happens(0.7) else self._in_one_go(chance, bundle))
                except DeployRefused as refused:
                    self.told.append(refused.error.code)

    def _next_version(self, chance: Chance) -> Bundle:
        """Return the app with another schema: with an index more, or none, or one that is another every time."""
        self._versions += 1
        more = chance.choice(["", '.index("by_balance", ["balance"])', f'.index("by_n{self._versions}", ["balance"])'])
        schema = self._ledger.files["schema.py"].decode().replace(BY_OWNER, BY_OWNER + more, 1)
        note = f"# version {self._versions}"
        return Bundle({**self._ledger.files, "note.py": note.encode(), "schema.py": schema.encode()})

    async def _in_one_go(self, chance: Chance, bundle: Bundle) -> None:
        rehearsal = chance.happens(0.2)
        assert self.world.server is not None
        await self.world.server.deployer.deploy(lambda active: bundle, lambda event: None, dry_run=rehearsal)
        if not rehearsal:
            self.finished.append(bundle.hash)

    async def _in_steps(self, chance: Chance, bundle: Bundle) -> None:
        rehearsal = chance.happens(0.2)
        assert self.world.server is not None
        deployer = self.world.server.deployer
        staged = await deployer.stage(lambda active: bundle, rehearsal=rehearsal)
        await trio.sleep(chance.choice([0, 0.2, 2 * IDLE_SECONDS]))
        if chance.happens(0.3):
            return  # as `npx convex codegen` does
        try:
            await deployer.finish(staged)
        finally:
            # A finish that has begun is carried out, although nobody waits for it.
            if not rehearsal and deployer.bundle_hash == bundle.hash:
                self.finished.append(bundle.hash)


@with_seeds(6)
def test_deploys_of_many_developers_end_one_way_or_the_other(seed: int) -> None:
    async def scenario(world: World) -> None:
        developers = Developers(world)
        client = world.add_client()
        world.every(0.02, lambda: _transfer(world, client))
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(developers.work, world.chance.fork(), 8)
        assert set(developers.told) <= TOLD, developers.told
        assert developers.finished, developers.told
        await trio.sleep(3 * IDLE_SECONDS)
        await world.settle()
        assert world.server is not None
        assert world.server.deployer.bundle_hash == developers.finished[-1]
        assert world.history.environment is not None
        with Snapshot(world.history.environment, SnapshotCache()) as snapshot:
            states = {index.state for table in snapshot.registry.tables() for index in table.stored}
        assert states == {"ready"}, "nothing is left of what was not finished"

    limits = Limits(push_idle_seconds_max=IDLE_SECONDS)
    simulate(seed, LEDGER, scenario, behaviour=Behaviour(runner_killed_every=2.0), limits=limits)


def _transfer(world: World, client: SimulatedClient) -> None:
    source, target = world.chance.choice(["ann", "bob"]), world.chance.choice(["cid", "dan"])
    client.mutate("bank:transfer", encoded({"source": source, "target": target, "amount": 1}))
