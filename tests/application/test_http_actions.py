"""HTTP actions in the hub: what is passed on, under which number, and to whom when somebody is gone."""

from __future__ import annotations

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.functions.description import Description
from rtdb.link.frames import (
    Answer,
    BodyChunk,
    BodyCredit,
    Cancel,
    HttpActionHead,
    HttpActionRequest,
    Origin,
)
from rtdb.link.link import Message
from tests.application.test_actions import running
from tests.application.test_application import START_TS, Bench
from tests.functions.scripted_action_runners import ScriptedActionRunner, action_outcome

CALL = 7


@pytest.fixture
def autojump_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


def ask(bench: Bench, *, routes: bool = True) -> None:
    """Have gateway 0 ask for an answer to its request 7."""
    bench.application.use_description(Description([], None, routes=[] if routes else None))
    headers = [(b"host", b"x")]
    origin = Origin(caller="HttpEndpoint", request="00ff00ff00ff00ff")
    tell(bench, HttpActionRequest(CALL, "POST", "http://x", "/a?secret", headers, True, None, origin=origin))


def tell(bench: Bench, *messages: Message) -> None:
    for message in messages:
        bench.application.gateway_message(0, message)
    bench.application.pump()


async def next_request(runner: ScriptedActionRunner, *, begin: bool = True) -> HttpActionRequest:
    message = await runner.next()
    assert isinstance(message, HttpActionRequest)
    if begin:
        runner.pulse.begun = message.call
    return message


async def test_an_app_without_routes_needs_no_runner_to_say_so(autojump_clock: MockClock) -> None:
    bench = Bench()
    ask(bench, routes=False)
    head, body, answer = bench.gateway.take()
    assert isinstance(head, HttpActionHead)
    assert head.status == 404
    assert body == BodyChunk(CALL, b"This Convex deployment does not have HTTP actions enabled.", True)
    assert answer == Answer(CALL, b"null", None, [], 0)
    tell(bench, BodyChunk(CALL, b"", True), Cancel(CALL))
    assert bench.gateway.take() == []


async def test_bodies_pass_both_ways_under_each_ends_own_number(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        bench.request("m:act", "action")
        await runner.next_call()
        ask(bench)
        request = await next_request(runner)
        assert (request.call, request.target, request.origin.request) == (2, "/a?secret", "00ff00ff00ff00ff")
        runner.send(BodyCredit(2, 10))
        await wait_all_tasks_blocked()
        assert bench.gateway.take() == [BodyCredit(CALL, 10)]
        tell(bench, BodyChunk(CALL, b"hello", True))
        assert await runner.next() == BodyChunk(2, b"hello", True)
        runner.send(HttpActionHead(2, 201, [(b"a", b"b")]))
        runner.send(BodyChunk(2, b"done", True))
        runner.send(action_outcome(2))
        await wait_all_tasks_blocked()
        assert bench.gateway.take() == [
            HttpActionHead(CALL, 201, [(b"a", b"b")]),
            BodyChunk(CALL, b"done", True),
            Answer(CALL, b"null", None, [], START_TS),
        ]
        tell(bench, BodyCredit(CALL, 4))
        assert await runner.is_left_alone(1)
        assert bench.application.calls == 1


async def test_a_client_that_goes_away_is_told_to_the_action_which_goes_on(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        ask(bench)
        await next_request(runner)
        tell(bench, Cancel(CALL))
        assert await runner.next() == Cancel(1)
        assert bench.application.calls == 1
        runner.send(HttpActionHead(1, 200, []))
        await wait_all_tasks_blocked()
        assert bench.gateway.take() == []
        runner.send(action_outcome(1))
        await wait_all_tasks_blocked()
        assert bench.application.calls == 0


async def test_a_request_whose_client_goes_away_before_it_has_begun_is_not_answered(autojump_clock: MockClock) -> None:
    async with running(action_runner_calls_max=1) as (bench, runner):
        bench.request("m:act", "action")
        call = await runner.next_call()
        ask(bench)
        tell(bench, Cancel(CALL))
        assert bench.application.calls == 1
        runner.send(action_outcome(call.call))
        await wait_all_tasks_blocked()
        assert await runner.is_left_alone(1)


async def test_a_gateway_that_ends_takes_its_clients_with_it(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        ask(bench)
        await next_request(runner)
        bench.application.remove_gateway(0)
        bench.application.pump()
        assert await runner.next() == Cancel(1)
        runner.send(action_outcome(1))
        await wait_all_tasks_blocked()
        assert bench.application.calls == 0


async def test_a_request_that_had_not_begun_when_its_runner_ended_is_answered_by_another(
    autojump_clock: MockClock,
) -> None:
    async with running() as (bench, runner):
        ask(bench)
        await next_request(runner, begin=False)
        tell(bench, BodyChunk(CALL, b"", True))
        assert isinstance(await runner.next(), BodyChunk)
        runner.die(-9)
        _, other = await bench.action_runners.wait_started(2)
        await other.come_up()
        request = await next_request(other)
        assert await other.next() == BodyChunk(request.call, b"", True)
        assert bench.gateway.take() == []


async def test_a_request_that_had_begun_when_its_runner_ended_is_not_answered_twice(autojump_clock: MockClock) -> None:
    async with running() as (bench, runner):
        ask(bench)
        await next_request(runner)
        runner.send(HttpActionHead(1, 200, []))
        await wait_all_tasks_blocked()
        runner.die(-9)
        await wait_all_tasks_blocked()
        head, answer = bench.gateway.take()
        assert isinstance(head, HttpActionHead)
        assert isinstance(answer, Answer)
        assert answer.error is not None
        assert answer.error.code == "ActionInterrupted"
        assert bench.application.calls == 0


async def test_a_server_that_stops_takes_no_more_requests(autojump_clock: MockClock) -> None:
    async with running() as (bench, _runner):
        bench.application.drain()
        ask(bench)
        (answer,) = bench.answers()
        assert answer.error is not None
        assert answer.error.system == 503
