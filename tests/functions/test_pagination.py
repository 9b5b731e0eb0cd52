"""``paginate``, as an app calls it and a client drives it."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.link.frames import ExecutionError, Outcome
from rtdb.values.json_codec import decode_document
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

APP = {
    "schema": """
        schema = define_schema({"items": define_table({"n": v.number(), "even": v.boolean()}).index("by_n", ["n"])})
    """,
    "m": """
        @mutation
        def add(ctx, numbers):
            for n in numbers:
                ctx.db.insert("items", {"n": n, "even": n % 2 == 0})

        @mutation
        def remove(ctx, numbers):
            for row in ctx.db.query("items").collect():
                if row["n"] in numbers:
                    ctx.db.delete(row["_id"])

        @query(
            args={
                "paginationOpts": pagination_options_validator,
                "order": v.optional(v.string()),
                "even": v.optional(v.boolean()),
                "least": v.optional(v.number()),
            },
            returns=pagination_result_validator(v.any()),
        )
        def page(ctx, paginationOpts, order="asc", even=False, least=0):
            rows = ctx.db.query("items").with_index("by_n", lambda q: q.gte("n", least)).order(order)
            if even:
                rows = rows.filter(lambda q: q.eq(q.field("even"), True))
            result = rows.paginate(paginationOpts)
            return {**result, "page": [row["n"] for row in result["page"]]}

        @query
        def twice(ctx):
            options = {"numItems": 1, "cursor": None}
            ctx.db.query("items").paginate(options)
            ctx.db.query("items").paginate(options)

        @query
        def nested(ctx):
            options = {"numItems": 2, "cursor": None}
            inner = ctx.run_query("m:page", {"paginationOpts": options})
            return [inner["page"], len(ctx.db.query("items").paginate({"numItems": 1, "cursor": None})["page"])]

        @mutation
        def own_writes(ctx):
            ctx.db.insert("items", {"n": 0, "even": True})
            first = ctx.run_query("m:page", {"paginationOpts": {"numItems": 2, "cursor": None}})
            ctx.db.insert("items", {"n": 2.5, "even": False})
            options = {"numItems": 10, "cursor": first["continueCursor"]}
            return [first["page"], ctx.run_query("m:page", {"paginationOpts": options})["page"]]

        @query
        def limited(ctx, cursor=None):
            return ctx.db.query("items").limit(2).paginate({"numItems": 5, "cursor": cursor})

        @query
        def missing(ctx): return ctx.db.query("nowhere").paginate({"numItems": 5, "cursor": None})

        @query
        def fails(ctx, paginationOpts):
            ctx.db.query("items").paginate(paginationOpts)
            raise ValueError
    """,
}


class Book:
    """Pages of numbers."""

    def __init__(self, make: MakeBench, numbers: int, limits: Limits | None = None) -> None:
        self.app: AppBench = make(limits, **APP)
        self.app.push()
        self.app.run("m:add", {"numbers": list(range(1, numbers + 1))})

    def execute(
        self,
        count: int,
        cursor: str | None = None,
        *,
        journal: str | None = None,
        query: dict[str, Any] | None = None,
        **options: Any,
    ) -> Outcome:
        args = {"paginationOpts": {"numItems": count, "cursor": cursor, **options}, **(query or {})}
        return self.app.execute("m:page", args, journal=journal)

    def read(self, count: int, cursor: str | None = None, **options: Any) -> dict[str, Any]:
        outcome = self.execute(count, cursor, **options)
        assert outcome.result is not None, outcome.error
        return decode_document(outcome.result)

    def error(self, count: Any, cursor: Any = None, **options: Any) -> ExecutionError:
        outcome = self.execute(count, cursor, **options)
        assert outcome.error is not None
        return outcome.error


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_follow_each_other_to_the_end(bench: MakeBench, order: str) -> None:
    book = Book(bench, 5)
    pages, cursor, done = [], None, False
    while not done:
        result = book.read(2, cursor, query={"order": order})
        pages.append(result["page"])
        cursor, done = result["continueCursor"], result["isDone"]
    assert pages == ([[1, 2], [3, 4], [5]] if order == "asc" else [[5, 4], [3, 2], [1]])
    after = book.read(2, cursor, query={"order": order})
    assert (after["page"], after["isDone"], after["continueCursor"]) == ([], True, cursor)


def test_a_page_that_is_filled_exactly_is_not_done(bench: MakeBench) -> None:
    book = Book(bench, 2)
    first = book.read(2)
    assert (first["page"], first["isDone"]) == ([1, 2], False)
    second = book.read(2, first["continueCursor"])
    assert (second["page"], second["isDone"]) == ([], True)


def test_rows_that_a_filter_rejects_do_not_fill_a_page(bench: MakeBench) -> None:
    book = Book(bench, 6)
    first = book.read(2, query={"even": True})
    assert (first["page"], first["isDone"]) == ([2, 4], False)
    assert book.read(2, first["continueCursor"], query={"even": True})["page"] == [6]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_an_end_fixes_a_page_whatever_its_size_has_become(bench: MakeBench, order: str) -> None:
    book = Book(bench, 6)
    query = {"order": order}
    first = book.read(2, query=query)
    second = book.read(2, first["continueCursor"], query=query)
    book.app.run("m:add", {"numbers": [2.5, 3.5, 4.5]})
    options: dict[str, Any] = {"endCursor": second["continueCursor"], "maximumRowsRead": 1, "maximumBytesRead": 1}
    again = book.read(2, first["continueCursor"], query=query, **options)
    assert again["page"] == ([2.5, 3, 3.5, 4] if order == "asc" else [4.5, 4, 3.5, 3])
    assert (again["continueCursor"], again["isDone"]) == (second["continueCursor"], False)
    end = book.read(9, second["continueCursor"], query=query)["continueCursor"]
    everything = book.read(1, endCursor=end, query=query)
    assert (len(everything["page"]), everything["isDone"]) == (9, True)


def test_the_journal_is_an_end_that_the_client_need_not_know(bench: MakeBench) -> None:
    book = Book(bench, 4)
    first = book.execute(2)
    assert first.journal is not None
    assert book.execute(2).journal == first.journal, "equal positions have equal journals"
    book.app.run("m:add", {"numbers": [0, 1.5]})
    again = book.read(2, journal=first.journal)
    assert again["page"] == [0, 1, 1.5, 2]
    assert book.execute(2, journal=first.journal).journal == first.journal
    book.app.run("m:remove", {"numbers": [0, 1, 2]})
    assert book.read(2, journal=first.journal)["page"] == [1.5]


def test_an_explicit_end_goes_before_the_journal(bench: MakeBench) -> None:
    book = Book(bench, 4)
    journal = book.execute(1).journal
    two = book.read(2)["continueCursor"]
    assert book.read(9, endCursor=two, journal=journal)["page"] == [1, 2]


def test_a_function_that_paginates_nothing_has_no_journal_and_one_that_failed_keeps_the_old(bench: MakeBench) -> None:
    book = Book(bench, 4)
    journal = book.execute(1).journal
    assert book.app.execute("m:nested").journal is not None
    assert book.app.execute("m:add", {"numbers": []}).journal is None
    options = {"paginationOpts": {"numItems": 1, "cursor": None}}
    assert book.app.execute("m:fails", options).journal is None
    assert book.app.execute("m:fails", options, journal=journal).journal == journal


def test_a_cursor_of_another_query_is_a_coded_error(bench: MakeBench) -> None:
    book = Book(bench, 4)
    cursor = book.read(2)["continueCursor"]
    journal = book.execute(2).journal
    other: dict[str, Any]
    for other in ({"order": "desc"}, {"even": True}, {"least": 1}, {"least": -0.0}):
        for error in (
            book.error(2, cursor, query=other),
            book.error(2, endCursor=cursor, query=other),
            book.error(2, journal=journal, query=other),
        ):
            assert error.data == b'{"isConvexSystemError":true,"paginationError":"InvalidCursor"}'
            assert error.message == (
                "Uncaught ConvexError: InvalidCursor: Tried to run a query starting from a cursor, but it looks like "
                "this cursor is from a different query."
            )
    assert book.read(1, cursor)["page"] == [3], "another number of items is the same query"


def test_a_cursor_does_not_fit_an_index_that_has_changed(bench: MakeBench) -> None:
    book = Book(bench, 4)
    cursor = book.read(2)["continueCursor"]
    schema = APP["schema"].replace('["n"]', '["n", "even"]')
    book.app.push(schema=schema, m=APP["m"])
    error = book.error(2, cursor)
    assert "InvalidCursor" in error.message or "backfilling" in error.message


@pytest.mark.parametrize(
    ("count", "options", "message"),
    [
        (-1, {}, "`options.numItems` must be a positive number. Received `-1.0`."),
        (1.5, {}, "`options.numItems` must be a positive number. Received `1.5`."),
        (0, {}, "Must request at least 1 document while paginating"),
        (32001, {}, "Requested too many items: 32001"),
        (1, {"maximumRowsRead": 0}, "maximumRowsRead and maximumBytesRead must be greater than 0"),
        (1, {"maximumBytesRead": 0}, "maximumRowsRead and maximumBytesRead must be greater than 0"),
        (1, {"cursor": "nonsense"}, "Failed to parse cursor"),
        (1, {"endCursor": "01" * 30}, "Failed to parse cursor"),
    ],
)
def test_options_are_checked(bench: MakeBench, count: float, options: dict[str, Any], message: str) -> None:
    book = Book(bench, 1)
    args = {"paginationOpts": {"numItems": count, "cursor": None, **options}}
    assert book.app.error("m:page", args).message == f"Uncaught Error: {message}"


def test_the_scan_can_be_bounded_in_rows_and_bytes(bench: MakeBench) -> None:
    book = Book(bench, 9)
    rows = book.read(5, maximumRowsRead=2)
    assert (rows["page"], rows["pageStatus"], rows["isDone"]) == ([1, 2], "SplitRequired", False)
    nothing = book.read(5, maximumRowsRead=1, query={"even": True})
    assert (nothing["page"], nothing["pageStatus"]) == ([], "SplitRequired")
    onward = book.read(5, nothing["continueCursor"], maximumRowsRead=1, query={"even": True})
    assert onward["page"] == [2]
    one_row = book.read(5, maximumBytesRead=1)
    assert (one_row["page"], one_row["pageStatus"]) == ([1], "SplitRequired")
    exact = book.read(2, maximumRowsRead=2)
    assert (exact["page"], exact["pageStatus"]) == ([1, 2], "SplitRecommended"), "it was full before it was stopped"


def test_large_pages_are_recommended_to_be_split_in_the_middle(bench: MakeBench) -> None:
    book = Book(bench, 9)
    assert book.read(2)["splitCursor"] is None
    small = book.read(5)
    assert small["pageStatus"] is None
    split = small["splitCursor"]
    assert book.read(9, endCursor=split)["page"] == [1, 2, 3]
    assert book.read(9, split, endCursor=small["continueCursor"])["page"] == [4, 5]
    assert book.read(9, maximumRowsRead=9)["pageStatus"] == "SplitRecommended"
    assert book.read(6, maximumRowsRead=9)["pageStatus"] is None


def test_a_limit_of_the_transaction_cuts_a_page_short(bench: MakeBench) -> None:
    book = Book(bench, 9, Limits(documents_read_max=4))
    result = book.read(4, query={"even": True})
    assert (result["page"], result["pageStatus"], result["isDone"]) == ([2, 4], "SplitRequired", False)
    assert book.read(4, result["continueCursor"], query={"even": True})["page"] == [6, 8]


def test_a_page_with_a_given_end_that_is_cut_short_still_reports_that_end(bench: MakeBench) -> None:
    book = Book(bench, 4, Limits(documents_read_max=4))
    end = book.read(4)["continueCursor"]
    book.app.run("m:add", {"numbers": [1.5]})
    result = book.read(4, endCursor=end)
    assert (result["page"], result["pageStatus"]) == ([1, 1.5, 2, 3], "SplitRequired")
    assert result["continueCursor"] == end
    halves = [book.read(4, endCursor=result["splitCursor"]), book.read(4, result["splitCursor"], endCursor=end)]
    assert [half["page"] for half in halves] == [[1, 1.5, 2], [3, 4]]


def test_a_function_paginates_once_and_those_it_calls_once_each(bench: MakeBench) -> None:
    book = Book(bench, 3)
    error = book.app.error("m:twice")
    assert error.code == "MultiplePaginatedDatabaseQueries"
    assert "This query or mutation function ran multiple paginated queries." in error.message
    assert book.app.run("m:nested") == [[1, 2], 1]


def test_pages_show_the_mutations_own_writes(bench: MakeBench) -> None:
    assert Book(bench, 3).app.run("m:own_writes") == [[0, 1], [2, 2.5, 3]]


def test_a_limited_query_ends_its_pages_early_and_again(bench: MakeBench) -> None:
    book = Book(bench, 5)
    first = book.app.run("m:limited")
    assert ([row["n"] for row in first["page"]], first["isDone"]) == ([1, 2], False)
    second = book.app.run("m:limited", {"cursor": first["continueCursor"]})
    assert [row["n"] for row in second["page"]] == [3, 4]


def test_a_missing_table_is_an_empty_last_page(bench: MakeBench) -> None:
    result = Book(bench, 0).app.run("m:missing")
    assert (result["page"], result["isDone"]) == ([], True)
