"""kill -9 over scheduled functions and cron jobs: the server and its children, again and again, while jobs are due.

Goal: what `_scheduled_functions` says is what happened. Whatever is killed, and whenever: in the end every job has
ended, every mutation among them has written exactly as often as its state says, every action at most once; cron jobs go
on, no more often than they should; and the database is in order.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import trio

from rtdb.client import Client, open_client
from rtdb.storage.check import check
from tests.e2e.server_process import ServerProcess
from tests.scheduler.job_check import KINDS, wrong_jobs
from tests.waiting import SECONDS_MAX

APP = Path(__file__).parents[1] / "e2e" / "apps" / "schedule"
VICTIMS = ("serve", "rtdb-hub", "rtdb-runner", "rtdb-actions", "rtdb-committer", "serve")
PLANNERS = 3
PAGE = 1000

pytestmark = pytest.mark.slow


class Planner:
    """A client that schedules numbered jobs of all kinds, some of them later, and cancels some."""

    def __init__(self, number: int, seed: int) -> None:
        self.batch = f"planner {number}"
        self.planned = 0
        self.stopping = False
        self._chosen = random.Random(seed * 1000 + number)

    async def plan(self, client: Client) -> None:
        chosen = self._chosen
        while not self.stopping:
            numbers = [self.planned + place for place in range(chosen.randint(1, 4))]
            kind, delay = chosen.choice(KINDS), chosen.choice([0.0, 0.0, chosen.uniform(0, 2000)])
            asked: dict[str, Any] = {"batch": self.batch, "numbers": numbers, "kind": kind, "delay": delay}
            await client.mutation("jobs:plan", asked)
            self.planned += len(numbers)
            if chosen.random() < 0.2:
                asked = {"batch": self.batch, "number": chosen.randrange(self.planned)}
                await client.mutation("jobs:cancel_number", asked)
            await trio.sleep(chosen.uniform(0, 0.05))

    async def check(self, client: Client) -> None:
        planned: list[Any] = []
        while page := await client.query(
            "jobs:planned", {"batch": self.batch, "after": planned[-1][0] if planned else -1, "count": PAGE}
        ):
            assert isinstance(page, list)
            planned += page
        assert [number for number, _, _ in planned] == [*range(self.planned)]
        ran: Any = await client.query("jobs:ran", {"batch": self.batch})
        wrong = list(wrong_jobs(planned, ran))
        assert not wrong, wrong
        assert {state for _, _, state in planned} >= {"success", "failed"}


async def kill_again_and_again(data_dir: Path, rounds: int, seed: int) -> None:
    chosen = random.Random(seed)
    planners = [Planner(number, seed) for number in range(PLANNERS)]
    with ServerProcess(data_dir, APP) as server:
        with trio.fail_after(120 + rounds * 20):
            async with trio.open_nursery() as nursery:
                for planner in planners:
                    nursery.start_soon(_run_planner, server.url, planner)
                for number in range(rounds):
                    await trio.sleep(chosen.uniform(0.1, 0.6))
                    victim = VICTIMS[number % len(VICTIMS)]
                    await trio.to_thread.run_sync(server.kill_one, victim, chosen)
                for planner in planners:
                    planner.stopping = True
            async with open_client(server.url) as client:
                with trio.fail_after(SECONDS_MAX):
                    async with client.subscribe("jobs:unfinished") as counts:
                        async for count in counts:
                            if count == 0:
                                break
                for planner in planners:
                    await planner.check(client)
                ticks: Any = await client.query("jobs:ticks", {"cron": "mutation"})
                _check_ticks(ticks)
                async with client.subscribe("jobs:ticks", {"cron": "mutation"}) as later:
                    async for value in later:
                        if value != ticks:
                            break  # They still go on.
        assert await trio.to_thread.run_sync(server.stop) == 0
    assert check(data_dir).problems == []


async def _run_planner(url: str, planner: Planner) -> None:
    async with open_client(url) as client:
        await planner.plan(client)


def _check_ticks(ticks: list[float]) -> None:
    """A job of every second runs once in each: twice where a late run meets the next, and nothing is made up for."""
    times = sorted(ticks)
    for first, third in zip(times, times[2:], strict=False):
        assert third - first > 900, f"three runs in a second: {times}"


async def test_kills_run_no_mutation_twice_and_no_action_again(tmp_path: Path) -> None:
    await kill_again_and_again(tmp_path / "data", rounds=6, seed=1)


@pytest.mark.soak
async def test_five_hundred_kills_run_nothing_twice(tmp_path: Path) -> None:
    await kill_again_and_again(tmp_path / "data", rounds=500, seed=2)
