"""Our executor and npm `convex-test` give the same results to the same programs.

`convex-test` is the reference's own test double. Where its semantics are not the reference's, programs stay clear of
the difference; :mod:`tests.differential.programs` lists them all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rtdb.functions.context import DatabaseWriter
from rtdb.functions.filter_builder import FilterBuilder
from rtdb.functions.index_range_builder import IndexRangeBuilder
from rtdb.functions.query_builder import Query
from tests.differential.peers import ConvexTest, Ours, Peer, comparable
from tests.differential.programs import page_steps, transactions

pytestmark = pytest.mark.slow

PAGES_MAX = 100
FIRST = {
    "kind": "mutation",
    "steps": [
        {"op": "insert", "table": "loose", "fields": {"n": 1.0}},
        {"op": "insert", "table": "strict", "fields": {"kind": "x", "value": 1.0}},
    ],
    "fails": False,
}
"""Whatever number a step names then names a document."""


@pytest.fixture(scope="module")
def convex_test() -> Iterator[ConvexTest]:
    with ConvexTest() as process:
        yield process


class Session:
    """One program on both databases; raises ``AssertionError`` at the first difference."""

    def __init__(self, theirs: ConvexTest, directory: str) -> None:
        theirs.reset()
        self.peers: tuple[Peer, Peer] = (theirs, Ours(Path(directory)))
        self.ids: tuple[list[list[str]], ...] = ([], [])
        self.compare(FIRST)

    def compare(self, transaction: dict[str, Any]) -> None:
        """Run a transaction, which must give the same results."""
        answers = [peer.run(transaction, ids) for peer, ids in zip(self.peers, self.ids, strict=True)]
        if transaction["fails"]:
            assert answers == [None, None]
            return
        results = [answer for answer in answers if answer is not None]
        self.ids = tuple(answer["ids"] for answer in results)
        theirs, ours = (comparable(answer["results"], answer["ids"]) for answer in results)
        assert ours == theirs

    def walk(self, step: dict[str, Any], between: Iterator[dict[str, Any]]) -> None:
        """Read a list page by page, with writes between, and every page again to the end that it had."""
        cursors: tuple[Any, ...] = (None, None)
        # A cursor belongs to its query, so documents in it are those that their numbers name now.
        known = self.ids
        for _ in range(PAGES_MAX):
            begun = cursors
            pages = self._pages(step, known, [{"cursor": cursor} for cursor in cursors])
            if pages is None:
                return
            cursors = tuple(page["continueCursor"] for page in pages)
            theirs, ours = pages
            assert theirs["isDone"] or not ours["isDone"]
            for transaction in itertools.islice(between, 1):
                self.compare(transaction)
            bounds = [{"cursor": start, "endCursor": end} for start, end in zip(begun, cursors, strict=True)]
            if theirs["isDone"] == ours["isDone"]:
                self._pages({**step, "options": {"numItems": 1}}, known, bounds)
            if theirs["isDone"]:
                return
        raise AssertionError("the list does not end")

    def _pages(
        self, step: dict[str, Any], known: tuple[list[list[str]], ...], options: list[dict[str, Any]]
    ) -> tuple[Any, ...] | None:
        results = []
        for peer, ids, option in zip(self.peers, known, options, strict=True):
            steps = [{**step, "options": step["options"] | option}]
            answer = peer.run({"kind": "query", "steps": steps, "fails": False}, ids)
            assert answer is not None
            results += answer["results"]
        theirs, ours = results
        assert theirs[0] == ours[0]
        if theirs[0] == "error":
            return None
        pages = (theirs[1], ours[1])
        left, right = (comparable(page["page"], ids) for page, ids in zip(pages, self.ids, strict=True))
        assert right == left
        return pages

    def close(self) -> None:
        self.peers[1].close()


@contextmanager
def session(convex_test: ConvexTest) -> Iterator[Session]:
    with TemporaryDirectory() as directory:
        opened = Session(convex_test, directory)
        try:
            yield opened
        finally:
            opened.close()


def run_program(convex_test: ConvexTest, program: list[dict[str, Any]]) -> None:
    with session(convex_test) as opened:
        for transaction in program:
            opened.compare(transaction)


programs = st.lists(transactions, min_size=1, max_size=6)


def few(maximum: int) -> settings:
    """Return how many examples are tried, more of them in ``make soak``."""
    deep = settings().max_examples
    # Which parts of a failing program matter is said by shrinking; explaining takes minutes.
    return settings(max_examples=maximum if deep <= 100 else deep, phases=set(Phase) - {Phase.explain})


@few(60)
@given(program=programs)
def test_programs_have_the_results_they_have_on_convex_test(
    convex_test: ConvexTest, program: list[dict[str, Any]]
) -> None:
    run_program(convex_test, program)


@few(40)
@given(program=programs, step=page_steps(), between=st.lists(transactions, max_size=4))
def test_pages_are_those_of_convex_test_whatever_is_written_between_them(
    convex_test: ConvexTest, program: list[dict[str, Any]], step: dict[str, Any], between: list[dict[str, Any]]
) -> None:
    with session(convex_test) as opened:
        for transaction in program:
            opened.compare(transaction)
        opened.walk(step, iter(between))


# --- controls: what we do is changed on purpose -----------------------------------------------------------------------

REAL_ORDER = Query.order


def reversed_order(query: Query[Any, Any], order: Any) -> Query[Any, Any]:
    return REAL_ORDER(query, "asc" if order == "desc" else "desc")


CHANGES: dict[str, tuple[type, str, Callable[..., Any]]] = {
    "rows come in the wrong order": (Query, "order", reversed_order),
    "a range includes its bound": (IndexRangeBuilder, "gt", IndexRangeBuilder.gte),
    "a filter keeps what it should drop": (FilterBuilder, "neq", FilterBuilder.eq),
    "a patch replaces": (DatabaseWriter, "patch", DatabaseWriter.replace),
    "what is deleted stays": (DatabaseWriter, "delete", lambda *_: None),
}
RARE = ("a filter keeps what it should drop", "a patch replaces")
"""Few programs show these: it takes some hundreds to find one."""


@pytest.mark.parametrize(
    "change",
    [pytest.param(change, marks=pytest.mark.soak if change in RARE else ()) for change in CHANGES],
)
def test_a_changed_semantics_is_noticed(convex_test: ConvexTest, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setattr(*CHANGES[change])

    @settings(max_examples=1000, phases=[Phase.generate], derandomize=True, database=None)
    @given(program=programs)
    def compare(program: list[dict[str, Any]]) -> None:
        run_program(convex_test, program)

    with pytest.raises(AssertionError):
        compare()
