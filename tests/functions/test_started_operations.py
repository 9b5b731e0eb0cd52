"""Operations that an action starts, waits for or leaves behind."""

from __future__ import annotations

import inspect

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.log_lines import LogLines
from rtdb.functions.started_operations import StartedOperations


async def test_only_so_many_are_under_way_at_once() -> None:
    started = StartedOperations(2)
    begun: list[int] = []
    go_on = trio.Event()

    async def operate(number: int) -> int:
        begun.append(number)
        await go_on.wait()
        return number

    async def run(number: int) -> None:
        assert await started.start("fetch", lambda: operate(number)) == number

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(run, number)
        await wait_all_tasks_blocked()
        assert len(begun) == 2
        go_on.set()
    assert sorted(begun) == [0, 1, 2]
    log_lines = LogLines(Limits())
    started.give_up(log_lines)
    assert log_lines.lines == []


async def test_what_is_left_behind_ends_with_the_action_and_its_log_says_so() -> None:
    started = StartedOperations(2)
    ends: list[str] = []

    async def run() -> None:
        with pytest.raises(DeveloperError, match=r"`ctx\.fetch` was given up: its action has ended") as raised:
            await started.start("fetch", trio.sleep_forever)
        ends.append(raised.value.code)

    log_lines = LogLines(Limits())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        never_awaited = started.start("run_query", trio.sleep_forever)
        started.give_up(log_lines)
    assert ends == ["ActionEnded"]
    assert inspect.getcoroutinestate(never_awaited) == inspect.CORO_CLOSED, "Python does not complain of it"
    assert ["2 unawaited operations: [fetch, run_query]" in line for line in log_lines.lines] == [True]
    with pytest.raises(DeveloperError, match=r"`ctx\.fetch` was called after its action had ended"):
        await started.start("fetch", trio.sleep_forever)
