"""A pool of real processes on a real database, whatever a function does to its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtdb.config import Limits, encode_config
from rtdb.functions.runner_handle import RunnerHandle, process_runners
from rtdb.functions.runner_pool import RunnerPool
from tests.functions.pool_bench import PoolBench, answer_of, running
from tests.functions.runner_bench import RunnerBench
from tests.transaction.workbench import new_config

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


class ProcessBench(PoolBench):
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
