"""The hub between gateways, runners and a committer that follow a script: who is told what, in which order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.application import Application
from rtdb.config import Config, Limits
from rtdb.functions.action_pool import ActionPool
from rtdb.functions.description import Description, FunctionDescription
from rtdb.functions.runner_pool import RunnerPool
from rtdb.functions.serial_lane import AHEAD_MAX
from rtdb.link.frames import (
    Answer,
    Beaten,
    BlockApplied,
    BlockNotice,
    Call,
    CallRequest,
    Cancel,
    Commit,
    CommitterReady,
    Drain,
    ExecutionError,
    FileStepRequest,
    KeyChange,
    LogPage,
    LogPoll,
    Loss,
    ReadRange,
    Rejection,
    RoundResults,
    SessionRequest,
    Stale,
    Unwatch,
    Watch,
    Write,
)
from rtdb.link.link import Link, Message
from rtdb.values.json_codec import encode
from tests.functions.pool_bench import START
from tests.functions.scripted_action_runners import ScriptedActionRunners
from tests.functions.scripted_runners import ScriptedRunner, ScriptedRunners, outcome
from tests.transaction.workbench import ManualClock

SECOND = 10**9
START_TS = 1_000 * SECOND
WRITE = Write(10001, b"i" * 16, b"{}")


class RecordingLink:
    """The sending half of a link, kept by a test."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.unsent_bytes = 0

    def queue(self, message: Message) -> None:
        self.messages.append(message)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> list[Message]:
        taken, self.messages = self.messages, []
        return taken


class Bench:
    """An application at block 10 with one gateway, and whatever its runners and its committer are made to say."""

    def __init__(self, **limits: Any) -> None:
        limits_ = Limits(**{"runners_min": 2, "runners_max": 2, **limits})
        self.runners = ScriptedRunners()
        self.pool = RunnerPool(self, START, limits_, start_runner=self.runners, file_bytes=lambda: 0)
        self.action_runners = ScriptedActionRunners()
        self.committer = RecordingLink()
        self.gateway = RecordingLink()
        self.clock = ManualClock(START_TS)
        config = Config(data_dir=Path("/nowhere"), limits=limits_)
        opened = CommitterReady(seq=10, ts=START_TS, past=[(9, START_TS - 1_000_000_000)])
        self.action_pool = ActionPool(self, limits_, start_runner=self.action_runners)
        self.application = Application(
            config, self.clock, self.pool, self.action_pool, self.committer, opened, incarnation="test"
        )
        self.application.use_description(
            Description(
                functions=[
                    FunctionDescription(path="m:read", kind="query", internal=False, args={}, returns=None),
                    FunctionDescription(path="m:write", kind="mutation", internal=False, args={}, returns=None),
                    FunctionDescription(path="m:act", kind="action", internal=False, args={}, returns=None),
                ],
                schema=None,
            )
        )
        self.application.add_gateway(0, self.gateway)
        self.seq = 10
        self.ts = START_TS
        self._requests = 0

    def runner_described(self, description: bytes) -> None: ...

    def runner_refused(self, error: ExecutionError) -> None: ...

    def runner_ended(self) -> None: ...

    def outcomes_handled(self) -> None:
        self.application.pump()

    def action_requested(self, link: Link, request: CallRequest | FileStepRequest) -> None:
        self.application.action_requested(link, request)

    async def tick(self) -> None:
        while True:
            await self.application.wait_due()
            self.application.tick()

    async def up(self, count: int = 3) -> list[ScriptedRunner]:
        """Bring up so many runners: the lane's, and the others."""
        runners = (await self.runners.wait_started(count))[-count:]
        for runner in runners:
            await runner.come_up()
        await wait_all_tasks_blocked()
        await runners[0].begin_epoch()
        return runners

    def request(self, path: str = "m:read", kind: Any = "query", *, number: int = 0, **options: Any) -> int:
        if not number:
            self._requests += 1
            number = self._requests
        request = CallRequest(number, kind, path, encode({}), None, False, **options)
        self.application.gateway_message(0, request)
        self.application.pump()
        return number

    def block(
        self,
        *committed: Commit,
        losses: list[Commit] | None = None,
        rejections: list[Commit] | None = None,
        changes: list[KeyChange] | None = None,
        empty: bool = False,
        seconds: float = 1,
    ) -> None:
        """Have the committer answer."""
        if not empty:
            self.seq += 1
            self.ts += int(seconds * SECOND)
        self.clock.now = max(self.clock.now, self.ts)
        message = BlockApplied(
            seq=0 if empty else self.seq,
            ts_first=self.ts,
            ts=self.ts,
            committed=[(commit.call, self.ts) for commit in committed],
            losses=[Loss(commit.call, "conflict", 9, "m:other", self.seq, "rooms") for commit in losses or []],
            rejections=[Rejection(commit.call, ExecutionError("Quota", "full")) for commit in rejections or []],
            changes=changes or [],
            lane_pending=0,
            registry_changed=False,
        )
        self.application.block_applied(message)
        self.application.pump()

    def commits(self) -> list[Commit]:
        """Take what the committer was sent."""
        taken = self.committer.take()
        assert all(isinstance(message, Commit) for message in taken)
        return taken  # type: ignore[return-value]  # as the line above says

    def answers(self) -> list[Answer]:
        return [message for message in self.gateway.take() if isinstance(message, Answer)]

    async def execute(self, runner: ScriptedRunner, **options: Any) -> Call:
        """Answer the runner's next call with this outcome."""
        while not isinstance(executed := await runner.next(), Call):
            pass
        kind = "mutation" if executed.path == "m:write" else "query"
        options = {"kind": kind, "seq": self.seq, "ts": self.ts, **options}
        runner.send(outcome(executed.call, **options))
        await wait_all_tasks_blocked()
        return executed


