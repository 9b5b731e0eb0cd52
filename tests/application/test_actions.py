"""Actions in the hub: how they are known for what they are, and what they may have done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.link.frames import (
    ActionProgress,
    Answer,
    BlockNotice,
    CallRequest,
    EnvironmentChanged,
    ExecutionError,
    KeyChange,
    LogPage,
    LogPoll,
    Origin,
)
from rtdb.storage.keys import BY_CREATION_TIME, BY_ID, index_number
from rtdb.storage.system_tables import DEPLOYMENTS_TABLE, ENVIRONMENT_VARIABLES_TABLE
from rtdb.values.json_codec import encode
from tests.application.test_application import START_TS, WRITE, Bench
from tests.functions.pool_bench import START
from tests.functions.scripted_action_runners import ScriptedActionRunner, action_outcome


@asynccontextmanager
async def running(**limits: Any) -> AsyncIterator[tuple[Bench, ScriptedActionRunner]]:
    """Have an application with one action runner."""
    bench = Bench(action_runners=1, **limits)
    with trio.fail_after(1000):
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.pool.run)
            await nursery.start(bench.action_pool.run)
            bench.action_pool.use(START)
            (runner,) = await bench.action_runners.wait_started(1)
            await runner.come_up()
            nursery.start_soon(runner.keep_beating)
            await wait_all_tasks_blocked()
            yield bench, runner
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", ["action", "any"])
async def test_an_action_that_the_app_describes_goes_to_an_action_runner(autojump_clock: MockClock, kind: str) -> None:
    async with running() as (bench, runner):
        number = bench.request("m:act", kind)
        call = await runner.next_call("m:act")
        runner.send(action_outcome(call.call, result="done"))
        await wait_all_tasks_blocked()
        assert bench.answers() == [Answer(number, b'"done"', None, [], START_TS)]
        assert bench.application.calls == 0


@pytest.mark.parametrize("kind", ["action", "any"])
async def test_an_action_that_a_runner_finds_instead_of_a_query_goes_to_an_action_runner(
    autojump_clock: MockClock, kind: str
) -> None:
    async with running() as (bench, runner):
        _, query_runner, _ = await bench.up()
        number = bench.request("m.js:act", kind)
        await bench.execute(query_runner, kind="action", error=ExecutionError("WrongFunctionKind", "not shown"))
        call = await runner.next_call("m.js:act")
        runner.send(action_outcome(call.call, result="done"))
        await wait_all_tasks_blocked()
        assert bench.answers() == [Answer(number, b'"done"', None, [], START_TS)]


@pytest.mark.parametrize("kind", ["query", "mutation"])
async def test_who_asks_for_another_kind_of_function_is_told_by_a_runner(autojump_clock: MockClock, kind: str) -> None:
    async with running() as (bench, runner):
        _, query_runner, _ = await bench.up()
        number = bench.request("m:act", kind)
        wrong = ExecutionError("WrongFunctionKind", "Trying to execute")
        await bench.execute(query_runner, kind="action", error=wrong)
        assert [(answer.call, answer.error) for answer in bench.answers()] == [(number, wrong)]
        assert await runner.is_left_alone(1)


async def test_what_an_action_wrote_is_known_to_the_gateway_before_its_answer(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        _, query_runner, _ = await bench.up()
        number = bench.request("m:act", "action")
        call = await runner.next_call()
        runner.send(CallRequest(7, "mutation", "m:write", encode({}), None, True))
        await bench.execute(query_runner, writes=[WRITE])
        (commit,) = bench.commits()
        bench.block(commit)
        answered = await runner.next()
        assert isinstance(answered, Answer)
        assert (answered.call, answered.ts) == (7, bench.ts)
        runner.send(action_outcome(call.call))
        await wait_all_tasks_blocked()
        notice, answer = bench.gateway.take()
        assert isinstance(notice, BlockNotice)
        assert isinstance(answer, Answer)
        assert (answer.call, answer.ts) == (number, bench.ts)


async def test_an_action_under_way_may_finish_what_it_does_while_the_server_stops(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        _, query_runner, _ = await bench.up()
        bench.request("m:act", "action")
        call = await runner.next_call()
        bench.application.drain()
        refused = bench.request("m:act", "action")
        runner.send(CallRequest(1, "query", "m:read", encode({}), None, True))
        await bench.execute(query_runner, result="read")
        answered = await runner.next()
        assert isinstance(answered, Answer)
        assert answered.result == b'"read"'
        assert [answer.call for answer in bench.answers() if answer.error is not None] == [refused]
        with trio.move_on_after(1) as still_waiting:
            await bench.application.wait_idle()
        assert still_waiting.cancelled_caught
        runner.send(action_outcome(call.call))
        await bench.application.wait_idle()


async def test_an_action_goes_on_when_its_gateway_has_died(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        bench.request("m:act", "action")
        call = await runner.next_call()
        bench.application.remove_gateway(0)
        assert await runner.is_left_alone(5)
        runner.send(action_outcome(call.call))
        await wait_all_tasks_blocked()
        assert bench.application.calls == 0


def recorded(bench: Bench) -> list[tuple[str, bool, list[str]]]:
    """Return the function log: path, whether it is progress, and lines."""
    bench.gateway.take()
    bench.application.gateway_message(0, LogPoll(1, 0))
    (page,) = bench.gateway.take()
    assert isinstance(page, LogPage)
    return [(record.path, record.progress, record.log_lines) for record in page.records]


async def test_what_an_action_prints_is_recorded_while_it_runs_and_the_rest_at_its_end(
    autojump_clock: MockClock,
) -> None:
    async with running() as (bench, runner):
        bench.request("m:act", "action")
        call = await runner.next_call()
        runner.send(ActionProgress(call.call, ["[LOG] a"]))
        runner.send(ActionProgress(call.call, ["[LOG] b"]))
        await wait_all_tasks_blocked()
        assert recorded(bench) == [("m:act", True, ["[LOG] a"]), ("m:act", True, ["[LOG] b"])]
        lines = ["[LOG] a", "[LOG] b", "[LOG] c"]
        runner.send(msgspec.structs.replace(action_outcome(call.call), log_lines=lines))
        await wait_all_tasks_blocked()
        assert recorded(bench)[2:] == [("m:act", True, ["[LOG] c"]), ("m:act", False, lines)]


async def test_what_an_action_runs_has_its_request_and_names_it(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        bench.request("m:act", "action", origin=Origin("HttpApi", "00ff"))
        call = await runner.next_call()
        assert (call.origin.caller, call.origin.request) == ("Action", "00ff")
        runner.send(action_outcome(call.call))
        await wait_all_tasks_blocked()
        bench.application.gateway_message(0, LogPoll(1, 0))
        page = bench.gateway.take()[-1]
        assert isinstance(page, LogPage)
        assert page.records[-1].execution == call.origin.parent


async def test_action_runners_hear_of_changed_environment_variables_before_what_comes_after(
    autojump_clock: MockClock,
) -> None:
    async with running() as (bench, runner):

        def changes(table: int) -> list[KeyChange]:
            return [KeyChange(index_number(table, index), None, [b"key"]) for index in (BY_ID, BY_CREATION_TIME)]

        bench.block(changes=changes(DEPLOYMENTS_TABLE))
        assert await runner.is_left_alone(1)
        bench.block(changes=changes(ENVIRONMENT_VARIABLES_TABLE))
        bench.request("m:act", "action")
        assert isinstance(await runner.next(), EnvironmentChanged)
        await runner.next_call("m:act")
