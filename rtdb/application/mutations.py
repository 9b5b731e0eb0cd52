"""A mutation's way, from the call to its commit, as often as it is beaten.

::

    run ─▶ lane, if the function is known to be fast ──────────────────────────▶ committed, failed
      └──▶ pool ─▶ executed ─▶ nothing to commit ──────────────────────────────▶ answered
            ▲            └───▶ (held while the lane's head must not lose) ─▶ committer ─▶ committed, rejected
            └── lost ◀───────────────────────────────────────────────────────────┘
                  └─▶ lane, after `lane_losses_max` losses
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec
import trio

from rtdb.application.caller import OutgoingLink
from rtdb.application.calls import AcceptedCall, Carrier
from rtdb.config import Limits
from rtdb.functions.runner_pool import Execution, RunnerPool
from rtdb.functions.serial_lane import SerialLane
from rtdb.link import frames

__all__ = ["Mutations"]


class _Mutation:
    """A mutation until it is answered: through the pool or the lane, as often as it is beaten.

    ``place`` is its attempt in the pool or its entry in the lane, None while it is in neither, and at its end.
    """

    __slots__ = ("_accepted", "_beaten", "_deadline", "_mutations", "call", "losses", "outcome", "place", "source")

    def __init__(self, mutations: Mutations, accepted: AcceptedCall, deadline: float) -> None:
        self._mutations = mutations
        self._accepted = accepted
        self._deadline = deadline
        self.call = accepted.call
        self.source = accepted.source
        self.losses = 0
        self._beaten: frames.Beaten | None = None
        self.outcome: frames.Outcome | None = None
        self.place: Carrier | None = None

    def finish(self, outcome: frames.Outcome, ts: int) -> None:
        self.place = None
        self._accepted.finish(outcome, ts, beaten=self._beaten)

    def fail(self, error: frames.ExecutionError) -> None:
        self.place = None
        self._accepted.fail("mutation", error, beaten=self._beaten)

    def lost(self, loss: frames.Loss) -> None:
        """An attempt was in vain."""
        self.losses += 1
        known = self._beaten
        if loss.reason == "conflict" or known is None:
            self._beaten = frames.Beaten(loss.table, loss.source, self.losses)
        else:
            self._beaten = frames.Beaten(known.table, known.source, self.losses)

    def withdraw(self) -> bool:
        withdrawn = self.place is not None and self.place.withdraw()
        if withdrawn:
            self.place = None
        return withdrawn

    def is_late(self) -> bool:
        return trio.current_time() > self._deadline

    # LaneMutation

    def lane_committed(self, outcome: frames.Outcome, ts: int) -> None:
        self.finish(outcome, outcome.replayed_ts or ts)

    def lane_failed(self, error: frames.ExecutionError) -> None:
        self.fail(error)

    def lane_declined(self) -> None:
        self.place = None
        self._mutations.run_in_pool(self)


class _MutationExecution(Execution):
    """One attempt of a mutation in the pool."""

    __slots__ = ("_mutation", "_mutations")

    def __init__(self, mutations: Mutations, mutation: _Mutation, call: frames.Call, seconds_max: float) -> None:
        super().__init__(call, mutation.source, seconds_max)
        self._mutations = mutations
        self._mutation = mutation

    def finished(self, outcome: frames.Outcome) -> None:
        self._mutations.executed(self._mutation, outcome)

    def failed(self, error: frames.ExecutionError) -> None:
        self._mutation.fail(error)


class Mutations:
    """The mutations under way, from position ``seq`` on."""

    def __init__(
        self,
        limits: Limits,
        pool: RunnerPool,
        committer: OutgoingLink,
        seq: int,
        next_call: Callable[[], int],
    ) -> None:
        self._limits = limits
        self._pool = pool
        self._committer = committer
        self._next_call = next_call
        self._lane = SerialLane(pool, limits, seq, next_call, committer.queue)
        pool.use_lane(self._lane.runner_changed)
        self._committing: dict[int, _Mutation] = {}
        """At the committer, by the call number of the attempt."""
        self._held: deque[tuple[_Mutation, frames.Commit]] = deque()
        """Executed, and kept back while the lane's head must not be beaten again."""

    def run(self, accepted: AcceptedCall) -> None:
        bytes_max = self._limits.committer_unsent_bytes_max
        if self._committer.unsent_bytes > bytes_max:
            accepted.fail("mutation", _slow_disk_error(bytes_max))
            return
        mutation = self._begin(accepted)
        if self._pool.is_fast(mutation.source):
            self._run_in_lane(mutation)
        else:
            self.run_in_pool(mutation)

    def go_on(self, accepted: AcceptedCall, outcome: frames.Outcome) -> None:
        """Go on with a mutation whose first attempt was made as if it were a query."""
        self.executed(self._begin(accepted), outcome)

    def _begin(self, accepted: AcceptedCall) -> _Mutation:
        mutation = _Mutation(self, accepted, trio.current_time() + self._limits.mutation_seconds_max)
        accepted.carrier = mutation
        return mutation

    def _run_in_lane(self, mutation: _Mutation) -> None:
        entry = self._lane.submit(mutation)
        if entry.waits:
            mutation.place = entry

    # --- attempts in the pool -----------------------------------------------------------------------------------------

    def run_in_pool(self, mutation: _Mutation) -> None:
        call = msgspec.structs.replace(mutation.call, call=self._next_call())
        mutation.place = execution = _MutationExecution(self, mutation, call, self._limits.mutation_seconds_max)
        self._pool.submit(execution)

    def executed(self, mutation: _Mutation, outcome: frames.Outcome) -> None:
        """Answer at once what has no effect; send the rest to the committer."""
        mutation.place = None
        if outcome.replayed_ts is not None:
            mutation.finish(outcome, outcome.replayed_ts)
        elif not outcome.writes:
            mutation.finish(outcome, outcome.ts)
        else:
            mutation.outcome = outcome
            commit = frames.Commit(
                call=outcome.call,
                begin=outcome.seq,
                lane=0,
                pending=0,
                source=mutation.source or mutation.call.path,
                reads=outcome.reads,
                writes=outcome.writes,
            )
            if self._lane.holding:
                self._held.append((mutation, commit))
            else:
                self._commit(mutation, commit)

    def _commit(self, mutation: _Mutation, commit: frames.Commit) -> None:
        self._committing[commit.call] = mutation
        self._committer.queue(commit)

    def release_held(self) -> None:
        """Send the committer what was kept back, if it need not be any more."""
        while self._held and not self._lane.holding:
            self._commit(*self._held.popleft())

    # --- the committer's decisions ------------------------------------------------------------------------------------

    def block_applied(self, block: frames.BlockApplied) -> None:
        """Answer what the committer has decided, and run again what was beaten."""
        for call, ts in block.committed:
            mutation = self._committing.pop(call, None)
            if mutation is not None:
                assert mutation.outcome is not None
                mutation.finish(mutation.outcome, ts)
        for rejection in block.rejections:
            mutation = self._committing.pop(rejection.call, None)
            if mutation is not None:
                mutation.fail(rejection.error)
        self._lane.block_applied(block)
        for loss in block.losses:
            mutation = self._committing.pop(loss.call, None)
            if mutation is not None:
                self._lost(mutation, loss)
        self.release_held()

    def _lost(self, mutation: _Mutation, loss: frames.Loss) -> None:
        mutation.lost(loss)
        if mutation.is_late():
            mutation.fail(_conflict_error(mutation, loss))
        elif mutation.losses >= self._limits.lane_losses_max:
            self._run_in_lane(mutation)
        else:
            self.run_in_pool(mutation)

    @property
    def wait_for_lane(self) -> bool:
        """Whether some may wait for the lane too long."""
        return len(self._lane) > 0

    def expire(self) -> None:
        """Refuse what has waited for the lane too long."""
        self._lane.expire()


def _slow_disk_error(bytes_max: int) -> frames.ExecutionError:
    return frames.ExecutionError(
        code="Overloaded",
        message=(
            f"Writes come faster than the disk takes them: more than {bytes_max} bytes wait to be committed "
            "(committer_unsent_bytes_max). Try again later."
        ),
        system=503,
    )


def _conflict_error(mutation: _Mutation, loss: frames.Loss) -> frames.ExecutionError:
    by = f', last by "{loss.source}" at position {loss.seq} in table "{loss.table}"' if loss.source else ""
    return frames.ExecutionError(
        code="OptimisticConcurrencyControlFailure",
        message=(
            f"Mutation {mutation.source} was beaten {mutation.losses} times until its time was up{by}. Read fewer "
            "documents in it, or make it faster."
        ),
        system=503,
    )
