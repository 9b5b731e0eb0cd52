"""An action, from the call to its end: it runs once, in an action runner, and what it wants of the database are calls.

A call is known to be an action's by the app's description, or because a runner that was asked to run a query found an
action under that name.
"""

from __future__ import annotations

import trio

from rtdb.application.calls import AcceptedCall
from rtdb.application.completions import unexecuted_outcome
from rtdb.application.function_log import FunctionLog
from rtdb.application.positions import Positions
from rtdb.config import Limits
from rtdb.functions.action_execution import ActionExecution
from rtdb.functions.action_pool import ActionPool
from rtdb.link import frames

__all__ = ["Actions"]


class _ActionExecution(ActionExecution):
    __slots__ = ("_accepted", "_lines_recorded", "_log", "_positions", "_started")

    def __init__(self, accepted: AcceptedCall, positions: Positions, log: FunctionLog, seconds_max: float) -> None:
        call = accepted.call
        # What it runs in turn is a part of the same request, and of this call.
        origin = frames.Origin("Action", call.origin.request, call.call)
        action_call = frames.ActionCall(
            call.call, call.path, call.args, call.identity, call.internal, call.scheduled, origin
        )
        super().__init__(action_call, seconds_max)
        self._accepted = accepted
        self._positions = positions
        self._log = log
        self._started = trio.current_time()
        self._lines_recorded = 0

    def progressed(self, log_lines: list[str]) -> None:
        self._lines_recorded += len(log_lines)
        self._log.record_progress(self._accepted.call, "action", log_lines, trio.current_time() - self._started)

    def finished(self, outcome: frames.ActionOutcome) -> None:
        rest = outcome.log_lines[self._lines_recorded :]
        if rest:
            self.progressed(rest)
        ended = unexecuted_outcome(
            self._accepted.call,
            "action",
            result=outcome.result,
            error=outcome.error,
            log_lines=outcome.log_lines,
            micros=outcome.micros,
        )
        # Everything it has written is in a block that has been heard of: its caller may be shown that much.
        self._accepted.finish(ended, self._positions.ts)

    def failed(self, error: frames.ExecutionError) -> None:
        self._accepted.fail("action", error)


class Actions:
    """Runs actions."""

    def __init__(self, limits: Limits, pool: ActionPool, positions: Positions, log: FunctionLog) -> None:
        self._limits = limits
        self._pool = pool
        self._positions = positions
        self._log = log

    def run(self, accepted: AcceptedCall) -> None:
        execution = _ActionExecution(accepted, self._positions, self._log, self._limits.action_seconds_max)
        accepted.carrier = execution
        self._pool.submit(execution)
