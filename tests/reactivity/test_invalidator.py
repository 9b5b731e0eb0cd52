"""Whichever way writes and reads meet, the answer is that of `key_in_range`."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.link.frames import ReadRange
from rtdb.reactivity.invalidator import Invalidator
from rtdb.reactivity.query_entry import QueryEntry, QueryKey, QuerySlot
from tests.reactivity.toy import INDEX, ToyDatabase, key_of, number_part

numbers = st.integers(0, 6)
blocks = st.lists(st.dictionaries(numbers, st.none() | st.just(1), max_size=2), max_size=8)


@st.composite
def read_sets(draw: st.DrawFn) -> list[ReadRange]:
    reads = []
    for _ in range(draw(st.integers(0, 3))):
        first, second = sorted((draw(numbers), draw(numbers)))
        reads.append(
            draw(
                st.sampled_from(
                    [
                        ReadRange(INDEX, key_of(first), key_of(first) + b"\x00"),
                        ReadRange(INDEX, number_part(first), number_part(first) + b"\xff"),
                        ReadRange(INDEX, number_part(first), number_part(second)),
                        ReadRange(INDEX + 1, b"", b"\xff"),
                    ]
                )
            )
        )
    return reads


def new_entry() -> QueryEntry:
    return QueryEntry(QuerySlot(QueryKey("get", b"[]", None, False)), None)


@settings(max_examples=150, deadline=None)
@given(reads=read_sets(), before=blocks, after=blocks)
def test_result_registered_late_is_as_dirty_as_one_registered_in_time(
    reads: list[ReadRange], before: list[dict[int, int | None]], after: list[dict[int, int | None]]
) -> None:
    database = ToyDatabase()
    invalidator = Invalidator(0, database.ts(0), recent_changes_max=1000)
    for writes in before:
        invalidator.apply(database.commit(writes))
    position = database.seq
    early, late = new_entry(), new_entry()
    assert invalidator.register(early, reads, read_seq=position, read_ts=database.ts(position)) == 0
    for writes in after:
        invalidator.apply(database.commit(writes))
    expected = database.first_touch(reads, position)
    assert early.dirty_ts == expected
    assert invalidator.register(late, reads, read_seq=position, read_ts=database.ts(position)) == expected


@given(reads=read_sets(), others=read_sets(), history=blocks, bound=st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_log_that_is_too_short_says_dirty_too_early_but_never_too_late(
    reads: list[ReadRange], others: list[ReadRange], history: list[dict[int, int | None]], bound: int
) -> None:
    database = ToyDatabase()
    invalidator = Invalidator(0, database.ts(0), recent_changes_max=bound)
    entry = new_entry()
    invalidator.register(entry, others, read_seq=0, read_ts=database.ts(0))
    for writes in history:
        invalidator.apply(database.commit(writes))
    said = invalidator.register(entry, reads, read_seq=0, read_ts=database.ts(0))
    expected = database.first_touch(reads, 0)
    assert said in {expected, database.ts(0) + 1}
    assert said <= expected or not expected


def test_forgotten_entry_is_not_found_again() -> None:
    database = ToyDatabase()
    invalidator = Invalidator(0, database.ts(0), recent_changes_max=10)
    entry = new_entry()
    invalidator.register(entry, [ReadRange(INDEX, b"", b"\xff")], read_seq=0, read_ts=database.ts(0))
    assert list(invalidator.apply(database.commit({1: 1}))) == [entry]
    invalidator.forget(entry)
    assert list(invalidator.apply(database.commit({1: 2}))) == []
    assert sum(invalidator.range_statistics().values()) == 0
