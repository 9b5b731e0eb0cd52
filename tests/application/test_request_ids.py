"""One id for an execution, from the caller's error to the function log."""

from __future__ import annotations

from rtdb.application.request_ids import RequestIds
from rtdb.link.frames import (
    Answer,
    CallRequest,
    ExecutionError,
    LogPage,
    LogPoll,
    LogRecord,
    Origin,
    RoundResults,
    Watch,
)
from tests.application.test_application import Bench, running
from tests.transaction.workbench import ManualClock


def test_ids_are_different_for_every_call_and_every_start() -> None:
    ids, others = RequestIds(ManualClock(1)), RequestIds(ManualClock(2))
    made = [ids(call) for call in range(1000)] + [others(call) for call in range(1000)]
    assert len(set(made)) == len(made)
    assert all(len(each) == 16 and int(each, 16) >= 0 for each in made)


def log_of(bench: Bench) -> list[LogRecord]:
    bench.gateway.take()
    bench.application.gateway_message(0, LogPoll(1, 0))
    (page,) = bench.gateway.take()
    assert isinstance(page, LogPage)
    return page.records


async def test_a_call_keeps_the_id_it_came_with() -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        origin = Origin("HttpApi", "the gateway's")
        bench.request(origin=origin)
        executed = await bench.execute(runner, error=ExecutionError("FunctionError", "no"))
        assert executed.origin == origin
        (record,) = log_of(bench)
        assert (record.origin, record.error) == (origin, "no")


async def test_what_comes_without_an_id_is_given_one() -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        bench.request()
        executed = await bench.execute(runner)
        assert len(executed.origin.request) == 16
        assert log_of(bench)[0].origin == executed.origin


async def test_a_failed_subscription_is_told_the_id_that_the_log_has() -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        bench.application.gateway_message(0, Watch(1, "m:read", b"{}", None, False, None))
        bench.application.pump()
        await bench.execute(runner, error=ExecutionError("FunctionError", "no"))
        (result,) = [
            result
            for message in bench.gateway.take()
            if isinstance(message, RoundResults)
            for result in message.results
        ]
        (record,) = log_of(bench)
        assert result.request == record.origin.request
        assert record.origin.caller == "SyncWorker"
        assert len(result.request) == 16


async def test_an_answer_from_the_cache_is_recorded_as_one() -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        bench.application.gateway_message(0, Watch(1, "m:read", b"{}", None, False, None))
        bench.application.pump()
        await bench.execute(runner)
        request = CallRequest(1, "query", "m:read", b"{}", None, False, origin=Origin("HttpApi", "00ff"))
        bench.application.gateway_message(0, request)
        assert any(isinstance(message, Answer) for message in bench.gateway.take())
        first, second = log_of(bench)
        assert (first.cached, first.origin.caller) == (False, "SyncWorker")
        assert (second.cached, second.origin.request, second.micros) == (True, "00ff", 0)
