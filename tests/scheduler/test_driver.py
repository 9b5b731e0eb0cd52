"""The hub's scheduler against a scripted façade: what it calls when, how much at once, what it makes of failures."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.config import Limits
from rtdb.link.frames import BlockApplied, CallRequest, ExecutionError, FunctionKind, KeyChange, ScheduledRun
from rtdb.scheduler.driver import Caller, Scheduler
from rtdb.storage.system_tables import CRON_NEXT_RUN_TABLE, SCHEDULED_JOBS_TABLE
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import decode_canonical, encode
from rtdb.values.ordering import encode_key

JOBS_BY_DUE = SCHEDULED_JOBS_TABLE * 128 + 2
CRONS_BY_DUE = CRON_NEXT_RUN_TABLE * 128 + 2
LIMITS = Limits(scheduled_running_max=3, scheduled_mutations_max=2)
OVERLOADED = ExecutionError("Overloaded", "not now", system=503)


class VirtualClock:
    """Wall time that is virtual time, in nanoseconds."""

    def __init__(self) -> None:
        self.offset_ns = 0
        self.looks = 0

    def now_ns(self) -> int:
        self.looks += 1
        return int(trio.current_time() * 1e9) + self.offset_ns


class Asked:
    """One call the scheduler has made."""

    def __init__(self, caller: Caller, request: CallRequest, scheduled: ScheduledRun | None) -> None:
        self._caller = caller
        self.request = request
        self.scheduled = scheduled
        self.at = trio.current_time()

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def args(self) -> dict[str, Any]:
        return decode_canonical(self.request.args)  # type: ignore[return-value]  # arguments are an object

    def answer(
        self, result: Any = None, *, error: ExecutionError | None = None, log_lines: tuple[str, ...] = ("[LOG] line",)
    ) -> None:
        self._caller.answer(None if error else encode(result), error, [*log_lines], 1)


class ScriptedFacade:
    """Takes calls down. Pages and settling are answered by themselves: nothing is there before the blocks come."""

    def __init__(self) -> None:
        self.kinds: dict[str, FunctionKind] = {}
        self.draining = False
        self.asked: list[Asked] = []
        self.settled = 0
        self.lost = [0, 0]
        """What `settle` says, by call."""

    def request(
        self, caller: Caller, request: CallRequest, *, by_server: bool = False, scheduled: ScheduledRun | None = None
    ) -> None:
        assert by_server
        asked = Asked(caller, request, scheduled)
        if request.path == "_system/scheduler:waiting":
            asked.answer([])
        elif request.path == "_system/scheduler:settle":
            self.settled += 1
            asked.answer(float(self.lost.pop() if self.lost else 0))
        else:
            self.asked.append(asked)

    def kind_of(self, path: str) -> FunctionKind | None:
        return self.kinds.get(path, "mutation")

    def pump(self) -> None: ...


class Bench:
    """A scheduler that runs. Jobs are numbered."""

    def __init__(self, limits: Limits) -> None:
        self.facade = ScriptedFacade()
        self.clock = VirtualClock()
        self.scheduler = Scheduler(self.facade, limits, self.clock, "me")

    def block(self, *changes: KeyChange, ts: int = 1) -> None:
        self.scheduler.block_applied(BlockApplied(1, 1, ts, [], [], [], [*changes], 0, False))

    def add(self, number: int, due: float, path: str = "m:f", *, index: int = JOBS_BY_DUE) -> None:
        self.block(KeyChange(index, None, parts(number, due, path)))

    def end(self, number: int, due: float, path: str = "m:f", *, index: int = JOBS_BY_DUE) -> None:
        """A block shows that the job waits no more."""
        self.block(KeyChange(index, parts(number, due, path), None))

    async def calls(self) -> list[Asked]:
        """Return what has been asked since the last time, when nothing more is."""
        await wait_all_tasks_blocked()
        asked, self.facade.asked = self.facade.asked, []
        return asked


def parts(number: int, due: float, path: str, claim: str = "") -> list[bytes]:
    id = encode_id(SCHEDULED_JOBS_TABLE, number.to_bytes(16))
    return [encode_key(part) for part in (claim, due, path, 1.0, id)]


def numbers(asked: list[Asked]) -> list[int]:
    """Which jobs have been started."""
    return [int.from_bytes(one.scheduled.id) for one in asked if one.scheduled is not None]


@asynccontextmanager
async def running(limits: Limits = LIMITS) -> AsyncIterator[Bench]:
    bench = Bench(limits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.scheduler.run)
        await wait_all_tasks_blocked()
        yield bench
        nursery.cancel_scope.cancel()


async def test_a_job_is_called_when_it_is_due_and_not_before(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.add(1, due=5000.0)
        assert await bench.calls() == []
        await trio.sleep(4.99)
        assert await bench.calls() == []
        await trio.sleep(0.02)
        (asked,) = await bench.calls()
        assert asked.path == "m:f"
        assert asked.at == pytest.approx(5.0, abs=0.001)
        assert asked.request.kind == "mutation"
        assert asked.request.identity is None
        assert asked.scheduled == ScheduledRun("job", (1).to_bytes(16), 5000.0)


async def test_what_is_due_first_is_called_first_and_only_so_many_mutations_at_once(autojump_clock: MockClock) -> None:
    async with running() as bench:
        for number, due in enumerate([300.0, 100.0, 200.0, 400.0]):
            bench.add(number, due)
        await trio.sleep(1)
        first, second = await bench.calls()
        assert numbers([first, second]) == [1, 2]
        bench.end(1, 100.0)
        first.answer()
        assert numbers(await bench.calls()) == [0]
        assert bench.scheduler.statistics() == {"running": 2, "waiting": 1}


async def test_actions_do_not_count_as_mutations_but_are_bounded_too(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        for number in range(5):
            bench.add(number, 0.0, "m:act")
        claims = await bench.calls()
        assert [one.path for one in claims] == ["_system/scheduler:claim"] * 3
        assert claims[0].args["incarnation"] == "me"


async def test_cron_jobs_have_places_of_their_own_and_come_before_a_crowd_of_jobs(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        for number in range(20):
            bench.add(number, 0.0, "m:act")
        bench.add(100, 0.0, "m:tick", index=CRONS_BY_DUE)
        asked = await bench.calls()
        assert ScheduledRun("cron", (100).to_bytes(16), 0.0) in [one.scheduled for one in asked]


async def test_an_action_is_claimed_then_called_with_its_arguments_then_ended(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act")
        (claim,) = await bench.calls()
        assert claim.args == {"kind": "job", "id": (1).to_bytes(16).hex(), "due": 0.0, "incarnation": "me"}
        bench.block(KeyChange(JOBS_BY_DUE, parts(1, 0.0, "m:act"), parts(1, 0.0, "m:act", "me")))
        assert await bench.calls() == []
        claim.answer({"args": {"b": 1.0, "a": [True]}})
        (call,) = await bench.calls()
        assert (call.path, call.request.kind, call.args) == ("m:act", "action", {"a": [True], "b": 1.0})
        assert call.scheduled == ScheduledRun("job", (1).to_bytes(16), 0.0)
        await trio.sleep(2)
        call.answer("done")
        (end,) = await bench.calls()
        assert end.path == "_system/scheduler:end"
        assert end.args["due"] is None
        assert (end.args["error"], end.args["result"]) == (None, '"done"')
        assert end.args["log_lines"] == ["[LOG] line"]
        assert end.args["seconds"] == pytest.approx(2.0)
        end.answer()
        await wait_all_tasks_blocked()
        assert bench.scheduler.statistics()["running"] == 0


async def test_an_action_whose_claim_comes_too_late_is_not_called(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act")
        (claim,) = await bench.calls()
        claim.answer(None)
        assert await bench.calls() == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ExecutionError("FunctionError", "Uncaught ValueError: no"), "Uncaught ValueError: no"),
        (ExecutionError("InternalServerError", "secret", system=500), "Transient error while executing action"),
    ],
)
async def test_an_action_that_fails_has_failed_whoever_is_to_blame(
    error: ExecutionError, message: str, autojump_clock: MockClock
) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act")
        (claim,) = await bench.calls()
        claim.answer({"args": {}})
        (call,) = await bench.calls()
        call.answer(error=error)
        (end,) = await bench.calls()
        assert (end.path, end.args["error"]) == ("_system/scheduler:end", message)


async def test_an_action_that_found_no_room_is_tried_again_later(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act")
        (claim,) = await bench.calls()
        claim.answer({"args": {}})
        (call,) = await bench.calls()
        call.answer(error=ExecutionError("TooManyConcurrentRequests", "full", system=429))
        (postpone,) = await bench.calls()
        assert postpone.path == "_system/scheduler:postpone"
        assert (postpone.args["due"], postpone.args["incarnation"]) == (None, "me")


async def test_an_action_that_failed_because_what_it_called_found_no_room_is_not_called_again(
    autojump_clock: MockClock,
) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act")
        (claim,) = await bench.calls()
        claim.answer({"args": {}})
        (call,) = await bench.calls()
        call.answer(
            error=ExecutionError("TooManyConcurrentRequests", "Uncaught Error: Too many", "    at act (m.py:3)\n")
        )
        (end,) = await bench.calls()
        assert (end.path, end.args["error"]) == ("_system/scheduler:end", "Uncaught Error: Too many")


async def test_however_much_an_action_returns_and_prints_its_end_is_small_enough_to_be_noted(
    autojump_clock: MockClock,
) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act", index=CRONS_BY_DUE)
        (claim,) = await bench.calls()
        claim.answer({"args": {}})
        (call,) = await bench.calls()
        call.answer('"ö' * 5_000_000, log_lines=("[LOG] short", *("[LOG] " + "\0" * 32_000 for _ in range(255))))
        (end,) = await bench.calls()
        assert end.path == "_system/scheduler:end"
        assert len(end.request.args) < 20_000
        # Enough for a cron job to see that both were longer than what it remembers.
        assert [len(end.args["result"]), *map(len, end.args["log_lines"])] == [1001, 11, 1001]


async def test_a_mutation_that_ended_itself_leaves_nothing_to_note(autojump_clock: MockClock) -> None:
    async with running() as bench:
        for number, error in enumerate([None, ExecutionError("FunctionError", "no")]):
            bench.add(number, 0.0)
            (asked,) = await bench.calls()
            # Its own transaction has said how it ended, before its caller is answered.
            bench.end(number, 0.0)
            asked.answer(error=error)
            assert await bench.calls() == []


async def test_a_mutation_whose_process_was_killed_is_ended_by_the_server(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.add(1, 0.0)
        (asked,) = await bench.calls()
        asked.answer(error=ExecutionError("FunctionTimedOut", "too slow"))
        (end,) = await bench.calls()
        assert end.path == "_system/scheduler:end"
        assert (end.args["due"], end.args["error"]) == (0.0, "too slow")


async def test_what_the_server_could_not_run_is_postponed(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.add(1, 0.0)
        (asked,) = await bench.calls()
        asked.answer(error=OVERLOADED)
        (postpone,) = await bench.calls()
        assert postpone.path == "_system/scheduler:postpone"
        assert (postpone.args["due"], postpone.args["seconds"], postpone.args["seconds_max"]) == (0.0, 0.5, 7200.0)
        bench.block(KeyChange(JOBS_BY_DUE, parts(1, 0.0, "m:f"), parts(1, 500.0, "m:f")))
        postpone.answer()
        assert await bench.calls() == []
        await trio.sleep(0.6)
        assert numbers(await bench.calls()) == [1]


async def test_what_cannot_be_noted_is_tried_until_it_can_and_keeps_its_place(autojump_clock: MockClock) -> None:
    async with running() as bench:
        for number in range(3):
            bench.add(number, 0.0)
        first, _ = await bench.calls()
        first.answer(error=OVERLOADED)
        for pause in (0.5, 1.0, 2.0):
            (postpone,) = await bench.calls()
            postpone.answer(error=OVERLOADED)
            assert await bench.calls() == []
            await trio.sleep(pause)
        (postpone,) = await bench.calls()
        bench.block(KeyChange(JOBS_BY_DUE, parts(0, 0.0, "m:f"), parts(0, 9e9, "m:f")))
        postpone.answer()
        assert numbers(await bench.calls()) == [2]


async def test_a_step_that_is_killed_is_taken_again(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act")
        (claim,) = await bench.calls()
        claim.answer(error=ExecutionError("FunctionTimedOut", "too slow"))
        await trio.sleep(0.6)
        (claim,) = await bench.calls()
        assert claim.path == "_system/scheduler:claim"


async def test_a_job_that_is_cancelled_before_it_is_due_is_not_called(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.add(1, 1000.0)
        bench.end(1, 1000.0)
        await trio.sleep(2)
        assert await bench.calls() == []


async def test_a_clock_that_is_set_forward_is_noticed_soon(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.add(1, 3_600_000.0)
        await trio.sleep(1)
        bench.clock.offset_ns = 3600 * 10**9
        await trio.sleep(1.1)
        assert numbers(await bench.calls()) == [1]


async def test_what_was_to_run_at_once_does_although_the_clock_has_been_set_back(autojump_clock: MockClock) -> None:
    async with running() as bench:
        hour_ms = 3_600_000.0
        bench.block(ts=int(hour_ms * 1e6))
        # Begun at the time in the database, which goes on from its newest block, and committed then.
        bench.block(KeyChange(JOBS_BY_DUE, None, parts(1, hour_ms + 0.001, "m:f")), ts=int(hour_ms * 1e6) + 1000)
        bench.block(KeyChange(JOBS_BY_DUE, None, parts(2, hour_ms + 0.01, "m:f")), ts=int(hour_ms * 1e6) + 1001)
        assert numbers(await bench.calls()) == [1]
        looks = bench.clock.looks
        await trio.sleep(5)
        assert bench.clock.looks - looks < 50, "it waits for the clock, not for the time that stands still"
        bench.clock.offset_ns = 3600 * 10**9
        await trio.sleep(1.1)
        assert numbers(await bench.calls()) == [2]


async def test_nothing_begins_while_the_server_drains_and_what_runs_is_waited_for(autojump_clock: MockClock) -> None:
    async with running() as bench:
        bench.facade.kinds["m:act"] = "action"
        bench.add(1, 0.0, "m:act")
        (claim,) = await bench.calls()
        bench.facade.draining = True
        bench.add(2, 0.0)
        finished = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_idle, bench, finished)
            claim.answer({"args": {}})
            (call,) = await bench.calls()
            await trio.sleep(3)
            call.answer(None)
            (end,) = await bench.calls()
            assert not finished.is_set()
            end.answer()
            await finished.wait()
        assert await bench.calls() == []


async def wait_idle(bench: Bench, finished: trio.Event) -> None:
    await bench.scheduler.wait_idle()
    finished.set()


async def test_what_dead_servers_have_left_is_settled_until_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    make: Callable[..., None] = ScriptedFacade.__init__

    def with_lost(facade: ScriptedFacade) -> None:
        make(facade)
        facade.lost = [0, 0, 3, 100]

    monkeypatch.setattr(ScriptedFacade, "__init__", with_lost)
    async with running() as bench:
        assert bench.facade.settled == 4
