"""The pool against runners that follow a script, in virtual time; at the end, against real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import structlog.testing
import trio
from trio.testing import MockClock

from rtdb.config import Limits, encode_config
from rtdb.functions.execution import Execution
from rtdb.functions.pooled_runner import PooledRunner
from rtdb.functions.runner_handle import RunnerHandle, process_runners
from rtdb.functions.runner_pool import RunnerPool
from rtdb.link.frames import ExecutionError, Outcome, RunnerReady, RunnerStart, Stale
from tests.functions.runner_bench import RunnerBench
from tests.functions.scripted_runners import ScriptedRunner, ScriptedRunners, call, outcome
from tests.transaction.workbench import new_config

START = RunnerStart(
    config=b"",
    bundle="bundle",
    deployment="deployment",
    cursor_key=b"",
    environment_key=b"",
    upload_key=b"",
    cloud_url="",
    site_url="",
)


class Recorded(Execution):
    """Keeps what it is told; more than once is a mistake of the pool's."""

    __slots__ = ("answered", "error", "outcome", "returned")

    def __init__(self, number: int, source: str = "m:f", seconds: float = 60.0, kind: Any = "query") -> None:
        super().__init__(call(number, source, kind), source, seconds)
        self.answered = trio.Event()
        self.outcome: Outcome | None = None
        self.error: ExecutionError | None = None
        self.returned = False

    def finished(self, outcome: Outcome) -> None:
        assert not self.answered.is_set()
        self.outcome = outcome
        self.answered.set()

    def failed(self, error: ExecutionError) -> None:
        assert not self.answered.is_set()
        self.error = error
        self.answered.set()

    def sent_back(self) -> None:
        assert not self.answered.is_set()
        self.returned = True
        self.answered.set()


class Bench:
    """A pool, its owner, and the runners it has started."""

    def __init__(self, **limits: Any) -> None:
        self.runners = ScriptedRunners()
        self.refused: list[ExecutionError] = []
        self.ended = 0
        self.looks = 0
        self._another_ended = trio.Event()
        self.file_bytes = 0
        self.lanes: list[PooledRunner | None] = []
        limits = {"runners_min": 2, "runners_max": 3, **limits}
        self.pool = RunnerPool(
            self, START, Limits(**limits), start_runner=self.runners, file_bytes=lambda: self.file_bytes
        )

    def runner_described(self, description: bytes) -> None:
        assert description == b"described"

    def runner_refused(self, error: ExecutionError) -> None:
        self.refused.append(error)

    def runner_ended(self) -> None:
        self.ended += 1
        self._another_ended.set()
        self._another_ended = trio.Event()

    async def wait_ended(self, count: int) -> None:
        while self.ended < count:
            await self._another_ended.wait()

    def outcomes_handled(self) -> None:
        self.looks += 1
        self.pool.flush()

    def submit(self, number: int, source: str = "m:f", seconds: float = 60.0, kind: Any = "query") -> Recorded:
        execution = Recorded(number, source, seconds, kind)
        self.pool.submit(execution)
        return execution

    async def up(self, count: int = 2) -> list[ScriptedRunner]:
        """Bring up so many more runners."""
        runners = (await self.runners.wait_started(len(self.runners.started)))[-count:]
        for runner in runners:
            await runner.come_up()
        await trio.testing.wait_all_tasks_blocked()
        return runners

    async def teach(self, runner: ScriptedRunner, source: str = "m:f", number: int = 900) -> None:
        """Let the pool learn that a function is fast, so that calls of it are queued one behind the other."""
        self.submit(number, source)
        await runner.next_call(number)
        runner.send(outcome(number, micros=10))
        await trio.testing.wait_all_tasks_blocked()

    async def queue_behind(self, seconds: float = 60.0) -> tuple[ScriptedRunner, ScriptedRunner, Recorded, Recorded]:
        """Have call 1 run on the first runner, call 2 on the second, and call 3 wait on the first behind call 1.

        Returns the runners, call 1 and call 3.
        """
        one, two = await self.up()
        await self.teach(one)
        first = self.submit(1, seconds=seconds)
        await one.next_call(1)
        self.submit(2, "m:other")
        await two.next_call(2)
        behind = self.submit(3)
        await one.next_call(3)
        return one, two, first, behind


