"""The action pool against action runners that follow a script, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.config import Limits
from rtdb.functions.action_execution import ActionExecution
from rtdb.functions.action_pool import ActionPool
from rtdb.link.frames import (
    ActionCall,
    ActionCancel,
    ActionOutcome,
    ActionProgress,
    BodyChunk,
    BodyCredit,
    CallRequest,
    Drain,
    Durable,
    ExecutionError,
    FileStepRequest,
    HttpActionHead,
    HttpActionRequest,
    RunnerReady,
    RunnerStart,
)
from rtdb.link.link import Link
from tests.functions.scripted_action_runners import ScriptedActionRunner, ScriptedActionRunners, action_outcome


def start_of(deployment: str) -> RunnerStart:
    return RunnerStart(
        config=b"",
        bundle="",
        deployment=deployment,
        cursor_key=b"",
        environment_key=b"",
        upload_key=b"",
        cloud_url="",
        site_url="",
    )


class Recorded(ActionExecution):
    """Keeps what it is told; more than once is a mistake of the pool's."""

    __slots__ = ("answered", "error", "outcome")

    def __init__(self, path: str, seconds_max: float) -> None:
        super().__init__(ActionCall(0, path, b"{}", None, False), seconds_max)
        self.answered = trio.Event()
        self.outcome: ActionOutcome | None = None
        self.error: ExecutionError | None = None

    def finished(self, outcome: ActionOutcome) -> None:
        assert not self.answered.is_set()
        self.outcome = outcome
        self.answered.set()

    def failed(self, error: ExecutionError) -> None:
        assert not self.answered.is_set()
        self.error = error
        self.answered.set()

    async def code(self) -> str:
        """Wait for its end, which must be an error."""
        await self.answered.wait()
        assert self.error is not None
        return self.error.code


class Bench:
    """A pool, its owner, and the action runners it has started."""

    def __init__(self, nursery: trio.Nursery, **limits: Any) -> None:
        self.runners = ScriptedActionRunners()
        self.requests: list[tuple[Link, CallRequest]] = []
        self.pool = ActionPool(self, Limits(**{"action_runners": 2, **limits}), start_runner=self.runners)
        self._nursery = nursery

    def action_requested(self, link: Link, request: CallRequest | FileStepRequest) -> None:
        assert isinstance(request, CallRequest)
        self.requests.append((link, request))

    def outcomes_handled(self) -> None:
        self.pool.flush()

    def submit(self, path: str = "m:a", seconds_max: float = 60.0) -> Recorded:
        execution = Recorded(path, seconds_max)
        self.pool.submit(execution)
        return execution

    async def up(self, count: int = 2, *, beating: bool = True) -> list[ScriptedActionRunner]:
        """Bring up so many more action runners."""
        runners = (await self.runners.wait_started(len(self.runners.started)))[-count:]
        for runner in runners:
            await runner.come_up()
            if beating:
                self._nursery.start_soon(runner.keep_beating)
        await wait_all_tasks_blocked()
        return runners


@asynccontextmanager
async def running(deployment: str | None = "first", **limits: Any) -> AsyncIterator[Bench]:
    with trio.fail_after(2000):
        async with trio.open_nursery() as nursery:
            bench = Bench(nursery, **limits)
            await nursery.start(bench.pool.run)
            bench.pool.use(None if deployment is None else start_of(deployment))
            yield bench
            nursery.cancel_scope.cancel()


async def test_an_app_without_actions_has_no_action_runners(autojump_clock: MockClock) -> None:
    async with running(None) as bench:
        await trio.sleep(10)
        assert bench.runners.started == []


async def test_actions_go_where_fewest_run_and_each_is_answered_with_its_own_outcome(
    autojump_clock: MockClock,
) -> None:
    async with running() as bench:
        first, second = await bench.up()
        actions = [bench.submit(f"m:{name}") for name in "abcd"]
        calls = [await first.next_call("m:a"), await second.next_call("m:b"), await first.next_call("m:c")]
        calls.append(await second.next_call("m:d"))
        for runner, call, name in ((second, calls[3], "d"), (first, calls[2], "c"), (first, calls[0], "a")):
            runner.send(action_outcome(call.call, result=name))
        for action, result in ((actions[3], b'"d"'), (actions[2], b'"c"'), (actions[0], b'"a"')):
            await action.answered.wait()
            assert action.outcome is not None
            assert action.outcome.result == result
        assert not actions[1].answered.is_set()
        assert bench.pool.statistics() == {"action_runners": 2, "waiting": 0, "running": 1}


