"""The node's side of the action runners: which action runs where, for how long, and what happens when one dies.

An action runner runs many actions at once, each as a task. What an action does takes effect while it runs; therefore
no action that has begun is ever run again:

===================================  =================================================================================
an action ran past its deadline      it is cancelled, and gets ``FunctionTimedOut``; if it does not end then either, its
                                     process is killed
an action blocks the event loop      the process gets nothing new; after ``action_blocked_seconds_max`` it is killed and
                                     the action named to its caller (`pulse.py`)
an action runner ends, or is killed  its other actions get ``ActionInterrupted``; those it had not begun run elsewhere
every action runner is full          actions wait ``action_queue_seconds_max`` and fail
no action runner can be started      actions wait as long and fail; starting is tried slower and slower
===================================  =================================================================================

There are action runners only while the deployed app has actions. Other code is loaded (:meth:`ActionPool.load`) in
action runners beside those in use, and used from :meth:`ActionPool.switch` on; the earlier ones finish what they have
and end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import structlog
import trio

from rtdb.config import Limits
from rtdb.functions.action_execution import (
    ActionExecution,
    blocked_error,
    interrupted_error,
    too_many_actions_error,
)
from rtdb.functions.code_pool import CodePool
from rtdb.functions.execution import ended_error, timed_out_error, unavailable_error
from rtdb.functions.fleet import Fleet
from rtdb.functions.pooled_action_runner import PooledActionRunner
from rtdb.functions.runner_handle import ActionRunnerHandle, how_it_ended
from rtdb.link import frames
from rtdb.link.link import Link, LinkGarbledError, Message
from rtdb.link.supervisor import EXIT_SOFTWARE

__all__ = ["ActionOwner", "ActionPool", "StartActionRunner"]

WATCH_SECONDS = 0.05
"""How often there is a look at what runs and waits."""
REST_WATCH_SECONDS = 0.25
"""The same while no action does; without action runners there is none."""
STALL_SECONDS = 0.1
"""A watch that comes later than this says that the hub had no time, and maybe nobody had."""
STUCK_SECONDS = 0.5
"""An event loop that has not been seen turning for so long gets nothing new, and the log says so."""

StartActionRunner = Callable[[], ActionRunnerHandle]
"""Start an action runner; it expects ``RunnerStart`` on its link."""

_log = structlog.get_logger("rtdb.actions")


class ActionOwner(Protocol):
    """What the pool tells the hub."""

    def action_requested(self, link: Link, request: frames.CallRequest | frames.FileStepRequest) -> None:
        """An action wants a function run, or a step of file storage taken; the answer goes to ``link``."""
        ...

    def outcomes_handled(self) -> None:
        """A batch of messages has been handled: the moment to send what they caused."""
        ...


class ActionPool(CodePool[PooledActionRunner]):
    """Runs actions on the action runners of one server."""

    def __init__(self, owner: ActionOwner, limits: Limits, *, start_runner: StartActionRunner) -> None:
        self._owner = owner
        self._limits = limits
        fleet = Fleet(
            "action runner",
            self,
            None,
            process_type=PooledActionRunner,
            start_process=start_runner,
            start_seconds_max=limits.runner_start_seconds_max,
        )
        super().__init__(fleet, WATCH_SECONDS)
        self._waiting: deque[ActionExecution] = deque()
        self._last_call = 0

    # --- what the hub calls -------------------------------------------------------------------------------------------

    def use(self, start: frames.RunnerStart | None) -> None:
        """Run this code from now on, None for an app without actions: when a server starts."""
        self._wake()
        self._fleet.use(start)
        self._fill(trio.current_time())

    def submit(self, execution: ActionExecution) -> None:
        """Run an action as soon as an action runner has room."""
        self._wake()
        now = trio.current_time()
        execution.waiting_since = now
        execution.waiting = True
        self._waiting.append(execution)
        self._dispatch_waiting(now)

    def interrupt(self, why: str) -> None:
        """Have every action end now, and say why."""
        self._wake()
        error = interrupted_error(why)
        now = trio.current_time()
        for runner in self._fleet.processes:
            for call, execution in runner.running.items():
                if execution.cancelled_at is None:
                    self._cancel(runner, call, execution, error, now)
        while self._waiting:
            execution = self._waiting.popleft()
            if not execution.withdrawn:
                execution.failed(error)
        self.flush()

    def environment_changed(self) -> None:
        """Tell every action runner that environment variables have changed, before it is given anything more."""
        for runner in self._fleet.processes:
            runner.link.queue(frames.EnvironmentChanged())

    def statistics(self) -> dict[str, int]:
        runners = self._fleet.processes
        return {
            "action_runners": len(runners),
            "waiting": len(self._waiting),
            "running": sum(len(runner.running) for runner in runners),
        }

    # --- dispatching --------------------------------------------------------------------------------------------------

    def _dispatch_waiting(self, now: float) -> None:
        while self._waiting:
            if self._waiting[0].withdrawn:
                self._waiting.popleft()
                continue
            accepting = [runner for runner in self._fleet.processes if runner.accepts()]
            best = min(accepting, key=lambda runner: len(runner.running), default=None)
            if best is None or len(best.running) >= self._limits.action_runner_calls_max:
                return
            execution = self._waiting.popleft()
            self._last_call += 1
            best.dispatch(execution, msgspec.structs.replace(execution.call, call=self._last_call), now)
            if best.calls >= self._limits.runner_calls_max:
                self._retire(best)

    def _expire_waiting(self, now: float) -> None:
        limits = self._limits
        seconds_max = limits.action_queue_seconds_max
        while self._waiting and now - self._waiting[0].waiting_since > seconds_max:
            execution = self._waiting.popleft()
            if execution.withdrawn:
                continue
            if any(runner.ready for runner in self._fleet.processes):
                execution.failed(too_many_actions_error(limits.action_runners * limits.action_runner_calls_max))
            else:
                execution.failed(unavailable_error(seconds_max))

    # --- lives of action runners --------------------------------------------------------------------------------------

    def _count_to_load(self) -> int:
        return self._limits.action_runners

    def _switched(self, earlier: list[PooledActionRunner], now: float) -> None:
        for runner in earlier:
            self._retire(runner)
        self._fill(now)
        self._dispatch_waiting(now)

    def _fill(self, now: float) -> None:
        for _ in range(self._missing()):
            self._fleet.spawn(now)

    def _missing(self) -> int:
        """Return how many action runners have to be started."""
        if not self._fleet.has_code:
            return 0
        staying = sum(1 for runner in self._fleet.in_use if runner.retiring_since is None)
        return max(self._limits.action_runners - staying, 0)

    def _retire(self, runner: PooledActionRunner) -> None:
        """Let it finish what it has; it ends with the last of that."""
        if runner.retiring_since is None:
            now = trio.current_time()
            self._fleet.drain(runner, now)
            self._fill(now)

    def received(self, runner: PooledActionRunner, messages: Sequence[Message]) -> None:
        """Take in what an action runner has said."""
        self._wake()
        now = trio.current_time()
        for message in messages:
            match message:
                case frames.CallRequest() | frames.FileStepRequest():
                    self._owner.action_requested(runner.link, message)
                case frames.Cancel():
                    # What an action does not wait for any more takes effect all the same.
                    pass
                case frames.ActionProgress():
                    runner.execution(message.call).progressed(message.log_lines)
                case frames.HttpActionHead() | frames.BodyChunk() | frames.BodyCredit():
                    runner.execution(message.call).received(message)
                case frames.ActionOutcome():
                    self._outcome(runner, message, now)
                case frames.RunnerReady():
                    self._fleet.loaded(runner, message)
                case _:
                    raise LinkGarbledError(f"it sent {type(message).__name__}")
        self._dispatch_waiting(now)
        self._owner.outcomes_handled()

    def _outcome(self, runner: PooledActionRunner, outcome: frames.ActionOutcome, now: float) -> None:
        execution = runner.take(outcome.call, now)
        if outcome.out_of_memory:
            # The next one would not have more.
            self._retire(runner)
        execution.finished(outcome)

    def ended(self, runner: PooledActionRunner, code: int) -> None:
        """Answer for the actions of an action runner that is no more."""
        self._wake()
        now = trio.current_time()
        if runner.running or not (runner.retiring_since is not None or self._fleet.stopping):
            _log.warning("action runner ended", pid=runner.handle.pid, exit_code=code, actions=len(runner.running))
        self._answer_for(runner, code)
        runner.pulse.close()
        self._fill(now)
        self._dispatch_waiting(now)
        self._owner.outcomes_handled()

    def _answer_for(self, runner: PooledActionRunner, code: int) -> None:
        """Decide about the actions that an action runner had when it ended."""
        how = how_it_ended(code)
        begun = runner.pulse.begun
        culprit, error = runner.culprit, runner.culprit_error
        if not runner.killed and code not in (EXIT_SOFTWARE, -9):
            # It ended by itself: in the middle of a step, if that can be told.
            culprit = runner.pulse.running
        not_begun: list[ActionExecution] = []
        for call, execution in runner.running.items():
            if call == culprit:
                execution.failed(error or ended_error(execution.call.path, code))
            elif call > begun and execution.cancelled_at is None:
                not_begun.append(execution)
            else:
                verb = "was stopped" if runner.killed else "ended"
                execution.failed(interrupted_error(f"the process it ran in {verb} ({how})"))
        runner.running.clear()
        for execution in reversed(not_begun):
            execution.waiting = True
            self._waiting.appendleft(execution)

    # --- the watch ----------------------------------------------------------------------------------------------------

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

    def _watch(self, now: float, due: float) -> None:
        self._fleet.watch(now)
        stall = now - due
        for runner in list(self._fleet.processes):
            if stall > STALL_SECONDS:
                runner.forgive(stall)
            if runner.ready and not runner.killed:
                self._watch_loop(runner, now)
                self._watch_deadlines(runner, now)
                self._watch_link(runner)
        self._limit_retiring()
        self._fill(now)
        self._dispatch_waiting(now)
        self._expire_waiting(now)
        if not self._is_at_rest():
            self._wake()
        elif self._fleet.processes:
            # One whose event loop stands still, by what an action has left behind, is to get nothing new.
            self._alarm.set(now + REST_WATCH_SECONDS)
        self._owner.outcomes_handled()

    def _watch_link(self, runner: PooledActionRunner) -> None:
        if runner.link.unsent_bytes > self._limits.frame_bytes_max:
            _log.error("action runner does not read", pid=runner.handle.pid, unsent_bytes=runner.link.unsent_bytes)
            runner.kill()

    def _watch_loop(self, runner: PooledActionRunner, now: float) -> None:
        """Look whether the event loop turns, and who keeps it from that."""
        stuck = runner.seconds_stuck(now)
        if stuck < STUCK_SECONDS:
            runner.stuck_since = None
            return
        culprit = runner.pulse.running
        execution = runner.running.get(culprit)
        path = "" if execution is None else execution.call.path
        if runner.stuck_since is None:
            runner.stuck_since = now - stuck
            if execution is None:
                # Of a process that has just started, on a busy machine, as a rule.
                _log.info("an action runner stands still", pid=runner.handle.pid)
            else:
                _log.warning("an action keeps all others of its process waiting", function=path, pid=runner.handle.pid)
        seconds_max = self._limits.action_blocked_seconds_max
        if stuck > seconds_max:
            _log.error("action runner stopped: its event loop is blocked", function=path, at=runner.pulse.frames)
            runner.kill_because(culprit, blocked_error(path, seconds_max, runner.pulse.frames))

    def _watch_deadlines(self, runner: PooledActionRunner, now: float) -> None:
        for call, execution in runner.running.items():
            if execution.cancelled_at is None:
                if now - execution.begun_at > execution.seconds_max:
                    self._cancel(runner, call, execution, timed_out_error(execution.seconds_max), now)
            elif now - execution.cancelled_at > self._limits.action_cancel_seconds_max:
                assert execution.cancelled_because is not None
                _log.error("an action did not end when it was cancelled", function=execution.call.path)
                runner.kill_because(call, execution.cancelled_because)
                return

    def _cancel(
        self,
        runner: PooledActionRunner,
        call: int,
        execution: ActionExecution,
        because: frames.ExecutionError,
        now: float,
    ) -> None:
        execution.cancelled_at, execution.cancelled_because = now, because
        runner.link.queue(frames.ActionCancel(call, because))

    def _limit_retiring(self) -> None:
        """Bound what deploys leave behind: code of long ago, with actions that are still running."""
        retiring = [
            runner for runner in self._fleet.processes if runner.retiring_since is not None and not runner.killed
        ]
        for runner in retiring[: max(0, len(retiring) - self._limits.action_runners_retiring_max)]:
            _log.error("action runner of earlier code stopped: there are too many", actions=len(runner.running))
            runner.kill()
