"""The lane between a runner and a committer that follow a script: in order, at most once, and answered in the end."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.config import Limits
from rtdb.functions.execution import ended_error
from rtdb.functions.runner_pool import RunnerPool
from rtdb.functions.serial_lane import AHEAD_BYTES_MAX, AHEAD_MAX, SerialLane
from rtdb.link.frames import (
    BlockApplied,
    Call,
    Commit,
    Durable,
    ExecutionError,
    Loss,
    Outcome,
    Rejection,
    Stale,
    Write,
)
from tests.functions.pool_bench import START, Recorded
from tests.functions.scripted_runners import ScriptedRunner, ScriptedRunners, call, outcome

WRITE = Write(10001, b"i" * 16, b"{}")


class Mutation:
    """A ``LaneMutation`` that keeps what it is told."""

    def __init__(self, number: int, source: str = "m:f", args: Any = None) -> None:
        self.call = call(number, source, "mutation", args)
        self.source = source
        self.losses = 0
        self.committed: tuple[Outcome, int] | None = None
        self.error: ExecutionError | None = None
        self.declined = False

    @property
    def is_over(self) -> bool:
        return self.committed is not None or self.error is not None or self.declined

    def lost(self, loss: Loss) -> None:
        self.losses += 1

    def lane_committed(self, outcome: Outcome, ts: int) -> None:
        assert not self.is_over
        self.committed = outcome, ts

    def lane_failed(self, error: ExecutionError) -> None:
        assert not self.is_over
        self.error = error

    def lane_declined(self) -> None:
        assert not self.is_over
        self.declined = True


class Bench:
    """A lane at block 10, its pool, and what it has sent to the committer."""

    def __init__(self, **limits: Any) -> None:
        self.runners = ScriptedRunners()
        self.limits = Limits(**{"runners_min": 1, "runners_max": 2, **limits})
        self.pool = RunnerPool(self, START, self.limits, start_runner=self.runners, file_bytes=lambda: 0)
        self.commits: list[Commit] = []
        self._numbers = 100
        self.lane = SerialLane(self.pool, self.limits, 10, self._next_call, self.commits.append)
        self.pool.use_lane(self.lane.runner_changed)
        self.seq = 10
        self.pending = 0

    def runner_described(self, description: bytes) -> None: ...

    def runner_refused(self, error: ExecutionError) -> None: ...

    def runner_ended(self) -> None: ...

    def outcomes_handled(self) -> None:
        self.pool.flush()

    def _next_call(self) -> int:
        self._numbers += 1
        return self._numbers

    def submit(self, *numbers: int, **options: Any) -> list[Mutation]:
        mutations = [Mutation(number, **options) for number in numbers]
        for mutation in mutations:
            self.lane.submit(mutation)
        return mutations

    async def up(self, count: int = 2) -> list[ScriptedRunner]:
        """Bring up the runners started last; of the first two, the first is the lane."""
        runners = self.runners.started[-count:]
        for runner in runners:
            await runner.come_up()
        await wait_all_tasks_blocked()
        return runners

    async def run(self, runner: ScriptedRunner, epoch: int, *, writes: int = 1, times: int = 1) -> Call:
        """Let the runner execute the next call with so many writes, or so many calls; return the last."""
        for _ in range(times - 1):
            await self.run(runner, epoch, writes=writes)
        while not isinstance(executed := await runner.next(), Call):
            assert isinstance(executed, Durable)
        self.pending += 1
        answer = outcome(
            executed.call,
            kind="mutation",
            seq=self.seq,
            writes=[WRITE] * writes,
            lane=epoch,
            pending=self.pending,
            micros=10,
        )
        runner.send(answer)
        await wait_all_tasks_blocked()
        return executed

    def block(
        self,
        *committed: Commit,
        lost: list[Commit] | None = None,
        rejected: list[Commit] | None = None,
        empty: bool = False,
    ) -> None:
        """Tell the lane of a block with these decisions."""
        lost, rejected = lost or [], rejected or []
        if not empty:
            self.seq += 1
        ts = self.seq * 1000
        pending = max((commit.pending for commit in committed), default=0)
        losses = [
            Loss(commit.call, "conflict" if number == 0 else "lane", 0, "other", self.seq)
            for number, commit in enumerate(lost)
        ]
        rejections = [Rejection(commit.call, ExecutionError("DataQuotaExceeded", "full")) for commit in rejected]
        answers = [(commit.call, ts) for commit in committed]
        seq = 0 if empty else self.seq
        self.lane.block_applied(BlockApplied(seq, ts, ts, answers, losses, rejections, [], pending, False))
        self.pool.flush()


@asynccontextmanager
async def running(**limits: Any) -> AsyncIterator[Bench]:
    bench = Bench(**limits)
    with trio.fail_after(300):
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.pool.run)
            yield bench
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def running_lane(**limits: Any) -> AsyncIterator[tuple[Bench, ScriptedRunner, ScriptedRunner]]:
    """A lane in its first epoch, the runner it is on, and another runner."""
    async with running(**limits) as bench:
        lane, other = await bench.up()
        await lane.begin_epoch(1)
        yield bench, lane, other


async def test_mutations_run_and_are_answered_in_order_without_waiting_for_each_others_commit(
    autojump_clock: MockClock,
) -> None:
    async with running() as bench:
        lane, _ = await bench.up()
        assert await lane.begin_epoch(1) == Durable(10, 0)
        mutations = bench.submit(1, 2, 3)
        await bench.run(lane, 1, times=len(mutations))
        assert [(commit.lane, commit.pending, commit.begin) for commit in bench.commits] == [
            (1, 1, 10),
            (1, 2, 10),
            (1, 3, 10),
        ]
        bench.block(*bench.commits[:2])
        assert await lane.next() == Durable(11, 2)
        assert [mutation.committed is not None for mutation in mutations] == [True, True, False]
        bench.block(bench.commits[2])
        assert mutations[2].committed is not None
        assert mutations[2].committed[1] == 12000
        assert len(bench.lane) == 0


async def test_an_answered_mutation_leaves_nothing_to_the_cyclic_collector(autojump_clock: MockClock) -> None:
    """Each would be kept, with its arguments and its outcome, until a collection that stops the hub for a while."""
    async with running_lane() as (bench, lane, _):
        gc.collect()
        gc.disable()
        try:
            bench.submit(1)
            await bench.run(lane, 1)
            bench.block(*bench.commits)
            left = [thing for thing in gc.get_objects() if type(thing).__module__ == SerialLane.__module__]
        finally:
            gc.enable()
        assert left == [bench.lane]


async def test_an_error_is_answered_only_when_what_it_was_computed_on_is_durable(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, _):
        (mutation,) = bench.submit(1)
        executed = await lane.next_call()
        error = ExecutionError("", "Uncaught ValueError")
        # A scheduled mutation that has failed writes just that; any other has nothing to write.
        lane.send(outcome(executed.call, kind="mutation", error=error, writes=[WRITE], lane=1, pending=1))
        await wait_all_tasks_blocked()
        assert bench.commits[0].writes == [WRITE]
        assert not mutation.is_over
        bench.block(bench.commits[0], empty=True)
        assert mutation.committed is not None
        assert mutation.committed[0].error == error


async def test_the_replay_of_a_request_is_answered_with_the_timestamp_of_the_first_time(
    autojump_clock: MockClock,
) -> None:
    """Recorded durably it carries that; recorded by a pending outcome it has none yet: its own commit's is the same."""
    async with running_lane() as (bench, lane, _):
        durable, pending = bench.submit(1, 2)
        for replayed_ts, number in ((777, 1), (0, 2)):
            executed = await lane.next_call()
            lane.send(outcome(executed.call, kind="mutation", replayed_ts=replayed_ts, lane=1, pending=number))
        await wait_all_tasks_blocked()
        bench.block(*bench.commits)
        assert durable.committed is not None
        assert durable.committed[0].replayed_ts == 777
        assert pending.committed is not None
        assert pending.committed[1] == 11000