async def test_what_an_action_wants_of_the_database_is_handed_on_with_its_link(autojump_clock: MockClock) -> None:
    async with running() as bench:
        runner, _ = await bench.up()
        request = CallRequest(1, "mutation", "m:write", b"{}", None, True)
        runner.send(request)
        await wait_all_tasks_blocked()
        assert bench.requests == [(runner.link, request)]


async def test_actions_over_the_limit_wait_for_room_and_fail_when_there_is_none_in_time(
    autojump_clock: MockClock,
) -> None:
    async with running(action_runners=1, action_runner_calls_max=2, action_queue_seconds_max=10) as bench:
        (runner,) = await bench.up(1)
        bench.submit("m:a"), bench.submit("m:b")
        third, fourth = bench.submit("m:c"), bench.submit("m:d")
        call = await runner.next_call("m:a")
        await runner.next_call("m:b")
        await trio.sleep(5)
        runner.send(action_outcome(call.call))
        await runner.next_call("m:c")
        started = trio.current_time()
        assert await fourth.code() == "TooManyConcurrentRequests"
        assert fourth.error is not None
        assert fourth.error.system == 429
        assert "limited to 2 concurrent actions" in fourth.error.message
        assert trio.current_time() - started == pytest.approx(5, abs=0.2)
        assert not third.answered.is_set()


async def test_an_action_is_withdrawn_only_while_it_waits(autojump_clock: MockClock) -> None:
    async with running(action_runners=1, action_runner_calls_max=1) as bench:
        (runner,) = await bench.up(1)
        first, withdrawn, last = bench.submit("m:a"), bench.submit("m:b"), bench.submit("m:c")
        call = await runner.next_call("m:a")
        assert not first.withdraw()
        assert withdrawn.withdraw()
        runner.send(action_outcome(call.call))
        await runner.next_call("m:c")
        also_withdrawn = bench.submit("m:d")
        assert also_withdrawn.withdraw()
        bench.pool.interrupt("the server is shutting down")
        await trio.sleep(20)
        assert not withdrawn.answered.is_set()
        assert not also_withdrawn.answered.is_set()
        assert not last.withdraw()


@pytest.mark.parametrize(
    "call",
    [
        ActionCall(0, "m:a", b'"' + b"x" * 10_000 + b'"', None, False),
        HttpActionRequest(0, "GET", "http://x", "/", [(b"x", b"x" * 10_000)], False, None),
    ],
)
def test_what_is_withdrawn_waits_for_its_turn_without_what_is_large(call: ActionCall | HttpActionRequest) -> None:
    execution = ActionExecution(call, 1.0)
    execution.waiting = True
    assert execution.withdraw()
    assert len(msgspec.msgpack.encode(execution.call)) < 100


async def test_while_no_action_runner_can_be_started_actions_wait_and_fail(autojump_clock: MockClock) -> None:
    async with running(None) as bench:
        bench.runners.failing = True
        bench.pool.use(start_of("first"))
        action = bench.submit()
        assert await action.code() == "RunnersUnavailable"
        bench.runners.failing = False
        await bench.runners.wait_started(2)
        (runner, _) = await bench.up()
        bench.submit("m:later")
        await runner.next_call("m:later")


# --- deadlines --------------------------------------------------------------------------------------------------------


async def test_an_action_past_its_deadline_is_cancelled_and_nobody_else_is(autojump_clock: MockClock) -> None:
    async with running(action_runners=1) as bench:
        (runner,) = await bench.up(1)
        slow, other = bench.submit("m:slow", seconds_max=30), bench.submit("m:other")
        call = await runner.next_call("m:slow")
        await runner.next_call("m:other")
        started = trio.current_time()
        cancel = await runner.next()
        assert isinstance(cancel, ActionCancel)
        assert trio.current_time() - started == pytest.approx(30, abs=0.2)
        assert (cancel.call, cancel.error.code) == (call.call, "FunctionTimedOut")
        assert cancel.error.message == "Function execution timed out (maximum duration: 30s)"
        runner.send(action_outcome(call.call, error=cancel.error))
        await slow.answered.wait()
        await trio.sleep(20)
        assert not other.answered.is_set()
        assert not runner.was_killed


