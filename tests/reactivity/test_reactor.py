"""What watchers are told, and how much is executed for it."""

from __future__ import annotations

import msgspec

from rtdb.link.frames import BlockNotice, ExecutionError, Outcome, RoundResults, Watch, WatchResult
from rtdb.reactivity import Execution, Reactor
from tests.reactivity.toy import MILLISECOND_NS, Bench, limits

SECOND_NS = 1000 * MILLISECOND_NS


def finish_with(bench: Bench, execution: Execution, **changes: object) -> None:
    """End an execution with a changed outcome."""
    outcome: Outcome = msgspec.structs.replace(bench.database.outcome(execution), **changes)
    bench.running.remove(execution)
    bench.reactor.execution_finished(execution, outcome, bench.now_ns)


def results(messages: list[BlockNotice | RoundResults]) -> list[WatchResult]:
    return [result for message in messages if isinstance(message, RoundResults) for result in message.results]


def cached(reactor: Reactor, path: str, args: bytes, now_ns: int = 0, identity: bytes | None = None) -> bytes | None:
    answer = reactor.cached(path, args, identity, internal=False, now_ns=now_ns)
    return None if answer is None else answer.result


def test_all_who_ask_the_same_share_one_execution() -> None:
    bench = Bench()
    watches = [(gateway, bench.watch(gateway, "get", [1], identity)) for gateway in (0, 1) for identity in (b"a", b"b")]
    assert bench.settle() == 1
    bench.commit({1: 5})
    assert bench.settle() == 1
    assert {bench.result(*watch) for watch in watches} == {b"5"}


def test_write_outside_what_was_read_executes_nothing() -> None:
    bench = Bench()
    bench.watch(0, "between", [2, 4])
    bench.settle()
    bench.commit({1: 1, 4: 1})
    assert bench.settle() == 0


def test_newcomer_gets_the_result_that_is_there_with_the_interval_it_is_exact_in() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    bench.settle()
    bench.commit({2: 2})
    watch = bench.watch(1, "get", [1])
    (message,) = bench.reactor.take_messages()[1]
    assert isinstance(message, RoundResults)
    assert message.results == [WatchResult(watch, bench.database.ts(0), 0, False, b"None", None, [], None)]


def test_equal_result_is_told_as_unchanged() -> None:
    bench = Bench()
    watch = bench.watch(0, "get", [1])
    bench.commit({1: 5})
    bench.settle()
    bench.commit({1: 5})
    for execution in bench.start():
        bench.finish(execution)
    notice, round_results = bench.reactor.take_messages()[0]
    assert isinstance(notice, BlockNotice)
    assert notice.dirty == [watch]
    assert isinstance(round_results, RoundResults)
    assert round_results.results == [WatchResult(watch, bench.database.ts(2), 0, True, None, None, [], None)]


def test_same_value_with_other_log_lines_is_a_change() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    (execution,) = bench.start()
    finish_with(bench, execution, log_lines=["[LOG] one"])
    bench.commit({1: 5})
    (execution,) = bench.start()
    finish_with(bench, execution, result=b"None", log_lines=["[LOG] two"])
    first, second = results(bench.reactor.take_messages()[0])
    assert (first.unchanged, second.unchanged) == (False, False)
    assert second.log_lines == ["[LOG] two"]


def test_late_result_says_since_when_it_is_out_of_date_and_runs_again() -> None:
    bench = Bench()
    watch = bench.watch(0, "get", [1])
    (execution,) = bench.start()
    bench.commit({2: 0})
    bench.commit({1: 1})
    bench.commit({1: 2})
    bench.finish(execution)
    (result,) = results(bench.reactor.take_messages()[0])
    assert (result.ts, result.dirty_ts) == (bench.database.ts(0), bench.database.blocks[1].ts_first)
    bench.now_ns += 10 * MILLISECOND_NS
    assert [execution.seq for execution in bench.start()] == [3]
    assert watch == 1


def test_result_older_than_the_log_counts_as_out_of_date_from_the_next_timestamp() -> None:
    bench = Bench(limits(recent_changes_max=3))
    bench.watch(0, "get", [1])
    (execution,) = bench.start()
    bench.commit({7: 0})
    bench.commit({7: 1})
    bench.finish(execution)
    (result,) = results(bench.reactor.take_messages()[0])
    assert result.dirty_ts == bench.database.ts(0) + 1