@asynccontextmanager
async def running(**limits: Any) -> AsyncIterator[Bench]:
    bench = Bench(**limits)
    with trio.fail_after(1000):
        async with trio.open_nursery() as nursery:
            await nursery.start(bench.pool.run)
            nursery.start_soon(bench.tick)
            yield bench
            nursery.cancel_scope.cancel()


# --- queries ----------------------------------------------------------------------------------------------------------


async def test_a_query_is_answered_with_the_timestamp_it_was_read_at(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        number = bench.request()
        await bench.execute(runner, result="here")
        assert bench.answers() == [Answer(number, b'"here"', None, [], START_TS)]


async def test_nothing_is_answered_before_the_gateway_knows_of_its_block(autojump_clock: MockClock) -> None:
    """A runner sees a block as soon as it is durable, the hub when the committer's message arrives."""
    async with running() as bench:
        _, runner, _ = await bench.up()
        number = bench.request()
        ahead = bench.ts + SECOND
        await bench.execute(runner, ts=ahead, seq=11)
        assert bench.answers() == []
        bench.block()
        told = bench.gateway.take()
        assert isinstance(told[0], BlockNotice)
        assert isinstance(told[1], Answer)
        assert (told[1].call, told[1].ts) == (number, ahead)


async def test_a_query_at_a_timestamp_reads_at_the_block_before_it(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        for _ in range(3):
            bench.block()
        bench.request(at_ts=START_TS + SECOND)
        assert (await bench.execute(runner)).at == 11
        bench.request(at_ts=START_TS + 3 * SECOND - 1)
        assert (await bench.execute(runner)).at == 12


async def test_a_timestamp_from_before_the_start_is_read_at_its_position(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        bench.request(at_ts=START_TS - 1)
        assert (await bench.execute(runner)).at == 9


async def test_a_query_at_a_timestamp_before_everything_that_is_kept_is_refused(autojump_clock: MockClock) -> None:
    async with running(undo_seconds=10) as bench:
        await bench.up()
        for _ in range(30):
            bench.block()
        bench.gateway.take()
        for at_ts in (START_TS - 1, START_TS, bench.ts - 10 * SECOND - 1):
            bench.request(at_ts=at_ts)
            (answer,) = bench.answers()
            assert answer.error is not None
            assert "too old" in answer.error.message
        runner = bench.runners.started[1]
        bench.request(at_ts=bench.ts - 10 * SECOND)
        assert (await bench.execute(runner)).at == bench.seq - 10


# --- mutations --------------------------------------------------------------------------------------------------------


async def test_a_mutation_is_answered_after_its_block_and_after_the_notice_of_it(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        number = bench.request("m:write", "mutation")
        await bench.execute(runner, writes=[WRITE], result=5)
        (commit,) = bench.commits()
        assert (commit.begin, commit.lane, commit.source) == (10, 0, "m:write")
        assert bench.gateway.take() == []
        bench.block(commit)
        notice, answer = bench.gateway.take()
        assert isinstance(notice, BlockNotice)
        assert answer == Answer(number, b"5.0", None, [], bench.ts)


@pytest.mark.parametrize(
    "options",
    [{"error": ExecutionError("", "Uncaught")}, {"replayed_ts": START_TS - 7}, {}],
    ids=["failed", "replayed", "wrote nothing"],
)
async def test_a_mutation_without_effect_is_answered_at_once(
    autojump_clock: MockClock, options: dict[str, Any]
) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        bench.request("m:write", "mutation")
        await bench.execute(runner, **options)
        assert bench.commits() == []
        (answer,) = bench.answers()
        assert answer.ts == options.get("replayed_ts", START_TS)
        assert answer.error == options.get("error")


async def test_a_mutation_that_was_beaten_runs_again_and_then_in_the_lane(autojump_clock: MockClock) -> None:
    async with running(lane_losses_max=2) as bench:
        lane, runner, _ = await bench.up()
        number = bench.request("m:write", "mutation")
        for _ in range(2):
            await bench.execute(runner, writes=[WRITE], micros=50_000)
            bench.block(losses=bench.commits())
        await bench.execute(lane, writes=[WRITE], lane=1, pending=1)
        bench.gateway.take()
        bench.block(*bench.commits())
        assert [answer.call for answer in bench.answers()] == [number]
        bench.application.gateway_message(0, LogPoll(1, 0))
        (page,) = [message for message in bench.gateway.take() if isinstance(message, LogPage)]
        assert [record.beaten for record in page.records] == [Beaten("rooms", "m:other", 2)]


async def test_a_mutation_that_is_always_beaten_is_told_by_whom_when_its_time_is_up(autojump_clock: MockClock) -> None:
    async with running(mutation_seconds_max=3, lane_losses_max=1000) as bench:
        _, runner, _ = await bench.up()
        bench.request("m:write", "mutation")
        attempts = 0
        answers: list[Answer] = []
        while not answers:
            await bench.execute(runner, writes=[WRITE], micros=50_000)
            await trio.sleep(0.5)
            bench.block(losses=bench.commits())
            attempts += 1
            answers = bench.answers()
        assert 5 <= attempts <= 8
        error = answers[0].error
        assert error is not None
        assert (error.code, error.system) == ("OptimisticConcurrencyControlFailure", 503)
        assert "m:write" in error.message
        assert 'by "m:other"' in error.message
        assert 'table "rooms"' in error.message


async def test_a_mutation_that_the_committer_rejects_is_answered_with_the_reason(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        bench.request("m:write", "mutation")
        await bench.execute(runner, writes=[WRITE])
        bench.block(rejections=bench.commits(), empty=True)
        (answer,) = bench.answers()
        assert answer.error == ExecutionError("Quota", "full")


async def test_a_function_known_to_be_fast_runs_in_the_lane(autojump_clock: MockClock) -> None:
    async with running() as bench:
        lane, runner, _ = await bench.up()
        bench.request("m:write", "mutation")
        await bench.execute(runner, writes=[WRITE], micros=100)
        bench.block(*bench.commits())
        bench.request("m:write", "mutation")
        await bench.execute(lane, writes=[WRITE], lane=1, pending=1)
        (commit,) = bench.commits()
        assert commit.lane == 1


async def test_what_was_held_back_for_the_lanes_head_goes_on_when_that_leaves_without_a_block(
    autojump_clock: MockClock,
) -> None:
    """The head overran, or ended its process: nobody commits, so no block would ever come to release the others."""
    async with running(lane_losses_max=1, runners_max=3) as bench:
        lane, runner, _ = await bench.up()
        contended = bench.request("m:write", "mutation")
        await bench.execute(runner, writes=[WRITE], micros=50_000)
        bench.block(losses=bench.commits())
        while not isinstance(await lane.next(), Call):
            pass
        held = bench.request("m:write", "mutation")
        await bench.execute(runner, writes=[WRITE], micros=50_000)
        assert bench.commits() == []
        lane.die(3)
        await wait_all_tasks_blocked()
        (commit,) = bench.commits()
        (answer,) = bench.answers()
        assert answer.call == contended
        bench.block(commit)
        assert [answer.call for answer in bench.answers()] == [held]


async def test_a_mutation_of_old_code_runs_again_when_the_new_code_is_there(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, other = await bench.up()
        number = bench.request("m:write", "mutation")
        runner.send(Stale((await runner.next_call()).call))
        await bench.execute(other, writes=[WRITE])
        bench.block(*bench.commits())
        assert [answer.call for answer in bench.answers()] == [number]


# --- cancelled calls --------------------------------------------------------------------------------------------------


def cancel(bench: Bench, number: int) -> None:
    bench.application.gateway_message(0, Cancel(number))
    bench.application.pump()


async def test_a_query_that_is_cancelled_while_it_waits_is_never_run(autojump_clock: MockClock) -> None:
    async with running(runners_min=1, runners_max=1, calls_max=3) as bench:
        _, runner = await bench.up(2)
        first = bench.request()
        waiting = bench.request()
        last = bench.request()
        assert bench.application.calls == 3
        cancel(bench, waiting)
        assert bench.application.calls == 2
        await bench.execute(runner)
        await bench.execute(runner)
        assert [answer.call for answer in bench.answers()] == [first, last]
        assert await runner.is_left_alone(1)


async def test_a_mutation_that_is_cancelled_while_it_waits_for_the_lane_is_never_run(autojump_clock: MockClock) -> None:
    async with running() as bench:
        lane, runner, _ = await bench.up()
        bench.request("m:write", "mutation")
        await bench.execute(runner, writes=[WRITE], micros=100)
        bench.block(*bench.commits())
        ahead = [bench.request("m:write", "mutation") for _ in range(AHEAD_MAX)]
        waiting = bench.request("m:write", "mutation")
        last = bench.request("m:write", "mutation")
        cancel(bench, waiting)
        bench.gateway.take()
        for number in range(AHEAD_MAX + 1):
            await bench.execute(lane, writes=[WRITE], lane=1, pending=number + 1)
        bench.block(*bench.commits())
        assert [answer.call for answer in bench.answers()] == [*ahead, last]
        assert bench.application.calls == 0


async def test_what_has_begun_when_it_is_cancelled_takes_effect(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        number = bench.request("m:write", "mutation")
        cancel(bench, number)
        await bench.execute(runner, writes=[WRITE])
        cancel(bench, number)
        bench.block(*bench.commits())
        cancel(bench, number)
        assert bench.application.calls == 0


async def test_a_mutation_that_was_cancelled_by_one_of_two_who_wait_is_run(autojump_clock: MockClock) -> None:
    """The client came back on another connection, and then the gateway noticed that the first one is gone."""
    async with running(runners_min=1, runners_max=1) as bench:
        _, runner = await bench.up(2)
        bench.request()
        session = SessionRequest("00000000-0000-4000-8000-000000000000", 7)
        first = bench.request("m:write", "mutation", session=session)
        again = bench.request("m:write", "mutation", session=session)
        cancel(bench, first)
        await bench.execute(runner)
        await bench.execute(runner, writes=[WRITE])
        bench.block(*bench.commits())
        assert again in [answer.call for answer in bench.answers()]


async def test_a_mutation_sent_again_after_it_was_cancelled_is_run_once(autojump_clock: MockClock) -> None:
    async with running(runners_min=1, runners_max=1) as bench:
        _, runner = await bench.up(2)
        bench.request()
        session = SessionRequest("00000000-0000-4000-8000-000000000000", 7)
        cancel(bench, bench.request("m:write", "mutation", session=session))
        again = bench.request("m:write", "mutation", session=session)
        await bench.execute(runner)
        await bench.execute(runner, writes=[WRITE])
        bench.block(*bench.commits())
        assert bench.answers()[-1].call == again
        assert await runner.is_left_alone(1)


async def test_a_cancel_means_the_call_of_its_own_gateway(autojump_clock: MockClock) -> None:
    """A gateway that takes a dead one's place numbers its calls from 1 again."""
    async with running(runners_min=1, runners_max=1) as bench:
        _, runner = await bench.up(2)
        bench.request()
        old = bench.request()
        between = bench.request()
        bench.application.remove_gateway(0)
        bench.application.add_gateway(0, bench.gateway)
        new = bench.request(number=old)
        for _ in range(2):
            await bench.execute(runner, micros=50_000)
        assert bench.application.calls == 2
        cancel(bench, new)
        assert bench.application.calls == 1
        cancel(bench, between)
        assert bench.application.calls == 1, "that one has begun"


# --- refusals ---------------------------------------------------------------------------------------------------------


async def test_no_more_calls_are_taken_than_calls_max(autojump_clock: MockClock) -> None:
    async with running(calls_max=2) as bench:
        _, runner, _ = await bench.up()
        first = bench.request()
        bench.request()
        refused = bench.request()
        (answer,) = bench.answers()
        assert answer.call == refused
        assert answer.error is not None
        assert (answer.error.code, answer.error.system) == ("TooManyConcurrentRequests", 429)
        await bench.execute(runner)
        assert [answer.call for answer in bench.answers()] == [first]
        bench.request()
        assert bench.answers() == []


async def test_a_slow_disk_refuses_mutations_and_not_queries(autojump_clock: MockClock) -> None:
    async with running(committer_unsent_bytes_max=1000) as bench:
        _, runner, _ = await bench.up()
        bench.committer.unsent_bytes = 1001
        bench.request("m:write", "mutation")
        (answer,) = bench.answers()
        assert answer.error is not None
        assert (answer.error.code, answer.error.system) == ("Overloaded", 503)
        number = bench.request()
        await bench.execute(runner)
        assert [answer.call for answer in bench.answers()] == [number]
        bench.committer.unsent_bytes = 1000
        bench.request("m:write", "mutation")
        assert bench.answers() == []


async def test_a_drain_finishes_what_is_under_way_and_takes_nothing_new(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        number = bench.request("m:write", "mutation")
        bench.application.drain()
        assert bench.gateway.take() == [Drain(reason="shutdown")]
        bench.request()
        (answer,) = bench.answers()
        assert answer.error is not None
        assert (answer.error.code, answer.error.system) == ("ServerShuttingDown", 503)
        with trio.move_on_after(5) as waiting:
            await bench.application.wait_idle()
        assert waiting.cancelled_caught
        await bench.execute(runner, writes=[WRITE])
        bench.block(*bench.commits())
        assert [answer.call for answer in bench.answers()] == [number]
        await bench.application.wait_idle()


# --- gateways and their watches ---------------------------------------------------------------------------------------


def key(byte: bytes) -> KeyChange:
    return KeyChange(9, [byte], [byte])


READ = ReadRange(9, b"a", b"b")


async def test_a_gateway_that_dies_takes_neither_its_mutations_nor_the_hub_with_it(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, other = await bench.up()
        bench.request("m:write", "mutation")
        bench.request()
        bench.application.remove_gateway(0)
        await bench.execute(runner, writes=[WRITE])
        await bench.execute(other)
        (commit,) = bench.commits()
        bench.block(commit)
        bench.application.drain()
        await bench.application.wait_idle()


async def test_a_mutation_sent_again_while_it_runs_is_executed_once_and_answered_to_both(
    autojump_clock: MockClock,
) -> None:
    """A client came back before its answer and sent the mutation again. Both attempts ran; the second failed, which the
    client was told, and then the first was committed."""
    async with running() as bench:
        _, runner, _ = await bench.up()
        session = SessionRequest("00000000-0000-4000-8000-000000000000", 7)
        first = bench.request("m:write", "mutation", session=session)
        again = bench.request("m:write", "mutation", session=session)
        await bench.execute(runner, writes=[WRITE])
        late = bench.request("m:write", "mutation", session=session)
        (commit,) = bench.commits()
        bench.block(commit)
        assert {(answer.call, answer.ts) for answer in bench.answers()} == {
            (call, bench.ts) for call in (first, again, late)
        }
        bench.application.drain()
        await bench.application.wait_idle()


async def watch(bench: Bench, runner: ScriptedRunner) -> None:
    bench.application.gateway_message(0, Watch(1, "m:read", encode({}), None, False, None))
    bench.application.pump()
    await bench.execute(runner, reads=[READ], result=1)
    (results,) = bench.gateway.take()
    assert isinstance(results, RoundResults)
    assert results.results[0].result == b"1.0"


async def test_a_watched_query_runs_again_when_what_it_read_is_written(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, _ = await bench.up()
        await watch(bench, runner)
        bench.block(changes=[key(b"z")])
        assert [type(message) for message in bench.gateway.take()] == [BlockNotice]
        bench.block(changes=[key(b"a")])
        call = await bench.execute(runner, reads=[READ], result=2)
        assert call.at == bench.seq
        notice, results = bench.gateway.take()
        assert isinstance(notice, BlockNotice)
        assert notice.dirty == [1]
        assert isinstance(results, RoundResults)
        assert results.results[0].result == b"2.0"


async def test_an_execution_of_a_round_that_the_server_failed_is_tried_again(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, other = await bench.up()
        await watch(bench, runner)
        bench.block(changes=[key(b"a")])
        bench.gateway.take()
        error = ExecutionError("SnapshotTooOld", "too old", system=503)
        await bench.execute(runner, error=error)
        assert bench.gateway.take() == []
        await bench.execute(runner, reads=[READ], result=3)
        (results,) = bench.gateway.take()
        assert isinstance(results, RoundResults)
        assert results.results[0].result == b"3.0"
        assert await other.is_left_alone(1)


async def test_a_watched_query_past_its_deadline_shows_the_error_until_other_code_is_there(
    autojump_clock: MockClock,
) -> None:
    async with running(query_seconds_max=2) as bench:
        _, runner, _ = await bench.up()
        await watch(bench, runner)
        bench.block(changes=[key(b"a")])
        await runner.next_call()
        bench.gateway.take()
        await trio.sleep(2.1)
        (results,) = bench.gateway.take()
        assert isinstance(results, RoundResults)
        assert results.results[0].error is not None
        assert results.results[0].error.code == "FunctionTimedOut"


async def test_a_watch_that_nobody_wants_any_more_is_not_run_again(autojump_clock: MockClock) -> None:
    async with running() as bench:
        _, runner, other = await bench.up()
        await watch(bench, runner)
        bench.application.gateway_message(0, Unwatch(1))
        bench.block(changes=[key(b"a")])
        assert await runner.is_left_alone(1)
        assert await other.is_left_alone(1)
