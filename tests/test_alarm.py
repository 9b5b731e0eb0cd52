from __future__ import annotations

import math

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.alarm import Alarm


async def test_it_goes_off_at_the_earliest_time_it_was_set_to(autojump_clock: MockClock) -> None:
    alarm = Alarm()
    for at in (5.0, 3.0, math.inf, 4.0):
        alarm.set(at)
    assert await alarm.wait() == 3.0
    assert trio.current_time() == 3.0


async def test_it_is_brought_forward_while_somebody_waits(autojump_clock: MockClock) -> None:
    alarm = Alarm()
    went_off: list[tuple[float, float]] = []

    async def wait() -> None:
        while True:
            went_off.append((await alarm.wait(), trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        alarm.set(10.0)
        await wait_all_tasks_blocked()
        alarm.set(2.0)
        await trio.sleep(50)
        # It goes off once, and then not before it is set again.
        assert went_off == [(2.0, 2.0)]
        alarm.set(40.0)
        await trio.sleep(1)
        # A time that has passed is due at once; how late it is, is seen by the time it was set to.
        assert went_off == [(2.0, 2.0), (40.0, 50.0)]
        nursery.cancel_scope.cancel()
