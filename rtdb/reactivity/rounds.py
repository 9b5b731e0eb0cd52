"""When entries are executed again, and at which position.

A *round* is a set of executions at one position: every entry that was waiting when the round was opened. It may be
handed out in several slices; its position stays. All sessions can be shown one timestamp only if their queries have
versions that cover it, and a round is what makes such timestamps:

    Invariant (cover): at the position of every open round, every watched entry has a version that covers it, or will
    have when its execution there ends. An entry that is clean when the round opens has; one that waits becomes part of
    it; one still running at an earlier position *joins* when it ends, unless its version reaches far enough. (An
    execution that fails for no fault of the function breaks it, until the next round.)

So two slow queries of one session, out of step with each other, still meet at a timestamp, and nobody is left behind by
a stream of writes. Without joining, the second would run at the newest position, always past the first.

A new round is opened as soon as the last one has ended, or after ``settle_ns`` if only stragglers are left of it: a few
milliseconds in which most rounds end keep quick entries in step, and a slow query delays only those who watch it. While
more than ``stragglers_max`` executions are under way no round is opened: they would only wait in the runners' queue,
and what becomes dirty meanwhile is executed once instead of twice.

An execution that failed for no fault of the function is tried again in a later round, after a pause that doubles.

The module does not know watchers or results.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from itertools import count

from rtdb.link.frames import Call, Origin
from rtdb.reactivity.query_entry import QueryEntry

__all__ = ["Execution", "Round", "Rounds"]


class Round:
    """Executions at one position. ``running`` counts those under way or about to join; ``waiting`` are yet to start."""

    __slots__ = ("opened_ns", "running", "seq", "ts", "waiting")

    def __init__(self, seq: int, ts: int, opened_ns: int, waiting: deque[QueryEntry]) -> None:
        self.seq = seq
        self.ts = ts
        self.opened_ns = opened_ns
        self.running = 0
        self.waiting = waiting


class Execution:
    """One execution of an entry's query, at its round's position, as ``identity``.

    ``started_seq`` is the newest position when it was started; ``touched_ts`` the start of the first block since then
    that changed what the entry is registered as reading, 0 before.
    """

    __slots__ = ("entry", "identity", "round", "started_seq", "touched_ts")

    def __init__(self, entry: QueryEntry, round_: Round, identity: bytes | None, started_seq: int) -> None:
        self.entry = entry
        self.round = round_
        self.identity = identity
        self.started_seq = started_seq
        self.touched_ts = 0

    @property
    def seq(self) -> int:
        """The position to execute at."""
        return self.round.seq

    @property
    def ts(self) -> int:
        return self.round.ts

    def to_call(self, number: int, request: str = "") -> Call:
        """Return the message for a runner; ``request`` is the id of this execution."""
        key = self.entry.slot.key
        return Call(
            call=number,
            kind="query",
            path=key.path,
            args=key.args,
            identity=self.identity,
            internal=key.internal,
            at=self.round.seq,
            session=None,
            journal=key.journal,
            origin=Origin(caller="SyncWorker", request=request),
        )


class Rounds:
    """The open rounds, and everything that waits to be executed.

    An entry's ``queued`` is true while it is in exactly one of: ``_wanted``, a round's ``waiting``, ``_joining``,
    ``_retries``; ``run`` is set from being handed out to :meth:`ended`.
    """

    def __init__(
        self, *, entries_max: int, stragglers_max: int, settle_ns: int, retry_ns: int, retry_ns_max: int
    ) -> None:
        self.executions_running = 0
        self._entries_max = entries_max
        self._stragglers_max = stragglers_max
        self._settle_ns = settle_ns
        self._retry_ns = retry_ns
        self._retry_ns_max = retry_ns_max
        # Open rounds, oldest first; the last one may still have entries waiting.
        self._open: list[Round] = []
        self._wanted: deque[QueryEntry] = deque()
        self._joining: list[tuple[QueryEntry, Round]] = []
        self._retries: list[tuple[int, int, QueryEntry]] = []
        self._tie = count()

    def want(self, entry: QueryEntry) -> None:
        """Have the entry executed: in the oldest open round that its version does not reach, else in the next one."""
        assert not entry.queued, "an entry waits in one place"
        assert entry.run is None, "an entry is executed once at a time"
        entry.queued = True
        if entry.has_version and entry.dirty_ts:
            for round_ in self._open:
                if round_.seq > entry.seq and round_.ts >= entry.dirty_ts:
                    round_.running += 1
                    self._joining.append((entry, round_))
                    return
        self._wanted.append(entry)

    def retry(self, entry: QueryEntry, now_ns: int) -> None:
        """Have the entry executed in a later round, after a pause."""
        assert not entry.queued, "an entry waits in one place"
        assert entry.run is None, "an entry is executed once at a time"
        entry.queued = True
        pause_ns = min(self._retry_ns << min(entry.failures, 30), self._retry_ns_max)
        entry.failures += 1
        heappush(self._retries, (now_ns + pause_ns, next(self._tie), entry))

    def start(self, seq: int, ts: int, now_ns: int) -> list[Execution]:
        """Return what is to be executed now; the newest position is given."""
        while self._retries and self._retries[0][0] <= now_ns:
            self._wanted.append(heappop(self._retries)[2])
        started: list[Execution] = []
        joining, self._joining = self._joining, []
        for entry, round_ in joining:
            round_.running -= 1
            self._execute(entry, round_, seq, started)
            self._close_if_over(round_)
        if self.executions_running > self._stragglers_max:
            return started
        if self._open and self._open[-1].waiting and self._start_slice(self._open[-1], seq, started):
            return started
        if self._wanted and not (self._open and now_ns < self._open[-1].opened_ns + self._settle_ns):
            newest = Round(seq, ts, now_ns, self._wanted)
            self._wanted = deque()
            self._open.append(newest)
            self._start_slice(newest, seq, started)
        return started

    def ended(self, execution: Execution) -> None:
        """Note that an execution is over, however it ended."""
        self.executions_running -= 1
        execution.round.running -= 1
        self._close_if_over(execution.round)
        if execution.entry.run is execution:
            execution.entry.run = None

    def open_timestamps(self) -> list[int]:
        """Return the timestamps of the rounds that are not over, oldest first."""
        return [round_.ts for round_ in self._open]

    def due_ns(self) -> int | None:
        """Return the time at which :meth:`start` may have something to start for no other reason than time."""
        due = self._retries[0][0] if self._retries else None
        # Past `_stragglers_max` it is the end of an execution that starts something, not time.
        if self._wanted and self._open and self.executions_running <= self._stragglers_max:
            settled = self._open[-1].opened_ns + self._settle_ns
            due = settled if due is None else min(due, settled)
        return due

    def _start_slice(self, round_: Round, seq: int, started: list[Execution]) -> bool:
        """Start some of what waits in the round; return whether anything of it is still watched."""
        before = len(started)
        while round_.waiting and len(started) < before + self._entries_max:
            self._execute(round_.waiting.popleft(), round_, seq, started)
        self._close_if_over(round_)
        return len(started) > before

    def _execute(self, entry: QueryEntry, round_: Round, seq: int, started: list[Execution]) -> None:
        entry.queued = False
        if not entry.watchers:
            return
        identity = next(iter(entry.watchers)).identity
        entry.run = execution = Execution(entry, round_, identity, seq)
        round_.running += 1
        self.executions_running += 1
        started.append(execution)

    def _close_if_over(self, round_: Round) -> None:
        if not round_.running and not round_.waiting and round_ in self._open:
            self._open.remove(round_)
