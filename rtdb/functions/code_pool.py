"""What the two pools have in common: processes of one kind that run an app's code, looked after only while need be.

:class:`~rtdb.functions.runner_pool.RunnerPool` and :class:`~rtdb.functions.action_pool.ActionPool` give these processes
something to do. Their lives are the business of `fleet.py`; here is how other code is brought into them for a deploy,
and the alarm by which a pool with nothing to do sleeps.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import trio

from rtdb.alarm import Alarm
from rtdb.functions.app_process import AppProcess
from rtdb.functions.fleet import Fleet
from rtdb.link import frames

__all__ = ["CodePool"]

ProcessT = TypeVar("ProcessT", bound=AppProcess)


class CodePool(Generic[ProcessT]):
    """A pool on ``fleet``, with a look at everything ``watch_seconds`` after anything has changed."""

    def __init__(self, fleet: Fleet[ProcessT], watch_seconds: float) -> None:
        self._fleet = fleet
        self._alarm = Alarm()
        self._watch_seconds = watch_seconds

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the pool alive until cancelled; every process is dead when this returns."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._fleet.run)
            self._begin(trio.current_time())
            task_status.started()
            while True:
                due = await self._alarm.wait()
                self._watch(trio.current_time(), due)

    def flush(self) -> None:
        """Send what has been dispatched and answered."""
        self._fleet.flush()

    # --- deploys ------------------------------------------------------------------------------------------------------

    @property
    def deployments(self) -> set[str]:
        """Those whose code some process has or is about to have."""
        return self._fleet.deployments

    async def load(self, start: frames.RunnerStart) -> frames.RunnerReady:
        """Load other code in processes beside those in use, and return what the first one says of it.

        Then either :meth:`switch` or :meth:`discard`.
        """
        self._wake()
        return await self._fleet.load(start, self._count_to_load())

    async def describe(self, start: frames.RunnerStart) -> frames.RunnerReady:
        """Load other code in one process, for what it says of it. Then :meth:`discard` it."""
        self._wake()
        return await self._fleet.load(start, 1)

    async def wait_loaded(self) -> None:
        """Wait until every process that was started with the next code is there, or has failed."""
        await self._fleet.wait_loaded()

    def switch(self) -> None:
        """Use the next code from now on, or none if none was loaded: the processes in use finish what they have and
        end."""
        self._wake()
        self._switched(self._fleet.switch(), trio.current_time())

    def discard(self) -> None:
        """Forget the next code, if there is any: it will not be deployed."""
        self._wake()
        self._fleet.discard()

    # --- the watch ----------------------------------------------------------------------------------------------------

    def _wake(self) -> None:
        """Something has changed: have a look soon, and go on looking until there is nothing to look after."""
        self._alarm.set(trio.current_time() + self._watch_seconds)

    # --- what a pool adds ---------------------------------------------------------------------------------------------

    def _begin(self, now: float) -> None:
        """Start what there is to be from the beginning: nothing, if that is said later."""

    def _count_to_load(self) -> int:
        """Return in how many processes a deploy loads its code."""
        raise NotImplementedError

    def _switched(self, earlier: list[ProcessT], now: float) -> None:
        """Retire the processes of the code that was in use, and give those of the new code what waits."""
        raise NotImplementedError

    def _watch(self, now: float, due: float) -> None:
        """Have a look at what runs and waits, at a time that was to be ``due``, and say when the next one is."""
        raise NotImplementedError
