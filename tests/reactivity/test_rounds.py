"""When things run: in step where possible, and never so that a session is left behind."""

from __future__ import annotations

import msgspec
import pytest

from rtdb.link.frames import BlockNotice, Origin, RoundResults, Unwatch, Watch
from rtdb.reactivity import Execution
from rtdb.sync.commands import Command
from rtdb.sync.watch_table import Query, Watched, WatchTable, greatest_common_timestamp
from tests.reactivity.toy import MILLISECOND_NS, Bench, limits


class Zeros:
    def bytes(self, count: int) -> bytes:
        return bytes(count)


class Session:
    """Notes the timestamps it could be moved to."""

    def __init__(self) -> None:
        self.shown: list[int] = []
        self.queries: list[Watched] = []
        self.table: WatchTable | None = None

    def advance(self, now_ns: int) -> list[Command]:
        assert self.table is not None
        floor = self.shown[-1] if self.shown else 0
        timestamp = greatest_common_timestamp(self.queries, floor, self.table.current_ts)
        if timestamp is not None and timestamp > floor:
            self.shown.append(timestamp)
        return []


@pytest.mark.parametrize("ticks", [(1, 1, 1), (1, 3, 7), (2, 5, 11), (1, 50, 3), (7, 7, 8)])
def test_session_moves_forward_however_slow_its_queries_are_and_however_many_writes(
    ticks: tuple[int, int, int],
) -> None:
    """A block each tick invalidates all three queries, which take different numbers of ticks; other sessions' queries
    keep other rounds running. The session must be moved at least once in a few times its slowest query."""
    bench = Bench()
    table = WatchTable(current_ts=bench.database.ts(0), random=Zeros(), redact=False)
    bench.reactor.add_gateway(0)
    sessions = [Session(), Session()]
    for number, session in enumerate(sessions):
        session.table = table
        session.queries = [
            table.subscribe(Query("between", b"[%d,9]" % (3 * number + which), None, False, None), session)
            for which in range(3)
        ]
    duration = {b"[%d,9]" % number: ticks[number % 3] + number // 3 for number in range(6)}
    ends: list[tuple[int, Execution]] = []
    moved: list[int] = []
    for tick in range(600):
        for frame in table.outgoing:
            match frame:
                case Watch():
                    bench.reactor.watch(0, frame, bench.now_ns)
                case Unwatch():
                    raise AssertionError
        table.outgoing.clear()
        bench.now_ns += 10 * MILLISECOND_NS
        bench.commit({8: tick})
        for end, execution in list(ends):
            if end <= tick:
                ends.remove((end, execution))
                bench.finish(execution)
        for execution in bench.start():
            ends.append((tick + duration[execution.entry.slot.key.args], execution))
        before = len(sessions[0].shown)
        for message in bench.reactor.take_messages().get(0, []):
            match message:
                case BlockNotice():
                    told = table.apply_notice(message)
                case RoundResults():
                    told = table.apply_round(message)
            for subscriber in told:
                subscriber.advance(bench.now_ns)
        if len(sessions[0].shown) > before:
            moved.append(tick)
    pauses = [after - before for before, after in zip([0, *moved], [*moved, 600], strict=True)]
    assert max(pauses) <= 3 * (max(ticks) + 1) + 3


def test_slow_query_does_not_delay_the_others() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    quick = bench.watch(0, "get", [2])
    slow, first = bench.start()
    bench.finish(first)
    for value in range(1, 4):
        bench.commit({2: value})
        bench.now_ns += 10 * MILLISECOND_NS
        (execution,) = bench.start()
        bench.finish(execution)
        bench.deliver()
        assert bench.result(0, quick) == repr(value).encode()
    assert bench.running == [slow]


def test_what_becomes_dirty_while_a_round_runs_waits_for_its_end_or_a_moment() -> None:
    bench = Bench(limits(round_settle_ms=5.0))
    bench.watch(0, "get", [1])
    (running,) = bench.start()
    bench.watch(0, "get", [2])
    assert bench.start() == []
    assert bench.reactor.due_ns() == 5 * MILLISECOND_NS
    bench.finish(running)
    assert len(bench.start()) == 1


def test_large_round_is_handed_out_in_slices_at_one_position() -> None:
    bench = Bench(limits(round_entries_max=3, runners_max=1))
    for number in range(8):
        bench.watch(0, "get", [number])
    seen: list[int] = []
    while started := bench.start():
        assert len(started) <= 3
        seen += [execution.seq for execution in started]
        bench.commit({9: len(seen)})
        while bench.running:
            bench.finish(bench.running[0])
    assert seen == [0] * 8


def test_entries_take_turns_when_not_all_fit() -> None:
    bench = Bench(limits(round_entries_max=1, runners_max=1))
    for number in range(3):
        bench.watch(0, "get", [number])
    ran: list[bytes] = []
    for value in range(9):
        for execution in bench.start():
            ran.append(execution.entry.slot.key.args)
            bench.finish(execution)
        bench.commit({0: value, 1: value, 2: value})
        bench.now_ns += 10 * MILLISECOND_NS
    assert [ran.count(b"[%d]" % number) for number in range(3)] == [3, 3, 3]


def test_no_round_is_opened_while_the_runners_have_enough_to_do() -> None:
    bench = Bench(limits(runners_max=1))
    for number in range(5):
        bench.watch(0, "get", [number])
    assert len(bench.start()) == 5
    bench.watch(0, "get", [9])
    bench.now_ns += 1000 * MILLISECOND_NS
    assert bench.start() == []
    assert bench.reactor.due_ns() is None
    for execution in bench.running[:3]:
        bench.finish(execution)
    assert len(bench.start()) == 1


def test_slice_that_nobody_watches_any_more_does_not_hold_up_the_next_round() -> None:
    """All that was left of a round was dropped: then nothing would have ended, and nothing ever started again."""
    bench = Bench(limits(runners_max=1, round_entries_max=3))
    watches = [bench.watch(0, "get", [number]) for number in range(4)]
    running = bench.start()
    bench.unwatch(0, watches[3])
    bench.watch(0, "get", [9])
    for execution in running:
        bench.finish(execution)
    assert [execution.entry.slot.key.args for execution in bench.start()] == [b"[9]"]


def test_messages_name_the_rounds_that_are_still_running() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    bench.watch(0, "get", [2])
    slow, quick = bench.start()
    bench.finish(quick)
    (message,) = bench.reactor.take_messages()[0]
    assert isinstance(message, RoundResults)
    assert message.running == [bench.database.ts(0)]
    bench.finish(slow)
    (message,) = bench.reactor.take_messages()[0]
    assert isinstance(message, RoundResults)
    assert message.running == []


def test_round_whose_results_follow_counts_as_running_in_the_messages_before() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    bench.watch(0, "get", [2])
    slow, quick = bench.start()
    bench.finish(quick)
    bench.commit({2: 1})
    bench.now_ns += 10 * MILLISECOND_NS
    (again,) = bench.start()
    bench.finish(again)
    bench.finish(slow)
    running = [message.running for message in bench.reactor.take_messages()[0] if isinstance(message, RoundResults)]
    assert running == [[bench.database.ts(0), bench.database.ts(1)], [bench.database.ts(0)], []]


def test_slow_query_joins_the_round_that_another_still_runs_in() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    (first,) = bench.start()
    bench.commit({1: 1, 2: 1})
    bench.watch(0, "get", [2])
    bench.now_ns += 10 * MILLISECOND_NS
    (second,) = bench.start()
    assert (first.seq, second.seq) == (0, 1)
    bench.commit({1: 2, 2: 2})
    bench.finish(first)
    (joined,) = bench.start()
    assert joined.seq == 1, "not at the newest position, where the other query will not be"


def test_call_carries_what_the_query_was_asked_with() -> None:
    bench = Bench()
    bench.commit({3: 3})
    bench.watch(0, "page", [1], identity=b"alice", journal="3")
    (execution,) = bench.start()
    call = execution.to_call(17, "00ff")
    assert msgspec.structs.asdict(call) == {
        "call": 17,
        "kind": "query",
        "path": "page",
        "args": b"[1]",
        "identity": b"alice",
        "internal": False,
        "at": 1,
        "session": None,
        "journal": "3",
        "by_server": False,
        "scheduled": None,
        "origin": Origin("SyncWorker", "00ff"),
    }