async def test_an_action_that_does_not_end_when_cancelled_is_killed_with_its_process(
    autojump_clock: MockClock,
) -> None:
    async with running(action_runners=1, action_cancel_seconds_max=5) as bench:
        (runner,) = await bench.up(1)
        stubborn, other = bench.submit("m:stubborn", seconds_max=30), bench.submit("m:other")
        await runner.next_call("m:stubborn")
        await runner.next_call("m:other")
        assert isinstance(await runner.next(), ActionCancel)
        assert await stubborn.code() == "FunctionTimedOut"
        assert await other.code() == "ActionInterrupted"
        assert other.error is not None
        assert "Transient error while executing action: the process it ran in was stopped" in other.error.message
        assert runner.was_killed
        (replacement,) = await bench.up(1)
        bench.submit("m:next")
        await replacement.next_call("m:next")


# --- the event loop ---------------------------------------------------------------------------------------------------


async def test_an_action_that_blocks_the_loop_is_named_and_its_process_replaced(autojump_clock: MockClock) -> None:
    async with running(action_runners=1, action_blocked_seconds_max=5) as bench:
        (runner,) = await bench.up(1, beating=False)
        culprit, other = bench.submit("m:blocks"), bench.submit("m:other")
        call = await runner.next_call("m:blocks")
        await runner.next_call("m:other")
        unbegun = bench.submit("m:unbegun")
        runner.pulse.running = call.call
        runner.pulse.frames = "    at blocks (m.py:7)\n"
        started = trio.current_time()
        assert await culprit.code() == "ActionBlocked"
        assert trio.current_time() - started == pytest.approx(5, abs=0.2)
        assert culprit.error is not None
        assert culprit.error.message.startswith("Function m:blocks was stopped: for 5 s")
        assert culprit.error.frames == "    at blocks (m.py:7)\n"
        assert await other.code() == "ActionInterrupted"
        (replacement,) = await bench.up(1)
        await replacement.next_call("m:unbegun")
        assert not unbegun.answered.is_set(), "it had not begun, so it may run elsewhere"


async def test_an_action_runner_that_is_stuck_for_a_moment_gets_nothing_new_until_it_goes_on(
    autojump_clock: MockClock,
) -> None:
    async with running() as bench:
        stuck, other = await bench.up(beating=False)
        with trio.CancelScope() as beating:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(other.keep_beating)
                await trio.sleep(1)
                for _ in range(3):
                    bench.submit()
                assert await stuck.is_left_alone(1)
                stuck.pulse.beat()
                await trio.sleep(0.1)
                bench.submit("m:again")
                await stuck.next_call("m:again")
                assert not stuck.was_killed
                beating.cancel()


async def test_an_idle_action_runner_that_beats_lives_for_ever(autojump_clock: MockClock) -> None:
    async with running() as bench:
        runners = await bench.up()
        await trio.sleep(1000)
        assert not any(runner.was_killed for runner in runners)
        assert len(bench.runners.started) == 2


async def test_an_action_runner_is_not_blamed_for_time_in_which_nobody_looked(autojump_clock: MockClock) -> None:
    """The machine stood still, and the hub is the first to go on."""
    async with running(action_runners=1) as bench:
        (runner,) = await bench.up(1, beating=False)
        action = bench.submit(seconds_max=3600)
        await runner.next_call()
        await trio.sleep(0.2)
        autojump_clock.jump(600)
        await trio.sleep(0.2)
        runner.pulse.beat()
        await trio.sleep(0.2)
        assert not runner.was_killed
        assert not action.answered.is_set()


