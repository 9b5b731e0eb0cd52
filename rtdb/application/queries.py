"""A query asked for once: from what is at hand, or executed by a runner."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from rtdb.application.calls import AcceptedCall
from rtdb.application.completions import unexecuted_outcome
from rtdb.application.positions import Positions
from rtdb.application.watched_queries import WatchedQueries
from rtdb.config import Limits
from rtdb.functions.runner_pool import Execution, RunnerPool
from rtdb.link import frames

__all__ = ["FoundAction", "FoundMutation", "Queries"]

FoundMutation = Callable[[AcceptedCall, frames.Outcome], None]
"""Go on with a call that turned out to be a mutation's, with the outcome of its first attempt."""
FoundAction = Callable[[AcceptedCall], None]
"""Go on with a call that turned out to be an action's, which has not been run."""


class _QueryExecution(Execution):
    __slots__ = ("_accepted", "_found_action", "_found_mutation")

    def __init__(
        self,
        accepted: AcceptedCall,
        call: frames.Call,
        seconds_max: float,
        found_mutation: FoundMutation,
        found_action: FoundAction,
    ) -> None:
        super().__init__(call, accepted.source, seconds_max)
        self._accepted = accepted
        self._found_mutation = found_mutation
        self._found_action = found_action

    def finished(self, outcome: frames.Outcome) -> None:
        if outcome.kind == "mutation":
            # Other code has been deployed since this was taken for a query: what it wrote is to be committed.
            self._found_mutation(self._accepted, outcome)
        elif outcome.kind == "action" and self.call.kind in ("action", "any"):
            # The same, or its path was not written in the way that functions are listed by.
            self._found_action(self._accepted)
        else:
            self._accepted.finish(outcome, outcome.ts)

    def failed(self, error: frames.ExecutionError) -> None:
        self._accepted.fail("query", error)


class Queries:
    """Runs queries at the newest position, or at a timestamp."""

    def __init__(
        self,
        limits: Limits,
        pool: RunnerPool,
        positions: Positions,
        watched: WatchedQueries,
        found_mutation: FoundMutation,
        found_action: FoundAction,
    ) -> None:
        self._limits = limits
        self._pool = pool
        self._positions = positions
        self._watched = watched
        self._found_mutation = found_mutation
        self._found_action = found_action

    def run(self, accepted: AcceptedCall, at_ts: int | None) -> None:
        call = accepted.call
        if at_ts is not None:
            at = self._positions.seq_at(at_ts)
            if isinstance(at, frames.ExecutionError):
                accepted.fail("query", at)
                return
            call = msgspec.structs.replace(call, at=at)
        elif call.kind in ("query", "any"):
            cached = self._watched.cached(call)
            if cached is not None:
                outcome = unexecuted_outcome(call, "query", result=cached.result, log_lines=cached.log_lines)
                accepted.finish(outcome, self._positions.ts, cached=True)
                return
        seconds_max = self._limits.query_seconds_max
        execution = _QueryExecution(accepted, call, seconds_max, self._found_mutation, self._found_action)
        accepted.carrier = execution
        self._pool.submit(execution)
