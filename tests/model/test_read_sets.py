"""Read sets, hunted: what a program returned stays what it returns until a commit touches what it has read.

A program is a list of reads and writes of one transaction: points and scans of every kind, pages, names that exist and
names that do not, and writes of its own whose effects later reads see. Each is remembered with its results and its read
set, and run again after every commit that says nothing about that set: it must return and write exactly the same. A
range missing from a read set would be a lost update, or a subscription that shows what is no longer true. The control
forgets a range and is found out.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.pages import Pages
from rtdb.functions.query_builder import TableQuery
from rtdb.index.index_range import key_in_range
from rtdb.link.frames import BlockApplied, ReadRange, Write
from rtdb.transaction.cursor import CursorCodec
from rtdb.transaction.snapshot import Snapshot
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import encode_id
from tests.transaction.desk import COUNTERS, MESSAGES, Desk
from tests.transaction.workbench import START_NS, SeededRandom, write_index

Step = tuple[Any, ...]
CODEC = CursorCodec(bytes(16), "rtdb")

values = st.sampled_from([0.0, 1.0, 2.0, "a", None])
orders = st.sampled_from(["asc", "desc"])
numbers = st.integers(0, 9)
tables = st.sampled_from(["messages", "counters", "later", "never"])
counts = st.none() | st.integers(0, 3)
scans = st.tuples(st.just("scan"), st.sampled_from(["messages", "counters", "later"]), orders, counts, st.booleans())
ranges = st.tuples(st.just("range"), st.sampled_from(["Eq", "Gt", "Gte", "Lt", "Lte"]), values, orders, counts)
reads = st.one_of(
    st.tuples(st.just("get"), numbers),
    st.tuples(st.just("get_unknown"), st.integers(0, 3)),
    st.tuples(st.just("normalize"), tables, numbers),
    scans,
    ranges,
    ranges,
    st.tuples(st.just("page"), orders, st.integers(1, 3), st.none() | st.integers(1, 3)),
    st.tuples(st.just("index"), st.sampled_from(["by_key", "by_late", "by_soon"])),
)
writes = st.one_of(
    st.tuples(st.just("insert"), st.sampled_from(["counters", "counters", "messages", "later"]), values),
    st.tuples(st.just("patch"), numbers, values),
    st.tuples(st.just("delete"), numbers),
)
queries = st.lists(reads, min_size=1, max_size=3)
mutations = st.lists(reads | writes, min_size=1, max_size=5)


class Remembered(NamedTuple):
    steps: list[Step]
    writable: bool
    results: list[Any]
    reads: list[ReadRange]
    writes: list[Write]


class ReadSetMachine(RuleBasedStateMachine):
    """See the module."""

    forgets: bool = False

    @initialize()
    def open(self) -> None:
        self.directory = TemporaryDirectory()
        self.desk = Desk(Path(self.directory.name))
        self.remembered: list[Remembered] = []
        self.ids: list[str] = []
        """Ids that programs speak of by number: they stay in the list when the document is gone."""
        self.seed = 0

    def run(self, steps: list[Step], *, writable: bool, seed: int = 7) -> Remembered:
        with Snapshot(self.desk.workbench.committer.environment, self.desk.cache) as snapshot:
            transaction = Transaction(
                snapshot,
                limits=Limits(),
                now_ns=START_NS + seed,
                random=SeededRandom(seed),
                writable=writable,
                document_check=None,
            )
            results = [self.step(transaction, step) for step in steps]
            read = transaction.reads()
            return Remembered(steps, writable, results, read[1:] if self.forgets else read, transaction.writes())

    def step(self, transaction: Transaction, step: Step) -> Any:
        try:
            return self.perform(transaction, *step)
        except DeveloperError as error:
            return error.code

    def perform(self, transaction: Transaction, verb: str, *rest: Any) -> Any:
        match verb, *rest:
            case "get", number:
                return transaction.get(self.id(number))
            case "get_unknown", offset:
                return transaction.get(encode_id(MESSAGES + offset, bytes(16)))
            case "normalize", table, number:
                return transaction.normalize_id(table, self.id(number))
            case "scan", table, order, count, filtered:
                operators: list[Any] = []
                if filtered:
                    operators.append(("filter", {"$neq": [{"$field": "a"}, {"$literal": 1.0}]}))
                if count is not None:
                    operators.append(("limit", count))
                return list(transaction.run_query(table, None, [], order, operators))
            case "range", operator, value, order, count:
                limits: list[Any] = [] if count is None else [("limit", count)]
                return list(transaction.run_query("counters", "by_key", [(operator, "a", value)], order, limits))
            case "page", order, size, rows_read:
                pages = Pages(transaction, CODEC, Limits(), None)
                first = self.page(transaction, pages, order, {"numItems": size, "maximumRowsRead": rows_read})
                again = Pages(transaction, CODEC, Limits(), pages.journal)
                cursor = first["continueCursor"]
                following = Pages(transaction, CODEC, Limits(), None)
                return [
                    first,
                    self.page(transaction, again, order, {"numItems": size}),
                    self.page(transaction, following, order, {"numItems": size, "cursor": cursor}),
                ]
            case "index", name:
                return list(transaction.run_query("counters", name, [], "asc", [("limit", 1)]))
            case "insert", table, value:
                return transaction.insert(table, {"a": value})
            case "patch", number, value:
                return transaction.patch(self.id(number), {"a": value})
            case "delete", number:
                return transaction.delete(self.id(number))
        raise AssertionError(verb)

    def page(self, transaction: Transaction, pages: Pages, order: Any, options: dict[str, Any]) -> Any:
        counters: TableQuery[dict[str, Any], str] = TableQuery(transaction, pages, "counters")
        return counters.with_index("by_key").order(order).paginate(options)

    def id(self, number: int) -> str:
        return self.ids[number] if number < len(self.ids) else encode_id(COUNTERS, number.to_bytes(16))

    # --- rules ---

    @rule(steps=queries)
    def remember_a_query(self, steps: list[Step]) -> None:
        self.remember(self.run(steps, writable=False))

    @rule(steps=mutations)
    def remember_a_mutation(self, steps: list[Step]) -> None:
        """It is not committed: it is one that is about to be, while others are."""
        self.remember(self.run(steps, writable=True))

    def remember(self, outcome: Remembered) -> None:
        self.remembered = [*self.remembered[-11:], outcome]

    @rule(steps=st.lists(writes, min_size=1, max_size=4))
    def commit_others(self, steps: list[Step]) -> None:
        self.seed += 1000
        outcome = self.run(steps, writable=True, seed=self.seed)
        for step, result in zip(steps, outcome.results, strict=True):
            if step[0] == "insert" and len(self.ids) < 10 and len(result) > 30:
                self.ids = [*self.ids, result]
                # Programs that spoke of this number spoke of another id.
                self.remembered = []
        if outcome.writes:
            self.follow(self.desk.workbench.commit(self.desk.workbench.transaction(*outcome.writes)))

    @rule(
        change=st.sampled_from(
            [("by_late", "ready"), ("by_late", "backfilling"), ("by_soon", "backfilling"), ("by_soon", "dropped")]
        )
    )
    def change_an_index(self, change: tuple[str, str]) -> None:
        """One that was complete from the beginning becomes ready; the other comes and goes."""
        name, state = change
        number = COUNTERS * 128 + (3 if name == "by_late" else 4)
        write = write_index("counters", name, number, ["late"], state)
        self.follow(self.desk.workbench.commit(self.desk.workbench.transaction(write)))

    def follow(self, block: BlockApplied) -> None:
        keys = [
            (change.index, b"".join(parts))
            for change in block.changes
            for parts in (change.old, change.new)
            if parts is not None
        ]
        still_valid = []
        for one in self.remembered:
            if not any(index == read.index and key_in_range(key, read) for index, key in keys for read in one.reads):
                now = self.run(one.steps, writable=one.writable)
                assert (now.results, now.writes) == (one.results, one.writes), one.steps
                still_valid.append(one)
        self.remembered = still_valid

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.close()
            self.directory.cleanup()


ReadSetMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestReadSets = pytest.mark.slow(ReadSetMachine.TestCase)


class ForgetfulMachine(ReadSetMachine):
    """The control: the first range of every read set is missing."""

    forgets = True


@pytest.mark.slow
def test_a_missing_range_is_found() -> None:
    quickly = settings(max_examples=300, stateful_step_count=40, deadline=None, phases=[Phase.generate])
    with pytest.raises(AssertionError):
        run_state_machine_as_test(ForgetfulMachine, settings=quickly)