# --- the end of an action runner --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "how"), [(-9, "signal 9"), (-11, "signal 11"), (0, "exit code 0")])
async def test_when_an_action_runner_ends_its_actions_are_told_and_never_run_again(
    autojump_clock: MockClock, code: int, how: str
) -> None:
    async with running(action_runners=1) as bench:
        (runner,) = await bench.up(1)
        actions = [bench.submit("m:a"), bench.submit("m:b")]
        await runner.next_call("m:a")
        await runner.next_call("m:b")
        runner.die(code)
        for action in actions:
            assert await action.code() == "ActionInterrupted"
            assert action.error is not None
            assert how in action.error.message
            assert action.error.system == 0
        (replacement,) = await bench.up(1)
        assert await replacement.is_left_alone(30)


@pytest.mark.parametrize(
    "message",
    [
        action_outcome(77),
        ActionProgress(77, ["[LOG] x"]),
        BodyChunk(77, b"x", True),
        HttpActionHead(1, 200, []),
        BodyCredit(1, 7),
        Durable(1, 1),
        ActionOutcome(1, "text", None, [], 1),  # type: ignore[arg-type]  # what code of an app may have brought about
    ],
)
async def test_an_action_runner_that_says_what_it_must_not_is_replaced_and_nobody_else_notices(
    autojump_clock: MockClock, message: Any
) -> None:
    async with running() as bench:
        first, second = await bench.up()
        mine, other = bench.submit("m:mine"), bench.submit("m:other")
        bench.pool.flush()
        assert (await first.next_call("m:mine")).call == 1
        call = await second.next_call("m:other")
        first.send(message)
        assert await mine.code() == "ActionInterrupted"
        assert first.was_killed
        second.send(action_outcome(call.call, result="done"))
        await other.answered.wait()
        assert other.outcome is not None
        await bench.up(1)


async def test_an_action_that_ends_its_process_is_told_so(autojump_clock: MockClock) -> None:
    async with running(action_runners=1) as bench:
        (runner,) = await bench.up(1)
        other, culprit = bench.submit("m:other"), bench.submit("m:exits")
        await runner.next_call("m:other")
        runner.pulse.running = (await runner.next_call("m:exits")).call
        runner.die(3)
        assert await culprit.code() == "FunctionEndedProcess"
        assert await other.code() == "ActionInterrupted"


async def test_after_running_out_of_memory_an_action_runner_gets_nothing_more(autojump_clock: MockClock) -> None:
    async with running(action_runners=1) as bench:
        (runner,) = await bench.up(1)
        bench.submit("m:other")
        bench.submit("m:greedy")
        other = await runner.next_call("m:other")
        greedy = await runner.next_call("m:greedy")
        runner.send(action_outcome(greedy.call, error=ExecutionError("OutOfMemory", ""), out_of_memory=True))
        assert isinstance(await runner.next(), Drain)
        (replacement,) = await bench.up(1)
        runner.send(action_outcome(other.call))
        runner.die(0)
        bench.submit("m:next")
        await replacement.next_call("m:next")


async def test_an_action_whose_call_ran_out_of_memory_elsewhere_leaves_its_runner_in_use(
    autojump_clock: MockClock,
) -> None:
    async with running(action_runners=1) as bench:
        (runner,) = await bench.up(1)
        bench.submit("m:calls")
        calls = await runner.next_call("m:calls")
        runner.send(action_outcome(calls.call, error=ExecutionError("OutOfMemory", "")))
        bench.submit("m:next")
        await runner.next_call("m:next")


async def test_an_action_runner_is_replaced_after_many_calls(autojump_clock: MockClock) -> None:
    async with running(action_runners=1, runner_calls_max=2) as bench:
        (runner,) = await bench.up(1)
        for path in ("m:a", "m:b"):
            bench.submit(path)
            runner.send(action_outcome((await runner.next_call(path)).call))
        await runner.retire()
        (replacement,) = await bench.up(1)
        bench.submit("m:c")
        await replacement.next_call("m:c")


# --- deploys ----------------------------------------------------------------------------------------------------------


async def load(bench: Bench, deployment: str) -> list[ScriptedActionRunner]:
    """Load other code, in two action runners."""
    before = len(bench.runners.started)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.load, start_of(deployment))
        await bench.runners.wait_started(before + 1)
        await bench.up(1)
    await bench.up(1)
    await bench.pool.wait_loaded()
    return bench.runners.started[before:]


