"""Nested calls that may use only so much, and queries that read what there was when a mutation began."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

APP = """
    @mutation
    def add(ctx, count=1, fails=False):
        for n in range(int(count)):
            ctx.db.insert("items", {"n": n})
        if fails:
            raise ValueError("no")

    @mutation
    def add_later(ctx, count=1):
        for _ in range(int(count)):
            ctx.scheduler.run_after(0, "m:add", {"count": 1})

    @query
    def numbers(ctx, count=100):
        return [row["n"] for row in ctx.db.query("items").take(count)]

    @query(args={"id": v.id("items")})
    def one(ctx, id):
        return ctx.db.get(id)["n"]

    @mutation
    def stale(ctx, stale=True):
        id = ctx.db.insert("items", {"n": 7})
        before = ctx.run_query("m:numbers", use_stale_snapshot=stale)
        ctx.db.insert("other", {})
        return [sorted(before), ctx.run_query("m:one", {"id": id}), ctx.db.get(id)["n"]]

    @mutation
    def stale_reads_only(ctx, stale=True):
        ctx.db.insert("other", {"count": len(ctx.run_query("m:numbers", use_stale_snapshot=stale))})

    @mutation
    def stale_and_missing(ctx):
        return ctx.run_query("m:is_missing", {"id": ctx.db.insert("items", {})}, use_stale_snapshot=True)

    @query(args={"id": v.id("items")})
    def is_missing(ctx, id):
        return ctx.db.get(id) is None

    @mutation
    def stale_twice(ctx):
        for _ in range(2):
            ctx.run_query("m:numbers", use_stale_snapshot=True)

    @query
    def stale_in_a_query(ctx):
        return ctx.run_query("m:numbers", use_stale_snapshot=True)

    @mutation
    def limited(ctx, kind, path, args, limits, before=0, after=0):
        ctx.db.query("items").take(before)
        run = ctx.run_query if kind == "query" else ctx.run_mutation
        try:
            outcome = run(path, args, transaction_limits=limits)
        except Exception as error:
            outcome = str(error)
        ctx.db.query("items").take(after)
        return [outcome, len(list(ctx.db.query("items")))]
"""


@pytest.fixture
def app(bench: MakeBench) -> AppBench:
    app = bench(m=APP)
    app.run("m:add", {"count": 5})
    return app


def test_a_stale_query_sees_what_the_mutation_began_with(app: AppBench) -> None:
    assert app.run("m:stale", {"stale": True}) == [[0, 1, 2, 3, 4], 7, 7]
    assert app.run("m:stale", {"stale": False}) == [[0, 1, 2, 3, 4, 7, 7], 7, 7]


@pytest.mark.parametrize("stale", [True, False])
def test_what_a_stale_query_has_read_makes_nobody_lose(app: AppBench, stale: bool) -> None:
    app.run("m:stale_reads_only")  # its table is there from now on
    in_flight = app.execute("m:stale_reads_only", {"stale": stale})
    app.run("m:add")
    assert len(app.commit(in_flight).losses) == (0 if stale else 1)


def test_a_stale_query_cannot_see_a_document_that_was_made_since(app: AppBench) -> None:
    assert app.run("m:stale_and_missing") is True


def test_only_mutations_read_stale_snapshots(app: AppBench) -> None:
    assert "only supported in mutations, not queries" in app.error("m:stale_in_a_query").message


def test_what_a_stale_query_reads_counts(bench: MakeBench) -> None:
    app = bench(Limits(documents_read_max=9), m=APP)
    app.run("m:add", {"count": 5})
    app.run("m:stale_reads_only")
    assert "Too many documents read" in app.error("m:stale_twice").message


def limited(app: AppBench, kind: str, path: str, args: Any, limits: Any, **more: Any) -> Any:
    arguments = {"kind": kind, "path": path, "args": args, "limits": limits, **more}
    return app.run("m:limited", arguments)


@pytest.mark.parametrize(
    ("kind", "path", "args", "name", "enough", "message"),
    [
        ("query", "m:numbers", {"count": 3}, "documentsRead", 3, "Too many documents read"),
        ("query", "m:numbers", {"count": 3}, "bytesRead", 10_000, "Too many bytes read"),
        ("query", "m:numbers", {"count": 3}, "databaseQueries", 10, "Too many reads"),
        ("mutation", "m:add", {"count": 3}, "documentsWritten", 3, "Too many writes"),
        ("mutation", "m:add", {"count": 3}, "bytesWritten", 10_000, "Too many bytes written"),
        ("mutation", "m:add_later", {"count": 3}, "functionsScheduled", 3, "Too many functions scheduled"),
        ("mutation", "m:add_later", {"count": 3}, "scheduledFunctionArgsBytes", 10_000, "Too large total size"),
    ],
)
def test_a_nested_call_may_use_so_much_and_no_more(
    app: AppBench, kind: str, path: str, args: Any, name: str, enough: int, message: str
) -> None:
    """The caller goes on afterwards, with what is left to it, and nothing is written by what failed."""
    # What has been read already is not read anew: of queries, the caller makes none before.
    few, before = (0, 0) if name == "databaseQueries" else (2, 4)
    assert "Too" not in str(limited(app, kind, path, args, {name: enough}, before=before)[0])
    there = len(app.run("m:numbers"))
    outcome, count = limited(app, kind, path, args, {name: few}, before=before, after=5)
    assert message in outcome
    assert count == len(app.run("m:numbers")) == there


def test_a_limit_gives_no_more_than_there_is(bench: MakeBench) -> None:
    app = bench(Limits(documents_read_max=12), m=APP)
    app.run("m:add", {"count": 10})
    error = app.error("m:limited", {"kind": "query", "path": "m:numbers", "args": {}, "limits": {"documentsRead": 99}})
    assert "Too many documents read in a single function execution (limit: 12)" in error.message


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (7, "`transaction_limits` is an object, not float"),
        ({"documents": 7}, "`transaction_limits` has no 'documents'; there are documentsRead, bytesRead"),
        ({"documentsRead": -1}, "`documentsRead` must be a non-negative number"),
        ({"documentsRead": "7"}, "`documentsRead` must be a non-negative number"),
    ],
)
def test_a_limit_that_is_none_is_an_error(app: AppBench, limits: Any, message: str) -> None:
    assert message in limited(app, "query", "m:numbers", {}, limits)[0]
