"""A pool whose runners follow a script, in virtual time, with what its owner is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio

from rtdb.config import Limits
from rtdb.functions.execution import Execution
from rtdb.functions.pooled_runner import PooledRunner
from rtdb.functions.runner_pool import RunnerPool
from rtdb.link.frames import ExecutionError, Outcome, RunnerStart
from tests.functions.scripted_runners import ScriptedRunner, ScriptedRunners, call, outcome

__all__ = ["START", "PoolBench", "Recorded", "answer_of", "running"]

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


class PoolBench:
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


AnyBench = TypeVar("AnyBench", bound=PoolBench)


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
