"""Inline queries in a real transaction, with a real Deno: what they read, what they may not, and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtdb.link.frames import Outcome
from rtdb.typescript import deno
from rtdb.typescript.deno import DenoUnavailable
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

pytestmark = pytest.mark.slow

EVALUATE = "_system/repl:evaluate"
APP = """
    @mutation
    def add(ctx, room, body):
        return ctx.db.insert("messages", {"room": room, "body": body, "exact": Int64(7)})

    @internal_query
    def bodies(ctx, room):
        print("looking")
        return [row["body"] for row in ctx.db.query("messages").with_index("by_room", lambda q: q.eq("room", room))]

    @query
    def broken(ctx):
        raise ConvexError({"code": 7})
"""
SCHEMA = """
    schema = define_schema({
        "messages": define_table({"room": v.string(), "body": v.string(), "exact": v.any()}).index("by_room", ["room"])
    })
"""


@pytest.fixture
def app(bench: MakeBench) -> AppBench:
    app = bench(app=APP, schema=SCHEMA)
    app.push()
    for room, body in (("a", "one"), ("a", "two"), ("b", "three")):
        app.run("app:add", {"room": room, "body": body})
    return app


def source_of(body: str) -> str:
    """Return what the official command line makes of the body of a query."""
    preamble = 'import { query, internalQuery } from "convex:/_system/repl/wrappers.js";'
    return f"{preamble}\nexport default query({{\n  handler: async (ctx) => {{\n{body}\n  }},\n}});"


def evaluate(app: AppBench, body: str) -> Outcome:
    return app.execute(EVALUATE, {"source": source_of(body)}, kind="query", internal=True)


def result(app: AppBench, body: str) -> bytes:
    outcome = evaluate(app, body)
    assert outcome.error is None, outcome.error
    assert outcome.result is not None
    return outcome.result


def test_it_reads_documents_as_a_query_of_the_app_does(app: AppBench) -> None:
    read = 'const rows = await ctx.db.query("messages").withIndex("by_room", (q) => q.eq("room", "a")).collect();'
    assert result(app, f"{read} return rows.map((row) => row.body);") == b'["one","two"]'
    assert result(app, f"{read} return rows[0].exact + 1n;") == b'{"$integer":"CAAAAAAAAAA="}'
    assert result(app, f"{read} return (await ctx.db.get(rows[0]._id)).body;") == b'"one"'
    assert result(app, 'return await ctx.db.system.query("_storage").collect();') == b"[]"
    page = (
        'const { page, isDone } = await ctx.db.query("messages").order("desc").paginate({ cursor: null, numItems: 2 });'
    )
    assert result(app, f"{page} return [page.length, isDone];") == b"[2.0,false]"


def test_it_has_read_what_it_has_looked_at(app: AppBench) -> None:
    looked = evaluate(
        app, 'return (await ctx.db.query("messages").withIndex("by_room", (q) => q.eq("room", "a")).first()).body;'
    )
    assert looked.kind == "query"
    assert looked.writes == []
    assert looked.usage.documents_read == 1


def test_it_calls_queries_of_the_app_also_those_that_are_internal(app: AppBench) -> None:
    outcome = evaluate(app, 'console.log("asking"); return await ctx.runQuery("app:bodies", { room: "b" });')
    assert outcome.result == b'["three"]'
    assert outcome.log_lines == ["[LOG] 'asking'", "[LOG] looking"]
    caught = 'try { await ctx.runQuery("app:broken"); } catch (error) { return JSON.parse(error.data).code; }'
    assert result(app, caught) == b"7.0"


def test_it_writes_nothing(app: AppBench) -> None:
    for body, reason in (
        ('await ctx.db.insert("messages", {});', "is not a function"),
        (
            'return await ctx.runQuery("app:add", { room: "a", body: "x" });',
            "Trying to execute app.js:add as Query, but it is defined as Mutation.",
        ),
    ):
        outcome = evaluate(app, body)
        assert outcome.error is not None
        assert reason in outcome.error.message
        assert outcome.writes == []


def test_a_query_that_never_ends_is_stopped(app: AppBench) -> None:
    error = evaluate(app, "for (;;);").error
    assert error is not None
    assert error.code == "FunctionTimedOut"


def test_only_administrators_may_send_one(app: AppBench) -> None:
    arguments = {"source": source_of("return 1;")}
    assert app.error(EVALUATE, arguments, kind="query").code == "OperationNotPermitted"
    assert app.error(EVALUATE, arguments, kind="mutation", internal=True).code == "WrongFunctionKind"
    assert app.error(EVALUATE, {"text": "1"}, internal=True).code == "InvalidArguments"


def test_without_deno_it_is_said_what_to_install(app: AppBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def find_deno() -> Path:
        raise DenoUnavailable("Deno is not installed: pip install 'rtdb[typescript]'")

    monkeypatch.setattr(deno, "find_deno", find_deno)
    error = evaluate(app, "return 1;").error
    assert error is not None
    assert error.code == "TypeScriptUnavailable"
    assert error.message.startswith("Inline queries cannot be run here. Deno is not installed")
