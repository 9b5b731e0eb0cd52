"""Subscribed pages against one full scan.

A client holds a list as consecutive pages: each was asked for with the end of the one before as its cursor, and each
runs again, with the journal of its last execution, when a commit touches what it read — and only then, so that a range
missing from a read set shows as a stale page. It loads more at the end, splits pages in two at the cursor it is
offered, and reconnects. Whatever is written in between, the pages put together are the whole query, in order, without a
gap and without a row twice. A client that forgets the journals is found out.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rtdb.config import Limits
from rtdb.functions.pages import Pages
from rtdb.functions.query_builder import Query, TableQuery
from rtdb.index.index_range import key_in_range
from rtdb.link.frames import BlockApplied, ReadRange
from rtdb.transaction.cursor import CursorCodec
from tests.transaction.desk import Desk

Document = dict[str, Any]
KEYS = st.sampled_from([0.0, 1.0, 2.0, "a", None])


class SubscribedPage:
    """One page of the list; ``end`` is set where it was split off with a known end."""

    def __init__(self, cursor: str | None, size: int, end: str | None = None) -> None:
        self.cursor = cursor
        self.size = size
        self.end = end
        self.journal: str | None = None
        self.result: Any = {}
        self.reads: list[ReadRange] = []


class PaginationMachine(RuleBasedStateMachine):
    """See the module."""

    remembers = True

    @initialize(
        order=st.sampled_from(["asc", "desc"]),
        ranged=st.booleans(),
        filtered=st.booleans(),
        first=st.lists(KEYS, max_size=6),
        size=st.integers(1, 4),
        rows_read=st.none() | st.integers(1, 5),
    )
    def open(
        self,
        order: Literal["asc", "desc"],
        ranged: bool,
        filtered: bool,
        first: list[Any],
        size: int,
        rows_read: int | None,
    ) -> None:
        self.directory = TemporaryDirectory()
        self.desk = Desk(Path(self.directory.name))
        self.codec = CursorCodec(bytes(16), "rtdb")
        self.order = order
        self.ranged = ranged
        self.filtered = filtered
        self.rows_read = rows_read
        self.rows: dict[str, Document] = {}
        self.write([("insert", value, 0) for value in first])
        self.pages = [SubscribedPage(None, size)]
        self.run(self.pages[0])

    # --- the query ---

    def query(self, transaction: Any, pages: Any) -> Query[Document, str]:
        counters: TableQuery[Document, str] = TableQuery(transaction, pages, "counters")
        query = counters.with_index("by_key", (lambda q: q.gt("a", 0).lte("a", "a")) if self.ranged else None)
        query = query.order(self.order)
        return query.filter(lambda q: q.neq(q.field("kind"), 1)) if self.filtered else query

    def run(self, page: SubscribedPage) -> None:
        transaction = self.desk.begin(writable=False)
        pages = Pages(transaction, self.codec, Limits(), page.journal if self.remembers else None)
        page.result = self.query(transaction, pages).paginate(
            {
                "numItems": page.size,
                "cursor": page.cursor,
                "endCursor": page.end,
                "maximumRowsRead": self.rows_read,
            }
        )
        page.journal = pages.journal
        page.reads = transaction.reads()

    # --- writes ---

    def write(self, changes: list[tuple[str, Any, int]]) -> None:
        transaction = self.desk.begin()
        for verb, value, kind in changes:
            ids = sorted(self.rows)
            if verb == "insert":
                transaction.insert("counters", {"a": value, "kind": kind})
            elif ids and verb == "patch":
                transaction.patch(ids[kind % len(ids)], {"a": value})
            elif ids and verb == "delete" and transaction.get(ids[kind % len(ids)]) is not None:
                transaction.delete(ids[kind % len(ids)])
        block = self.desk.commit(transaction)
        scan = self.desk.begin(writable=False)
        counters: TableQuery[Document, str] = TableQuery(scan, None, "counters")  # type: ignore[arg-type]  # no pages
        self.rows = {row["_id"]: row for row in counters}
        self.follow(block)

    def follow(self, block: BlockApplied) -> None:
        """Run again the pages that the block says something about, as the reactor does."""
        keys = [
            (change.index, b"".join(parts))
            for change in block.changes
            for parts in (change.old, change.new)
            if parts is not None
        ]
        for page in getattr(self, "pages", []):
            if any(index == read.index and key_in_range(key, read) for index, key in keys for read in page.reads):
                self.run(page)

    @rule(
        changes=st.lists(
            st.tuples(st.just("insert"), KEYS, st.integers(0, 1))
            | st.tuples(st.just("patch"), KEYS, st.integers(0, 20))
            | st.tuples(st.just("delete"), st.none(), st.integers(0, 20)),
            min_size=1,
            max_size=4,
            unique_by=lambda change: (change[0], change[2]) if change[0] != "insert" else object(),
        )
    )
    def commit(self, changes: list[tuple[str, Any, int]]) -> None:
        deleted_last = sorted(changes, key=lambda change: change[0] == "delete")
        self.write(deleted_last)

    # --- the client ---

    @precondition(lambda self: hasattr(self, "pages") and not self.pages[-1].result["isDone"])
    @rule(size=st.integers(1, 4))
    def load_more(self, size: int) -> None:
        page = SubscribedPage(self.pages[-1].result["continueCursor"], size)
        self.run(page)
        self.pages.append(page)

    @rule(which=st.integers(0, 10))
    def split(self, which: int) -> None:
        place = which % len(self.pages)
        page = self.pages[place]
        middle = page.result["splitCursor"]
        if middle is None:
            return
        halves = [
            SubscribedPage(page.cursor, page.size, middle),
            SubscribedPage(middle, page.size, page.result["continueCursor"]),
        ]
        for half in halves:
            self.run(half)
        self.pages[place : place + 1] = halves

    @rule()
    def reconnect(self) -> None:
        """Every page is added again with the journal it had."""
        for page in self.pages:
            self.run(page)

    # --- what must hold ---

    @invariant()
    def the_pages_together_are_the_query(self) -> None:
        if not hasattr(self, "pages"):
            return
        shown = [row for page in self.pages for row in page.result["page"]]
        scan = self.desk.begin(writable=False)
        everything = list(self.query(scan, None))
        if self.pages[-1].result["isDone"]:
            assert shown == everything
        else:
            assert shown == everything[: len(shown)]
        for before, after in zip(self.pages, self.pages[1:], strict=False):
            assert before.result["continueCursor"] == after.cursor

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.close()
            self.directory.cleanup()


PaginationMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestPaginationModel = pytest.mark.slow(PaginationMachine.TestCase)


class ForgetfulMachine(PaginationMachine):
    """The control: pages run again as if for the first time."""

    remembers = False


@pytest.mark.slow
def test_without_journals_pages_come_apart() -> None:
    quickly = settings(
        max_examples=200, stateful_step_count=25, deadline=None, phases=[Phase.generate], derandomize=True
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(ForgetfulMachine, settings=quickly)
