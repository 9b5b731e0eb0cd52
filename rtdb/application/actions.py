"""An action, from the call to its end: it runs once, in an action runner, and what it wants of the database are calls.

A call is known to be an action's by the app's description, or because a runner that was asked to run a query found an
action under that name.
"""

from __future__ import annotations

from rtdb.application.calls import AcceptedCall
from rtdb.application.completions import unexecuted_outcome
from rtdb.application.positions import Positions
from rtdb.config import Limits
from rtdb.functions.action_execution import ActionExecution
from rtdb.functions.action_pool import ActionPool
from rtdb.link import frames

__all__ = ["Actions"]


class _ActionExecution(ActionExecution):
    __slots__ = ("_accepted", "_positions")

    def __init__(self, accepted: AcceptedCall, positions: Positions, seconds_max: float) -> None:
        call = accepted.call
        action_call = frames.ActionCall(call.call, call.path, call.args, call.identity, call.internal, call.scheduled)
        super().__init__(action_call, seconds_max)
        self._accepted = accepted
        self._positions = positions

    def finished(self, outcome: frames.ActionOutcome) -> None:
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

    def __init__(self, limits: Limits, pool: ActionPool, positions: Positions) -> None:
        self._limits = limits
        self._pool = pool
        self._positions = positions

    def run(self, accepted: AcceptedCall) -> None:
        execution = _ActionExecution(accepted, self._positions, self._limits.action_seconds_max)
        accepted.carrier = execution
        self._pool.submit(execution)