# --- epochs -----------------------------------------------------------------------------------------------------------


async def test_a_refused_outcome_begins_an_epoch_with_everything_unanswered_in_order(
    autojump_clock: MockClock,
) -> None:
    async with running_lane() as (bench, lane, _):
        mutations = bench.submit(1, 2, 3, 4)
        await bench.run(lane, 1, times=3)
        late = await lane.next_call()
        first = bench.commits[:]
        bench.block(first[0], lost=first[1:])
        assert mutations[0].committed is not None
        # The one that was beaten counts a loss; those behind it are not to blame.
        assert [mutation.losses for mutation in mutations] == [0, 1, 0, 0]
        assert await lane.begin_epoch(2) == Durable(11, 1)
        # What the runner says of the epoch before is of no interest.
        lane.send(outcome(late.call, kind="mutation", writes=[WRITE], lane=1, pending=4))
        await wait_all_tasks_blocked()
        assert len(bench.commits) == 3
        await bench.run(lane, 2, times=3)
        bench.block(*bench.commits[3:])
        assert all(mutation.committed for mutation in mutations)


async def test_a_refusal_that_comes_after_its_epoch_ended_changes_nothing(autojump_clock: MockClock) -> None:
    """Outcomes that were on their way when the epoch failed are refused in a later block."""
    async with running_lane() as (bench, lane, _):
        mutations = bench.submit(1, 2)
        await bench.run(lane, 1, times=len(mutations))
        old = bench.commits[:]
        bench.block(lost=old[:1])
        await lane.begin_epoch(2)
        bench.block(lost=old[1:], empty=True)
        await bench.run(lane, 2, times=len(mutations))
        bench.block(*bench.commits[2:])
        assert all(mutation.committed for mutation in mutations)
        assert [mutation.losses for mutation in mutations] == [1, 0]