def test_result_known_before_a_block_is_told_before_its_notice() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    (execution,) = bench.start()
    bench.finish(execution)
    bench.commit({1: 1})
    first, second = bench.reactor.take_messages()[0]
    assert isinstance(first, RoundResults)
    assert isinstance(second, BlockNotice)
    assert first.results[0].dirty_ts == 0


def test_message_of_losses_only_tells_nobody() -> None:
    bench = Bench()
    bench.gateway(0)
    block = msgspec.structs.replace(bench.database.commit({1: 1}), seq=0, changes=[])
    bench.reactor.block_applied(block, 0)
    assert bench.reactor.take_messages() == {}


def test_query_that_reads_its_caller_runs_for_each_of_them() -> None:
    bench = Bench()
    bench.commit({0: 1})
    alice, bob = bench.watch(0, "mine", [0], b"alice"), bench.watch(0, "mine", [0], b"bob")
    (execution,) = bench.start()
    bench.finish(execution)
    assert [result.watch for result in results(bench.reactor.take_messages()[0])] == [alice]
    assert bench.settle() == 1
    assert bench.result(0, bob) == b"(1, b'bob', None)"


def test_query_that_begins_to_read_its_caller_shows_nobody_anothers_result() -> None:
    bench = Bench()
    alice, bob = bench.watch(0, "mine", [0], b"alice"), bench.watch(0, "mine", [0], b"bob")
    assert bench.settle() == 1
    bench.commit({0: 1})
    assert bench.settle() == 2
    assert bench.result(0, alice) == b"(1, b'alice', None)"
    assert bench.result(0, bob) == b"(1, b'bob', None)"


def test_query_that_no_longer_reads_its_caller_is_shared_again() -> None:
    bench = Bench()
    bench.commit({0: 1})
    alice, bob = bench.watch(0, "mine", [0], b"alice"), bench.watch(1, "mine", [0], b"bob")
    bench.settle()
    bench.commit({0: 2})
    bench.settle()
    assert (bench.result(0, alice), bench.result(1, bob)) == (b"2", b"2")
    assert bench.reactor.statistics().entries == 1
    bench.commit({0: 4})
    assert bench.settle() == 1


def test_page_keeps_its_end_for_who_watches_and_not_for_newcomers() -> None:
    bench = Bench()
    bench.commit({1: 1, 4: 4})
    first = bench.watch(0, "page", [0])
    bench.settle()
    bench.commit({2: 2})
    bench.settle()
    newcomer, returned = bench.watch(0, "page", [0]), bench.watch(0, "page", [0], journal="4")
    bench.settle()
    assert bench.result(0, first) == bench.result(0, returned) == b"{1: 1, 2: 2, 4: 4}"
    assert bench.result(0, newcomer) == b"{1: 1, 2: 2}"
    assert bench.reactor.statistics().entries == 2


def test_error_of_the_function_is_a_result() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    error = ExecutionError("FunctionError", "Uncaught ValueError: no")
    (execution,) = bench.start()
    finish_with(bench, execution, result=None, error=error)
    (result,) = results(bench.reactor.take_messages()[0])
    assert result.error == error
    assert cached(bench.reactor, "get", b"[1]") is None


