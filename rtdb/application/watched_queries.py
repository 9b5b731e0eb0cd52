"""The queries that clients subscribe to: executed in rounds, their results sent to the gateways that asked.

What runs when, and who is told what, the reactor decides (`rtdb/reactivity`); here it is joined to the pool, to the
gateways and to the clock.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from rtdb.application.caller import OutgoingLink
from rtdb.application.completions import Completion, Completions, unexecuted_outcome
from rtdb.application.request_ids import RequestIds
from rtdb.config import Limits
from rtdb.functions.runner_pool import Execution, RunnerPool
from rtdb.link import frames
from rtdb.reactivity.query_entry import QueryAnswer
from rtdb.reactivity.reactor import Reactor, ReactorStatistics
from rtdb.reactivity.rounds import Execution as RoundExecution
from rtdb.storage.system_tables import DEPLOYMENT_INDEX, DEPLOYMENT_KEY
from rtdb.values.ordering import prefix_stop

__all__ = ["WatchedQueries"]


class _WatchedExecution(Execution):
    """A query of a round."""

    __slots__ = ("_watched", "round_execution")

    def __init__(
        self,
        watched: WatchedQueries,
        round_execution: RoundExecution,
        call: frames.Call,
        source: str,
        seconds_max: float,
    ) -> None:
        super().__init__(call, source, seconds_max)
        self._watched = watched
        self.round_execution = round_execution

    def finished(self, outcome: frames.Outcome) -> None:
        self._watched.executed(self, outcome)

    def failed(self, error: frames.ExecutionError) -> None:
        """Have what the server is to blame for tried again; show what the function is to blame for, until other code is
        deployed.

        What a function read that was killed is not known, so no write can be known to cure it.
        """
        self._watched.executed(
            self,
            unexecuted_outcome(
                self.call,
                "query",
                error=error,
                reads=[frames.ReadRange(DEPLOYMENT_INDEX, DEPLOYMENT_KEY, prefix_stop(DEPLOYMENT_KEY))],
                seq=self.round_execution.seq,
                ts=self.round_execution.ts,
            ),
        )

    def completed(self, completion: Completion) -> None:
        self._watched.completed(self.round_execution, completion)


class WatchedQueries:
    """Joins the reactor to its surroundings, from position ``seq``/``ts`` on."""

    def __init__(
        self,
        limits: Limits,
        pool: RunnerPool,
        completions: Completions,
        gateways: dict[int, OutgoingLink],
        next_call: Callable[[], int],
        request_ids: RequestIds,
        *,
        seq: int,
        ts: int,
    ) -> None:
        self._limits = limits
        self._pool = pool
        self._completions = completions
        self._gateways = gateways
        self._next_call = next_call
        self._request_ids = request_ids
        self._reactor = Reactor(limits, seq=seq, ts=ts)

    # --- gateways -----------------------------------------------------------------------------------------------------

    def add_gateway(self, gateway: int) -> None:
        self._reactor.add_gateway(gateway)

    def remove_gateway(self, gateway: int) -> None:
        self._reactor.remove_gateway(gateway, _now_ns())

    def watch(self, gateway: int, message: frames.Watch) -> None:
        self._reactor.watch(gateway, message, _now_ns())

    def unwatch(self, gateway: int, watch: int) -> None:
        self._reactor.unwatch(gateway, watch, _now_ns())

    def send_messages(self) -> None:
        """Queue on the gateways' links what they have to be told."""
        for gateway, messages in self._reactor.take_messages().items():
            link = self._gateways[gateway]
            for message in messages:
                link.queue(message)

    # --- blocks and rounds --------------------------------------------------------------------------------------------

    def block_applied(self, block: frames.BlockApplied) -> None:
        """Mark what the block invalidates, and tell the gateways of the block."""
        self._reactor.block_applied(block, _now_ns())
        self.send_messages()

    def start_rounds(self, sources: dict[str, frames.FunctionKind]) -> None:
        """Execute what has become due; ``sources`` are the functions there are."""
        for execution in self._reactor.start_round(_now_ns()):
            number = self._next_call()
            call = execution.to_call(number, self._request_ids(number))
            source = call.path if call.path in sources else ""
            self._pool.submit(_WatchedExecution(self, execution, call, source, self._limits.query_seconds_max))

    def executed(self, execution: _WatchedExecution, outcome: frames.Outcome) -> None:
        completion = Completion(execution.call, execution.source, outcome, outcome.ts)
        self._completions.complete(completion, execution)

    def completed(self, execution: RoundExecution, completion: Completion) -> None:
        request = completion.call.origin.request
        self._reactor.execution_finished(execution, completion.outcome, _now_ns(), request)

    def cached(self, call: frames.Call) -> QueryAnswer | None:
        """Return the result of a query at the newest position, if it is at hand."""
        return self._reactor.cached(call.path, call.args, call.identity, internal=call.internal, now_ns=_now_ns())

    def due(self) -> float | None:
        """Return when something is to be executed or forgotten for no other reason than time."""
        due_ns = self._reactor.due_ns()
        return None if due_ns is None else due_ns / 1e9

    def expire(self) -> None:
        """Forget what nobody has watched or asked for any more."""
        self._reactor.expire(_now_ns())

    def statistics(self) -> ReactorStatistics:
        return self._reactor.statistics()


def _now_ns() -> int:
    """Return the time by which the reactor waits and retries: one that nobody sets back."""
    return int(trio.current_time() * 1e9)
