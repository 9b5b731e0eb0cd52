"""The serial lane: mutations executed one after the other on state that is not durable yet.

One runner executes the lane's queue on the newest snapshot plus an overlay of its own pending writes, so a mutation
does not wait for the commit of the one before it, and two mutations of the lane never conflict. Their outcomes go to
the committer in the order they ran; many end in one block.

A lane lives in *epochs*. In one epoch every outcome has seen all earlier ones. When the committer refuses one of them
(somebody outside the lane wrote into what it had read), everything after it in that epoch is refused as well, and the
lane begins a new epoch: the runner forgets its pending writes and what has not been answered runs again, in order.

Invariant: at most one attempt of a mutation can commit. A new attempt is dispatched only when the last one can no
longer be accepted: it was refused, its epoch has failed at the committer, or it never reached the committer.

While the first in the queue has lost ``lane_losses_max`` times, :attr:`SerialLane.holding` asks the hub to keep back
the outcomes of others; time in the lane is bounded by ``lane_seconds_max``, so that wait is too.

A mutation leaves the lane answered, or declined: what overran the lane's time, was running when the lane's runner was
killed, or was sent back because of a deploy, is run in the pool, so that nothing can stop the lane twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec
import trio

from rtdb.config import Limits
from rtdb.functions.execution import Execution, overloaded_error
from rtdb.functions.pooled_runner import PooledRunner
from rtdb.functions.runner_pool import RunnerPool
from rtdb.link import frames

__all__ = ["LaneEntry", "LaneMutation", "SerialLane"]

AHEAD_MAX = 64
"""Calls dispatched to the lane's runner without an outcome: what may have to be thrown away when an epoch fails."""

AHEAD_BYTES_MAX = 4 * 1024 * 1024
"""Arguments of the calls dispatched ahead, which lie in the link's buffers: so many bytes, or one call."""


class LaneMutation(Protocol):
    """A mutation as its owner hands it to the lane."""

    call: frames.Call
    source: str
    losses: int

    def lost(self, loss: frames.Loss) -> None:
        """An attempt was in vain: ``losses`` is one more."""
        ...

    def lane_committed(self, outcome: frames.Outcome, ts: int) -> None:
        """The outcome (a result or an error of the function) is durable at ``ts``."""
        ...

    def lane_failed(self, error: frames.ExecutionError) -> None: ...

    def lane_declined(self) -> None:
        """The lane will not run it: run it elsewhere."""
        ...


class LaneEntry:
    """A mutation's place in the queue: it waits, or runs (``attempt``), or is at the committer (``outcome``).

    One that is ``withdrawn`` stays where it is until its turn comes.

    An attempt is let go of when it is over: entry and attempt would otherwise keep each other, with all their frames,
    until the cyclic collector comes.
    """

    __slots__ = ("attempt", "mutation", "outcome", "since", "withdrawn")

    def __init__(self, mutation: LaneMutation, now: float) -> None:
        self.mutation = mutation
        self.since = now
        self.attempt: _Attempt | None = None
        self.outcome: frames.Outcome | None = None
        self.withdrawn = False

    def withdraw(self) -> bool:
        """Give the mutation up if it is not under way, and return whether that was so: then it hears no more."""
        if self.withdrawn or not self.waits:
            return False
        self.withdrawn = True
        return True

    @property
    def waits(self) -> bool:
        return self.attempt is None and self.outcome is None


class _Attempt(Execution):
    """One execution of an entry in one epoch, under a call number of its own."""

    __slots__ = ("_entry", "_lane")

    def __init__(self, lane: SerialLane, entry: LaneEntry, number: int) -> None:
        call = msgspec.structs.replace(entry.mutation.call, call=number)
        super().__init__(call, entry.mutation.source, lane.seconds_max)
        self._lane = lane
        self._entry = entry

    def finished(self, outcome: frames.Outcome) -> None:
        self._lane.attempt_finished(self._entry, outcome)

    def failed(self, error: frames.ExecutionError) -> None:
        self._lane.attempt_failed(self._entry, error)

    def sent_back(self) -> None:
        self._lane.attempt_sent_back(self._entry)


