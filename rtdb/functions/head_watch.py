"""What becomes of a call that runs too long, or reads too long: the runner's *head* is watched from outside.

The time counts from when a call became its runner's head, and time in which nobody looked is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rtdb.config import Limits
from rtdb.functions.execution import Execution, pinned_error, timed_out_error
from rtdb.functions.pooled_runner import PooledRunner
from rtdb.functions.run_times import RunTimes

__all__ = ["HeadWatch"]

STALL_SECONDS = 0.1
"""A watch that comes later than this says that the hub had no time; runners are not to blame for it."""
PINNED_CHECK_SECONDS = 1.0


class HeadWatch:
    """Looks at the running calls at intervals; ``file_bytes`` tells how large the database file is."""

    def __init__(self, limits: Limits, times: RunTimes, file_bytes: Callable[[], int]) -> None:
        self._limits = limits
        self._times = times
        self._file_bytes = file_bytes

    def look(self, runners: Sequence[PooledRunner], now: float, *, due: float) -> list[Execution]:
        """Kill runners whose head is over its time; return the calls that have waited behind a slow one for too long.

        ``due`` is when this look should have been.
        """
        stall = now - due
        held_up: list[Execution] = []
        for runner in runners:
            if stall > STALL_SECONDS:
                # Outcomes may be waiting to be read: the time in which nobody looked does not count.
                runner.head_since += stall
            if runner.running:
                held_up += self._look_at(runner, now)
        return held_up

    def _look_at(self, runner: PooledRunner, now: float) -> list[Execution]:
        limits = self._limits
        head = runner.running[0]
        elapsed = now - runner.head_since
        held_up: list[Execution] = []
        if runner.is_lane:
            if elapsed > limits.lane_seconds_max:
                self._times.learn_at_least(head.source, limits.lane_seconds_max * 1e6)
                runner.kill()
        elif elapsed > head.deadline_seconds:
            runner.kill_because(timed_out_error(head.deadline_seconds))
        elif elapsed * 1000 > limits.queue_ms_max and not runner.is_slow:
            runner.is_slow = True
            held_up = [execution for execution in list(runner.running)[1:] if not execution.done]
        if elapsed > PINNED_CHECK_SECONDS and not runner.killed:
            self._check_pinned(runner)
        return held_up

    def _check_pinned(self, runner: PooledRunner) -> None:
        """Kill a runner whose snapshot keeps so many pages that the file grows (LMDB never gives the space back)."""
        size = self._file_bytes()
        if runner.head_file_bytes is None:
            runner.head_file_bytes = size
        elif size - runner.head_file_bytes > self._limits.pinned_bytes_max:
            runner.kill_because(pinned_error(self._limits.pinned_bytes_max))