async def test_a_rejected_outcome_is_answered_and_the_rest_runs_again(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, _):
        mutations = bench.submit(1, 2, 3)
        await bench.run(lane, 1, times=len(mutations))
        old = bench.commits[:]
        bench.block(old[0], rejected=old[1:2], lost=old[2:])
        assert mutations[0].committed is not None
        assert mutations[1].error is not None
        await lane.begin_epoch(2)
        await bench.run(lane, 2)
        bench.block(bench.commits[3])
        assert mutations[2].committed is not None


async def test_a_group_that_is_rejected_whole_is_answered_whole(autojump_clock: MockClock) -> None:
    """A full disk does that. Answered one by one, each would have cost an epoch in which all others ran again."""
    async with running_lane() as (bench, lane, _):
        mutations = bench.submit(1, 2, 3, 4)
        await bench.run(lane, 1, times=3)
        bench.block(rejected=bench.commits[:], empty=True)
        assert [mutation.error is not None for mutation in mutations] == [True, True, True, False]
        over = await lane.next_call()
        await lane.begin_epoch(2)
        lane.send(Stale(over.call))
        await bench.run(lane, 2)
        bench.block(bench.commits[3])
        assert mutations[3].committed is not None


async def test_what_was_at_the_committer_when_the_runner_died_is_decided_before_anything_runs_again(
    autojump_clock: MockClock,
) -> None:
    """One attempt at most may be committed: the next is made when the last can be no more."""
    async with running_lane() as (bench, lane, other):
        mutations = bench.submit(1, 2, 3)
        await bench.run(lane, 1)
        await bench.run(lane, 1)
        lane.die(-9)
        assert await other.is_left_alone(0.5)
        (later,) = bench.submit(4)
        bench.block(bench.commits[0])
        assert await other.is_left_alone(0.5)
        bench.block(bench.commits[1])
        assert await other.begin_epoch(2) == Durable(12, 2)
        assert [mutation.committed is not None for mutation in mutations] == [True, True, False]
        # The third was running when its runner was killed: it is run elsewhere.
        assert mutations[2].declined
        bench.pending = 2
        await bench.run(other, 2)
        bench.block(bench.commits[2])
        assert later.committed is not None


async def test_an_epoch_that_fails_after_its_runner_died_begins_on_the_next_one(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, other):
        mutations = bench.submit(1, 2)
        await bench.run(lane, 1, times=len(mutations))
        lane.die(-9)
        await wait_all_tasks_blocked()
        old = bench.commits[:]
        bench.block(lost=old)
        await other.begin_epoch(2)
        await bench.run(other, 2, times=len(mutations))
        bench.block(*bench.commits[2:])
        assert all(mutation.committed for mutation in mutations)


async def test_without_a_runner_the_lane_waits_for_the_next_one(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, ordinary):
        bench.pool.submit(Recorded(1))
        await ordinary.next_call()
        lane.die(-9)
        await wait_all_tasks_blocked()
        (mutation,) = bench.submit(2)
        await bench.runners.wait_started(3)
        (new,) = await bench.up(1)
        await new.begin_epoch(2)
        await bench.run(new, 2)
        bench.block(bench.commits[0])
        assert mutation.committed is not None