class SerialLane:
    """The hub's side of the lane, from position ``seq`` on."""

    def __init__(
        self,
        pool: RunnerPool,
        limits: Limits,
        seq: int,
        next_call: Callable[[], int],
        commit: Callable[[frames.Commit], None],
    ) -> None:
        self.seconds_max = limits.lane_seconds_max
        self._limits = limits
        self._pool = pool
        self._next_call = next_call
        self._commit = commit
        self._runner: PooledRunner | None = None
        self._epoch = 0
        self._seq = seq
        self._pending = 0
        self._entries: deque[LaneEntry] = deque()
        """Everything unanswered, in lane order: first what is at the committer, then what runs, then what waits."""
        self._at_committer: dict[int, LaneEntry] = {}
        self._ahead = 0
        self._ahead_bytes = 0
        self._waiting: deque[LaneEntry] = deque()
        """The tail of ``_entries`` that has not been dispatched in this epoch."""
        self._restarting = False

    @property
    def holding(self) -> bool:
        """Whether others must wait for the head of the lane."""
        if not self._entries or self._entries[0].withdrawn:
            return False
        return self._entries[0].mutation.losses >= self._limits.lane_losses_max

    def __len__(self) -> int:
        return len(self._entries)

    def submit(self, mutation: LaneMutation) -> LaneEntry:
        """Run a mutation when its turn comes; it may be withdrawn before."""
        entry = LaneEntry(mutation, trio.current_time())
        self._entries.append(entry)
        self._waiting.append(entry)
        self._dispatch()
        return entry

    def expire(self) -> None:
        """Refuse what has waited ``queue_seconds_max`` without being dispatched: the lane is overloaded, or there is no
        runner for it."""
        since = trio.current_time() - self._limits.queue_seconds_max
        expired = {entry for entry in self._entries if entry.since < since and entry.waits}
        if expired:
            self._entries = deque(entry for entry in self._entries if entry not in expired)
            self._waiting = deque(entry for entry in self._waiting if entry not in expired)
            refused = [entry for entry in expired if not entry.withdrawn]
            for entry in sorted(refused, key=lambda entry: entry.since):
                entry.mutation.lane_failed(overloaded_error("mutation", self._limits.runners_max))

    # --- from the pool ------------------------------------------------------------------------------------------------

    def runner_changed(self, runner: PooledRunner | None) -> None:
        """Another runner has the role, or for now none: begin an epoch once the committer has decided what it has."""
        self._runner = runner
        self._restart()

    def attempt_finished(self, entry: LaneEntry, outcome: frames.Outcome) -> None:
        assert outcome.lane == self._epoch, "attempts of earlier epochs are marked done"
        self._came_back(entry)
        entry.outcome = outcome
        self._at_committer[outcome.call] = entry
        # An error was computed on pending state too: it is released only once that state has become durable.
        self._commit(
            frames.Commit(
                call=outcome.call,
                begin=outcome.seq,
                lane=self._epoch,
                pending=outcome.pending,
                source=entry.mutation.source or entry.mutation.call.path,
                reads=outcome.reads,
                writes=outcome.writes,
            )
        )
        self._dispatch()

    def attempt_failed(self, entry: LaneEntry, error: frames.ExecutionError) -> None:
        """The call ended its runner; the pool brings another."""
        self._came_back(entry)
        self._entries.remove(entry)
        entry.mutation.lane_failed(error)

    def attempt_sent_back(self, entry: LaneEntry) -> None:
        """The call was stopped, or not begun, for a reason that may be there again next time: not here."""
        self._came_back(entry)
        self._entries.remove(entry)
        entry.mutation.lane_declined()
        self._dispatch()

    def _came_back(self, entry: LaneEntry) -> None:
        entry.attempt = None
        self._ahead -= 1
        self._ahead_bytes -= len(entry.mutation.call.args)

    # --- from the committer -------------------------------------------------------------------------------------------

    def block_applied(self, block: frames.BlockApplied) -> None:
        """Take the committer's decisions on this lane's outcomes, and tell the runner what is durable."""
        epoch = self._epoch
        if block.seq:
            self._seq = block.seq
        self._pending = max(self._pending, block.lane_pending)
        for call, ts in block.committed:
            entry = self._at_committer.pop(call, None)
            if entry is not None:
                assert entry is self._entries[0], "the lane is committed in order"
                self._entries.popleft()
                assert entry.outcome is not None
                entry.mutation.lane_committed(entry.outcome, ts)
        # A full disk rejects a whole group: all of it is answered before what is left begins again.
        rejected = [(self._at_committer.pop(rejection.call, None), rejection.error) for rejection in block.rejections]
        for entry, error in rejected:
            if entry is not None:
                self._entries.remove(entry)
                entry.mutation.lane_failed(error)
        if any(entry is not None for entry, _ in rejected):
            self._fail_epoch()
        for loss in block.losses:
            entry = self._at_committer.get(loss.call)
            if entry is not None:
                entry.mutation.lost(loss)
                self._fail_epoch()
        if self._restarting and not self._at_committer:
            self._begin_epoch()
        elif block.seq and self._runner is not None and epoch == self._epoch and not self._restarting:
            # A new epoch begins with where the database is; until then there is nothing to tell.
            self._runner.link.queue(frames.Durable(seq=self._seq, pending=self._pending))
        self._dispatch()

    # --- epochs -------------------------------------------------------------------------------------------------------

    def _fail_epoch(self) -> None:
        """An outcome was refused: all that follow it are, or will be. Run everything unanswered again."""
        self._at_committer.clear()
        self._restart()

    def _restart(self) -> None:
        for entry in self._entries:
            if entry.attempt is not None:
                entry.attempt.done = True
                entry.attempt = None
        self._ahead = 0
        self._ahead_bytes = 0
        self._restarting = True
        if not self._at_committer:
            self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._restarting = False
        if self._runner is None:
            self._restarting = True
            return
        self._epoch += 1
        self._runner.link.queue(frames.LaneReset(epoch=self._epoch))
        self._runner.link.queue(frames.Durable(seq=self._seq, pending=self._pending))
        self._waiting = deque(self._entries)
        for entry in self._entries:
            entry.attempt = None
            entry.outcome = None
        self._dispatch()

    def _dispatch(self) -> None:
        if self._runner is None or self._restarting:
            return
        waiting = self._waiting
        while waiting and self._ahead < AHEAD_MAX:
            entry = waiting[0]
            if entry.withdrawn:
                waiting.popleft()
                self._entries.remove(entry)
                continue
            args_bytes = len(entry.mutation.call.args)
            if self._ahead and self._ahead_bytes + args_bytes > AHEAD_BYTES_MAX:
                return
            waiting.popleft()
            if self._pool.expected_micros(entry.mutation.source) >= self.seconds_max * 1e6:
                self._entries.remove(entry)
                entry.mutation.lane_declined()
                continue
            entry.attempt = _Attempt(self, entry, self._next_call())
            self._ahead += 1
            self._ahead_bytes += args_bytes
            self._pool.lane_dispatch(entry.attempt)
