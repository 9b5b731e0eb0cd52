"""The node's side of the runners: which call runs where, for how long, and what happens when a runner dies.

A runner executes its calls one after the other, so the oldest call without an outcome is the one that is running. Until
its outcome is committed a call has no effect; therefore a call may be executed twice and the first outcome counts,
which is what makes every failure here simple:

================================  ==============================================================================
a call ran past its deadline       its runner is killed; it gets ``FunctionTimedOut``; calls behind it run elsewhere
a runner ended by itself           the running call gets ``FunctionEndedProcess``; calls behind it run elsewhere
a runner was killed by others,     the running call runs elsewhere too, up to ``KILLS_MAX`` times
or met a mistake of ours
a runner's code is not deployed    the call waits until it is, or for a runner with the deployed code
a call waits behind a slow one     after ``queue_ms_max`` it may run elsewhere, whichever comes first
every runner is busy               the pool grows to ``runners_max``; then calls wait ``queue_seconds_max`` and fail
no runner can be started           calls wait ``queue_seconds_max`` and fail; starting is tried slower and slower
================================  ==============================================================================

Whatever waits is dispatched oldest first, and its age is counted from its first wait.

Other code is loaded (:meth:`RunnerPool.load`) in runners beside those in use, and used from :meth:`RunnerPool.switch`
on: runners of both are alive then, and the earlier ones finish what they have and end.

The pool does not know what a call is for: it is given executions and calls back. It also keeps one runner in the role
of the serial lane, whose order is kept by `serial_lane.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
import trio

from rtdb.config import Limits
from rtdb.functions.call_queue import CallQueue
from rtdb.functions.execution import (
    Execution,
    deployment_changed_error,
    ended_error,
    overloaded_error,
    pinned_error,
    timed_out_error,
    unavailable_error,
)
from rtdb.functions.next_code import NextCode
from rtdb.functions.pooled_runner import PooledRunner
from rtdb.functions.run_times import RunTimes
from rtdb.functions.runner_handle import StartRunner
from rtdb.link import frames
from rtdb.link.link import LinkClosed, Message
from rtdb.link.supervisor import EXIT_SOFTWARE

__all__ = ["Execution", "PooledRunner", "RunnerOwner", "RunnerPool"]

KILLS_MAX = 3
"""Runners that may be killed from outside (by an operator, or by the kernel for memory) while they run one call."""

PIPELINE_MICROS_MAX = 3000.0
"""Expected work dispatched to a runner ahead of its running call: enough to keep it busy across one round trip."""

SHRINK_SECONDS = 30.0
WATCH_SECONDS = 0.01
STALL_SECONDS = 0.1
"""A watch that comes later than this says that the hub had no time; runners are not to blame for it."""
UNHEARD_SECONDS = 0.1
"""From when on a running call, or a kill, makes the pool look whether the runner is still there."""
PINNED_CHECK_SECONDS = 1.0
START_DELAY_SECONDS = 0.05
START_DELAY_SECONDS_MAX = 5.0
RETIREMENT_SECONDS_MAX = 5.0
"""How long a runner with nothing left to do may take to end: code of the app may have left threads behind."""
STALE_SECONDS = 0.02

_log = structlog.get_logger("rtdb.runners")


class RunnerOwner(Protocol):
    """What the pool tells the hub."""

    def runner_described(self, description: bytes) -> None: ...

    def runner_refused(self, error: frames.ExecutionError) -> None: ...

    def runner_ended(self) -> None: ...

    def outcomes_handled(self) -> None:
        """A batch of outcomes has been handed out: the moment to send what they caused."""
        ...


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
        self._runners: list[PooledRunner] = []
        self._waiting = CallQueue()
        self._submitted = 0
        self._times = RunTimes()
        self._nursery: trio.Nursery | None = None
        self._lane: PooledRunner | None = None
        self._lane_changed: Callable[[PooledRunner | None], None] | None = None
        self._next: NextCode | None = None
        """Set from ``load`` until ``switch`` or ``discard``."""
        self._stopping = False
        self._failed_starts = 0
        self._start_after = 0.0
        self._watched_at = math.inf

    # --- what the hub calls -------------------------------------------------------------------------------------------

    def submit(self, execution: Execution) -> None:
        """Run a call as soon as a runner can take it."""
        self._submitted += 1
        execution.order = self._submitted
        now = trio.current_time()
        if self._waiting or not self._dispatch(execution, now):
            self._waiting.push(execution, now)
            self._dispatch_waiting(now)

    def expected_micros(self, source: str) -> float:
        """The mean run time of a function of late, or what is assumed of one that has not run."""
        return self._times.expected(source)

    def is_fast(self, source: str) -> bool:
        """Whether the function has run and is known to take less than ``lane_fast_ms_max``."""
        return self._times.is_known_below(source, self._limits.lane_fast_ms_max * 1000)

    def use_lane(self, lane_changed: Callable[[PooledRunner | None], None]) -> None:
        """Keep one runner in the role of the lane; ``lane_changed`` is told which, or None while there is none."""
        self._lane_changed = lane_changed

    def lane_dispatch(self, execution: Execution) -> None:
        """Run a call on the lane's runner, behind everything dispatched to it before."""
        assert self._lane is not None
        self._lane.dispatch(execution, 0.0, trio.current_time())

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

    @property
    def deployments(self) -> set[str]:
        """Those whose code some runner has or is about to have."""
        return {self._start.deployment, *(runner.start.deployment for runner in self._runners)}

    async def load(self, start: frames.RunnerStart) -> frames.RunnerReady:
        """Load other code in runners beside those in use, and return what the first one says of it.

        Then either :meth:`switch` or :meth:`discard`.
        """
        assert self._next is None, "one deploy at a time"
        following = self._next = NextCode(start)
        while following.ready is None:
            if not any(runner.is_next for runner in self._runners):
                self._spawn(trio.current_time(), following)
            # Nothing may have been started, for lack of memory: then it is tried again.
            with trio.move_on_after(START_DELAY_SECONDS):
                await following.wait_changed()
        if following.ready.error is None:
            for _ in range(self._limits.runners_min - 1 + (self._lane_changed is not None)):
                self._spawn(trio.current_time(), following)
        return following.ready

    async def wait_loaded(self) -> None:
        """Wait until every runner that was started with the next code is there, or has failed."""
        assert self._next is not None
        while any(runner.is_next and not runner.ready for runner in self._runners):
            await self._next.wait_changed()

    def switch(self) -> None:
        """Use the next code, which has been deployed, from now on: the runners in use finish what they have and end."""
        assert self._next is not None
        self._start, self._next = self._next.start, None
        # Functions of the same name are other functions now.
        self._times.clear()
        earlier = [runner for runner in self._runners if not runner.is_next]
        for runner in self._runners:
            runner.is_next = False
        for runner in sorted(earlier, key=lambda runner: runner.is_lane):
            self._retire(runner)
        now = trio.current_time()
        self._fill(now)
        self._choose_lane(now)
        self._dispatch_waiting(now)

    def discard(self) -> None:
        """Forget the next code, if there is any: it will not be deployed."""
        self._next = None
        for runner in self._runners:
            if runner.is_next:
                runner.retiring_since = trio.current_time()
                runner.kill()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the pool alive until cancelled; every runner is dead when this returns."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._fill(trio.current_time())
                task_status.started()
                while True:
                    await trio.sleep(WATCH_SECONDS)
                    self._watch(trio.current_time())
        finally:
            self._stopping = True
            for runner in self._runners:
                runner.handle.kill()
            for runner in self._runners:
                runner.handle.wait()
                runner.link.close()
            self._runners.clear()

    # --- dispatching --------------------------------------------------------------------------------------------------

    def _dispatch(self, execution: Execution, now: float) -> bool:
        """Give the call to the runner with the least expected work, if one has room for it."""
        best: PooledRunner | None = None
        for runner in self._runners:
            if not runner.accepts(now):
                continue
            if not runner.running:
                best = runner
                break
            if best is None or runner.expected_micros < best.expected_micros:
                best = runner
        if best is None:
            return False
        expected = self._times.expected(execution.source)
        if best.running and best.expected_micros + expected > PIPELINE_MICROS_MAX:
            return False
        best.dispatch(execution, expected, now)
        if best.calls >= self._limits.runner_calls_max:
            self._retire(best)
        return True

    def _dispatch_waiting(self, now: float) -> None:
        # A call that is dispatched waits no more, and so the next one is the oldest.
        while (execution := self._waiting.oldest()) is not None and self._dispatch(execution, now):
            pass

    def _expire_waiting(self, now: float) -> None:
        seconds_max = self._limits.queue_seconds_max
        while (execution := self._waiting.oldest()) is not None and now - execution.waiting_since > seconds_max:
            if any(runner.ready for runner in self._runners):
                self._fail(execution, overloaded_error(execution.call.kind, self._limits.runners_max))
            else:
                self._fail(execution, unavailable_error(seconds_max))

    # --- outcomes -----------------------------------------------------------------------------------------------------

    def _outcome(self, runner: PooledRunner, message: frames.Outcome | frames.Stale, now: float) -> None:
        execution = runner.take_head(message.call, now)
        if isinstance(message, frames.Outcome):
            self._times.learn(execution.source, float(message.micros))
        if execution.done:
            return
        if isinstance(message, frames.Outcome):
            execution.done = True
            execution.finished(message)
        elif runner.is_lane:
            execution.done = True
            execution.sent_back()
        elif execution.call.at is not None and runner.retiring_since is None and self._next is None:
            # The code of that time is no longer there.
            self._fail(execution, deployment_changed_error())
        else:
            # Its code is about to be deployed, or no longer is.
            runner.stale_until = now + STALE_SECONDS
            self._waiting.push(execution, execution.waiting_since or now)

    def _fail(self, execution: Execution, error: frames.ExecutionError) -> None:
        if not execution.done:
            execution.done = True
            execution.failed(error)

    # --- lives of runners ---------------------------------------------------------------------------------------------

    def _fill(self, now: float) -> None:
        """Start runners up to the minimum, and one for the lane while it has none."""
        in_use = [runner for runner in self._runners if not runner.is_next]
        ordinary = sum(1 for runner in in_use if runner.retiring_since is None and not runner.is_lane)
        lane_missing = self._lane_changed is not None and self._lane is None
        wanted = self._limits.runners_min - ordinary + lane_missing
        if lane_missing and wanted < 1 and not any(not runner.ready for runner in in_use):
            # There are enough, but all may be busy for long.
            wanted = 1
        for _ in range(wanted):
            self._spawn(now)

    def _spawn(self, now: float, following: NextCode | None = None) -> None:
        """Start a runner, of the next code if that is given; slower and slower while none manages to start."""
        assert self._nursery is not None
        if self._stopping or now < self._start_after:
            return
        try:
            handle = self._start_runner()
        except OSError as error:
            _log.error("a runner could not be started", error=str(error))
            self._start_failed(now)
            return
        start = self._start if following is None else following.start
        runner = PooledRunner(handle, start, now, is_next=following is not None)
        runner.link.queue(start)
        runner.link.flush()
        self._runners.append(runner)
        self._nursery.start_soon(self._follow, runner)

    def _start_failed(self, now: float) -> None:
        self._failed_starts += 1
        delay = min(START_DELAY_SECONDS * 2**self._failed_starts, START_DELAY_SECONDS_MAX)
        self._start_after = now + delay

    def _retire(self, runner: PooledRunner) -> None:
        """Let the runner finish what it has; it ends when it reads ``Drain``."""
        if runner.retiring_since is not None:
            return
        now = trio.current_time()
        runner.retiring_since = now
        if runner.is_lane:
            # The lane's calls must not be split over two runners: it is replaced at once.
            runner.kill()
            self._lose_lane()
        else:
            runner.link.queue(frames.Drain())
            runner.link.flush()
        self._fill(now)

    def _lose_lane(self) -> None:
        assert self._lane_changed is not None
        self._lane = None
        self._lane_changed(None)
        self._choose_lane(trio.current_time())

    def _choose_lane(self, now: float) -> None:
        if self._lane_changed is None or self._lane is not None or self._stopping:
            return
        for runner in self._runners:
            if runner.accepts(now) and not runner.running:
                runner.is_lane = True
                self._lane = runner
                self._fill(now)
                self._lane_changed(runner)
                return

    async def _follow(self, runner: PooledRunner) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(runner.link.run)
        try:
            with runner.following:
                while True:
                    self._receive(runner, await runner.link.receive())
        except LinkClosed:
            pass
        if runner in self._runners:
            self._ended(runner, trio.current_time())
            self._owner.outcomes_handled()

    def _receive(self, runner: PooledRunner, messages: Sequence[Message]) -> None:
        now = trio.current_time()
        for message in messages:
            match message:
                case frames.Outcome() | frames.Stale():
                    self._outcome(runner, message, now)
                case frames.RunnerReady():
                    self._described(runner, message, now)
                case _:
                    raise AssertionError(f"a runner sent {type(message).__name__}")
        self._dispatch_waiting(now)
        self._owner.outcomes_handled()

    def _described(self, runner: PooledRunner, message: frames.RunnerReady, now: float) -> None:
        runner.idle_since = now
        if runner.is_next:
            runner.ready = message.error is None
            if self._next is not None:
                self._next.runner_ready(message)
            return
        if message.error is not None:
            _log.error("a runner could not load the app", error=message.error.message, at=message.error.frames)
            self._owner.runner_refused(message.error)
            return
        self._failed_starts = 0
        runner.ready = True
        self._owner.runner_described(message.description)
        self._choose_lane(now)

    def _ended(self, runner: PooledRunner, now: float) -> None:
        """Reap a runner whose link ended and find another place for its calls."""
        self._runners.remove(runner)
        # Code of the app may have closed the link of a process that lives on.
        runner.handle.kill()
        code = runner.handle.wait()
        runner.link.close()
        executions = runner.take_all()
        if runner.is_next:
            if self._next is not None:
                self._next.runner_ended(self._how_a_start_ended(runner, code))
        elif not runner.ready:
            self._start_failed(now)
        if executions or not (runner.retiring_since is not None or self._stopping):
            _log.warning("runner ended", pid=runner.handle.pid, exit_code=code, calls=len(executions))
        if executions and not executions[0].done:
            self._head_ended(runner, executions.pop(0), code, now)
        if runner is self._lane:
            # The lane decides itself what runs again, in its own order.
            self._lose_lane()
        self._owner.runner_ended()
        if not runner.is_lane:
            for execution in executions:
                if not execution.done:
                    self._waiting.push(execution, now)
        self._fill(now)
        self._choose_lane(now)
        self._dispatch_waiting(now)

    def _how_a_start_ended(self, runner: PooledRunner, code: int) -> str:
        if runner.killed:
            return f"stopped after {self._limits.runner_start_seconds_max:g} s, which is runner_start_seconds_max"
        return f"exit code {code}" if code >= 0 else f"signal {-code}"

    def _head_ended(self, runner: PooledRunner, head: Execution, code: int, now: float) -> None:
        """Decide about the call that was running when its runner ended."""
        by_itself = code >= 0 and code != EXIT_SOFTWARE and not runner.killed
        if runner.killed_because is not None:
            self._fail(head, runner.killed_because)
        elif by_itself:
            self._fail(head, ended_error(head.source or head.call.path, code))
        elif runner.is_lane:
            head.done = True
            head.sent_back()
        else:
            head.kills += 1
            if head.kills >= KILLS_MAX:
                self._fail(head, ended_error(head.source or head.call.path, code))
            else:
                self._waiting.push(head, now)

    # --- the watch ----------------------------------------------------------------------------------------------------

    def _watch(self, now: float) -> None:
        stall = now - self._watched_at - WATCH_SECONDS
        self._watched_at = now
        for runner in list(self._runners):
            if stall > STALL_SECONDS:
                # Outcomes may be waiting to be read: the time in which nobody looked does not count.
                runner.head_since += stall
            self._watch_life(runner, now)
            if runner.running:
                self._watch_head(runner, now)
        self._dispatch_waiting(now)
        self._expire_waiting(now)
        self._grow(now)
        self._fill(now)
        self._choose_lane(now)
        self._shrink(now)
        self._owner.outcomes_handled()

    def _watch_life(self, runner: PooledRunner, now: float) -> None:
        if not runner.ready and not runner.killed and now - runner.started_at > self._limits.runner_start_seconds_max:
            _log.error("a runner did not start in time", pid=runner.handle.pid)
            runner.kill()
        retiring = runner.retiring_since
        if (
            retiring is not None
            and not runner.running
            and now - max(retiring, runner.idle_since) > RETIREMENT_SECONDS_MAX
        ):
            runner.kill()
        if (runner.killed or (runner.running and now - runner.head_since > UNHEARD_SECONDS)) and (
            runner.has_ended_unheard()
        ):
            runner.following.cancel()

    def _watch_head(self, runner: PooledRunner, now: float) -> None:
        limits = self._limits
        head = runner.running[0]
        elapsed = now - runner.head_since
        if runner.is_lane:
            if elapsed > limits.lane_seconds_max:
                self._times.learn_at_least(head.source, limits.lane_seconds_max * 1e6)
                runner.kill()
        elif elapsed > head.deadline_seconds:
            runner.kill(timed_out_error(head.deadline_seconds))
        elif elapsed * 1000 > limits.queue_ms_max and not runner.is_slow:
            runner.is_slow = True
            for execution in list(runner.running)[1:]:
                if not execution.done:
                    self._waiting.push(execution, now)
        if elapsed > PINNED_CHECK_SECONDS and not runner.killed:
            self._check_pinned(runner)

    def _check_pinned(self, runner: PooledRunner) -> None:
        """Kill a runner whose snapshot keeps so many pages that the file grows (LMDB never gives the space back)."""
        size = self._file_bytes()
        if runner.head_file_bytes is None:
            runner.head_file_bytes = size
        elif size - runner.head_file_bytes > self._limits.pinned_bytes_max:
            runner.kill(pinned_error(self._limits.pinned_bytes_max))

    def _grow(self, now: float) -> None:
        """Start one more runner while calls wait; the next one when that has come up."""
        oldest = self._waiting.oldest()
        if oldest is None or (now - oldest.waiting_since) * 1000 < self._limits.queue_ms_max:
            return
        in_use = [runner for runner in self._runners if not runner.is_next]
        starting = any(not runner.ready for runner in in_use)
        ordinary = sum(1 for runner in in_use if not runner.is_lane)
        if not starting and ordinary < self._limits.runners_max:
            self._spawn(now)

    def _shrink(self, now: float) -> None:
        idle = [runner for runner in self._runners if runner.accepts(now) and not runner.running]
        lane = self._lane
        if lane is not None and lane.calls >= self._limits.runner_calls_max and idle:
            # Another can take over at once.
            self._retire(lane)
            return
        in_use = [runner for runner in self._runners if not runner.is_next]
        ordinary = sum(1 for runner in in_use if runner.retiring_since is None and not runner.is_lane)
        if ordinary > self._limits.runners_min:
            for runner in idle:
                if now - runner.idle_since > SHRINK_SECONDS:
                    self._retire(runner)
                    return
