"""Keeps every watcher of every query told, with one execution for all who ask the same.

The hub drives it; nothing here waits, sends or looks at a clock. All times are nanoseconds of the hub's clock.

    gateways ──watch, unwatch──▶ ┌─────────┐ ──start_round──▶ executions, to runners
    committer ──block_applied──▶ │ Reactor │ ◀─execution_finished, execution_failed
    timer ────────expire───────▶ └─────────┘ ──take_messages──▶ notices and results, to gateways

After draining its inputs the hub calls ``start_round``, dispatches what it returns, and sends what ``take_messages``
returns *before* any answer with a timestamp of a block it has told the reactor of. ``due_ns`` says when to come back
though nothing happens.

Invariants:

* A version is delivered with the interval ``[ts, dirty_ts)`` it is exact in, as far as the reactor has followed.
* A result of an execution that read the caller's identity is delivered to watchers of that identity only.
* An entry is executed again only if a block changed what it read, or somebody new asked for what cannot be given (its
  body was evicted; it observed a time too long ago), or an execution failed for no fault of the function.
* Per gateway, messages are in the order of what happened.
"""

from __future__ import annotations

import msgspec

from rtdb.config import Limits
from rtdb.link.frames import BlockApplied, BlockNotice, ExecutionError, Outcome, RoundResults, Watch, WatchResult
from rtdb.reactivity.invalidator import Invalidator
from rtdb.reactivity.outbox import Outbox
from rtdb.reactivity.query_entry import QueryAnswer, QueryEntry, QueryKey, Watcher, answer_of
from rtdb.reactivity.query_table import QueryTable
from rtdb.reactivity.rounds import Execution, Rounds

__all__ = ["Reactor", "ReactorStatistics"]

SECOND_NS = 1_000_000_000


class ReactorStatistics(msgspec.Struct, frozen=True):
    """A view of the reactor's size and work, for metrics."""

    entries: int
    watchers: int
    body_bytes: int
    point_ranges: int
    prefix_ranges: int
    interval_ranges: int
    rounds_open: int
    executions_running: int
    executions_started: int
    results_unchanged: int


class _Gateway:
    __slots__ = ("outbox", "watchers")

    def __init__(self) -> None:
        self.outbox = Outbox()
        self.watchers: dict[int, Watcher] = {}


