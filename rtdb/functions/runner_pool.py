"""The node's side of the runners: which call runs where, for how long, and what happens when a runner dies.

A runner executes its calls one after the other, so the oldest call without an outcome is the one that is running. Until
its outcome is committed a call has no effect; therefore a call may be executed twice and the first outcome counts,
which is what makes every failure here simple:

================================  ==============================================================================
a call ran past its deadline       its runner is killed; it gets ``FunctionTimedOut``; calls behind it run elsewhere
a runner ended by itself           the running call gets ``FunctionEndedProcess``; calls behind it run elsewhere
a runner was killed by others      the running call runs elsewhere too, up to ``EXECUTIONS_MAX`` times
a call waits behind a slow one     after ``queue_ms_max`` it is dispatched again elsewhere
every runner is busy               the pool grows to ``runners_max``; then calls wait ``queue_seconds_max`` and fail
================================  ==============================================================================

The pool does not know what a call is for: it is given executions and calls back. It also keeps one runner in the role
of the serial lane, whose order is kept by `serial_lane.py`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog
import trio

from rtdb.config import Limits
from rtdb.functions.runner_handle import RunnerHandle, StartRunner
from rtdb.link import frames
from rtdb.link.link import LinkClosed

__all__ = ["Execution", "Runner", "RunnerPool"]

EXECUTIONS_MAX = 3
"""How often a call is tried whose runner was killed from outside (by an operator, or by the kernel for memory)."""

PIPELINE_MICROS_MAX = 3000.0
"""Expected work dispatched to a runner ahead of its running call: enough to keep it busy across one round trip."""

UNKNOWN_MICROS = 5000.0
"""Expected run time of a function that has not run yet: long enough that nothing is queued behind it."""

SHRINK_SECONDS = 30.0
WATCH_SECONDS = 0.01
PINNED_CHECK_SECONDS = 1.0
START_DELAY_SECONDS = 0.05
START_DELAY_SECONDS_MAX = 5.0

_log = structlog.get_logger("rtdb.runners")


class Execution:
    """One call on its way to an outcome. The owner subclasses the two callbacks; exactly one is called, once.

    ``source`` is the path of a function that exists, under which its run time is remembered, or empty.
    """

    __slots__ = ("attempts", "call", "deadline_seconds", "done", "queued_at", "source")

    def __init__(self, call: frames.Call, source: str, deadline_seconds: float) -> None:
        self.call = call
        self.source = source
        self.deadline_seconds = deadline_seconds
        self.queued_at = 0.0
        self.attempts = 0
        self.done = False

    def finished(self, outcome: frames.Outcome) -> None:
        """The runner's outcome, which may be an error of the function."""
        raise NotImplementedError

    def failed(self, error: frames.ExecutionError) -> None:
        """There is no outcome and will be none."""
        raise NotImplementedError


class RunnerOwner(Protocol):
    """What the pool tells the hub."""

    def runner_described(self, description: bytes) -> None: ...

    def runner_refused(self, error: frames.ExecutionError) -> None: ...

    def runner_ended(self) -> None: ...

    def outcomes_handled(self) -> None:
        """A batch of outcomes has been handed out: the moment to send what they caused."""
        ...


class Runner:
    """One runner as the pool sees it."""

    def __init__(self, handle: RunnerHandle, now: float) -> None:
        self.handle = handle
        self.link = handle.link
        self.ready = False
        self.retiring = False
        self.lane_epoch = 0
        """The lane epoch it runs, 0 while it is an ordinary runner."""
        self.running: deque[Execution] = deque()
        """Dispatched and without an outcome, oldest first."""
        self.expected_micros = 0.0
        self.head_since = now
        self.head_file_bytes = 0
        self.idle_since = now
        self.calls = 0
        self.killed_because: frames.ExecutionError | None = None

    def dispatch(self, execution: Execution, expected_micros: float, now: float) -> None:
        if not self.running:
            self.head_since = now
            self.head_file_bytes = 0
        execution.attempts += 1
        self.running.append(execution)
        self.expected_micros += expected_micros
        self.calls += 1
        self.link.queue(execution.call)