async def test_a_deploy_lets_running_actions_finish_on_their_code(autojump_clock: MockClock) -> None:
    async with running() as bench:
        old, idle = await bench.up()
        action = bench.submit("m:before")
        call = await old.next_call("m:before")
        new, _ = await load(bench, "second")
        bench.submit("m:meanwhile")
        await idle.next_call("m:meanwhile")
        bench.pool.switch()
        bench.submit("m:after")
        await new.next_call("m:after")
        assert isinstance(await old.next(), Drain)
        assert bench.pool.deployments == {"first", "second"}
        await trio.sleep(50)
        old.send(action_outcome(call.call, result="old code"))
        await action.answered.wait()
        assert action.outcome is not None
        assert action.outcome.result == b'"old code"'
        old.die(0)
        idle.die(0)
        await wait_all_tasks_blocked()
        assert bench.pool.deployments == {"second"}
        assert len(bench.runners.started) == 4


async def test_code_that_cannot_be_loaded_changes_nothing(autojump_clock: MockClock) -> None:
    async with running() as bench:
        old, _ = await bench.up()
        readies: list[RunnerReady] = []

        async def load_bad() -> None:
            readies.append(await bench.pool.load(start_of("second")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(load_bad)
            bad = (await bench.runners.wait_started(3))[2]
            await bad.next()
            bad.send(RunnerReady(description=b"", error=ExecutionError("InvalidModules", "no")))
        bench.pool.discard()
        assert readies[0].error is not None
        assert bad.was_killed
        bench.submit("m:still")
        await old.next_call("m:still")


async def test_code_that_is_loaded_right_after_other_was_discarded_is_not_taken_for_it(
    autojump_clock: MockClock,
) -> None:
    async with running() as bench:
        await bench.up()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.pool.load, start_of("given up"))
            given_up = (await bench.runners.wait_started(3))[2]
            nursery.cancel_scope.cancel()
        given_up.takes_time_to_die = True
        bench.pool.discard()
        loaded: list[RunnerReady] = []

        async def load_another() -> None:
            loaded.append(await bench.pool.load(start_of("second")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(load_another)
            await wait_all_tasks_blocked()
            given_up.die(-9)
            await bench.runners.wait_started(4)
            assert (await bench.runners.started[3].come_up()).deployment == "second"
        assert loaded[0].error is None


async def test_an_app_that_gets_its_first_action_gets_action_runners_and_loses_them_again(
    autojump_clock: MockClock,
) -> None:
    async with running(None) as bench:
        runners = await load(bench, "with actions")
        bench.pool.switch()
        bench.submit("m:first")
        runners[0].send(action_outcome((await runners[0].next_call("m:first")).call))
        bench.pool.switch()
        for runner in runners:
            await runner.retire()
        await trio.sleep(10)
        assert bench.pool.statistics()["action_runners"] == 0
        assert len(bench.runners.started) == 2


async def test_action_runners_of_long_ago_are_stopped_when_there_are_too_many(autojump_clock: MockClock) -> None:
    async with running(action_runners=1, action_runners_retiring_max=1) as bench:
        (first,) = await bench.up(1)
        action = bench.submit("m:endless")
        await first.next_call("m:endless")
        for deployment in ("second", "third"):
            newest = len(bench.runners.started)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bench.pool.load, start_of(deployment))
                await bench.runners.wait_started(newest + 1)
                await bench.up(1)
            bench.pool.switch()
            bench.submit("m:endless")
            await bench.runners.started[newest].next_call("m:endless")
        assert await action.code() == "ActionInterrupted"
        assert [runner.was_killed for runner in bench.runners.started] == [True, False, False]


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_an_interrupted_pool_cancels_what_runs_and_refuses_what_waits(autojump_clock: MockClock) -> None:
    async with running(action_runners=1, action_runner_calls_max=1) as bench:
        (runner,) = await bench.up(1)
        action, waiting = bench.submit("m:a"), bench.submit("m:b")
        call = await runner.next_call("m:a")
        bench.pool.interrupt("the server is shutting down")
        assert await waiting.code() == "ActionInterrupted"
        cancel = await runner.next()
        assert isinstance(cancel, ActionCancel)
        runner.send(action_outcome(call.call, error=cancel.error))
        await action.answered.wait()
        assert cancel.error.message.startswith("Transient error while executing action: the server is shutting down.")
