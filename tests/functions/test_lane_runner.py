"""The runner in the role of the serial lane: chosen, replaced, and what is sent back."""

from __future__ import annotations

from typing import Any

import pytest
import structlog.testing
import trio
from trio.testing import MockClock

from rtdb.link.frames import Stale
from tests.functions.pool_bench import PoolBench, Recorded, running
from tests.functions.scripted_runners import outcome


def with_lane(**limits: Any) -> PoolBench:
    bench = PoolBench(runners_min=1, **limits)
    bench.pool.use_lane(bench.lanes.append)
    return bench


async def test_one_runner_is_the_lane_and_gets_no_ordinary_calls(autojump_clock: MockClock) -> None:
    async with running(with_lane()) as bench:
        lane, ordinary = await bench.up()
        assert [runner.handle for runner in bench.lanes if runner] == [lane]
        bench.submit(1)
        await ordinary.next_call(1)
        bench.submit(2)
        assert await lane.is_left_alone(1)


async def test_a_lane_that_dies_is_replaced_at_once_by_an_idle_runner(autojump_clock: MockClock) -> None:
    async with running(with_lane()) as bench:
        lane, ordinary = await bench.up()
        lane.die(-9)
        await trio.testing.wait_all_tasks_blocked()
        assert [runner and runner.handle for runner in bench.lanes] == [lane, None, ordinary]


async def test_a_lane_that_dies_while_everybody_is_busy_gets_a_new_runner(autojump_clock: MockClock) -> None:
    """The pool had grown, so that nobody thought of starting one, and calls kept every runner busy."""
    async with running(with_lane(runners_max=3)) as bench:
        lane, one = await bench.up()
        for number in range(1, 4):
            bench.submit(number, seconds=600)
        await one.next_call(1)
        await bench.runners.wait_started(3)
        await bench.up(1)
        await bench.runners.wait_started(4)
        await bench.up(1)
        await trio.sleep(1)
        lane.die(-9)
        await bench.runners.wait_started(5)
        (new,) = await bench.up(1)
        assert bench.lanes[-1] is not None
        assert bench.lanes[-1].handle is new


async def test_a_lane_is_replaced_after_many_calls_and_what_it_ran_is_sent_back_without_a_warning(
    autojump_clock: MockClock,
) -> None:
    with structlog.testing.capture_logs() as logged:
        async with running(with_lane(runner_calls_max=1)) as bench:
            lane, ordinary = await bench.up()
            execution = Recorded(1)
            bench.pool.lane_dispatch(execution)
            await execution.answered.wait()
            assert execution.returned
            assert lane.was_killed
            assert bench.lanes[-1] is not None
            assert bench.lanes[-1].handle is ordinary
        assert "runner ended" not in [entry["event"] for entry in logged]


async def test_what_overruns_the_lane_is_sent_back_and_its_function_is_not_fast_any_more(
    autojump_clock: MockClock,
) -> None:
    async with running(with_lane()) as bench:
        lane, ordinary = await bench.up()
        await bench.teach(ordinary, "m:slow")
        assert bench.pool.is_fast("m:slow")
        execution = Recorded(1, "m:slow")
        bench.pool.lane_dispatch(execution)
        started = trio.current_time()
        await execution.answered.wait()
        assert execution.returned
        assert lane.was_killed
        assert trio.current_time() - started == pytest.approx(1, abs=0.1)
        assert not bench.pool.is_fast("m:slow")
        assert bench.pool.expected_micros("m:slow") == 1e6


@pytest.mark.parametrize(("exit_code", "returned"), [(3, False), (-11, True)])
async def test_what_ends_the_lanes_runner_is_told_so_or_sent_back(
    autojump_clock: MockClock, exit_code: int, returned: bool
) -> None:
    async with running(with_lane()) as bench:
        lane, _ = await bench.up()
        execution = Recorded(1)
        bench.pool.lane_dispatch(execution)
        bench.pool.flush()
        await lane.next_call(1)
        lane.die(exit_code)
        await execution.answered.wait()
        assert execution.returned == returned


async def test_a_stale_call_of_the_lane_is_sent_back(autojump_clock: MockClock) -> None:
    async with running(with_lane()) as bench:
        lane, _ = await bench.up()
        execution = Recorded(1)
        bench.pool.lane_dispatch(execution)
        await lane.next_call(1)
        lane.send(Stale(1))
        await execution.answered.wait()
        assert execution.returned


async def test_the_lane_is_replaced_after_many_calls_once_another_can_take_over(autojump_clock: MockClock) -> None:
    async with running(with_lane(runner_calls_max=2)) as bench:
        lane, ordinary = await bench.up()
        bench.submit(1)
        await ordinary.next_call(1)
        for number in range(2, 5):
            bench.pool.lane_dispatch(Recorded(number))
        await trio.sleep(0.1)
        assert not lane.was_killed
        ordinary.send(outcome(1))
        await trio.sleep(0.1)
        assert lane.was_killed
