"""Functions that call functions of the app, in one transaction."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.storage.keys import BY_ID, index_number
from rtdb.storage.system_tables import FIRST_USER_TABLE, NAMES_INDEX, NEXT_TABLE_KEY
from rtdb.values.json_codec import decode
from tests.functions.conftest import MakeBench

CALLEES = """
@mutation(args={"n": v.number()}, returns=v.id("items"))
def add(ctx, n): return ctx.db.insert("items", {"n": n})

@internal_mutation
def add_and_raise(ctx, n, error="plain"):
    ctx.db.insert("items", {"n": n})
    ctx.db.insert("new_table", {})
    if error == "plain":
        raise ValueError("no room")
    raise ConvexError({"code": "FULL"})

@internal_query
def numbers(ctx): return [row["n"] for row in ctx.db.query("items")]

@query(args={"n": v.number()})
def strict(ctx, n): return n

@query
def draw(ctx): return [ctx.random.random(), ctx.now()]

def plain(ctx): return None
"""


def nested(body: str) -> dict[str, str]:
    lines = body.strip("\n").splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    source = "\n".join(line[indent:] for line in lines)
    return {"callees": CALLEES, "m": "from . import callees\n" + source}


def test_a_nested_call_shares_the_transaction(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @mutation
        def f(ctx):
            ctx.db.insert("items", {"n": 1})
            id = ctx.run_mutation("callees:add", {"n": 2})
            numbers = ctx.run_query(callees.numbers)
            ctx.db.patch(id, {"n": 3})
            return [numbers, ctx.run_query("callees:numbers")]
        """)
    )
    assert app.run("m:f") == [[1.0, 2.0], [1.0, 3.0]]
    assert app.run("callees:numbers", internal=True) == [1.0, 3.0]


def test_a_query_can_call_queries_only(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @query
        def f(ctx): return ctx.run_mutation("callees:add", {"n": 1})

        @mutation
        def through_a_query(ctx): return ctx.run_query("m:f")

        @mutation
        def wrong_kind(ctx): return ctx.run_query("callees:add", {"n": 1})

        @mutation
        def missing(ctx): return ctx.run_query("callees:nothing")

        @query
        def undecorated(ctx): return ctx.run_query(callees.plain)
        """)
    )
    assert "Cannot call a Mutation function from a Query function" in app.error("m:f").message
    assert "Cannot call a Mutation function from a Query function" in app.error("m:through_a_query").message
    assert "Trying to execute callees.js:add as Query, but it is defined as Mutation." in (
        app.error("m:wrong_kind").message
    )
    assert "Could not find function for 'callees:nothing'." in app.error("m:missing").message
    assert "A function is named by its path or given itself, not by function" in app.error("m:undecorated").message


def test_a_failed_nested_mutation_is_undone_and_its_reads_stay(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @mutation
        def f(ctx, error):
            ctx.db.insert("items", {"n": 1})
            try:
                ctx.run_mutation("callees:add_and_raise", {"n": 2, "error": error})
            except Exception as caught:
                numbers = ctx.run_query("callees:numbers")
                return [type(caught).__name__, str(caught), getattr(caught, "data", None), numbers]
        """)
    )
    outcome = app.execute("m:f", {"error": "plain"})
    assert outcome.result is not None, outcome.error
    result: Any = decode(outcome.result)
    name, text, data, numbers = result
    assert (name, data, numbers) == ("NestedCallError", None, [1.0])
    assert text == "Uncaught ValueError: no room\n    at add_and_raise (callees.py:10)"
    written = {write.table for write in outcome.writes}
    assert FIRST_USER_TABLE in written
    assert FIRST_USER_TABLE + 1 not in written, "the table it created is gone"
    names = [read for read in outcome.reads if read.index == NAMES_INDEX]
    assert any(b"new_table" in read.start for read in names)
    assert any(read.start == NEXT_TABLE_KEY for read in names)
    block = app.commit(outcome)
    assert not block.losses
    name, text, data, numbers = app.run("m:f", {"error": "coded"})
    assert (name, data, numbers) == ("ConvexError", {"code": "FULL"}, [1.0, 1.0])
    assert text.startswith('Uncaught ConvexError: {"code": "FULL"}\n    at add_and_raise')


def test_documents_read_by_a_failed_nested_mutation_stay_in_the_read_set(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @internal_mutation
        def reads_and_raises(ctx, id):
            ctx.db.get(id)
            raise ValueError

        @mutation
        def f(ctx, id):
            try:
                ctx.run_mutation("m:reads_and_raises", {"id": id})
            except Exception:
                pass
        """)
    )
    id = app.run("callees:add", {"n": 1})
    reads = app.execute("m:f", {"id": id}).reads
    assert [read for read in reads if read.index == index_number(FIRST_USER_TABLE, BY_ID)] != []


def test_undoing_restores_what_the_caller_wrote_before(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @internal_mutation
        def upset(ctx, kept, doomed):
            ctx.db.patch(kept, {"n": 5})
            ctx.db.delete(doomed)
            ctx.db.insert("items", {"n": 6})
            ctx.db.delete(kept)
            raise ValueError

        @mutation
        def f(ctx):
            old = ctx.db.query("items").first()["_id"]
            kept = ctx.run_mutation("callees:add", {"n": 2})
            seen = []
            for number, row in enumerate(ctx.db.query("items")):
                seen.append(row["n"])
                if number == 0:
                    try:
                        ctx.run_mutation("m:upset", {"kept": kept, "doomed": old})
                    except Exception:
                        pass
            return [seen, ctx.run_query("callees:numbers"), ctx.db.get(kept)["n"]]
        """)
    )
    app.run("callees:add", {"n": 1})
    assert app.run("m:f") == [[1.0, 2.0], [1.0, 2.0], 2.0]
    assert app.run("callees:numbers", internal=True) == [1.0, 2.0]


