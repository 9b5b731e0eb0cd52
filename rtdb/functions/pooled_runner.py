"""One runner as the pool sees it: what it has been given, since when it works on the oldest of that, and its role."""

from __future__ import annotations

from collections import deque

from rtdb.functions.app_process import AppProcess
from rtdb.functions.execution import Execution
from rtdb.functions.runner_handle import RunnerHandle
from rtdb.link import frames
from rtdb.link.link import LinkGarbledError

__all__ = ["PooledRunner"]


class PooledRunner(AppProcess):
    """A runner and its queue.

    ``is_lane``         it has the role of the serial lane, to its end
    ``killed_because``  what its running call is told when it was killed, None if nothing
    ``is_slow``         its running call takes so long that nothing should wait behind it
    ``stale_until``     its code was not the deployed one a moment ago: it gets nothing before this time
    """

    def __init__(self, handle: RunnerHandle, start: frames.RunnerStart, now: float, *, is_next: bool) -> None:
        super().__init__(handle, start, now, is_next=is_next)
        self.is_lane = False
        self.killed_because: frames.ExecutionError | None = None
        self.is_slow = False
        self.stale_until = 0.0
        self.calls = 0
        self.running: deque[Execution] = deque()
        """Dispatched and without an outcome, oldest first: the first one is running."""
        self.expected_micros = 0.0
        self._expected: deque[float] = deque()
        self.head_since = now
        self.head_file_bytes: int | None = None

    @property
    def unheard_since(self) -> float | None:
        return self.head_since if self.running else None

    def accepts(self, now: float) -> bool:
        """Whether ordinary calls may be dispatched to it."""
        return (
            self.ready
            and not self.is_next
            and not self.is_lane
            and not self.is_slow
            and not self.killed
            and self.retiring_since is None
            and now >= self.stale_until
        )

    def dispatch(self, execution: Execution, expected_micros: float, now: float) -> None:
        """Queue a call behind those it has; it is sent with the next flush."""
        if not self.running:
            self._begin_head(now)
        execution.waiting = False
        self.running.append(execution)
        self._expected.append(expected_micros)
        self.expected_micros += expected_micros
        self.calls += 1
        self.link.queue(execution.call)

    def take_head(self, call: int, now: float) -> Execution:
        """Remove the running call, which has been answered; the next one runs now."""
        if not self.running or self.running[0].call.call != call:
            raise LinkGarbledError(f"it answers call {call}, which is not the one it runs")
        execution = self.running.popleft()
        self.expected_micros -= self._expected.popleft()
        self.is_slow = False
        self._begin_head(now)
        return execution

    def take_all(self) -> list[Execution]:
        """Remove everything it has; it has ended."""
        executions = list(self.running)
        self.running.clear()
        self._expected.clear()
        return executions

    def _begin_head(self, now: float) -> None:
        self.head_since = now
        self.head_file_bytes = None
        if self.running:
            # Should it have been waiting for another runner as well, it need not any more.
            self.running[0].waiting = False
        else:
            self.idle_since = now
            self.expected_micros = 0.0

    def kill_because(self, error: frames.ExecutionError) -> None:
        """Kill it for what it does; its running call is told so."""
        if not self.killed:
            self.killed_because = error
            self.kill()
