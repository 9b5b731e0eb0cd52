"""Scheduled functions and cron jobs on a server that dies again and again, in virtual time.

Clients schedule and cancel jobs; at the end every job has ended, mutations have written exactly as often as their
states say, actions at most once. Cron jobs are checked in the log: each run is in one transaction with the next one's
time, and none is for a time that another one was for. Then years pass, from one due time to the next.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
import trio

from rtdb.config import Limits
from rtdb.scheduler.driver import Scheduler
from rtdb.scheduler.scheduled_job import ScheduledJob
from rtdb.scheduler.work import Work
from rtdb.storage.block import TransactionRecord, WriteRecord
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START
from rtdb.storage.system_tables import CRON_NEXT_RUN_TABLE, FIRST_USER_TABLE
from rtdb.testing.simulation import Behaviour, Scenario, SimulatedClient, World, simulate
from rtdb.values.json_codec import decode_document
from tests.scheduler.job_check import KINDS, wrong_jobs
from tests.simulation.ledger_model import encoded
from tests.simulation.seeds import APPS, with_seeds

pytestmark = pytest.mark.slow

SCHEDULE = APPS.parents[1] / "e2e" / "apps" / "schedule"
CALENDAR = APPS / "calendar"
HOUR_SECONDS = 3600.0

DEADLY = Behaviour(
    runner_killed_every=0.3,
    action_runner_killed_every=0.7,
    gateway_killed_every=1.5,
    client_dropped_every=0.7,
    server_killed_every=0.8,
)


DEADLIER = msgspec.structs.replace(DEADLY, server_killed_every=0.3)

LIMITS = Limits(log_retention_seconds=1e9)
"""The checks read the whole log, however far the clock is set."""


def plan(world: World, client: SimulatedClient, kinds: Sequence[str]) -> None:
    if client.unfinished >= 4:
        return
    batch = f"client {client.number}"
    number = len(client.requests)
    if number and world.chance.happens(0.2):
        asked: dict[str, Any] = {"batch": batch, "number": world.chance.randrange(number)}
        client.mutate("jobs:cancel_number", encoded(asked))
        return
    delay = world.chance.choice([0, 0, world.chance.uniform(0, 3000)])
    asked = {"batch": batch, "numbers": [number], "kind": world.chance.choice(kinds), "delay": delay}
    client.mutate("jobs:plan", encoded(asked))


def jobs_for(seconds: float, *, clients: int = 3, kinds: Sequence[str] = KINDS) -> Scenario:
    async def scenario(world: World) -> None:
        for number in range(clients):
            client = world.add_client()
            client.subscribe("jobs:planned", encoded({"batch": f"client {number}"}))
            world.every(0.05, partial(plan, world, client, kinds))
        await trio.sleep(seconds)
        # The clock may have been set back: let what is due at the latest be due.
        world.clock.step(10 * HOUR_SECONDS)
        await world.settle()
        for _ in range(200):
            if value(world, "jobs:unfinished") == 0:
                break
            await trio.sleep(0.2)
        else:
            raise AssertionError("some jobs do not end")
        await world.settle()
        check_jobs(world)
        check_crons(world)

    return scenario


def value(world: World, path: str, **args: Any) -> Any:
    if world.server is None:
        return None
    outcome = world.history.execute(path, encoded(args))
    assert outcome.result is not None, outcome.error
    return msgspec.json.decode(outcome.result)


def check_jobs(world: World) -> None:
    ended: set[str] = set()
    for client in world.clients:
        batch = f"client {client.number}"
        planned = value(world, "jobs:planned", batch=batch)
        assert planned, "jobs were planned"
        wrong = list(wrong_jobs(planned, value(world, "jobs:ran", batch=batch)))
        assert not wrong, wrong
        ended.update(state for _, _, state in planned)
    assert "success" in ended, "some jobs came through"


# --- cron jobs, in the log --------------------------------------------------------------------------------------------


def transactions(world: World) -> Iterator[TransactionRecord]:
    assert world.history.environment is not None
    for block in LocalLog(world.history.environment).read(START, 1 << 30):
        yield from block.transactions


def check_crons(world: World) -> None:
    last: dict[bytes, Any] = {}
    runs = 0
    for transaction in transactions(world):
        for write in transaction.writes:
            if write.table != CRON_NEXT_RUN_TABLE:
                continue
            assert write.value is not None
            entry = decode_document(write.value)
            before = last.get(write.id)
            last[write.id] = entry
            if before is None or entry["previous"] == before["previous"]:
                continue  # Begun by the deploy, claimed, or postponed.
            assert entry["previous"] == before["due"], "a run is for the time that was due"
            assert entry["due"] > before["due"], "the next one is later"
            assert (entry["due"] - before["due"]) % 1000 == 0, "an interval stays anchored"
            if entry["path"] == "jobs:tick":
                assert [ticked(other) for other in transaction.writes if other.table >= FIRST_USER_TABLE] == [
                    "mutation"
                ], "a run and the time of the next one are one transaction"
                runs += 1
    assert runs == len(value(world, "jobs:ticks", cron="mutation"))
    assert runs > 0
    claimed = len(value(world, "jobs:ticks", cron="action"))
    assert claimed <= runs + 50


def ticked(write: WriteRecord) -> Any:
    """Which cron job the document says that has been written."""
    assert write.value is not None
    return decode_document(write.value)["cron"]


# --- jobs -------------------------------------------------------------------------------------------------------------


@with_seeds(1)
def test_jobs_end_on_a_server_that_lives(seed: int) -> None:
    simulate(seed, SCHEDULE, jobs_for(2.0), limits=LIMITS)


@with_seeds(2)
def test_mutations_run_exactly_once_and_actions_at_most_once_whatever_dies(seed: int) -> None:
    simulate(seed, SCHEDULE, jobs_for(4.0), behaviour=DEADLY, limits=LIMITS)


@with_seeds(1)
def test_clocks_that_are_set_forward_and_back_run_nothing_twice(seed: int) -> None:
    faults = Behaviour(clock_stepped_every=0.3, server_killed_every=1.0)
    simulate(seed, SCHEDULE, jobs_for(3.0), behaviour=faults, limits=LIMITS)


@pytest.mark.soak
@with_seeds(300)
def test_jobs_on_servers_where_everything_dies(seed: int) -> None:
    everything = msgspec.structs.replace(DEADLY, clock_stepped_every=1.0)
    simulate(seed, SCHEDULE, jobs_for(10.0, clients=6), behaviour=everything, limits=LIMITS)


# --- years ------------------------------------------------------------------------------------------------------------

YEARS = 9


def first_due(world: World) -> float:
    """When the next cron job is due, milliseconds since the epoch."""
    assert world.history.environment is not None
    latest: dict[bytes, float] = {}
    for transaction in transactions(world):
        for write in transaction.writes:
            if write.table == CRON_NEXT_RUN_TABLE and write.value is not None:
                latest[write.id] = decode_document(write.value)["due"]
    return min(latest.values())


async def years(world: World) -> None:
    begin = moment(world.clock.now_ns() / 1e6)
    while moment(world.clock.now_ns() / 1e6) < begin + timedelta(days=YEARS * 365.25):
        ahead = first_due(world) / 1000 - world.clock.now_ns() / 1e9
        # A moment before it is due: it must not run earlier.
        world.clock.step(ahead - 0.3)
        runs = len(value(world, "calendar:runs"))
        await trio.sleep(0.2)
        assert len(value(world, "calendar:runs")) == runs
        await world.until(lambda runs=runs: len(value(world, "calendar:runs")) > runs)  # type: ignore[misc]  # bound now
        if world.chance.happens(0.1):
            await world.restart_server()
    end = moment(world.clock.now_ns() / 1e6)
    found = sorted((cron, at - at % 60_000) for cron, at in value(world, "calendar:runs"))
    assert found == sorted(expected_runs(begin, end))


def moment(time_ms: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)


def expected_runs(begin: datetime, end: datetime) -> Iterator[tuple[str, float]]:
    """Go through the calendar day by day."""
    day = begin.replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= end:
        length = monthrange(day.year, day.month)[1]
        due = {
            "31st": day.replace(hour=12) if day.day == 31 else None,
            "leap day": day if (day.month, day.day) == (2, 29) else None,
            "month end": day.replace(hour=23, minute=59) if day.day == length else None,
        }
        for cron, at in due.items():
            if at is not None and begin < at <= end:
                yield cron, at.timestamp() * 1000
        day += timedelta(days=1)


@with_seeds(1)
def test_nine_years_of_leap_days_and_month_ends(seed: int) -> None:
    simulate(seed, CALENDAR, years, limits=LIMITS)


# --- controls ---------------------------------------------------------------------------------------------------------


def test_a_mutation_whose_end_is_not_written_with_it_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScheduledJob, "end", lambda job, ending: None)
    with pytest.raises(AssertionError, match=r"has written [2-9] times|some jobs do not end"):
        simulate(1, SCHEDULE, jobs_for(2.0, kinds=["write"]), behaviour=DEADLY, limits=LIMITS)


def test_an_action_that_is_called_without_a_claim_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits still when the server has died, and is called again."""
    monkeypatch.setattr(ScheduledJob, "claim", lambda job, incarnation: None)
    monkeypatch.setattr(Work, "find_claimed", classmethod(find_any))
    with pytest.raises(AssertionError, match=r"has written [2-9] times"):
        simulate(1, SCHEDULE, jobs_for(6.0, kinds=["act"]), behaviour=DEADLIER, limits=LIMITS)


def find_any(kind: Any, transaction: Any, internal: bytes, incarnation: str) -> Any:
    entry = transaction.platform.get(kind.table, internal)
    return None if entry is None else kind(transaction, internal, entry)


def test_an_action_that_nobody_settles_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def settle(scheduler: Scheduler, queue: Any) -> None:
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(Scheduler, "_settle", settle)
    with pytest.raises(AssertionError, match="some jobs do not end"):
        simulate(1, SCHEDULE, jobs_for(6.0, kinds=["act"]), behaviour=DEADLIER, limits=LIMITS)