class Reactor:
    """All watched queries of one server, from the position ``seq``/``ts`` on."""

    def __init__(self, limits: Limits, *, seq: int, ts: int) -> None:
        self._invalidator = Invalidator(seq, ts, recent_changes_max=limits.recent_changes_max)
        self._table = QueryTable(
            entries_max=limits.query_entries_max,
            body_bytes_max=limits.query_cache_bytes_max,
            linger_ns=int(limits.query_linger_seconds * SECOND_NS),
            on_drop=self._invalidator.forget,
        )
        self._rounds = Rounds(
            entries_max=limits.round_entries_max,
            stragglers_max=2 * limits.runners_max,
            settle_ns=int(limits.round_settle_ms * 1_000_000),
            retry_ns=int(limits.query_retry_seconds * SECOND_NS),
            retry_ns_max=int(limits.query_retry_seconds_max * SECOND_NS),
        )
        self._read_time_ns_max = int(limits.query_read_time_seconds_max * SECOND_NS)
        self._gateways: dict[int, _Gateway] = {}
        self._executions_started = 0
        self._results_unchanged = 0

    @property
    def seq(self) -> int:
        """The position of the last block."""
        return self._invalidator.seq

    @property
    def ts(self) -> int:
        return self._invalidator.ts

    def add_gateway(self, gateway: int) -> None:
        """Begin to tell a gateway of blocks."""
        assert gateway not in self._gateways, "a gateway is added once"
        self._gateways[gateway] = _Gateway()

    def remove_gateway(self, gateway: int, now_ns: int) -> None:
        """Forget a gateway, its watches and what it was not told yet."""
        for watcher in self._gateways.pop(gateway).watchers.values():
            self._table.remove_watcher(watcher, now_ns)

    def watch(self, gateway: int, watch: Watch, now_ns: int) -> None:
        """Keep a gateway told of a query.

        At the bound of entries the watch gets a system error, ``TooManyQueries``, as its only result.
        """
        key = QueryKey(watch.path, watch.args, watch.journal, watch.internal)
        self._attach(gateway, watch.watch, key, watch.identity, now_ns)

    def unwatch(self, gateway: int, watch: int, now_ns: int) -> None:
        """Stop; results on their way may still arrive. An unknown watch is ignored: it may have been refused."""
        watcher = self._gateways[gateway].watchers.pop(watch, None)
        if watcher is not None:
            self._table.remove_watcher(watcher, now_ns)

    def block_applied(self, block: BlockApplied, now_ns: int) -> None:
        """Follow to a durable block. Messages that only report losses (``seq`` 0) are ignored."""
        if block.seq == 0:
            return
        affected = self._invalidator.apply(block)
        newly_dirty: dict[int, list[int]] = {}
        for entry in affected:
            if entry.dirty_ts == block.ts_first:
                for watcher in entry.watchers:
                    newly_dirty.setdefault(watcher.gateway, []).append(watcher.number)
        # The notice goes first: refiling may deliver what is still exact after this block.
        for number, gateway in self._gateways.items():
            gateway.outbox.add_notice(BlockNotice(block.ts_first, block.ts, newly_dirty.get(number, [])))
        for entry in affected:
            if entry.run is None and not entry.queued and not entry.dropped:
                if entry.watchers:
                    self._want(entry, now_ns)
                else:
                    self._table.drop(entry)

    def start_round(self, now_ns: int) -> list[Execution]:
        """Return the executions to dispatch now: of a new round, of a slice of it, or joining an open one.

        Each is to be reported once, with :meth:`execution_finished` or :meth:`execution_failed`.
        """
        started = self._rounds.start(self.seq, self.ts, now_ns)
        self._executions_started += len(started)
        return started

    def execution_finished(self, execution: Execution, outcome: Outcome, now_ns: int, request: str = "") -> None:
        """Take in what an execution returned; ``request`` is its id. A system error counts as a failure."""
        if outcome.error is not None and outcome.error.system:
            self.execution_failed(execution, now_ns)
            return
        assert outcome.seq == execution.seq, "an execution reads at its round's position"
        entry = execution.entry
        if entry.dropped:
            self._rounds.ended(execution)
            return
        # Before `ended`: registering compares with what happened during the run.
        dirty_ts = self._invalidator.register(entry, outcome.reads, read_seq=execution.seq, read_ts=execution.ts)
        self._rounds.ended(execution)
        left_over: list[Watcher] = []
        if outcome.read_identity:
            if not entry.slot.depends_on_identity:
                left_over = self._table.split(entry, execution.identity, now_ns)
        elif (
            entry.slot.depends_on_identity
            and not dirty_ts
            # If the function is not deterministic, others may have a newer version: not to be replaced by this one.
            and all(other.seq < execution.seq for other in entry.slot.by_identity.values())
        ):
            self._table.merge(entry)
        answer = answer_of(outcome, request)
        entry.seq, entry.ts, entry.dirty_ts = execution.seq, execution.ts, dirty_ts
        entry.read_ns, entry.read_time = now_ns, outcome.read_time
        entry.digest, entry.journal = answer.digest(), answer.journal
        entry.failures = 0
        self._table.set_body(entry, answer)
        for watcher in entry.watchers:
            self._deliver(watcher, entry, answer, entry.ts)
        key = entry.slot.key
        if dirty_ts:
            if entry.watchers:
                self._want(entry, now_ns)
            else:
                self._table.drop(entry)
        self._table.shrink()
        self._attach_again(left_over, key, now_ns)

    def execution_failed(self, execution: Execution, now_ns: int) -> None:
        """Take note that an execution ended without an outcome of the function; it is tried again after a pause."""
        self._rounds.ended(execution)
        entry = execution.entry
        if entry.dropped:
            return
        if entry.watchers:
            self._rounds.retry(entry, now_ns)
        else:
            self._table.drop(entry)

    def take_messages(self) -> dict[int, list[BlockNotice | RoundResults]]:
        """Return what each gateway has to be told, in order."""
        running = self._rounds.open_timestamps()
        return {number: gateway.outbox.take(running) for number, gateway in self._gateways.items() if gateway.outbox}

    def cached(
        self, path: str, args: bytes, identity: bytes | None, *, internal: bool, now_ns: int
    ) -> QueryAnswer | None:
        """Return a query's result at the current position (``ts``), if one is at hand. Errors are not cached."""
        entry = self._table.find(QueryKey(path, args, None, internal), identity)
        if entry is None:
            return None
        answer = entry.answer_for_new_request(now_ns, self._read_time_ns_max)
        if answer is None or answer.error is not None:
            return None
        self._table.touch(entry, now_ns)
        return answer

    def expire(self, now_ns: int) -> None:
        """Drop entries that nobody has watched or asked for, for long enough."""
        self._table.expire(now_ns)

    def due_ns(self) -> int | None:
        """Return when :meth:`start_round` or :meth:`expire` has something to do if nothing else happens."""
        due = [time for time in (self._rounds.due_ns(), self._table.expires_ns()) if time is not None]
        return min(due, default=None)

    def statistics(self) -> ReactorStatistics:
        """Return sizes and counts."""
        ranges = self._invalidator.range_statistics()
        return ReactorStatistics(
            entries=self._table.entry_count,
            watchers=sum(len(gateway.watchers) for gateway in self._gateways.values()),
            body_bytes=self._table.body_bytes,
            point_ranges=ranges["point_ranges"],
            prefix_ranges=ranges["prefix_ranges"],
            interval_ranges=ranges["interval_ranges"],
            rounds_open=len(self._rounds.open_timestamps()),
            executions_running=self._rounds.executions_running,
            executions_started=self._executions_started,
            results_unchanged=self._results_unchanged,
        )

    def _attach(
        self, gateway: int, number: int, key: QueryKey, identity: bytes | None, now_ns: int, ts_min: int = 0
    ) -> None:
        """File a new watcher with the entry that answers it, and deliver the entry's answer if it may have that.

        The answer is said to be exact from ``ts_min`` on at the earliest.
        """
        entry = self._table.find(key, identity)
        answer = None
        if entry is not None:
            answer = entry.answer_for_new_request(now_ns, self._read_time_ns_max)
            if answer is None and not entry.queued and entry.run is None:
                # What it has cannot be given to anybody new. If it will run again as another question, it makes place.
                entry = self._make_place(entry, now_ns)
        if entry is None:
            if not self._table.has_room():
                self._refuse(gateway, number)
                return
            entry = self._table.create(key, identity)
        watcher = Watcher(gateway, number, identity, entry)
        self._gateways[gateway].watchers[number] = watcher
        self._table.add_watcher(watcher)
        if answer is not None:
            self._table.touch(entry, now_ns)
            self._deliver(watcher, entry, answer, max(entry.ts, ts_min))
        elif not entry.queued and entry.run is None:
            self._want(entry, now_ns)

    def _attach_again(self, watchers: list[Watcher], key: QueryKey, now_ns: int) -> None:
        for old in watchers:
            # An answer found there counts from now on, which is later than any version the watch has been sent.
            self._attach(old.gateway, old.number, key, old.identity, now_ns, self.ts)

    def _make_place(self, entry: QueryEntry, now_ns: int) -> QueryEntry | None:
        """Return the entry if it is to run again where it is filed, else None: it is elsewhere now, or gone."""
        if entry.journal is None or entry.journal == entry.slot.key.journal:
            return entry
        if entry.watchers:
            self._want(entry, now_ns)
        else:
            self._table.drop(entry)
        return None

    def _want(self, entry: QueryEntry, now_ns: int) -> None:
        """Have a watched entry executed again, filed under the journal it will run with."""
        key = entry.slot.key
        if entry.journal is not None and entry.journal != key.journal:
            left_over = self._table.refile(entry, entry.journal)
            if entry.dropped:
                self._attach_again(left_over, key._replace(journal=entry.journal), now_ns)
                return
        self._rounds.want(entry)

    def _deliver(self, watcher: Watcher, entry: QueryEntry, answer: QueryAnswer, ts: int) -> None:
        """Send the entry's version, exact from ``ts`` on."""
        number, dirty_ts = watcher.number, entry.dirty_ts
        if watcher.delivered == entry.digest:
            self._results_unchanged += 1
            result = WatchResult(number, ts, dirty_ts, True, None, None, [], None)
        else:
            watcher.delivered = entry.digest
            result = WatchResult(
                watch=number,
                ts=ts,
                dirty_ts=dirty_ts,
                unchanged=False,
                result=answer.result,
                error=answer.error,
                log_lines=answer.log_lines,
                journal=answer.journal,
                request=answer.request,
            )
        self._gateways[watcher.gateway].outbox.add_result(entry.ts, result)

    def _refuse(self, gateway: int, number: int) -> None:
        self._gateways[gateway].watchers.pop(number, None)
        error = ExecutionError(
            code="TooManyQueries",
            message="Too many different queries are being watched on this server. Try again later, or raise "
            "query_entries_max.",
            system=503,
        )
        refusal = WatchResult(number, self.ts, 0, False, None, error, [], None)
        self._gateways[gateway].outbox.add_result(self.ts, refusal)