def test_an_inner_success_is_undone_with_its_failed_caller(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @mutation
        def inner_then_raise(ctx):
            ctx.run_mutation("callees:add", {"n": 1})
            raise ValueError

        @mutation
        def f(ctx):
            try:
                ctx.run_mutation("m:inner_then_raise")
            except Exception:
                pass
            return ctx.run_query("callees:numbers")
        """)
    )
    assert app.run("m:f") == []


def test_write_limits_are_shared_and_given_back_by_undoing(bench: MakeBench) -> None:
    app = bench(
        Limits(documents_written_max=3, documents_read_max=5),
        **nested("""
        @mutation
        def f(ctx, failures, successes):
            for _ in range(int(failures)):
                try:
                    ctx.run_mutation("callees:add_and_raise", {"n": 0})
                except ValueError:
                    raise
                except Exception:
                    pass
            for n in range(int(successes)):
                ctx.run_mutation("callees:add", {"n": n})

        @query
        def reads(ctx):
            for _ in range(3):
                ctx.run_query("callees:numbers")
        """),
    )
    app.run("m:f", {"failures": 5, "successes": 3})
    assert "Too many writes in a single function execution (limit: 3)" in (
        app.error("m:f", {"failures": 0, "successes": 4}).message
    )
    assert "Too many documents read in a single function execution (limit: 5)" in app.error("m:reads").message


def test_arguments_and_results_are_values_of_their_own_and_are_validated(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @query
        def keep(ctx, value):
            value["a"].append(1)
            return value

        @query
        def f(ctx):
            mine = {"a": [1], "b": UNDEFINED}
            theirs = ctx.run_query(keep, {"value": mine})
            return [len(mine["a"]), theirs]

        @query
        def invalid(ctx): return ctx.run_query("callees:strict", {"n": "one"})

        @query
        def no_value(ctx): return ctx.run_query("callees:strict", {"n": {1}})

        @query
        def no_object(ctx): return ctx.run_query("callees:strict", [1, 2])
        """)
    )
    assert app.run("m:f") == [1.0, {"a": [1.0, 1.0]}]
    assert "ArgumentValidationError: Value does not match validator." in app.error("m:invalid").message
    assert "set is not a supported Convex type" in app.error("m:no_value").message
    assert "Instead received 2 arguments" in app.error("m:no_object").message


def test_an_error_nests_when_it_goes_on_uncaught_and_keeps_its_data(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @mutation
        def f(ctx, error): return ctx.run_mutation("callees:add_and_raise", {"n": 1, "error": error})

        @mutation
        def g(ctx, error): return ctx.run_mutation("m:f", {"error": error})
        """)
    )
    plain = app.error("m:g", {"error": "plain"})
    assert plain.message.splitlines() == [
        "Uncaught Error: Uncaught Error: Uncaught ValueError: no room",
        "    at add_and_raise (callees.py:10)",
        "    at f (m.py:4)",
    ]
    assert plain.frames == "    at g (m.py:7)\n"
    coded = app.error("m:g", {"error": "coded"})
    assert coded.data == b'{"code":"FULL"}'


def test_calls_inside_each_other_are_bounded(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @query
        def deep(ctx, levels):
            return 0 if levels == 0 else 1 + ctx.run_query("m:deep", {"levels": levels - 1})

        @query
        def often(ctx): return len([ctx.run_query("callees:strict", {"n": n}) for n in range(20)])
        """)
    )
    assert app.run("m:deep", {"levels": 8}) == 8
    assert "Cross component call depth limit exceeded. Do you have an infinite loop in your app?" in (
        app.error("m:deep", {"levels": 9}).message
    )
    assert app.run("m:often") == 20


def test_time_is_the_callers_and_the_seed_follows_from_it(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @query
        def f(ctx):
            drawn = [ctx.run_query("callees:draw"), ctx.run_query("callees:draw")]
            return [*drawn, ctx.random.random(), ctx.now()]
        """)
    )
    results: list[Any] = []
    for _ in range(2):
        app.random.__init__(2)  # type: ignore[misc]  # the same seed again
        results.append(app.run("m:f"))
    assert results[0] == results[1]
    first, second, own, now = results[0]
    assert len({first[0], second[0], own}) == 3
    assert first[1] == second[1] == now


def test_what_nested_calls_print_and_look_at_belongs_to_the_whole_execution(bench: MakeBench) -> None:
    app = bench(
        **nested("""
        @query
        def chatty(ctx):
            print("inside")
            return ctx.auth.get_user_identity()

        @query
        def f(ctx):
            print("before")
            ctx.run_query("m:chatty")
            print("after")
        """)
    )
    outcome = app.execute("m:f")
    assert outcome.log_lines == ["[LOG] before", "[LOG] inside", "[LOG] after"]
    assert outcome.read_identity
    assert not outcome.read_time


@pytest.mark.parametrize("statement", ["raise SystemExit(1)", "raise KeyboardInterrupt", "1 / 0"])
def test_whatever_a_nested_call_raises_is_an_error_its_caller_can_catch(bench: MakeBench, statement: str) -> None:
    app = bench(
        m=f"""
        @query
        def bad(ctx): {statement}

        @query
        def f(ctx):
            try:
                ctx.run_query("m:bad")
            except Exception as error:
                return str(error).split(chr(10))[0]
        """
    )
    assert app.run("m:f").startswith("Uncaught ")
