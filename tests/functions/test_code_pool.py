"""Other code in a pool of runners: loaded beside that in use, switched to, or given up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import trio
from trio.testing import MockClock

from rtdb.link.frames import ExecutionError, RunnerReady, Stale
from tests.functions.pool_bench import START, PoolBench, Recorded, answer_of, running
from tests.functions.scripted_runners import ScriptedRunner, outcome

OTHER = msgspec.structs.replace(START, bundle="other", deployment="other")


class Loading:
    """A ``load`` under way."""

    def __init__(self, bench: PoolBench) -> None:
        self._bench = bench
        self._done = trio.Event()
        self.said = RunnerReady(b"")

    async def run(self) -> None:
        self.said = await self._bench.pool.load(OTHER)
        self._done.set()

    async def wait(self) -> RunnerReady:
        await self._done.wait()
        return self.said


@asynccontextmanager
async def loading(bench: PoolBench) -> AsyncIterator[tuple[Loading, ScriptedRunner]]:
    """Begin to load other code; with the first runner of it, which has not said anything yet."""
    async with trio.open_nursery() as nursery:
        started = len(bench.runners.started)
        load = Loading(bench)
        nursery.start_soon(load.run)
        await bench.runners.wait_started(started + 1)
        runner = bench.runners.started[started]
        assert await runner.next() == OTHER
        yield load, runner


async def test_other_code_is_loaded_beside_the_code_in_use_and_gets_no_calls(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1)) as bench:
        (old,) = await bench.up(1)
        async with loading(bench) as (load, new):
            new.send(RunnerReady(b"described otherwise"))
            assert await load.wait() == RunnerReady(b"described otherwise")
            one, two = bench.submit(1), bench.submit(2)
            for execution in (one, two):
                await old.next_call(execution.call.call)
                old.send(outcome(execution.call.call))
                assert await answer_of(execution) is None
        assert bench.pool.deployments == {"deployment", "other"}


async def test_from_the_switch_on_calls_run_on_the_other_code_while_the_present_runners_finish(
    autojump_clock: MockClock,
) -> None:
    async with running(PoolBench(runners_min=1)) as bench:
        (old,) = await bench.up(1)
        async with loading(bench) as (load, new):
            new.send(RunnerReady(b"described otherwise"))
            await load.wait()
        under_way = bench.submit(1)
        await old.next_call(1)
        bench.pool.switch()
        later = bench.submit(2)
        await new.next_call(2)
        new.send(outcome(2))
        assert await answer_of(later) is None
        old.send(outcome(1))
        assert await answer_of(under_way) is None
        await old.retire()
        await bench.wait_ended(1)
        assert bench.pool.deployments == {"other"}
        assert len(bench.runners.started) == 2


async def test_a_call_that_met_the_other_deployment_before_the_switch_waits_for_it(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1)) as bench:
        (old,) = await bench.up(1)
        async with loading(bench) as (load, new):
            new.send(RunnerReady(b"described otherwise"))
            await load.wait()
        early = bench.submit(1)
        await old.next_call(1)
        old.send(Stale(1))
        await trio.testing.wait_all_tasks_blocked()
        bench.pool.switch()
        bench.pool.flush()
        await new.next_call(1)
        new.send(outcome(1))
        assert await answer_of(early) is None


async def test_a_call_at_a_position_of_the_code_before_is_told_so(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1)) as bench:
        (runner,) = await bench.up(1)
        execution = Recorded(1)
        execution.call = msgspec.structs.replace(execution.call, at=7)
        bench.pool.submit(execution)
        await runner.next_call(1)
        runner.send(Stale(1))
        error = await answer_of(execution)
        assert error is not None
        assert (error.code, error.system) == ("DeploymentChanged", 503)


async def test_code_that_cannot_be_loaded_is_not_used_and_its_runners_end(autojump_clock: MockClock) -> None:
    refusal = RunnerReady(b"", ExecutionError("InvalidModules", "no"))
    async with running(PoolBench(runners_min=1)) as bench:
        (old,) = await bench.up(1)
        async with loading(bench) as (load, new):
            new.send(refusal)
            assert await load.wait() == refusal
        bench.pool.discard()
        assert new.was_killed
        await bench.wait_ended(1)
        assert bench.refused == []
        execution = bench.submit(1)
        await old.next_call(1)
        old.send(outcome(1))
        assert await answer_of(execution) is None
        assert len(bench.runners.started) == 2


async def test_code_that_ends_its_process_or_never_comes_to_an_end_is_refused_with_the_reason(
    autojump_clock: MockClock,
) -> None:
    async with running(PoolBench(runners_min=1, runner_start_seconds_max=10)) as bench:
        await bench.up(1)
        async with loading(bench) as (load, new):
            new.die(3)
            said = await load.wait()
        assert said.error is not None
        assert "it ended the process that imported it (exit code 3)" in said.error.message
        bench.pool.discard()
        async with loading(bench) as (load, new):
            said = await load.wait()
        assert said.error is not None
        assert "stopped after 10 s, which is runner_start_seconds_max" in said.error.message