def test_system_failure_is_tried_again_after_growing_pauses_and_not_shown() -> None:
    bench = Bench(limits(query_retry_seconds=1.0, query_retry_seconds_max=3.0))
    watch = bench.watch(0, "get", [1])
    pauses = []
    for _ in range(4):
        (execution,) = bench.start()
        finish_with(bench, execution, result=None, error=ExecutionError("Overloaded", "", system=503))
        assert bench.start() == []
        due = bench.reactor.due_ns()
        assert due is not None
        pauses.append((due - bench.now_ns) // SECOND_NS)
        bench.now_ns = due
    assert pauses == [1, 2, 3, 3]
    assert bench.reactor.take_messages() == {}
    bench.settle()
    assert bench.result(0, watch) == b"None"


def test_entry_lingers_after_its_last_watcher_and_is_then_forgotten() -> None:
    bench = Bench(limits(query_linger_seconds=5.0))
    watch = bench.watch(0, "get", [1])
    (execution,) = bench.start()
    bench.finish(execution)
    bench.unwatch(0, watch)
    assert bench.reactor.due_ns() == 5 * SECOND_NS
    again = bench.watch(0, "get", [1])
    assert bench.start() == []
    bench.unwatch(0, again)
    bench.reactor.expire(5 * SECOND_NS)
    assert bench.reactor.statistics().entries == 0
    assert bench.reactor.due_ns() is None


def test_reuse_of_a_lingering_entry_keeps_it() -> None:
    bench = Bench(limits(query_linger_seconds=5.0))
    watch = bench.watch(0, "get", [1])
    (execution,) = bench.start()
    bench.finish(execution)
    bench.unwatch(0, watch)
    assert cached(bench.reactor, "get", b"[1]", 4 * SECOND_NS) == b"None"
    assert bench.reactor.due_ns() == 9 * SECOND_NS


def test_write_drops_a_lingering_entry_instead_of_running_it() -> None:
    bench = Bench()
    watch = bench.watch(0, "get", [1])
    (execution,) = bench.start()
    bench.finish(execution)
    bench.unwatch(0, watch)
    assert cached(bench.reactor, "get", b"[1]") == b"None"
    bench.commit({1: 1})
    assert bench.start() == []
    assert bench.reactor.statistics().entries == 0


def test_cached_result_that_observed_time_is_not_given_to_new_requests_for_long() -> None:
    bench = Bench(limits(query_read_time_seconds_max=17.0))
    watch = bench.watch(0, "get", [1])
    (execution,) = bench.start()
    finish_with(bench, execution, read_time=True)
    assert cached(bench.reactor, "get", b"[1]", 17 * SECOND_NS) == b"None"
    assert cached(bench.reactor, "get", b"[1]", 18 * SECOND_NS) is None
    bench.deliver()
    assert bench.gateways[0].versions[watch].dirty_ts == 0, "who watches it keeps it"


def test_cached_result_of_a_query_that_reads_its_caller_is_for_that_caller() -> None:
    bench = Bench()
    bench.commit({0: 1})
    bench.watch(0, "mine", [0], b"alice")
    bench.settle()
    assert cached(bench.reactor, "mine", b"[0]", identity=b"alice") == b"(1, b'alice', None)"
    assert cached(bench.reactor, "mine", b"[0]", identity=b"bob") is None
    assert cached(bench.reactor, "mine", b"[0]") is None


def test_body_evicted_under_a_watcher_is_made_again_for_a_newcomer_only() -> None:
    bench = Bench(limits(query_cache_bytes_max=600))
    old, other = bench.watch(0, "get", [1]), bench.watch(0, "get", [2])
    bench.settle()
    assert bench.reactor.statistics().body_bytes <= 600
    bench.watch(1, "get", [1])
    (execution,) = bench.reactor.start_round(bench.now_ns)
    bench.running.append(execution)
    bench.commit({3: 3})
    bench.finish(execution)
    assert execution.entry.watchers.keys() != set()
    (notice, message) = bench.reactor.take_messages()[0]
    assert isinstance(notice, BlockNotice)
    assert isinstance(message, RoundResults)
    assert [(result.watch, result.unchanged) for result in message.results] == [(old, True)]
    assert other not in [result.watch for result in message.results]


def test_entries_nobody_watches_make_room_for_others() -> None:
    bench = Bench(limits(query_entries_max=1))
    watch = bench.watch(0, "get", [1])
    (execution,) = bench.start()
    bench.finish(execution)
    bench.unwatch(0, watch)
    bench.watch(0, "get", [2])
    assert bench.settle() == 1
    assert bench.reactor.statistics().entries == 1


def test_watch_beyond_the_bound_gets_an_error_that_names_it() -> None:
    bench = Bench(limits(query_entries_max=1))
    bench.watch(0, "get", [1])
    bench.reactor.watch(0, Watch(9, "get", b"[2]", None, False, None), 0)
    (refused,) = results(bench.reactor.take_messages()[0])
    assert refused.watch == 9
    assert refused.error is not None
    assert (refused.error.code, refused.error.system) == ("TooManyQueries", 503)
    bench.reactor.unwatch(0, 9, 0)


def test_gateway_that_is_gone_leaves_nothing_to_run() -> None:
    bench = Bench()
    bench.watch(0, "get", [1])
    bench.remove_gateway(0)
    assert bench.start() == []
    bench.reactor.expire(bench.now_ns + 10 * SECOND_NS)
    assert bench.reactor.statistics().entries == 0
