"""Transactions against a model: a dictionary of documents, and sorting.

One machine interleaves reads and writes inside a mutation with commits, aborts and fresh mutations. Every read must
give what the model gives, whatever is committed, pending or deleted; and after every step the recorded reads must cover
every key that the model says was looked at. Queries are remembered together with what they read: as long as no
committed key falls into that, running them again gives the same.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtdb.index.index_range import key_in_range
from rtdb.link.frames import ReadRange
from rtdb.storage.keys import index_number
from rtdb.transaction.transaction import Transaction
from rtdb.values.ordering import encode_key
from rtdb.values.value import UNDEFINED
from tests.transaction.desk import COUNTERS, Desk

Document = dict[str, Any]

LONG = "x" * 600
"""Longer than an LMDB key."""

field_values = st.one_of(st.sampled_from([None, 1.0, 2.0, "a", "b", LONG + "a", LONG + "b"]), st.booleans())
documents = st.fixed_dictionaries(
    {}, optional={"a": field_values, "b": st.fixed_dictionaries({}, optional={"c": field_values}), "n": field_values}
)


OFTEN_NOTHING = st.sampled_from([..., ..., ..., ...])
"""No condition; most ranges should hold several documents."""


def index_key(document: Document) -> bytes:
    """The key in `by_key`, from first principles."""
    nested = document.get("b", {})
    parts = (document.get("a", UNDEFINED), nested.get("c", UNDEFINED), document["_creationTime"], document["_id"])
    return b"".join(map(encode_key, parts))


class TransactionMachine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self.directory.name))
        self.committed: dict[str, Document] = {}
        self.remembered: list[tuple[list[Any], Literal["asc", "desc"], int, list[Document], list[ReadRange]]] = []
        self.begin()

    def begin(self) -> None:
        self.desk.clock.now += 1_000_000
        self.transaction: Transaction = self.desk.begin()
        self.documents = dict(self.committed)
        self.looked_at: list[bytes] = []

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.desk.close()
            self.directory.cleanup()

    # --- writes ---

    @rule(values=st.lists(documents, min_size=1, max_size=4))
    def insert(self, values: list[Document]) -> None:
        for value in values:
            self.insert_one(value)

    def insert_one(self, value: Document) -> None:
        id = self.transaction.insert("counters", value)
        inserted = self.transaction.get(id)
        assert inserted is not None
        assert inserted == {**value, "_id": id, "_creationTime": inserted["_creationTime"]}
        assert all(inserted["_creationTime"] > other["_creationTime"] for other in self.documents.values())
        self.documents[id] = inserted

    @precondition(lambda self: self.documents)
    @rule(data=st.data(), value=documents, remove=st.sampled_from([None, "a", "b"]))
    def patch(self, data: st.DataObject, value: Document, remove: str | None) -> None:
        id = data.draw(st.sampled_from(sorted(self.documents)))
        patch = value if remove is None else {**value, remove: UNDEFINED}
        self.transaction.patch(id, patch)
        merged = {**self.documents[id], **patch}
        self.documents[id] = {name: field for name, field in merged.items() if field is not UNDEFINED}

    @precondition(lambda self: self.documents)
    @rule(data=st.data(), value=documents)
    def replace(self, data: st.DataObject, value: Document) -> None:
        id = data.draw(st.sampled_from(sorted(self.documents)))
        self.transaction.replace(id, value)
        system = {name: self.documents[id][name] for name in ("_id", "_creationTime")}
        self.documents[id] = {**value, **system}

    @precondition(lambda self: self.documents)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.documents)))
        self.transaction.delete(id)
        del self.documents[id]
        assert self.transaction.get(id) is None

    # --- reads ---

    @rule()
    def get_everything(self) -> None:
        for id, document in self.documents.items():
            assert self.transaction.get(id) == document

    @rule(
        order=st.sampled_from(["asc", "desc"]),
        equal=OFTEN_NOTHING | field_values | st.just(UNDEFINED),
        lower=OFTEN_NOTHING | field_values,
        upper=OFTEN_NOTHING | field_values,
        strict=st.booleans(),
        count=st.integers(0, 4),
    )
    def scan(self, order: Literal["asc", "desc"], equal: Any, lower: Any, upper: Any, strict: bool, count: int) -> None:
        """Read up to ``count`` rows of a range: equality on the first field and bounds on the next, or bounds only."""
        expressions: list[Any] = []
        bounded = "a" if equal is ... else "b.c"
        if equal is not ...:
            expressions.append(("Eq", "a", equal))
        if lower is not ...:
            expressions.append(("Gt" if strict else "Gte", bounded, lower))
        if upper is not ...:
            expressions.append(("Lt" if strict else "Lte", bounded, upper))
        self.check_scan(expressions, order, count)

    @rule(order=st.sampled_from(["asc", "desc"]), count=st.integers(1, 3))
    def take_some(self, order: Literal["asc", "desc"], count: int) -> None:
        """Read the first rows of the whole index: the scan stops before its end."""
        self.check_scan([], order, count)

    def check_scan(self, expressions: list[Any], order: Literal["asc", "desc"], count: int) -> None:
        rows = self.transaction.run_query("counters", "by_key", expressions, order, [("limit", count)])
        expected = [document for document in self.documents.values() if self._matches(document, expressions)]
        expected.sort(key=index_key, reverse=order == "desc")
        assert list(rows) == expected[:count]
        self.looked_at += [index_key(document) for document in expected[:count]]

    @rule(order=st.sampled_from(["asc", "desc"]))
    def scan_table(self, order: Literal["asc", "desc"]) -> None:
        rows = list(self.transaction.run_query("counters", None, [], order, []))
        expected = sorted(self.documents.values(), key=lambda row: (row["_creationTime"], row["_id"]))
        assert rows == (expected if order == "asc" else expected[::-1])

    @rule(position=st.integers(0, 4), value=field_values)
    def write_while_scanning(self, position: int, value: Any) -> None:
        """In the middle of a scan by creation, change every row that has been passed: the rest is not disturbed."""
        seen = []
        for number, row in enumerate(self.transaction.run_query("counters", None, [], "asc", [])):
            seen.append(row["_id"])
            if number == position:
                for id in seen:
                    self.transaction.patch(id, {"a": value})
                    self.documents[id] = {**self.documents[id], "a": value}
        assert seen == sorted(self.documents, key=lambda id: (self.documents[id]["_creationTime"], id))

    # --- ends ---

    @rule(
        order=st.sampled_from(["asc", "desc"]),
        equal=OFTEN_NOTHING | field_values,
        bound=field_values,
        operator=st.sampled_from(["Gt", "Lte"]),
        count=st.integers(1, 3),
    )
    def remember_a_query(
        self, order: Literal["asc", "desc"], equal: Any, bound: Any, operator: str, count: int
    ) -> None:
        expressions: list[Any] = [(operator, "a", bound)] if equal is ... else [("Eq", "a", equal)]
        transaction, rows = self.query(expressions, order, count)
        self.remembered.append((expressions, order, count, rows, transaction.reads()))

    def query(
        self, expressions: list[Any], order: Literal["asc", "desc"], count: int
    ) -> tuple[Transaction, list[Document]]:
        """Run a query at the newest committed position."""
        transaction = self.desk.begin(writable=False)
        return transaction, list(transaction.run_query("counters", "by_key", expressions, order, [("limit", count)]))

    @rule()
    def commit(self) -> None:
        block = self.desk.commit(self.transaction)
        keys = [
            (change.index, b"".join(parts))
            for change in block.changes
            for parts in (change.old, change.new)
            if parts is not None
        ]
        still_valid = []
        for remembered in self.remembered:
            expressions, order, count, rows, reads = remembered
            if not any(index == read.index and key_in_range(key, read) for index, key in keys for read in reads):
                assert self.query(expressions, order, count)[1] == rows
                still_valid.append(remembered)
        self.remembered = still_valid
        self.committed = self.documents
        self.begin()

    @rule()
    def abort(self) -> None:
        self.begin()

    @invariant()
    def reads_cover_what_was_looked_at(self) -> None:
        if not hasattr(self, "transaction"):
            return
        reads = [read for read in self.transaction.reads() if read.index == index_number(COUNTERS, 2)]
        for key in self.looked_at:
            assert any(key_in_range(key, read) for read in reads)

    @staticmethod
    def _matches(document: Document, expressions: list[Any]) -> bool:
        def key(value: Any) -> bytes:
            return encode_key(value)

        for operator, path, bound in expressions:
            value = document.get("a", UNDEFINED) if path == "a" else document.get("b", {}).get("c", UNDEFINED)
            accepted = {
                "Eq": key(value) == key(bound),
                "Gt": key(value) > key(bound),
                "Gte": key(value) >= key(bound),
                "Lt": key(value) < key(bound),
                "Lte": key(value) <= key(bound),
            }[operator]
            if not accepted:
                return False
        return True


TransactionMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestTransactionModel = pytest.mark.slow(TransactionMachine.TestCase)
