"""Where a call runs, how long it may, and what becomes of it when its runner ends."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from rtdb.link.frames import ExecutionError, RunnerReady, Stale
from tests.functions.pool_bench import PoolBench, answer_of, running
from tests.functions.scripted_runners import outcome


async def test_a_pool_with_nothing_to_do_sleeps(autojump_clock: MockClock) -> None:
    async with running(PoolBench()) as bench:
        one, two = await bench.up()
        await trio.sleep(1)
        looks = bench.looks
        await trio.sleep(200)
        assert bench.looks == looks
        execution = bench.submit(1, seconds=2)
        await one.next_call(1)
        assert await answer_of(execution) is not None
        assert one.was_killed
        assert not two.was_killed


async def test_a_pool_is_able_to_run_queries_once_a_runner_is_up_besides_that_of_the_lane(
    autojump_clock: MockClock,
) -> None:
    bench = PoolBench()
    bench.pool.use_lane(bench.lanes.append)
    async with running(bench):
        lane, other, *_ = await bench.runners.wait_started(3)
        await lane.come_up()
        await trio.testing.wait_all_tasks_blocked()
        assert bench.lanes != []
        with trio.move_on_after(10) as waiting:
            await bench.pool.wait_able()
        assert waiting.cancelled_caught
        await other.come_up()
        await bench.pool.wait_able()


# --- where a call runs ------------------------------------------------------------------------------------------------


async def test_calls_of_unknown_functions_get_a_runner_each(autojump_clock: MockClock) -> None:
    async with running(PoolBench()) as bench:
        one, two = await bench.up()
        executions = [bench.submit(1), bench.submit(2)]
        await one.next_call(1)
        await two.next_call(2)
        two.send(outcome(2))
        one.send(outcome(1))
        assert [await answer_of(execution) for execution in executions] == [None, None]


async def test_calls_of_fast_functions_are_queued_behind_each_other(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        await bench.teach(runner)
        for number in range(5):
            bench.submit(number)
        for number in range(5):
            await runner.next_call(number)


async def test_what_waits_is_dispatched_oldest_first(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        for number in range(1, 5):
            bench.submit(number)
        for number in range(1, 5):
            await runner.next_call(number)
            runner.send(outcome(number, micros=50_000))


async def test_a_call_behind_a_slow_one_is_run_elsewhere_before_anything_younger(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_max=2)) as bench:
        one, two = await bench.up()
        await bench.teach(one, "m:fast")
        long = bench.submit(1, "m:long")
        await one.next_call(1)
        bench.submit(2, "m:long")
        await two.next_call(2)
        # Its mean run time is not known to be long: fast calls queue behind it...
        one.send(outcome(1, micros=10))
        await answer_of(long)
        bench.submit(3, "m:long")
        await one.next_call(3)
        behind = bench.submit(4, "m:fast")
        await one.next_call(4)
        await trio.sleep(0.05)
        # ...and once it turns out to be slow, nothing does.
        younger = bench.submit(5, "m:fast")
        two.send(outcome(2, micros=10))
        await two.next_call(4)
        two.send(outcome(4, micros=10))
        assert await answer_of(behind) is None
        await two.next_call(5)
        two.send(outcome(5, micros=10))
        assert await answer_of(younger) is None


async def test_the_first_of_two_outcomes_counts(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_max=2)) as bench:
        one, two, _, twice = await bench.queue_behind()
        await trio.sleep(0.05)
        two.send(outcome(2))
        await two.next_call(3)
        two.send(outcome(3, result=1))
        await answer_of(twice)
        one.send(outcome(1))
        one.send(outcome(3, result=2))
        await trio.testing.wait_all_tasks_blocked()
        assert twice.outcome is not None
        assert twice.outcome.result == b"1.0"


async def test_a_call_that_its_first_runner_has_begun_meanwhile_waits_no_more(autojump_clock: MockClock) -> None:
    """It waited for another runner while the one before it was slow; now that it runs it cannot be refused."""
    async with running(PoolBench(runners_max=2, queue_seconds_max=1)) as bench:
        one, _, _, second = await bench.queue_behind()
        await trio.sleep(0.5)
        one.send(outcome(1))
        await trio.sleep(2)
        one.send(outcome(3))
        assert await answer_of(second) is None


# --- bounds -----------------------------------------------------------------------------------------------------------


async def test_a_call_past_its_deadline_is_stopped_with_its_runner_and_another_is_started(
    autojump_clock: MockClock,
) -> None:
    async with running(PoolBench()) as bench:
        one, two, late, behind = await bench.queue_behind(seconds=3)
        started = trio.current_time()
        error = await answer_of(late)
        assert error is not None
        assert error.message == "Function execution timed out (maximum duration: 3s)"
        assert 3 <= trio.current_time() - started < 3.1
        assert one.was_killed
        assert not two.was_killed
        (new,) = await bench.up(1)
        assert bench.ended == 1
        await new.next_call(3)
        new.send(outcome(3))
        assert await answer_of(behind) is None


async def test_the_deadline_is_that_of_the_call_and_begins_when_it_does(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        await bench.teach(runner)
        first, second = bench.submit(1, seconds=10), bench.submit(2, seconds=2)
        await runner.next_call(1)
        await trio.sleep(4)
        runner.send(outcome(1))
        assert await answer_of(first) is None
        began = trio.current_time()
        error = await answer_of(second)
        assert error is not None
        assert "2s" in error.message
        assert trio.current_time() - began == pytest.approx(2, abs=0.1)


async def test_time_in_which_the_hub_did_not_look_is_not_counted(autojump_clock: MockClock) -> None:
    """A hub that was stopped for a while must not kill a runner whose outcome waits to be read."""
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        execution = bench.submit(1, seconds=2)
        await runner.next_call(1)
        await trio.sleep(1)
        autojump_clock.jump(30)
        await trio.sleep(0.5)
        assert not runner.was_killed
        runner.send(outcome(1))
        assert await answer_of(execution) is None


async def test_the_pool_grows_while_calls_wait_and_shrinks_when_there_is_nothing_to_do(
    autojump_clock: MockClock,
) -> None:
    async with running(PoolBench(runners_min=1, runners_max=3)) as bench:
        (one,) = await bench.up(1)
        executions = [bench.submit(number) for number in range(1, 4)]
        await one.next_call(1)
        await bench.runners.wait_started(2)
        (two,) = await bench.up(1)
        await two.next_call(2)
        await bench.runners.wait_started(3)
        (three,) = await bench.up(1)
        await three.next_call(3)
        executions.append(bench.submit(4))
        await trio.sleep(1)
        assert len(bench.runners.started) == 3
        two.send(outcome(2))
        # The first to be free gets the call that waited.
        await two.next_call(4)
        for number, runner in ((1, one), (4, two), (3, three)):
            runner.send(outcome(number))
        assert [await answer_of(execution) for execution in executions] == [None] * 4
        await one.retire()
        await two.retire()
        assert await three.is_left_alone(100)
        assert bench.pool.statistics()["runners"] == 1


@pytest.mark.parametrize(("kind", "plural"), [("query", "queries"), ("mutation", "mutations"), ("any", "functions")])
async def test_a_call_that_waits_too_long_is_refused_as_overload(
    autojump_clock: MockClock, kind: str, plural: str
) -> None:
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        bench.submit(1)
        await runner.next_call(1)
        waiting = bench.submit(2, kind=kind)
        started = trio.current_time()
        error = await answer_of(waiting)
        assert trio.current_time() - started == pytest.approx(5, abs=0.1)
        assert error is not None
        assert (error.code, error.system) == ("TooManyConcurrentRequests", 429)
        assert f"at most 1 {plural} at once (runners_max)" in error.message


async def test_a_call_behind_a_slow_one_is_refused_in_the_same_time(autojump_clock: MockClock) -> None:
    """It had been dispatched already, which must not make it wait for as long as the one before it takes."""
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        await bench.teach(runner)
        bench.submit(1)
        behind = bench.submit(2)
        await runner.next_call(1)
        started = trio.current_time()
        error = await answer_of(behind)
        assert error is not None
        assert error.code == "TooManyConcurrentRequests"
        assert trio.current_time() - started == pytest.approx(5, abs=0.1)


async def test_a_runner_that_pins_too_many_pages_is_stopped(autojump_clock: MockClock) -> None:
    async with running(PoolBench(pinned_bytes_max=1000)) as bench:
        one, _ = await bench.up()
        pinning = bench.submit(1)
        await one.next_call(1)
        await trio.sleep(1.5)
        bench.file_bytes += 1001
        error = await answer_of(pinning)
        assert error is not None
        # The database's load is to blame, so a watched query is tried again.
        assert (error.code, error.system) == ("SnapshotTooOld", 503)


# --- runners that end -------------------------------------------------------------------------------------------------


async def test_a_function_that_ends_its_process_is_told_so_and_others_run_elsewhere(autojump_clock: MockClock) -> None:
    async with running(PoolBench()) as bench:
        one, two, guilty, innocent = await bench.queue_behind()
        one.die(3)
        error = await answer_of(guilty)
        assert error is not None
        assert error.code == "FunctionEndedProcess"
        assert "m:f ended the process it ran in (exit code 3)" in error.message
        two.send(outcome(2))
        await two.next_call(3)
        two.send(outcome(3))
        assert await answer_of(innocent) is None


async def test_a_call_whose_runner_is_killed_from_outside_is_tried_three_times(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        execution = bench.submit(1)
        for count in range(1, 4):
            await bench.runners.wait_started(count)
            (runner,) = await bench.up(1)
            await runner.next_call(1)
            runner.die(-9)
        error = await answer_of(execution)
        assert error is not None
        assert "(signal 9)" in error.message


async def test_a_runner_is_missed_even_if_a_process_it_forked_holds_its_link(autojump_clock: MockClock) -> None:
    async with running(PoolBench()) as bench:
        one, _ = await bench.up()
        execution = bench.submit(1)
        await one.next_call(1)
        one.vanish(0)
        error = await answer_of(execution)
        assert error is not None
        assert error.code == "FunctionEndedProcess"


async def test_a_runner_that_does_not_come_up_is_replaced(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1, runner_start_seconds_max=5)) as bench:
        execution = bench.submit(1)
        await trio.sleep(4)
        assert len(bench.runners.started) == 1
        await bench.runners.wait_started(2)
        assert bench.runners.started[0].was_killed
        # Other than one that never could be served, this call had nobody to wait for.
        error = await answer_of(execution)
        assert error is not None
        assert (error.code, error.system) == ("RunnersUnavailable", 503)


@pytest.mark.parametrize("failure", ["start", "load"])
async def test_runners_that_cannot_start_are_tried_slower_and_slower_and_calls_are_refused(
    autojump_clock: MockClock, failure: str
) -> None:
    async with running(PoolBench(runners_min=1)) as bench:
        (first,) = await bench.up(1)
        waited = bench.submit(1)
        await first.next_call(1)
        bench.runners.failing = failure == "start"
        first.die(-9)
        tried = 0
        execution = bench.submit(2)
        while not execution.answered.is_set():
            await trio.sleep(0.01)
            if failure == "load":
                for runner in bench.runners.started[1:]:
                    if runner.exit_code is None:
                        tried += 1
                        runner.send(RunnerReady(b"", ExecutionError("ImportError", "no")))
                        runner.die(0)
        # Neither the one that never ran nor the one whose runner died waits for ever.
        for refused in (waited, execution):
            error = await answer_of(refused)
            assert error is not None
            assert (error.code, error.system) == ("RunnersUnavailable", 503)
        assert tried < 12
        assert len(bench.refused) == tried
        bench.runners.failing = False
        count = len(bench.runners.started)
        await bench.runners.wait_started(count + 1)


async def test_a_runner_with_code_that_is_not_deployed_gets_no_storm_of_calls(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        execution = bench.submit(1)
        asked = 0
        while not execution.answered.is_set() and asked < 10_000:
            with trio.move_on_after(0.1):
                await runner.next_call(1)
                asked += 1
                runner.send(Stale(1))
        assert execution.error is not None
        assert asked < 400


async def test_a_call_that_was_stale_runs_when_the_deployment_is_there(autojump_clock: MockClock) -> None:
    async with running(PoolBench()) as bench:
        one, two = await bench.up()
        execution = bench.submit(1)
        await one.next_call(1)
        one.send(Stale(1))
        await two.next_call(1)
        two.send(outcome(1))
        assert await answer_of(execution) is None


async def test_a_runner_is_replaced_after_many_calls(autojump_clock: MockClock) -> None:
    async with running(PoolBench(runners_min=1, runner_calls_max=3)) as bench:
        (runner,) = await bench.up(1)
        for number in range(1, 4):
            bench.submit(number)
            await runner.next_call(number)
            runner.send(outcome(number))
        await bench.runners.wait_started(2)
        await runner.retire()


async def test_a_retired_runner_that_does_not_end_is_killed(autojump_clock: MockClock) -> None:
    """Code of the app may have started threads that keep the process alive."""
    async with running(PoolBench(runners_min=1, runner_calls_max=1)) as bench:
        (runner,) = await bench.up(1)
        execution = bench.submit(1, seconds=60)
        await runner.next_call(1)
        await trio.sleep(20)
        assert not runner.was_killed
        runner.send(outcome(1))
        assert await answer_of(execution) is None
        await trio.sleep(6)
        assert runner.was_killed
