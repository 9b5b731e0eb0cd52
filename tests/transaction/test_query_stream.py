"""A query given out in batches is the query read row by row: the same rows, reads, counts and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.transaction import query_stream
from rtdb.transaction.query_stream import QueryStream
from rtdb.transaction.transaction import Transaction
from rtdb.values.json_codec import decode_document
from tests.transaction.desk import Desk

ROWS = 40


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    desk = Desk(tmp_path_factory.mktemp("stream"))
    fill(desk)
    yield desk
    desk.close()


def fill(desk: Desk) -> None:
    transaction = desk.begin()
    for number in range(ROWS):
        transaction.insert("messages", {"author": "abc"[number % 3], "n": float(number)})
    desk.commit(transaction)


class Reader:
    """Takes rows one by one from batches, as a host does, and says what it took before anything else is done."""

    def __init__(self, stream: QueryStream) -> None:
        self._stream = stream
        self._given: list[bytes] = []
        self._ended = False
        self._taken = 0
        self._took_end = False

    def next(self) -> dict[str, Any] | None:
        if not self._given and not self._ended:
            self.report()
            self._given, self._ended = self._stream.next_batch()
        if not self._given:
            self._took_end = True
            return None
        self._taken += 1
        return decode_document(self._given.pop(0))

    def report(self) -> None:
        self._stream.take_through(self._taken)
        if self._took_end:
            self._stream.take_end()

    def before_write(self) -> None:
        self.report()
        self._given, self._ended = [], self._took_end


def row_by_row(transaction: Transaction, query: Any) -> Callable[[], dict[str, Any] | None]:
    rows = transaction.run_query(*query)
    return lambda: next(rows, None)


N = {"$field": "n"}
FILTERS = [
    {"$lt": [N, {"$literal": 30.0}]},
    {"$eq": [{"$mod": [N, {"$literal": 7.0}]}, {"$literal": 3.0}]},
    {"$eq": [{"$field": "author"}, {"$literal": "b"}]},
    {"$lt": [{"$add": [{"$field": "late"}, {"$literal": 1.0}]}, {"$literal": 0.0}]},  # cannot be evaluated
]
OPERATORS = st.lists(
    st.one_of(
        st.tuples(st.just("filter"), st.sampled_from(FILTERS)),
        st.tuples(st.just("limit"), st.integers(0, 20)),
    ),
    max_size=3,
)
QUERIES: st.SearchStrategy[Any] = st.tuples(
    st.just("messages"),
    st.sampled_from([None, "by_author"]),
    st.just([]),
    st.sampled_from(["asc", "desc"]),
    OPERATORS,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(1, 12)),
        st.tuples(st.just("insert"), st.sampled_from("abcd")),
        st.tuples(st.just("delete"), st.integers(0, ROWS - 1)),
        st.tuples(st.just("patch"), st.integers(0, ROWS - 1)),
    ),
    max_size=8,
)
BUDGETS = st.sampled_from([Limits(), Limits(documents_read_max=25), Limits(bytes_read_max=3000)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=QUERIES, steps=STEPS, limits=BUDGETS, ahead=st.sampled_from([1, 5, 128]))
def test_batches_are_the_rows_one_by_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, query: Any, steps: Any, limits: Limits, ahead: int
) -> None:
    monkeypatch.setattr(query_stream, "ROWS_AHEAD", ahead)
    assert trace(desk, query, steps, limits, batched=True) == trace(desk, query, steps, limits, batched=False)


def trace(desk: Desk, query: Any, steps: Any, limits: Limits, *, batched: bool) -> list[Any]:
    """Carry out the steps and return all that can be told of them."""
    desk.random.__init__(1)  # type: ignore[misc]  # both draw the same ids
    transaction = desk.begin(limits=limits)
    ids = [row["_id"] for row in islice(desk.begin(writable=False).run_query("messages", None, [], "asc", []), ROWS)]
    seen: list[Any] = []
    reader = None
    if batched:
        reader = Reader(transaction.open_query(transaction.prepare_query(*query)))
        next_row: Callable[[], dict[str, Any] | None] = reader.next
    else:
        next_row = row_by_row(transaction, query)
    try:
        for step, argument in steps:
            if step == "read":
                for _ in range(argument):
                    seen.append(next_row())
                    if seen[-1] is None:
                        break
            else:
                if reader is not None:
                    reader.before_write()
                try:
                    write(transaction, step, ids, argument)
                except DeveloperError as error:
                    seen.append(error.code)
            if reader is not None:
                reader.report()
                seen += [transaction.usage(), transaction.reads()]
            else:
                seen += [transaction.usage(), transaction.reads()]
    except DeveloperError as error:
        seen.append((error.code, error.message))
    return [*seen, transaction.usage(), transaction.reads(), transaction.writes()]


def write(transaction: Transaction, step: str, ids: list[str], argument: Any) -> None:
    if step == "insert":
        transaction.insert("messages", {"author": argument, "n": 5.0})
    elif step == "delete":
        transaction.delete(ids[argument])
    else:
        transaction.patch(ids[argument], {"author": "aa", "n": 3.0})


def test_rows_that_were_only_given_are_not_read(desk: Desk) -> None:
    """The control of the test above: what is taken, and nothing else, makes the difference."""
    transaction = desk.begin()
    stream = transaction.open_query(transaction.prepare_query("messages", "by_author", [], "asc", []))
    rows, ended = stream.next_batch()
    assert (len(rows), ended, transaction.usage().documents_read) == (ROWS, True, 1)
    stream.take_through(2)
    two = transaction.reads()
    assert transaction.usage().documents_read == 2
    stream.take_through(3)
    assert transaction.reads() != two


def test_a_limit_crossed_by_rows_that_were_given_earlier_is_an_error_when_they_are_taken(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(documents_read_max=50))
    query = transaction.prepare_query("messages", None, [], "asc", [])
    first, second = transaction.open_query(query), transaction.open_query(query)
    assert len(first.next_batch()[0]) == len(second.next_batch()[0]) == ROWS
    first.take_through(ROWS)
    with pytest.raises(DeveloperError) as raised:
        second.take_through(ROWS)
    assert raised.value.code == "TooManyDocumentsRead"


def test_two_rows_asked_for_at_once_are_two_rows(desk: Desk) -> None:
    """Whoever asks for a second row before he has got the first cannot say that it is taken."""
    transaction = desk.begin()
    stream = transaction.open_query(transaction.prepare_query("messages", None, [], "asc", []))
    batches = [stream.next_batch()[0] for _ in range(3)]
    assert [decode_document(batch[0])["n"] for batch in batches] == [0.0, 1.0, 2.0]
    assert transaction.usage().documents_read == 3


def test_a_reader_that_keeps_writing_is_given_few_rows(desk: Desk) -> None:
    transaction = desk.begin()
    stream = transaction.open_query(transaction.prepare_query("messages", None, [], "asc", []))
    sizes = []
    for taken in range(8):
        rows, _ = stream.next_batch()
        sizes.append(len(rows))
        transaction.patch(decode_document(rows[0])["_id"], {"n": float(-taken)})
    assert sizes[0] == ROWS
    assert max(sizes[1:]) <= 4


def test_a_reader_that_writes_sees_every_row_once(desk: Desk) -> None:
    transaction = desk.begin()
    reader = Reader(transaction.open_query(transaction.prepare_query("messages", None, [], "asc", [])))
    row = reader.next()
    while row is not None:
        reader.before_write()
        transaction.patch(row["_id"], {"n": -1.0})
        row = reader.next()
    # Each row as a row of the query, and once more by the patch.
    assert transaction.usage().documents_read == 2 * ROWS


def test_documents_are_counted_with_own_writes_and_any_new_one_matters(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    try:
        fill(desk)
        transaction = desk.begin()
        [first] = transaction.run_query("messages", None, [], "asc", [("limit", 1)])
        transaction.delete(first["_id"])
        transaction.insert("messages", {"author": "a"})
        transaction.insert("messages", {"author": "a"})
        assert transaction.count_documents("messages") == ROWS + 1
        assert transaction.count_documents("nowhere") == 0
        assert desk.commit(transaction).losses == []
        assert desk.begin(writable=False).count_documents("messages") == ROWS + 1
    finally:
        desk.close()
