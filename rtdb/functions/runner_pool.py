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

The runners' lives, and their replacement by runners of other code at a deploy, are the business of `fleet.py`; how long
a running call may take is that of `head_watch.py`. The pool decides how many runners there are, and what each one does.

It does not know what a call is for: it is given executions and calls back. It also keeps one runner in the role of the
serial lane, whose order is kept by `serial_lane.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
import trio

from rtdb.config import Limits
from rtdb.functions.call_queue import CallQueue
from rtdb.functions.code_pool import CodePool
from rtdb.functions.execution import (
    Execution,
    deployment_changed_error,
    ended_error,
    overloaded_error,
    unavailable_error,
)
from rtdb.functions.fleet import Fleet
from rtdb.functions.head_watch import HeadWatch
from rtdb.functions.pooled_runner import PooledRunner
from rtdb.functions.run_times import RunTimes
from rtdb.functions.runner_handle import StartRunner
from rtdb.link import frames
from rtdb.link.link import LinkGarbledError, Message
from rtdb.link.supervisor import EXIT_SOFTWARE

__all__ = ["Execution", "PooledRunner", "RunnerOwner", "RunnerPool"]

KILLS_MAX = 3
"""Runners that may be killed from outside (by an operator, or by the kernel for memory) while they run one call."""

PIPELINE_MICROS_MAX = 3000.0
"""Expected work dispatched to a runner ahead of its running call: enough to keep it busy across one round trip."""

SHRINK_SECONDS = 30.0
WATCH_SECONDS = 0.01
"""How often there is a look at what runs and waits; there is none while nothing does."""
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


class RunnerPool(CodePool[PooledRunner]):
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
        self._limits = limits
        fleet = Fleet(
            "runner",
            self,
            start,
            process_type=PooledRunner,
            start_process=start_runner,
            start_seconds_max=limits.runner_start_seconds_max,
        )
        super().__init__(fleet, WATCH_SECONDS)
        self._waiting = CallQueue()
        self._submitted = 0
        self._times = RunTimes()
        self._heads = HeadWatch(limits, self._times, file_bytes)
        self._lane: PooledRunner | None = None
        self._lane_changed: Callable[[PooledRunner | None], None] | None = None
        self._able = trio.Event()
        """Set once there is a runner for ordinary calls."""

    # --- what the hub calls -------------------------------------------------------------------------------------------

    def submit(self, execution: Execution) -> None:
        """Run a call as soon as a runner can take it."""
        self._wake()
        self._submitted += 1
        execution.order = self._submitted
        now = trio.current_time()
        if self._waiting or not self._dispatch(execution, now):
            self._waiting.push(execution, now)
            self._dispatch_waiting(now)

    async def wait_able(self) -> None:
        """Wait until a first runner takes ordinary calls: the lane's takes none, and may be the first to come up."""
        await self._able.wait()

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
        self._wake()
        self._lane.dispatch(execution, 0.0, trio.current_time())

    def statistics(self) -> dict[str, int]:
        runners = self._fleet.processes
        return {
            "runners": len(runners),
            "waiting": len(self._waiting),
            "running": sum(len(runner.running) for runner in runners),
        }

    # --- dispatching --------------------------------------------------------------------------------------------------

    def _dispatch(self, execution: Execution, now: float) -> bool:
        """Give the call to the runner with the least expected work, if one has room for it."""
        best: PooledRunner | None = None
        for runner in self._fleet.processes:
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
            if any(runner.ready for runner in self._fleet.processes):
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
        elif execution.call.at is not None and runner.retiring_since is None and not self._fleet.is_loading:
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

    def _begin(self, now: float) -> None:
        self._wake()
        self._fill(now)

    def _count_to_load(self) -> int:
        return self._limits.runners_min + (self._lane_changed is not None)

    def _switched(self, earlier: list[PooledRunner], now: float) -> None:
        # Functions of the same name are other functions now.
        self._times.clear()
        for runner in sorted(earlier, key=lambda runner: runner.is_lane):
            self._retire(runner)
        self._fill(now)
        self._choose_lane(now)
        self._note_able(now)
        self._dispatch_waiting(now)

    def _fill(self, now: float) -> None:
        """Start runners up to the minimum, and one for the lane while it has none."""
        for _ in range(self._missing()):
            self._fleet.spawn(now)

    def _missing(self) -> int:
        """Return how many runners have to be started."""
        lane_missing = self._lane_changed is not None and self._lane is None
        wanted = self._limits.runners_min - self._ordinary() + lane_missing
        if lane_missing and wanted < 1 and all(runner.ready for runner in self._fleet.in_use):
            # There are enough, but all may be busy for long.
            wanted = 1
        return max(wanted, 0)

    def _retire(self, runner: PooledRunner) -> None:
        """Let the runner finish what it has; it ends when it reads ``Drain``."""
        if runner.retiring_since is not None:
            return
        now = trio.current_time()
        if runner.is_lane:
            runner.retiring_since = now
            # The lane's calls must not be split over two runners: it is replaced at once.
            runner.kill()
            self._lose_lane()
        else:
            self._fleet.drain(runner, now)
        self._fill(now)

    def _lose_lane(self) -> None:
        assert self._lane_changed is not None
        self._lane = None
        self._lane_changed(None)
        self._choose_lane(trio.current_time())

    def _choose_lane(self, now: float) -> None:
        if self._lane_changed is None or self._lane is not None or self._fleet.stopping:
            return
        for runner in self._fleet.processes:
            if runner.accepts(now) and not runner.running:
                runner.is_lane = True
                self._lane = runner
                self._fill(now)
                self._lane_changed(runner)
                return

    def received(self, runner: PooledRunner, messages: Sequence[Message]) -> None:
        """Take in what a runner has said."""
        self._wake()
        now = trio.current_time()
        for message in messages:
            match message:
                case frames.Outcome() | frames.Stale():
                    self._outcome(runner, message, now)
                case frames.RunnerReady():
                    self._described(runner, message, now)
                case _:
                    raise LinkGarbledError(f"it sent {type(message).__name__}")
        self._dispatch_waiting(now)
        self._owner.outcomes_handled()

    def _described(self, runner: PooledRunner, message: frames.RunnerReady, now: float) -> None:
        self._fleet.loaded(runner, message)
        if runner.is_next:
            return
        if message.error is not None:
            self._owner.runner_refused(message.error)
            return
        self._owner.runner_described(message.description)
        self._choose_lane(now)
        self._note_able(now)

    def _note_able(self, now: float) -> None:
        if any(runner.accepts(now) for runner in self._fleet.processes):
            self._able.set()

    def ended(self, runner: PooledRunner, code: int) -> None:
        """Find another place for the calls of a runner that is no more."""
        self._wake()
        now = trio.current_time()
        executions = runner.take_all()
        if not self._was_to_end(runner, executions):
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
        self._owner.outcomes_handled()

    def _was_to_end(self, runner: PooledRunner, executions: Sequence[Execution]) -> bool:
        """Whether a runner has ended as it should: with its calls done, or as a lane whose calls another one takes."""
        is_retired = runner.retiring_since is not None and (runner.killed or not executions)
        return is_retired or (self._fleet.stopping and not executions)

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

    def _watch(self, now: float, due: float) -> None:
        held_up = self._heads.look(self._fleet.processes, now, due=due)
        self._fleet.watch(now)
        for execution in held_up:
            self._waiting.push(execution, now)
        self._dispatch_waiting(now)
        self._expire_waiting(now)
        self._grow(now)
        self._fill(now)
        self._choose_lane(now)
        self._shrink(now)
        if self._is_at_rest():
            self._alarm.set(self._shrink_due())
        else:
            self._wake()
        self._owner.outcomes_handled()

    def _is_at_rest(self) -> bool:
        """Whether nothing will need a look before something is said or asked: every runner is there and idle."""
        return (
            not self._waiting
            and not self._fleet.is_loading
            and all(
                runner.ready and not runner.running and not runner.killed and runner.retiring_since is None
                for runner in self._fleet.processes
            )
            and not self._missing()
        )

    def _grow(self, now: float) -> None:
        """Start one more runner while calls wait; the next one when that has come up."""
        oldest = self._waiting.oldest()
        if oldest is None or (now - oldest.waiting_since) * 1000 < self._limits.queue_ms_max:
            return
        in_use = self._fleet.in_use
        starting = any(not runner.ready for runner in in_use)
        ordinary = sum(1 for runner in in_use if not runner.is_lane)
        if not starting and ordinary < self._limits.runners_max:
            self._fleet.spawn(now)

    def _shrink(self, now: float) -> None:
        idle = [runner for runner in self._fleet.processes if runner.accepts(now) and not runner.running]
        lane = self._lane
        if lane is not None and lane.calls >= self._limits.runner_calls_max and idle:
            # Another can take over at once.
            self._retire(lane)
            return
        if self._ordinary() > self._limits.runners_min:
            for runner in idle:
                if now - runner.idle_since >= SHRINK_SECONDS:
                    self._retire(runner)
                    return

    def _shrink_due(self) -> float:
        """Return when a runner has been idle for so long that it can go, if all of them stay so."""
        if self._ordinary() <= self._limits.runners_min:
            return math.inf
        return SHRINK_SECONDS + min(runner.idle_since for runner in self._fleet.processes if not runner.is_lane)

    def _ordinary(self) -> int:
        """Return how many runners take ordinary calls, or will when they are ready."""
        return sum(1 for runner in self._fleet.in_use if runner.retiring_since is None and not runner.is_lane)
