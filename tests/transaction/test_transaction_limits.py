"""How much a transaction may read and write."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.errors import DeveloperError, LimitError
from rtdb.transaction.transaction import Transaction
from tests.transaction.desk import (
    Desk,
    by_author,
    fill,
)

ADVICE = (
    " Consider using smaller limits in your queries, paginating your queries, or using indexed queries with a "
    "selective index range expressions."
)


def read_authors(transaction: Transaction, *authors: str) -> None:
    for author in authors:
        by_author(transaction, author)


def write_texts(transaction: Transaction, count: int, text: str) -> None:
    for _ in range(count):
        transaction.insert("messages", {"text": text})


def test_documents_read_are_bounded_filtered_ones_included(desk: Desk) -> None:
    fill(desk, "ann", "bob", "cyd")
    nothing = {"$literal": False}
    transaction = desk.begin(limits=Limits(documents_read_max=2))
    with pytest.raises(LimitError) as raised:
        list(transaction.run_query("messages", None, [], "asc", [("filter", nothing)]))
    assert raised.value.code == "TooManyDocumentsRead"
    assert raised.value.message == ("Too many documents read in a single function execution (limit: 2)." + ADVICE)
    with pytest.raises(LimitError):  # catching it gave nothing back
        list(transaction.run_query("messages", None, [], "asc", []))


def test_bytes_read_are_bounded(desk: Desk) -> None:
    fill(desk, "x" * 100)
    with pytest.raises(LimitError) as raised:
        by_author(desk.begin(limits=Limits(bytes_read_max=100)))
    assert raised.value.code == "TooManyBytesRead"
    assert raised.value.message == ("Too many bytes read in a single function execution (limit: 100 bytes)." + ADVICE)


def test_read_ranges_are_bounded_after_merging(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(read_ranges_max=5))
    for _ in range(20):
        by_author(transaction, "ann")
    for author in ("b", "c"):
        by_author(transaction, author)
    with pytest.raises(LimitError) as raised:
        read_authors(transaction, "d", "e", "f", "g")
    assert raised.value.code == "TooManyReads"
    assert raised.value.message == "Too many reads in a single function execution (limit: 5)." + ADVICE


def test_operators_are_bounded(desk: Desk) -> None:
    transaction = desk.begin(writable=False, limits=Limits(query_operators_max=2))
    always: Any = ("filter", {"$literal": True})
    assert list(transaction.run_query("messages", None, [], "asc", [always] * 2)) == []
    with pytest.raises(LimitError, match="Can't construct query with more than 2 operators") as raised:
        transaction.run_query("messages", None, [], "asc", [always] * 3)
    assert raised.value.code == "TooManyOperators"


def test_writes_are_bounded_each_counting_also_of_the_same_document(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(documents_written_max=3))
    id = transaction.insert("messages", {"n": 0})
    transaction.patch(id, {"n": 1})
    transaction.patch(id, {"n": 2})
    with pytest.raises(LimitError) as raised:
        transaction.delete(id)
    assert raised.value.code == "TooManyWrites"
    assert raised.value.message == "Too many writes in a single function execution (limit: 3)"
    assert transaction.get(id) is not None


def test_bytes_written_are_bounded(desk: Desk) -> None:
    transaction = desk.begin(limits=Limits(bytes_written_max=2**20))
    with pytest.raises(LimitError) as raised:
        write_texts(transaction, 20, "x" * 100_000)
    assert raised.value.code == "TooManyBytesWritten"
    assert raised.value.message == "Too many bytes written in a single function execution (limit: 1 MiB)"
    assert len(transaction.writes()) == 10


def test_documents_are_bounded_in_size_and_depth(desk: Desk) -> None:
    transaction = desk.begin()
    with pytest.raises(DeveloperError) as raised:
        transaction.insert("messages", {"text": "x" * 2**20})
    assert raised.value.code == "ValueTooLargeError"
    nested: dict[str, Any] = {}
    for _ in range(16):
        nested = {"a": nested}
    with pytest.raises(DeveloperError) as raised:
        transaction.insert("messages", nested)
    assert raised.value.message == "Document is too nested (nested 17 levels deep > maximum nesting 16)"
    assert transaction.writes() == []
