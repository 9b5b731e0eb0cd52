"""The watch table: versions of queries, how long they are kept, and where a session may go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtdb.link.frames import BlockNotice, ExecutionError, RoundResults, Unwatch, Watch, WatchResult
from rtdb.sync.commands import Command
from rtdb.sync.content import value_content
from rtdb.sync.watch_table import Query, Version, Watched, WatchTable, greatest_common_timestamp
from tests.sync.session_world import SeededRandom

QUERY = Query("q:get", b"{}", None, False, None)


class Session:
    """Someone who is told; where to is not asked here."""

    def advance(self, now_ns: int) -> list[Command]:
        raise NotImplementedError


def make_table(*, redact: bool = False) -> WatchTable:
    return WatchTable(current_ts=100, random=SeededRandom(), redact=redact)


def result(
    watch: int, ts: int, value: bytes = b"1.0", *, dirty_ts: int = 0, lines: list[str] | None = None
) -> WatchResult:
    return WatchResult(watch, ts, dirty_ts, False, value, None, lines or [], None)


def failure(watch: int, ts: int, message: str, system: int = 0) -> WatchResult:
    error = ExecutionError("x", message, system=system)
    return WatchResult(watch, ts, 0, False, None, error, [], None, request=f"{ts:016x}")


def test_a_query_is_asked_of_the_hub_once_however_many_sessions_watch_it() -> None:
    table = make_table()
    first, second = Session(), Session()
    watched = table.subscribe(QUERY, first)
    assert table.subscribe(QUERY, second) is watched
    assert table.outgoing == [Watch(watched.number, "q:get", b"{}", None, False, None)]
    table.outgoing.clear()
    table.unsubscribe(watched, first)
    assert table.outgoing == []
    table.unsubscribe(watched, second)
    assert table.outgoing == [Unwatch(watched.number)]


def test_a_session_that_watches_a_query_twice_keeps_it_until_both_are_gone() -> None:
    table, session = make_table(), Session()
    watched = table.subscribe(QUERY, session)
    table.subscribe(QUERY, session)
    table.outgoing.clear()
    table.unsubscribe(watched, session)
    assert table.outgoing == []
    assert list(table.apply_round(RoundResults([result(watched.number, 100)], []))) == [session]
    table.unsubscribe(watched, session)
    assert table.outgoing == [Unwatch(watched.number)]


def test_a_round_names_each_session_once() -> None:
    table, session = make_table(), Session()
    numbers = [table.subscribe(Query(f"q:{name}", b"{}", None, False, None), session).number for name in "ab"]
    touched = table.apply_round(RoundResults([result(number, 100) for number in numbers], []))
    assert list(touched) == [session]


def test_a_result_nobody_watches_any_more_is_ignored() -> None:
    table = make_table()
    assert list(table.apply_round(RoundResults([result(77, 100)], []))) == []
    assert list(table.apply_notice(BlockNotice(101, 101, [77]))) == []


def test_a_block_ends_the_validity_of_the_latest_version_and_the_first_block_counts() -> None:
    table = make_table()
    watched = table.subscribe(QUERY, Session())
    table.apply_round(RoundResults([result(watched.number, 100)], []))
    table.apply_notice(BlockNotice(105, 107, [watched.number]))
    table.apply_notice(BlockNotice(110, 110, [watched.number]))
    assert watched.latest is not None
    assert watched.latest.dirty_ts == 105
    assert greatest_common_timestamp([watched], 0, table.current_ts) == 104


def test_an_unchanged_result_shares_the_content_of_the_one_before() -> None:
    table = make_table()
    watched = table.subscribe(QUERY, Session())
    table.apply_round(RoundResults([result(watched.number, 100)], []))
    assert watched.latest is not None
    content = watched.latest.content
    table.apply_round(RoundResults([WatchResult(watched.number, 110, 0, True, None, None, [], None)], []))
    assert watched.latest.content is content
    assert watched.latest.ts == 110


def test_versions_are_kept_for_running_rounds_and_dropped_one_message_after_those_have_ended() -> None:
    table = make_table()
    watched = table.subscribe(QUERY, Session())
    number = watched.number
    table.apply_round(RoundResults([result(number, 100, b"1.0", dirty_ts=120)], []))
    table.apply_round(RoundResults([result(number, 130, b"2.0", dirty_ts=140)], [110]))
    assert [version.ts for version in watched.older] == [100]
    table.apply_round(RoundResults([result(number, 150, b"3.0")], [110]))
    assert [version.ts for version in watched.older] == [100], "no round runs in [130, 140)"
    other = table.subscribe(Query("q:slow", b"{}", None, False, None), Session())
    table.apply_round(RoundResults([result(other.number, 110, dirty_ts=111)], []))
    assert greatest_common_timestamp([watched, other], 0, 200) == 110
    table.apply_round(RoundResults([], []))
    assert watched.older == []


def test_a_round_that_arrives_together_with_a_later_one_finds_the_versions_of_its_timestamp() -> None:
    table = make_table()
    fast, slow = (table.subscribe(Query(f"q:{name}", b"{}", None, False, None), Session()) for name in "ab")
    table.apply_round(RoundResults([result(fast.number, 100, dirty_ts=115)], []))
    together = [result(fast.number, 120, b"2.0", dirty_ts=121), result(slow.number, 110, dirty_ts=112)]
    table.apply_round(RoundResults(together, []))
    assert greatest_common_timestamp([fast, slow], 100, 200) == 111


def test_results_that_read_the_same_have_one_digest_and_log_lines_count() -> None:
    one, same = value_content(b"1.0", [], None), value_content(b"1.0", [], "journal")
    assert one.digest == same.digest
    assert one.digest != value_content(b"1.0", ["[LOG] 'x'"], None).digest


def test_an_error_is_the_same_error_under_another_request_id() -> None:
    table = make_table()
    watched = table.subscribe(QUERY, Session())
    tails = []
    for ts in (100, 101):
        table.apply_round(RoundResults([failure(watched.number, ts, "Uncaught ValueError: no")], []))
        assert watched.latest is not None
        tails.append((watched.latest.content.tail, watched.latest.content.digest))
    assert b"[Request ID: 0000000000000064] Server Error" in tails[0][0]
    assert b"[Request ID: 0000000000000065] Server Error" in tails[1][0]
    assert tails[0][1] == tails[1][1]


def test_redaction_hides_messages_and_log_lines_but_not_the_payload() -> None:
    table = make_table(redact=True)
    watched = table.subscribe(QUERY, Session())
    error = ExecutionError("ApplicationError", "secret", "    at f (a.py:1)\n", data=b'{"code":"FULL"}')
    table.apply_round(RoundResults([WatchResult(watched.number, 100, 0, False, None, error, ["[LOG] s"], "j")], []))
    assert watched.latest is not None
    tail = watched.latest.content.tail
    assert b"secret" not in tail
    assert tail.endswith(b' Server Error","errorData":{"code":"FULL"},"logLines":[],"journal":"j"}')


versions = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 8)), max_size=4)


@given(st.lists(versions, max_size=4), st.integers(0, 35), st.integers(0, 40))
def test_the_greatest_common_timestamp_is_what_trying_all_of_them_finds(
    queries: list[list[tuple[int, int]]], floor: int, current: int
) -> None:
    content = value_content(b"null", [], None)
    table = []
    for number, intervals in enumerate(queries):
        watched = Watched(number, QUERY)
        ordered: list[Version] = []
        for ts, length in sorted(intervals):
            if ordered and ordered[-1].dirty_ts > ts:
                continue
            ordered.append(Version(ts, ts + length, content))
        if ordered and number % 2:
            ordered[-1].dirty_ts = 0
        if ordered:
            *watched.older, watched.latest = ordered
        table.append(watched)
    possible = [
        ts
        for ts in range(floor, current + 1)
        if all(
            any(version.covers(ts) for version in [*watched.older, *([watched.latest] if watched.latest else [])])
            for watched in table
        )
    ]
    assert greatest_common_timestamp(table, floor, current) == (max(possible) if possible else None)