AnyBench = TypeVar("AnyBench", bound=Bench)


@asynccontextmanager
async def running(bench: AnyBench) -> AsyncIterator[AnyBench]:
    with trio.fail_after(300):
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.pool.run)
            yield bench
            nursery.cancel_scope.cancel()


async def answer_of(execution: Recorded) -> ExecutionError | None:
    await execution.answered.wait()
    return execution.error


async def test_a_pool_with_nothing_to_do_sleeps(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
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


# --- where a call runs ------------------------------------------------------------------------------------------------


async def test_calls_of_unknown_functions_get_a_runner_each(autojump_clock: MockClock) -> None:
    async with running(Bench()) as bench:
        one, two = await bench.up()
        executions = [bench.submit(1), bench.submit(2)]
        await one.next_call(1)
        await two.next_call(2)
        two.send(outcome(2))
        one.send(outcome(1))
        assert [await answer_of(execution) for execution in executions] == [None, None]


async def test_calls_of_fast_functions_are_queued_behind_each_other(autojump_clock: MockClock) -> None:
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        await bench.teach(runner)
        for number in range(5):
            bench.submit(number)
        for number in range(5):
            await runner.next_call(number)


async def test_what_waits_is_dispatched_oldest_first(autojump_clock: MockClock) -> None:
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
        (runner,) = await bench.up(1)
        for number in range(1, 5):
            bench.submit(number)
        for number in range(1, 5):
            await runner.next_call(number)
            runner.send(outcome(number, micros=50_000))


async def test_a_call_behind_a_slow_one_is_run_elsewhere_before_anything_younger(autojump_clock: MockClock) -> None:
    async with running(Bench(runners_max=2)) as bench:
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
    async with running(Bench(runners_max=2)) as bench:
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
    async with running(Bench(runners_max=2, queue_seconds_max=1)) as bench:
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
    async with running(Bench()) as bench:
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
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
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
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
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
    async with running(Bench(runners_min=1, runners_max=3)) as bench:
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
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
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
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
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
    async with running(Bench(pinned_bytes_max=1000)) as bench:
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
    async with running(Bench()) as bench:
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
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
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
    async with running(Bench()) as bench:
        one, _ = await bench.up()
        execution = bench.submit(1)
        await one.next_call(1)
        one.vanish(0)
        error = await answer_of(execution)
        assert error is not None
        assert error.code == "FunctionEndedProcess"


async def test_a_runner_that_does_not_come_up_is_replaced(autojump_clock: MockClock) -> None:
    async with running(Bench(runners_min=1, runner_start_seconds_max=5)) as bench:
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
    async with running(Bench(runners_min=1)) as bench:
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
    async with running(Bench(runners_min=1, runners_max=1)) as bench:
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
    async with running(Bench()) as bench:
        one, two = await bench.up()
        execution = bench.submit(1)
        await one.next_call(1)
        one.send(Stale(1))
        await two.next_call(1)
        two.send(outcome(1))
        assert await answer_of(execution) is None


async def test_a_runner_is_replaced_after_many_calls(autojump_clock: MockClock) -> None:
    async with running(Bench(runners_min=1, runner_calls_max=3)) as bench:
        (runner,) = await bench.up(1)
        for number in range(1, 4):
            bench.submit(number)
            await runner.next_call(number)
            runner.send(outcome(number))
        await bench.runners.wait_started(2)
        await runner.retire()


async def test_a_retired_runner_that_does_not_end_is_killed(autojump_clock: MockClock) -> None:
    """Code of the app may have started threads that keep the process alive."""
    async with running(Bench(runners_min=1, runner_calls_max=1)) as bench:
        (runner,) = await bench.up(1)
        execution = bench.submit(1, seconds=60)
        await runner.next_call(1)
        await trio.sleep(20)
        assert not runner.was_killed
        runner.send(outcome(1))
        assert await answer_of(execution) is None
        await trio.sleep(6)
        assert runner.was_killed


# --- other code -------------------------------------------------------------------------------------------------------

OTHER = msgspec.structs.replace(START, bundle="other", deployment="other")


class Loading:
    """A ``load`` under way."""

    def __init__(self, bench: Bench) -> None:
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
async def loading(bench: Bench) -> AsyncIterator[tuple[Loading, ScriptedRunner]]:
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
    async with running(Bench(runners_min=1)) as bench:
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
    async with running(Bench(runners_min=1)) as bench:
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
    async with running(Bench(runners_min=1)) as bench:
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
    async with running(Bench(runners_min=1)) as bench:
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
    async with running(Bench(runners_min=1)) as bench:
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
    async with running(Bench(runners_min=1, runner_start_seconds_max=10)) as bench:
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


# --- the lane ---------------------------------------------------------------------------------------------------------


def with_lane(**limits: Any) -> Bench:
    bench = Bench(runners_min=1, **limits)
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


# --- real processes on a real database --------------------------------------------------------------------------------

EVIL = """
import os, signal, threading, time

@query
def value(ctx):
    return len(ctx.db.query("things").collect())

@query
def loop(ctx):
    while True:
        pass

@query
def leave(ctx):
    os._exit(7)

@query
def crash(ctx):
    os.kill(os.getpid(), signal.SIGSEGV)

@query
def close_everything(ctx):
    os.closerange(3, 1000)
    while True:
        pass

@query
def fork_and_leave(ctx):
    if os.fork() == 0:
        time.sleep(5)
        os._exit(0)
    os._exit(9)

@query
def start_thread(ctx):
    threading.Thread(target=time.sleep, args=(600,)).start()
"""


class ProcessBench(Bench):
    """A pool of processes over a deployed app."""

    def __init__(self, bench: RunnerBench, **limits: Any) -> None:
        super().__init__(**limits)
        limits_ = Limits(**{"runners_min": 1, "runners_max": 2, **limits})
        start = msgspec.structs.replace(
            bench.start_message(), config=encode_config(new_config(bench.app_bench.directory / "data", limits_))
        )
        self.handles: list[RunnerHandle] = []
        start_process = process_runners(1 << 20)

        def start_runner() -> RunnerHandle:
            self.handles.append(start_process())
            return self.handles[-1]

        self.pool = RunnerPool(self, start, limits_, start_runner=start_runner, file_bytes=lambda: self.file_bytes)

    def runner_described(self, description: bytes) -> None:
        """Any description will do."""


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[RunnerBench]:
    bench = RunnerBench(tmp_path, m=EVIL)
    yield bench
    bench.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("loop", "timed out (maximum duration: 0.5s)"),
        ("leave", "ended the process it ran in (exit code 7)"),
        ("crash", "ended the process it ran in (signal 11)"),
        ("close_everything", "ended the process it ran in (signal 9)"),
        ("fork_and_leave", "ended the process it ran in (exit code 9)"),
    ],
)
async def test_whatever_a_function_does_to_its_process_it_is_answered_and_others_are_served(
    evil: RunnerBench, function: str, expected: str
) -> None:
    # On a machine that does much else, three processes one after the other take longer than the default.
    async with running(ProcessBench(evil, queue_seconds_max=60)) as bench:
        guilty = bench.submit(1, f"m:{function}", seconds=0.5)
        bench.pool.flush()
        innocent = [bench.submit(number, "m:value") for number in range(2, 6)]
        error = await answer_of(guilty)
        assert error is not None
        assert expected in error.message
        for execution in innocent:
            assert await answer_of(execution) is None
            assert execution.outcome is not None
            assert execution.outcome.result == b"0.0"


@pytest.mark.slow
async def test_a_runner_with_threads_left_behind_is_ended(evil: RunnerBench) -> None:
    async with running(ProcessBench(evil, runner_calls_max=1)) as bench:
        assert await answer_of(bench.submit(1, "m:start_thread")) is None
        assert await answer_of(bench.submit(2, "m:value")) is None
        await bench.wait_ended(2)


@pytest.mark.slow
async def test_no_runner_outlives_the_pool(evil: RunnerBench) -> None:
    async with running(ProcessBench(evil)) as bench:
        assert await answer_of(bench.submit(1, "m:value")) is None
        bench.submit(2, "m:loop")
        bench.pool.flush()
    assert bench.handles
    assert all(handle.has_ended() for handle in bench.handles)
