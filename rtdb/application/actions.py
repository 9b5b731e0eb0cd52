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

__all__ = ["AcceptedAction", "Actions", "origin_of_parts"]


class AcceptedAction(ActionExecution):
    """An action on behalf of a call that was accepted. ``http_status`` is that of the answer, 0 while there is none."""

    __slots__ = ("_accepted", "_kind", "_lines_recorded", "_log", "_positions", "_started", "http_status")

    def __init__(
        self,
        accepted: AcceptedCall,
        call: frames.ActionCall | frames.HttpActionRequest,
        positions: Positions,
        log: FunctionLog,
        seconds_max: float,
    ) -> None:
        super().__init__(call, seconds_max)
        self._accepted = accepted
        self._kind: frames.ExecutionKind = "action" if isinstance(call, frames.ActionCall) else "http"
        self._positions = positions
        self._log = log
        self._started = trio.current_time()
        self._lines_recorded = 0
        self.http_status = 0

    def progressed(self, log_lines: list[str]) -> None:
        self._lines_recorded += len(log_lines)
        self._log.record_progress(self._accepted.call, self._kind, log_lines, trio.current_time() - self._started)

    def finished(self, outcome: frames.ActionOutcome) -> None:
        rest = outcome.log_lines[self._lines_recorded :]
        if rest:
            self.progressed(rest)
        ended = unexecuted_outcome(
            self._accepted.call,
            self._kind,
            result=outcome.result,
            error=outcome.error,
            log_lines=outcome.log_lines,
            micros=outcome.micros,
        )
        # Everything it has written is in a block that has been heard of: its caller may be shown that much.
        self._accepted.finish(ended, self._positions.ts, http_status=self.http_status)

    def failed(self, error: frames.ExecutionError) -> None:
        self._accepted.fail(self._kind, error)


def origin_of_parts(call: frames.Call) -> frames.Origin:
    """Return the origin of what an action runs in turn: a part of the same request, and of this call."""
    return frames.Origin("Action", call.origin.request, call.call)


class Actions:
    """Runs actions."""

    def __init__(self, limits: Limits, pool: ActionPool, positions: Positions, log: FunctionLog) -> None:
        self._limits = limits
        self._pool = pool
        self._positions = positions
        self._log = log

    def run(self, accepted: AcceptedCall) -> None:
        call = accepted.call
        origin = origin_of_parts(call)
        action_call = frames.ActionCall(
            call.call, call.path, call.args, call.identity, call.internal, call.scheduled, origin
        )
        seconds_max = self._limits.action_seconds_max
        execution = AcceptedAction(accepted, action_call, self._positions, self._log, seconds_max)
        accepted.carrier = execution
        self._pool.submit(execution)
