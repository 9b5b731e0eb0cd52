"""Whatever the app's code raises becomes an error of the call, with the author's own lines."""

from __future__ import annotations

import re

import pytest

from tests.functions.conftest import MakeBench


def test_an_exception_names_type_message_and_the_apps_frames_innermost_first(bench: MakeBench) -> None:
    app = bench(
        folder__helpers="""
        def check(n):
            raise ValueError(f"bad {n}")
        """,
        m="""
        import json
        from .folder.helpers import check

        @mutation
        def f(ctx):
            ctx.db.insert("items", {})
            check(7)

        @query
        def library(ctx):
            json.loads("{")
        """,
    )
    error = app.error("m:f")
    assert error.message == "Uncaught ValueError: bad 7"
    assert error.frames == "    at check (folder/helpers.py:3)\n    at f (m.py:8)\n"
    assert error.data is None
    assert app.error("m:library").frames == "    at library (m.py:12)\n"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("raise SystemExit(3)", "Uncaught SystemExit: a function cannot end the process (exit code 3)"),
        ("raise KeyboardInterrupt", "Uncaught KeyboardInterrupt: "),
        ("raise GeneratorExit", "Uncaught GeneratorExit: "),
        (
            "raise MemoryError",
            "Python execution ran out of memory (maximum memory usage: 512 MB)",
        ),
        ("f(ctx)", "Uncaught RecursionError: maximum recursion depth exceeded"),
        ("1 / 0", "Uncaught ZeroDivisionError: division by zero"),
        ("raise Unprintable", "Uncaught Unprintable: (the exception's own __str__ failed)"),
        (
            "ctx.db.get('x')",
            "Uncaught Error: Invalid argument `id` for `db.get`: Unable to decode ID: Invalid ID length 1",
        ),
        (
            "ctx.db.insert('t', {})",
            "Uncaught Error: `ctx.db.insert` does not exist in a query: queries only read. "
            "Define the function with @mutation instead of @query, or have a mutation do the writing.",
        ),
        ("ctx.db.patch('x', {})", "Uncaught Error: `ctx.db.patch` does not exist in a query"),
        ("ctx.db.system.delete('x')", "Uncaught Error: `ctx.db.system.delete` does not exist: system tables"),
        ("ctx.scheduler.cancel('x')", "Uncaught Error: `ctx.scheduler` does not exist in a query: queries only read."),
        (
            "ctx.fetch('http://x')",
            "Uncaught Error: `ctx.fetch` does not exist in a query: queries and mutations cannot",
        ),
        ("ctx.storage.delete('x')", "Uncaught Error: `ctx.storage.delete` does not exist in a query: queries only"),
        ("ctx.fetched", "Uncaught Error: 'QueryContext' object has no attribute 'fetched'"),
        ("ctx.db.put('x')", "Uncaught Error: 'DatabaseReader' object has no attribute 'put'"),
    ],
)
def test_whatever_is_raised_becomes_an_error_of_the_call(bench: MakeBench, statement: str, message: str) -> None:
    app = bench(
        m=f"""
        class Unprintable(Exception):
            def __str__(self): raise KeyError

        @query
        def f(ctx):
            {statement}
        """
    )
    error = app.error("m:f")
    assert error.message.startswith(message)
    assert error.frames.count("\n") <= app.limits.error_frames_max
    assert re.fullmatch(r"(    at f \(m\.py:7\)\n)+", error.frames)


@pytest.mark.parametrize("name", ["fetch", "run_action", "storage.store", "storage.get"])
def test_a_mutation_is_told_that_actions_talk_to_others(bench: MakeBench, name: str) -> None:
    app = bench(m=f"@mutation\ndef f(ctx): ctx.{name}('x')")
    assert app.error("m:f").message == (
        f"Uncaught Error: `ctx.{name}` does not exist in a mutation: queries and mutations cannot wait for others. "
        "Define the function with @action, or have a mutation call an action with `ctx.scheduler.run_after(0, …)`."
    )


def test_what_a_query_cannot_write_with_can_be_asked_for(bench: MakeBench) -> None:
    app = bench(m="@query\ndef f(ctx): return [hasattr(ctx.db, 'insert'), hasattr(ctx.db, 'get')]")
    assert app.run("m:f") == [False, True]


def test_a_long_message_is_cut(bench: MakeBench) -> None:
    app = bench(m="@query\ndef f(ctx): raise ValueError('é' * 100_000)")
    message = app.error("m:f").message
    assert len(message.encode()) <= app.limits.error_message_bytes_max
    assert message.endswith("é")


def test_a_convex_error_carries_its_data(bench: MakeBench) -> None:
    app = bench(
        m="""
        @mutation(args={"data": v.any()})
        def f(ctx, data):
            raise ConvexError(data)

        @query
        def invalid(ctx):
            raise ConvexError({1, 2})

        @query
        def endless(ctx):
            data = []
            data.append(data)
            raise ConvexError(data)
        """
    )
    assert app.error("m:endless").message.startswith(
        "Uncaught Error: ConvexError with invalid data: Value is too nested"
    )
    error = app.error("m:f", {"data": {"code": "FULL", "n": 1}})
    assert error.data == b'{"code":"FULL","n":1.0}'
    assert error.message == 'Uncaught ConvexError: {"code": "FULL", "n": 1.0}'
    assert error.frames == "    at f (m.py:4)\n"
    assert app.error("m:f", {"data": "NOPE"}).message == "Uncaught ConvexError: NOPE"
    assert app.error("m:f", {"data": None}).data == b"null"
    invalid = app.error("m:invalid")
    assert invalid.data is None
    assert invalid.message.startswith("Uncaught Error: ConvexError with invalid data: set is not a supported")


def test_an_error_of_the_database_can_be_caught_and_leaves_no_trace(bench: MakeBench) -> None:
    app = bench(
        schema='schema = define_schema({"items": define_table({"n": v.number()})})',
        m="""
        @mutation
        def f(ctx):
            id = ctx.db.insert("items", {"n": 1})
            try:
                ctx.db.patch(id, {"n": "one"})
            except Exception as error:
                return [str(error), ctx.db.get(id)["n"]]
        """,
    )
    message, number = app.run("m:f")
    assert message == (
        'Failed to insert or update a document in table "items" because it does not match the schema: '
        'Value does not match validator.\nPath: .n\nValue: "one"\nValidator: v.float64()'
    )
    assert number == 1.0


def test_a_schema_violation_names_the_table(bench: MakeBench) -> None:
    app = bench(
        schema='schema = define_schema({"items": define_table({"owner": v.id("users")}), "users": define_table({})})',
        m="""
        @mutation(args={"owner": v.string()})
        def add(ctx, owner):
            ctx.db.insert("items", {"owner": owner})

        @mutation
        def add_user(ctx):
            return ctx.db.insert("users", {})
        """,
    )
    error = app.error("m:add", {"owner": "x"})
    assert error.code == "SchemaEnforcementError"
    assert error.message.startswith('Uncaught Error: Failed to insert or update a document in table "items" because')
    app.run("m:add", {"owner": app.run("m:add_user")})