class RunnerPool:
    """Runs executions on a bounded number of runners.

    ``start_runner`` starts one, and ``file_bytes`` tells how large the database file is.
    """

    def __init__(
        self,
        owner: RunnerOwner,
        start: frames.RunnerStart,
        limits: Limits,
        *,
        start_runner: StartRunner,
        file_bytes: Callable[[], int],
    ) -> None:
        self._owner = owner
        self._start = start
        self._limits = limits
        self._start_runner = start_runner
        self._file_bytes = file_bytes
        self._runners: list[Runner] = []
        self._waiting: deque[Execution] = deque()
        self._micros: dict[str, float] = {}
        self._nursery: trio.Nursery | None = None
        self._lane: Runner | None = None
        self._lane_changed: Callable[[Runner | None], None] | None = None
        self._stopping = False
        self._failed_starts = 0
        self._start_after = 0.0

    # --- what the hub calls -------------------------------------------------------------------------------------------

    def submit(self, execution: Execution) -> None:
        """Run a call as soon as a runner can take it."""
        execution.queued_at = trio.current_time()
        if self._waiting or not self._dispatch(execution, execution.queued_at):
            self._waiting.append(execution)

    def expected_micros(self, source: str) -> float:
        """The mean run time of a function of late, or what is assumed of one that has not run."""
        return self._micros.get(source, UNKNOWN_MICROS)

    def is_fast(self, source: str) -> bool:
        """Whether the function has run and is known to take less than ``lane_fast_ms_max``."""
        return self._micros.get(source, math.inf) < self._limits.lane_fast_ms_max * 1000

    def mark_slow(self, source: str) -> None:
        self._micros[source] = max(self._micros.get(source, 0.0), self._limits.lane_seconds_max * 1e6)

    def use_lane(self, lane_changed: Callable[[Runner | None], None]) -> None:
        """Keep one runner in the role of the lane; ``lane_changed`` is told which, or None while there is none."""
        self._lane_changed = lane_changed

    def lane_dispatch(self, execution: Execution) -> None:
        """Run a call on the lane's runner, behind everything dispatched to it before."""
        assert self._lane is not None
        now = trio.current_time()
        execution.queued_at = execution.queued_at or now
        self._lane.dispatch(execution, 0.0, now)

    def flush(self) -> None:
        """Send what has been dispatched."""
        for runner in self._runners:
            runner.link.flush()

    def statistics(self) -> dict[str, int]:
        return {
            "runners": len(self._runners),
            "waiting": len(self._waiting),
            "running": sum(len(runner.running) for runner in self._runners),
        }

    def restart_with(self, start: frames.RunnerStart) -> None:
        """Use other code from now on: the present runners finish what they have and end."""
        self._start = start
        for runner in list(self._runners):
            self._retire(runner)
        self._fill()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the pool alive until cancelled; every runner is dead when this returns."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._fill()
                task_status.started()
                while True:
                    await trio.sleep(WATCH_SECONDS)
                    self._watch(trio.current_time())
        finally:
            self._stopping = True
            for runner in self._runners:
                runner.handle.kill()
                runner.handle.wait()
                runner.link.close()
            self._runners.clear()

    # --- dispatching --------------------------------------------------------------------------------------------------

    def _dispatch(self, execution: Execution, now: float) -> bool:
        """Give the call to the runner with the least expected work, if one has room for it."""
        best: Runner | None = None
        for runner in self._runners:
            if not runner.ready or runner.retiring or runner.lane_epoch:
                continue
            if not runner.running:
                best = runner
                break
            if best is None or runner.expected_micros < best.expected_micros:
                best = runner
        if best is None:
            return False
        expected = self._micros.get(execution.source, UNKNOWN_MICROS)
        if best.running and best.expected_micros + expected > PIPELINE_MICROS_MAX:
            return False
        best.dispatch(execution, expected, now)
        if best.calls >= self._limits.runner_calls_max:
            self._retire(best)
        return True

    def _dispatch_waiting(self, now: float) -> None:
        waiting = self._waiting
        while waiting:
            if waiting[0].done or self._dispatch(waiting[0], now):
                waiting.popleft()
            else:
                return

    # --- outcomes -----------------------------------------------------------------------------------------------------

    def _outcome(self, runner: Runner, message: frames.Outcome | frames.Stale, now: float) -> None:
        execution = runner.running.popleft()
        assert execution.call.call == message.call, "a runner answers in the order it was asked"
        expected = self._micros.get(execution.source, UNKNOWN_MICROS)
        runner.expected_micros = max(0.0, runner.expected_micros - expected) if runner.running else 0.0
        runner.head_since = now
        runner.head_file_bytes = 0
        if not runner.running:
            runner.idle_since = now
        if isinstance(message, frames.Outcome):
            known = self._micros.get(execution.source)
            micros = float(message.micros)
            if execution.source:
                self._micros[execution.source] = micros if known is None else known + (micros - known) * 0.1
        if execution.done:
            return
        if isinstance(message, frames.Stale):
            self._requeue(execution)
            return
        execution.done = True
        execution.finished(message)

    def _fail(self, execution: Execution, error: frames.ExecutionError) -> None:
        if not execution.done:
            execution.done = True
            execution.failed(error)

    def _requeue(self, execution: Execution) -> None:
        if not execution.done and not self._dispatch(execution, trio.current_time()):
            self._waiting.appendleft(execution)

    # --- lives of runners ---------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Start runners up to the minimum, the lane's not counted; slower and slower while none manages to start."""
        if trio.current_time() < self._start_after:
            return
        wanted = self._limits.runners_min + (1 if self._lane_changed is not None else 0)
        alive = sum(1 for runner in self._runners if not runner.retiring)
        for _ in range(wanted - alive):
            self._spawn()

    def _spawn(self) -> None:
        assert self._nursery is not None
        if self._stopping:
            return
        runner = Runner(self._start_runner(), trio.current_time())
        runner.link.queue(self._start)
        runner.link.flush()
        self._runners.append(runner)
        self._nursery.start_soon(self._follow, runner)

    def _retire(self, runner: Runner) -> None:
        """Let the runner finish what it has; it ends when it reads ``Drain``."""
        if runner.retiring:
            return
        runner.retiring = True
        if runner is self._lane:
            # The lane's calls must not be split over two runners: it is replaced at once.
            self._lose_lane()
            runner.handle.kill()
        else:
            runner.link.queue(frames.Drain())
            runner.link.flush()
        self._fill()

    def _lose_lane(self) -> None:
        self._lane = None
        if self._lane_changed is not None:
            self._lane_changed(None)

    def _choose_lane(self) -> None:
        if self._lane_changed is None or self._lane is not None:
            return
        for runner in self._runners:
            if runner.ready and not runner.retiring and not runner.running:
                self._lane = runner
                self._fill()
                self._lane_changed(runner)
                return

    async def _follow(self, runner: Runner) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(runner.link.run)
        try:
            while True:
                messages = await runner.link.receive()
                now = trio.current_time()
                for message in messages:
                    match message:
                        case frames.Outcome() | frames.Stale():
                            self._outcome(runner, message, now)
                        case frames.RunnerReady():
                            self._described(runner, message)
                        case _:
                            raise AssertionError(f"a runner sent {type(message).__name__}")
                self._dispatch_waiting(now)
                self._owner.outcomes_handled()
        except LinkClosed:
            self._ended(runner)
            self._owner.outcomes_handled()

    def _described(self, runner: Runner, message: frames.RunnerReady) -> None:
        if message.error is not None:
            self._owner.runner_refused(message.error)
            return
        self._failed_starts = 0
        runner.ready = True
        runner.idle_since = trio.current_time()
        self._owner.runner_described(message.description)
        self._choose_lane()

    def _ended(self, runner: Runner) -> None:
        """Reap a runner whose link ended and find another place for its calls."""
        self._runners.remove(runner)
        code = runner.handle.wait()
        runner.link.close()
        was_lane = runner.lane_epoch > 0
        calls = list(runner.running)
        runner.running.clear()
        if not runner.ready and not self._stopping:
            self._failed_starts += 1
            delay = min(START_DELAY_SECONDS * 2**self._failed_starts, START_DELAY_SECONDS_MAX)
            self._start_after = trio.current_time() + delay
        if not (runner.retiring and not calls):
            _log.warning("runner ended", pid=runner.handle.pid, exit_code=code, calls=len(calls), lane=was_lane)
        if calls and not calls[0].done:
            head = calls[0]
            error = runner.killed_because
            if error is None and (code >= 0 or head.attempts >= EXECUTIONS_MAX) and runner.ready:
                error = _ended_error(head.source, code)
            if error is not None:
                calls.pop(0)
                self._fail(head, error)
        if runner is self._lane:
            # The lane decides itself what runs again, in its own order.
            self._lose_lane()
        self._owner.runner_ended()
        self._fill()
        if was_lane:
            self._choose_lane()
            return
        for execution in reversed(calls):
            if not execution.done and execution not in self._waiting:
                self._waiting.appendleft(execution)
        self._dispatch_waiting(trio.current_time())

    # --- the watch ----------------------------------------------------------------------------------------------------

    def _watch(self, now: float) -> None:
        limits = self._limits
        crowded = False
        for runner in list(self._runners):
            if not runner.running:
                continue
            head = runner.running[0]
            elapsed = now - runner.head_since
            allowed = limits.lane_seconds_max if runner.lane_epoch else head.deadline_seconds
            if elapsed > allowed and runner.killed_because is None:
                if not runner.lane_epoch:
                    runner.killed_because = timed_out_error(head.deadline_seconds)
                else:
                    self.mark_slow(head.source)
                runner.handle.kill()
            elif elapsed > PINNED_CHECK_SECONDS and runner.killed_because is None:
                self._check_pinned(runner)
            if elapsed * 1000 > limits.queue_ms_max and not runner.lane_epoch:
                crowded = self._dispatch_elsewhere(runner, now) or crowded
        if self._waiting:
            self._dispatch_waiting(now)
            oldest = self._waiting[0] if self._waiting else None
            crowded = crowded or (oldest is not None and (now - oldest.queued_at) * 1000 > limits.queue_ms_max)
            self._expire_waiting(now)
        if crowded and self._room_to_grow():
            self._spawn()
        self._fill()
        self._shrink(now)
        self._owner.outcomes_handled()

    def _room_to_grow(self) -> bool:
        starting = any(not runner.ready for runner in self._runners)
        ordinary = sum(1 for runner in self._runners if not runner.lane_epoch)
        return not starting and ordinary < self._limits.runners_max

    def _dispatch_elsewhere(self, runner: Runner, now: float) -> bool:
        """Dispatch again what waits behind a slow call; return whether something still waits."""
        left = False
        for execution in list(runner.running)[1:]:
            if execution.done or execution.attempts > 1:
                continue
            others = [r for r in self._runners if r.ready and not r.retiring and not r.lane_epoch and not r.running]
            if not others:
                left = True
                break
            others[0].dispatch(execution, self.expected_micros(execution.source), now)
        return left

    def _expire_waiting(self, now: float) -> None:
        while self._waiting and now - self._waiting[0].queued_at > self._limits.queue_seconds_max:
            execution = self._waiting.popleft()
            if execution.attempts == 0:
                self._fail(execution, overloaded_error(execution.call.kind, self._limits.runners_max))
            else:
                execution.queued_at = now
                self._waiting.append(execution)
                return

    def _check_pinned(self, runner: Runner) -> None:
        """Kill a runner whose snapshot keeps so many pages that the file grows (LMDB never gives the space back)."""
        size = self._file_bytes()
        if runner.head_file_bytes == 0:
            runner.head_file_bytes = size
        elif size - runner.head_file_bytes > self._limits.pinned_bytes_max:
            runner.killed_because = frames.ExecutionError(
                code="SnapshotTooOld",
                message=(
                    f"Function was stopped: the database grew by more than {self._limits.pinned_bytes_max} bytes while "
                    "it read one snapshot. Read less in one call, or call it when fewer writes go on."
                ),
            )
            runner.handle.kill()

    def _shrink(self, now: float) -> None:
        lane = self._lane
        if lane is not None and lane.calls >= self._limits.runner_calls_max and not lane.running:
            self._retire(lane)
        ordinary = [r for r in self._runners if r.ready and not r.retiring and not r.lane_epoch]
        if len(ordinary) > self._limits.runners_min:
            for runner in ordinary:
                if not runner.running and now - runner.idle_since > SHRINK_SECONDS:
                    self._retire(runner)
                    return


def timed_out_error(seconds: float) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="FunctionTimedOut", message=f"Function execution timed out (maximum duration: {seconds:g}s)"
    )


def overloaded_error(kind: str, runners_max: int) -> frames.ExecutionError:
    name = "function" if kind == "any" else kind
    plural = "queries" if name == "query" else f"{name}s"
    return frames.ExecutionError(
        code="TooManyConcurrentRequests",
        message=(
            f"Too many concurrent requests. This server runs at most {runners_max} {plural} at once (runners_max); "
            "try again later, or raise the limit."
        ),
        system=429,
    )


def _ended_error(source: str, code: int) -> frames.ExecutionError:
    how = f"exit code {code}" if code >= 0 else f"signal {-code}"
    return frames.ExecutionError(
        code="FunctionEndedProcess",
        message=(
            f"Function {source} ended the process it ran in ({how}). A function must return or raise; it may not call "
            "os._exit, crash an extension module, or use more memory than the runner has."
        ),
    )
