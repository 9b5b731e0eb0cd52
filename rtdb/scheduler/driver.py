"""The hub's side of scheduled functions and cron jobs: runs what is due, a few at a time.

It knows what is due from the blocks (agenda.py) and does everything through the façade, with the functions of
rtdb/functions/system/scheduler.py::

    mutation    one call, which ends the work in its own transaction
                failed before it could (its process was killed)          ▶ end
                not run for the server's reasons                         ▶ postpone, later and later
    action      claim ▶ the call ▶ end

Invariants:

* a mutation's work is ended by the mutation's own transaction, or by one that has found it waiting: exactly once;
* an action is called only after its claim is durable, and a claim is never called again: at most once;
* at most ``scheduled_running_max`` of each kind run at once, and ``scheduled_mutations_max`` mutations of all: beside
  them, clients find free runners.

What cannot be noted down, because the database takes no writes at the moment, is tried until it can; its place is not
given to other work until then.
"""

from __future__ import annotations

from typing import Any, Final, Literal, Protocol

import msgspec
import structlog
import trio

from rtdb.clock import Clock
from rtdb.config import Limits
from rtdb.link import frames
from rtdb.scheduler.agenda import PAGE_KEYS, Agenda, Waiting
from rtdb.scheduler.cron_job import remembered_lines, remembered_result
from rtdb.scheduler.work import LOST_ACTION
from rtdb.storage.keys import index_number
from rtdb.storage.system_tables import CRON_NEXT_RUN_TABLE, SCHEDULED_JOBS_TABLE, SYSTEM_INDEXES
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["Caller", "Facade", "Scheduler"]

NOT_BEGUN_CODES: Final = frozenset({"TooManyConcurrentRequests", "RunnersUnavailable"})
"""System errors of calls that no process has begun."""

CLOCK_SECONDS: Final = 1.0
"""How long it sleeps at most: the clock may be set meanwhile."""

STEP_SECONDS: Final = 0.5
STEP_SECONDS_MAX: Final = 15.0
"""Pauses between attempts to note something down."""

_log = structlog.get_logger("rtdb.scheduler")


class Caller(Protocol):
    """Whoever waits for the outcome of a call."""

    def answer(
        self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int
    ) -> None: ...


class Facade(Protocol):
    """The application, as far as the scheduler needs it."""

    def request(
        self,
        caller: Caller,
        request: frames.CallRequest,
        *,
        by_server: bool = False,
        scheduled: frames.ScheduledRun | None = None,
    ) -> None: ...

    def kind_of(self, path: str) -> frames.FunctionKind | None: ...

    def pump(self) -> None: ...

    @property
    def draining(self) -> bool: ...


class _Answer:
    """A call's outcome, and the wait for it."""

    def __init__(self) -> None:
        self.there = trio.Event()
        self.result: bytes | None = None
        self.error: frames.ExecutionError | None = None
        self.log_lines: list[str] = []

    def answer(self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int) -> None:
        self.result, self.error, self.log_lines = result, error, log_lines
        self.there.set()


class _Run:
    """One piece of work under way. ``is_over``: a block has shown that it waits no more."""

    __slots__ = ("is_mutation", "is_over", "work")

    def __init__(self, work: Waiting, *, is_mutation: bool) -> None:
        self.work = work
        self.is_mutation = is_mutation
        self.is_over = False


class _Queue:
    """Everything about one kind of work."""

    def __init__(self, kind: Literal["job", "cron"], table: int, limits: Limits, backoff_seconds_max: float) -> None:
        position = next(index.position for index in SYSTEM_INDEXES if (index.table, index.name) == (table, "by_due"))
        self.kind = kind
        self.agenda = Agenda(index_number(table, position), held_max=limits.scheduled_held_max)
        self.running: dict[bytes, _Run] = {}
        """By the key of what was taken."""
        self.backoff_seconds_max = backoff_seconds_max