# --- what does not belong into the lane -------------------------------------------------------------------------------


async def test_a_mutation_that_overruns_the_lane_is_run_elsewhere_and_the_others_go_on(
    autojump_clock: MockClock,
) -> None:
    async with running_lane() as (bench, lane, other):
        (slow,) = bench.submit(1, source="m:slow")
        (behind,) = bench.submit(2)
        (also_slow,) = bench.submit(3, source="m:slow")
        await lane.next_call()
        await trio.sleep(1.1)
        assert slow.declined
        assert lane.was_killed
        await other.begin_epoch(2)
        await bench.run(other, 2)
        bench.block(bench.commits[0])
        assert behind.committed is not None
        # What is known to take so long is not tried here.
        assert also_slow.declined


async def test_a_mutation_that_kills_the_lane_again_and_again_cannot_stop_it(autojump_clock: MockClock) -> None:
    """A crash looks like a kill from outside. The mutation that was running leaves the lane, so the next one runs."""
    async with running_lane() as (bench, lane, other):
        crashing, innocent = bench.submit(1, 2)
        await lane.next_call()
        lane.die(-11)
        await other.begin_epoch(2)
        assert crashing.declined
        await bench.run(other, 2)
        bench.block(bench.commits[0])
        assert innocent.committed is not None


async def test_a_mutation_that_ends_the_lanes_process_is_told_so(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, _):
        (mutation,) = bench.submit(1)
        await lane.next_call()
        lane.die(3)
        await wait_all_tasks_blocked()
        assert mutation.error == ended_error("m:f", 3)


async def test_a_mutation_of_other_code_is_run_elsewhere(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, _):
        stale, after = bench.submit(1, 2)
        lane.send(Stale((await lane.next_call()).call))
        await bench.run(lane, 1)
        assert stale.declined
        bench.block(bench.commits[0])
        assert after.committed is not None


# --- bounds -----------------------------------------------------------------------------------------------------------


async def test_only_so_many_calls_are_dispatched_ahead(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, _):
        bench.submit(*range(AHEAD_MAX + 1))
        bench.pool.flush()
        for _ in range(AHEAD_MAX):
            executed = await lane.next_call()
        assert await lane.is_left_alone(0.5)
        lane.send(Stale(executed.call - AHEAD_MAX + 1))
        await lane.next_call()


async def test_only_so_many_bytes_are_dispatched_ahead_or_one_call(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, _):
        bench.submit(1, 2, args={"body": "x" * AHEAD_BYTES_MAX})
        bench.pool.flush()
        await bench.run(lane, 1)
        await bench.run(lane, 1)
        assert len(bench.commits) == 2


async def test_a_mutation_that_finds_no_runner_is_refused_in_time(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, other):
        bench.runners.failing = True
        bench.pool.submit(Recorded(1, seconds=600))
        await other.next_call()
        running_, waiting = bench.submit(2, 3)
        await lane.next_call()
        lane.die(-9)
        await trio.sleep(4)
        bench.lane.expire()
        assert not waiting.is_over
        await trio.sleep(2)
        bench.lane.expire()
        assert running_.declined
        assert waiting.error is not None
        assert (waiting.error.code, waiting.error.system) == ("TooManyConcurrentRequests", 429)
        assert len(bench.lane) == 0


async def test_what_is_running_or_at_the_committer_does_not_expire(autojump_clock: MockClock) -> None:
    async with running_lane() as (bench, lane, _):
        (mutation,) = bench.submit(1)
        await bench.run(lane, 1)
        await trio.sleep(100)
        bench.lane.expire()
        assert not mutation.is_over
        lane.die(-9)
        await wait_all_tasks_blocked()
        bench.lane.expire()
        assert not mutation.is_over
        bench.block(bench.commits[0])
        assert mutation.committed is not None


async def test_others_are_held_back_while_the_head_has_lost_too_often(autojump_clock: MockClock) -> None:
    async with running_lane(lane_losses_max=2) as (bench, lane, _):
        bench.submit(1)
        for epoch in (1, 2):
            assert not bench.lane.holding
            await bench.run(lane, epoch)
            bench.block(lost=[bench.commits[-1]])
            await lane.begin_epoch(epoch + 1)
        assert bench.lane.holding
        await bench.run(lane, 3)
        bench.block(bench.commits[-1])
        assert not bench.lane.holding
