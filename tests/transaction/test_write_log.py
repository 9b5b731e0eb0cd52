"""The write log: exactly the commits that could have changed what was read are conflicts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.index.index_range import key_in_range
from rtdb.link.frames import KeyChange, ReadRange
from rtdb.transaction.write_log import SEGMENT_KEYS_MAX, Conflict, TooOld, WriteLog

MINUTE = 60_000_000_000


def new_log(seq: int = 0, *, bytes_max: int = 1 << 30, nanoseconds_max: int = MINUTE) -> WriteLog:
    return WriteLog(seq, bytes_max=bytes_max, nanoseconds_max=nanoseconds_max)


def insert(index: int, *parts: bytes) -> KeyChange:
    return KeyChange(index, None, list(parts))


def test_insert_into_scanned_range_conflicts() -> None:
    log = new_log()
    log.append(1, 10, 0, "messages:send", [insert(7, b"a", b"1")])
    assert log.conflict([ReadRange(7, b"a", b"a\xff")], 0, 0) == Conflict(7, b"a1", 1, "messages:send")


def test_write_beside_the_scanned_range_does_not_conflict() -> None:
    log = new_log()
    log.append(1, 10, 0, "messages:send", [insert(7, b"b", b"1"), insert(8, b"a", b"1")])
    assert log.conflict([ReadRange(7, b"a", b"a\xff")], 0, 0) is None


def test_document_that_leaves_a_range_conflicts_by_its_old_key() -> None:
    log = new_log()
    log.append(1, 10, 0, "f", [KeyChange(7, [b"a"], [b"z"])])
    assert log.conflict([ReadRange(7, b"a", b"b")], 0, 0) is not None
    assert log.conflict([ReadRange(7, b"z", b"z\xff")], 0, 0) is not None
    assert log.conflict([ReadRange(7, b"m", b"n")], 0, 0) is None


def test_update_that_leaves_the_key_alone_conflicts() -> None:
    log = new_log()
    log.append(1, 10, 0, "f", [KeyChange(7, [b"a"], [b"a"])])
    assert log.conflict([ReadRange(7, b"a", b"a\xff")], 0, 0) is not None


def test_what_was_seen_at_the_begin_position_does_not_conflict() -> None:
    log = new_log()
    log.append(1, 10, 0, "f", [insert(7, b"a")])
    assert log.conflict([ReadRange(7, b"", b"\xff")], 1, 0) is None
    log.append(2, 11, 0, "f", [insert(7, b"a")])
    assert log.conflict([ReadRange(7, b"", b"\xff")], 1, 0) is not None


def test_commits_of_the_same_lane_epoch_do_not_conflict_but_those_beneath_them_do() -> None:
    log = new_log()
    read = [ReadRange(7, b"a", b"a\xff")]
    log.append(1, 10, 3, "lane", [insert(7, b"a")])
    assert log.conflict(read, 0, 3) is None
    assert log.conflict(read, 0, 4) is not None
    assert log.conflict(read, 0, 0) is not None
    log.append(2, 11, 0, "outside", [insert(7, b"a")])
    log.append(2, 12, 3, "lane", [insert(7, b"a")])
    assert log.conflict(read, 1, 3) == Conflict(7, b"a", 2, "outside")
    assert log.conflict(read, 2, 3) is None


def test_commits_outside_the_lane_do_not_count_as_one_lane() -> None:
    log = new_log()
    log.append(1, 10, 0, "f", [insert(7, b"a")])
    assert log.conflict([ReadRange(7, b"", b"\xff")], 0, 0) is not None


def test_begin_position_before_the_log_is_too_old() -> None:
    log = new_log(seq=5)
    assert log.conflict([], 4, 0) == TooOld(5)
    assert log.conflict([ReadRange(7, b"", b"\xff")], 5, 0) is None


def fill_segments(log: WriteLog, blocks: int) -> None:
    for seq in range(1, blocks + 1):
        log.append(seq, seq * MINUTE, 0, "f", [insert(7, b"%d-%d" % (seq, n)) for n in range(SEGMENT_KEYS_MAX)])


def test_log_forgets_by_age_and_then_calls_readers_too_old() -> None:
    log = new_log()
    fill_segments(log, 4)
    log.trim(3 * MINUTE)
    assert log.covers_from == 1
    assert log.conflict([], 0, 0) == TooOld(1)
    assert log.conflict([ReadRange(7, b"2-", b"2-\xff")], 1, 0) is not None


def test_log_forgets_by_size_but_keeps_its_newest_part() -> None:
    log = new_log(bytes_max=1)
    fill_segments(log, 4)
    log.trim(4 * MINUTE)
    assert log.covers_from == 3
    assert log.conflict([ReadRange(7, b"4-", b"4-\xff")], 3, 0) is not None
    assert 0 < log.bytes < SEGMENT_KEYS_MAX * 500


def test_a_block_is_never_split_by_forgetting() -> None:
    log = new_log(bytes_max=1)
    for _ in range(3):
        log.append(1, 10, 0, "f", [insert(7, b"%d" % n) for n in range(SEGMENT_KEYS_MAX)])
    log.append(2, 11, 0, "f", [insert(7, b"x")])
    log.trim(11)
    assert log.covers_from == 1


def test_keys_of_a_huge_transaction_are_found_too() -> None:
    log = new_log()
    log.append(1, 10, 0, "f", [insert(7, b"%06d" % (n * 7919 % 20_000)) for n in range(20_000)])
    assert log.conflict([ReadRange(7, b"012345", b"012346")], 0, 0) == Conflict(7, b"012345", 1, "f")
    log.append(1, 11, 0, "g", [insert(7, b"012345x")])
    assert log.conflict([ReadRange(7, b"012345x", b"012345y")], 0, 0) == Conflict(7, b"012345x", 1, "g")
    assert log.conflict([ReadRange(7, b"020000", b"03")], 0, 0) is None


keys = st.binary(max_size=3)
parts = st.none() | st.lists(keys, min_size=1, max_size=2)
changes = st.lists(st.builds(KeyChange, st.integers(1, 2), parts, parts), max_size=40)
reads = st.lists(st.builds(ReadRange, st.integers(1, 2), keys, keys), max_size=4)


@settings(max_examples=80)
@given(
    commits=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), changes), max_size=12),
    reads=reads,
    begin=st.integers(0, 12),
    lane=st.integers(0, 2),
)
def test_conflicts_are_those_of_a_plain_scan(
    commits: list[tuple[int, int, list[KeyChange]]], reads: list[ReadRange], begin: int, lane: int
) -> None:
    """The log's bisection and the predicate applied to every key of every commit agree."""
    log = new_log()
    expected = False
    seq = 1
    for step, commit_lane, commit_changes in commits:
        seq += step
        log.append(seq, seq, commit_lane, "f", commit_changes)
        if seq > begin and (lane == 0 or commit_lane != lane):
            touched = {
                (change.index, b"".join(side))
                for change in commit_changes
                for side in (change.old, change.new)
                if side is not None
            }
            expected |= any(index == read.index and key_in_range(key, read) for index, key in touched for read in reads)
    assert (log.conflict(reads, begin, lane) is not None) == expected