class Scheduler:
    """Runs scheduled work, from :meth:`run` on until the hub drains. ``incarnation`` names this run of the server."""

    def __init__(self, facade: Facade, limits: Limits, clock: Clock, incarnation: str) -> None:
        self._facade = facade
        self._limits = limits
        self._clock = clock
        self._incarnation = incarnation
        jobs = _Queue("job", SCHEDULED_JOBS_TABLE, limits, limits.job_retry_seconds_max)
        crons = _Queue("cron", CRON_NEXT_RUN_TABLE, limits, limits.cron_retry_seconds_max)
        self._queues = (crons, jobs)
        """Cron jobs first: they are few, and a crowd of jobs shall not make them late."""
        self._by_index = {queue.agenda.index: queue for queue in self._queues}
        self._newest_ts = 0
        """Of the blocks heard of: the time in the database, which goes on from there when the clock is set back."""
        self._changed = trio.Event()
        self._nursery: trio.Nursery

    # --- what the application calls -----------------------------------------------------------------------------------

    def block_applied(self, block: frames.BlockApplied) -> None:
        """Follow a block; before anybody is answered whose writes are in it."""
        self._newest_ts = max(self._newest_ts, block.ts)
        for change in block.changes:
            queue = self._by_index.get(change.index)
            if queue is None:
                continue
            gone = queue.agenda.changed(change)
            if gone is not None and gone in queue.running:
                queue.running[gone].is_over = True
            self._changed.set()

    def statistics(self) -> dict[str, int]:
        """Return how many run, and how many are known to wait."""
        return {
            "running": sum(len(queue.running) for queue in self._queues),
            "waiting": sum(len(queue.agenda) for queue in self._queues),
        }

    async def wait_idle(self) -> None:
        """Wait until nothing runs and all of it is noted down. Once the hub drains nothing more begins."""
        while any(queue.running for queue in self._queues):
            await self._changed.wait()

    # --- the loop -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run what is due, until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for queue in self._queues:
                nursery.start_soon(self._settle, queue)
            while True:
                if self._changed.is_set():
                    self._changed = trio.Event()
                for queue in self._queues:
                    if queue.agenda.wants_page:
                        nursery.start_soon(self._read_page, queue, queue.agenda.ask_page())
                    self._start_due(queue)
                with trio.move_on_after(self._seconds_to_next()):
                    await self._changed.wait()

    def _start_due(self, queue: _Queue) -> None:
        now_ms = self._now_ms()
        while len(queue.running) < self._limits.scheduled_running_max and not self._facade.draining:
            first = queue.agenda.first()
            if first is None:
                return
            waiting = Waiting.of_key(first)
            if waiting.due > now_ms:
                return
            is_mutation = self._facade.kind_of(waiting.path) != "action"
            if is_mutation and self._mutations >= self._limits.scheduled_mutations_max:
                return
            queue.agenda.take()
            run = queue.running[waiting.key] = _Run(waiting, is_mutation=is_mutation)
            self._nursery.start_soon(self._run, queue, run)

    def _now_ms(self) -> float:
        """Return the time that work is due by: never before that of a commit, which is when "at once" was for it."""
        return max(self._clock.now_ns(), self._newest_ts) / 1_000_000

    @property
    def _mutations(self) -> int:
        return sum(run.is_mutation for queue in self._queues for run in queue.running.values())

    def _seconds_to_next(self) -> float:
        """Return how long nothing becomes due. What is due already waits for a place, or for something to be known."""
        clock_ms, now_ms = self._clock.now_ns() / 1_000_000, self._now_ms()
        seconds = CLOCK_SECONDS
        for queue in self._queues:
            first = queue.agenda.first()
            if first is not None:
                due = Waiting.of_key(first).due
                if due > now_ms:
                    # Only the clock goes on by itself.
                    seconds = min(seconds, (due - clock_ms) / 1000)
        return seconds

    async def _read_page(self, queue: _Queue, after: bytes) -> None:
        asked = {"kind": queue.kind, "after": after.hex(), "count": float(PAGE_KEYS)}
        keys = await self._note("waiting", asked)
        queue.agenda.page_arrived([bytes.fromhex(key) for key in keys])
        self._changed.set()

    async def _settle(self, queue: _Queue) -> None:
        """End what earlier runs of the server have left claimed."""
        asked = {"kind": queue.kind, "incarnation": self._incarnation}
        while settled := await self._note("settle", asked):
            _log.warning("actions were running when the server ended", kind=queue.kind, actions=int(settled))

    # --- one piece of work --------------------------------------------------------------------------------------------

    async def _run(self, queue: _Queue, run: _Run) -> None:
        try:
            if run.is_mutation:
                await self._run_mutation(queue, run)
            else:
                await self._run_action(queue, run.work)
        finally:
            del queue.running[run.work.key]
            queue.agenda.let_go(run.work.key)
            self._changed.set()

    async def _run_mutation(self, queue: _Queue, run: _Run) -> None:
        work = run.work
        answer = await self._call("mutation", work.path, b"", scheduled=self._scheduled(queue, work))
        error = answer.error
        if error is None or run.is_over:
            return
        entry = self._entry(queue, work) | {"due": work.due}
        if error.system:
            await self._postpone(queue, work, entry, error)
        else:
            await self._note("end", entry | self._ending(answer))

    async def _run_action(self, queue: _Queue, work: Waiting) -> None:
        entry = self._entry(queue, work)
        claimed = await self._note_raw("claim", entry | {"due": work.due})
        if claimed == b"null":
            return
        args = bytes(msgspec.json.decode(claimed, type=_Claimed).args)
        begun = trio.current_time()
        answer = await self._call("action", work.path, args, scheduled=self._scheduled(queue, work))
        error = answer.error
        # An action's own failure may have such a code too, that of a call it made: it has begun.
        if error is not None and error.system and error.code in NOT_BEGUN_CODES:
            await self._postpone(queue, work, entry | {"due": None}, error)
        else:
            ending = self._ending(answer, seconds=trio.current_time() - begun)
            await self._note("end", entry | {"due": None} | ending)

    async def _postpone(
        self, queue: _Queue, work: Waiting, entry: dict[str, Any], error: frames.ExecutionError
    ) -> None:
        _log.warning("scheduled function postponed", path=work.path, code=error.code, reason=error.message)
        seconds = {"seconds": self._limits.scheduled_retry_seconds, "seconds_max": queue.backoff_seconds_max}
        await self._note("postpone", entry | seconds)

    def _entry(self, queue: _Queue, work: Waiting) -> dict[str, Any]:
        return {"kind": queue.kind, "id": work.internal.hex(), "incarnation": self._incarnation}

    def _scheduled(self, queue: _Queue, work: Waiting) -> frames.ScheduledRun:
        return frames.ScheduledRun(kind=queue.kind, id=work.internal, due=work.due)

    def _ending(self, answer: _Answer, *, seconds: float = 0.0) -> dict[str, Any]:
        error = answer.error
        message = None if error is None else LOST_ACTION if error.system else error.message
        return {
            "error": message,
            # No more of them than is remembered: whole, they could be too large for arguments.
            "result": "null" if answer.result is None else remembered_result(answer.result),
            "log_lines": remembered_lines(answer.log_lines),
            "seconds": seconds,
        }

    # --- the façade ---------------------------------------------------------------------------------------------------

    async def _call(
        self,
        kind: frames.RequestKind,
        path: str,
        args: bytes,
        *,
        scheduled: frames.ScheduledRun | None = None,
    ) -> _Answer:
        answer = _Answer()
        origin = frames.Origin("Cron" if scheduled is not None and scheduled.kind == "cron" else "Scheduler")
        request = frames.CallRequest(
            call=0, kind=kind, path=path, args=args, identity=None, internal=True, origin=origin
        )
        self._facade.request(answer, request, by_server=True, scheduled=scheduled)
        self._facade.pump()
        await answer.there.wait()
        return answer

    async def _note(self, name: str, asked: dict[str, Any]) -> Any:
        """Like :meth:`_note_raw`, decoded."""
        return decode_canonical(await self._note_raw(name, asked))

    async def _note_raw(self, name: str, asked: dict[str, Any]) -> bytes:
        """Call a function of the scheduler, as often as it takes, and return its result."""
        pause = STEP_SECONDS
        args = encode(asked)
        while True:
            answer = await self._call("any", f"_system/scheduler:{name}", args)
            error = answer.error
            if error is None:
                assert answer.result is not None, "an answer holds a result or an error"
                return answer.result
            if not error.system:
                # Its runner was stopped, or a mistake of ours: to give up would leave the work undone for ever.
                _log.error("the scheduler's own function failed", function=name, code=error.code, reason=error.message)
            await trio.sleep(pause)
            pause = min(2 * pause, STEP_SECONDS_MAX)


class _Claimed(msgspec.Struct):
    args: msgspec.Raw
