"""From a call to an outcome: finding the function, its arguments and result, and what it may see."""

from __future__ import annotations

import msgspec
import pytest
from structlog.testing import capture_logs

from rtdb.config import Limits
from rtdb.index.index_range import prefix_range
from rtdb.link.frames import RequestKind
from rtdb.storage.documents import delete_document
from rtdb.storage.keys import document_key
from rtdb.storage.system_tables import (
    DEPLOYMENT_INDEX,
    DEPLOYMENT_KEY,
)
from rtdb.values.document_id import encode_id
from tests.functions.conftest import MakeBench

DEPLOYMENT_READ = prefix_range(DEPLOYMENT_INDEX, DEPLOYMENT_KEY)


# --- results ----------------------------------------------------------------------------------------------------------


def test_a_query_returns_canonical_json_and_writes_nothing(bench: MakeBench) -> None:
    app = bench(
        m="""
        @query
        def numbers(ctx):
            return {"b": (1, 2.5), "a": None}
        """
    )
    outcome = app.execute("m:numbers", kind="query")
    assert outcome.result == b'{"a":null,"b":[1.0,2.5]}'
    assert (outcome.kind, outcome.writes, outcome.error) == ("query", [], None)
    assert outcome.reads == [DEPLOYMENT_READ]
    assert (outcome.seq, outcome.ts) == (app.committer.position.seq, app.committer.position.ts)


def test_a_mutation_returns_its_reads_and_writes(bench: MakeBench) -> None:
    app = bench(
        m="""
        @mutation(args={"n": v.number()}, returns=v.id("items"))
        def add(ctx, n):
            return ctx.db.insert("items", {"n": n})

        @query
        def total(ctx):
            return sum(item["n"] for item in ctx.db.query("items"))
        """
    )
    app.run("m:add", {"n": 1})
    app.run("m:add", {"n": 2})
    assert app.run("m:total") == 3.0


def test_every_spelling_of_a_path_is_the_same_function(bench: MakeBench) -> None:
    app = bench(
        folder__m="""
        @query
        def f(ctx):
            return "f"

        @query(name="default")
        def main(ctx):
            return "default"
        """
    )
    assert {app.run(path) for path in ("folder/m:f", "folder/m.js:f")} == {"f"}
    assert {app.run(path) for path in ("folder/m", "folder/m.js", "folder/m:default")} == {"default"}


def test_a_function_that_returns_nothing_returns_null(bench: MakeBench) -> None:
    app = bench(m="@query\ndef f(ctx): pass")
    assert app.execute("m:f").result == b"null"


def test_arguments_arrive_as_keywords_and_numbers_as_floats(bench: MakeBench) -> None:
    app = bench(
        m="""
        @query(args={"n": v.number(), "text": v.optional(v.string())})
        def show(ctx, n, text="none"):
            return [type(n).__name__, text, len(ctx.db.query("nowhere").take(n))]
        """
    )
    assert app.run("m:show", {"n": 50}) == ["float", "none", 0.0]
    assert app.run("m:show", raw_args=b'[{"n":50}]') == ["float", "none", 0.0]


# --- calls that do not reach the function ---------------------------------------------------------------------------

FUNCTIONS = """
@query(args={"n": v.number()}, returns=v.string())
def q(ctx, n):
    return "text" if n > 0 else 0

@mutation
def m(ctx): pass

@internal_mutation
def hidden(ctx): return "found"
"""


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("m:nothing", "Could not find public function for 'm:nothing'."),
        ("nowhere:q", "Could not find public function for 'nowhere:q'."),
        ("m.js:default", "Could not find public function for 'm'."),
        ("m:hidden", "Could not find public function for 'm:hidden'."),
    ],
)
def test_missing_and_internal_functions_look_the_same_to_clients(bench: MakeBench, path: str, message: str) -> None:
    outcome = bench(m=FUNCTIONS).execute(path)
    assert outcome.error is not None
    assert (outcome.error.message, outcome.error.frames, outcome.error.system) == (message, "", 0)
    assert outcome.reads == [DEPLOYMENT_READ]  # so that a deploy makes it be looked up again


def test_internal_functions_are_found_by_those_who_may(bench: MakeBench) -> None:
    app = bench(m=FUNCTIONS)
    assert app.run("m:hidden", internal=True) == "found"
    assert app.error("m:nothing", internal=True).message == (
        "Could not find function for 'm:nothing'. Did you forget to run `npx convex dev`?"
    )


@pytest.mark.parametrize(
    ("path", "kind", "message"),
    [
        ("m:q", "mutation", "Trying to execute m.js:q as Mutation, but it is defined as Query."),
        ("m:m", "query", "Trying to execute m.js:m as Query, but it is defined as Mutation."),
        ("m:m", "action", "Trying to execute m.js:m as Action, but it is defined as Mutation."),
    ],
)
def test_the_wrong_kind_is_an_error(bench: MakeBench, path: str, kind: str, message: str) -> None:
    assert bench(m=FUNCTIONS).error(path, kind=kind).message == message


@pytest.mark.parametrize("kind", ["query", "mutation", "action", "any"])
def test_an_action_is_found_and_not_run(bench: MakeBench, kind: RequestKind) -> None:
    """The hub has it run elsewhere, if it is what was asked for."""
    outcome = bench(m="@action\nasync def a(ctx): raise KeyError").execute("m:a", kind=kind)
    assert outcome.kind == "action"
    assert outcome.error is not None
    assert outcome.error.code == "WrongFunctionKind"
    assert outcome.writes == []


def test_a_path_that_cannot_be_one_is_an_error(bench: MakeBench) -> None:
    assert "no-hyphens" in bench(m=FUNCTIONS).error("no-hyphens:f").message


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            b"{}",
            "ArgumentValidationError: Object is missing the required field `n`. Consider wrapping the field validator "
            "in `v.optional(...)` if this is expected.\n\nObject: {}\nValidator: v.object({n: v.float64()})",
        ),
        (
            b'{"n":"x"}',
            'ArgumentValidationError: Value does not match validator.\nPath: .n\nValue: "x"\nValidator: v.float64()',
        ),
        (
            b'{"n":1.0,"x":null}',
            "ArgumentValidationError: Object contains extra field `x` that is not in the validator.\n\n"
            "Object: {n: 1.0, x: null}\nValidator: v.object({n: v.float64()})",
        ),
        (
            b"[{},{}]",
            "ArgumentValidationError: Expected to receive a single object as the function's argument. Instead received "
            "2 arguments: [{}, {}]",
        ),
        (
            b"7",
            "ArgumentValidationError: Expected to receive an object as the function's argument. Instead received: 7.0",
        ),
        (
            b"[7]",
            "ArgumentValidationError: Expected to receive an object as the function's argument. Instead received: 7.0",
        ),
    ],
)
def test_arguments_are_validated_before_any_code_runs(bench: MakeBench, args: bytes, message: str) -> None:
    error = bench(m=FUNCTIONS).error("m:q", raw_args=args)
    assert (error.message, error.frames) == (message, "")


def test_arguments_that_are_no_values_are_refused(bench: MakeBench) -> None:
    for raw in (b"{", b'{"$what":1}', b"[" * 100_000):
        assert bench(m=FUNCTIONS).error("m:q", raw_args=raw).message.startswith("Invalid arguments for m.js:q: ")


def test_arguments_are_bounded(bench: MakeBench) -> None:
    app = bench(Limits(arguments_bytes_max=1024), m=FUNCTIONS)
    assert app.error("m:q", {"n": "x" * 2038}).message == (
        "Arguments for m.js:q are too large (actual: 2 KiB, limit: 1 KiB)"
    )


# --- results that cannot be -----------------------------------------------------------------------------------------


def test_a_result_is_validated(bench: MakeBench) -> None:
    assert bench(m=FUNCTIONS).error("m:q", {"n": 0}).message == (
        "ReturnsValidationError: Value does not match validator.\n\nValue: 0.0\nValidator: v.string()"
    )


def test_a_mutation_whose_result_is_wrong_writes_nothing(bench: MakeBench) -> None:
    app = bench(
        m="""
        @mutation(returns=v.null())
        def f(ctx):
            return ctx.db.insert("items", {})
        """
    )
    assert app.error("m:f").message.startswith("ReturnsValidationError: ")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "{'a': [1, {2}]}",
            "Function m.js:f return value invalid: set is not a supported Convex type (present at path",
        ),
        ("object()", "Function m.js:f return value invalid: object is not a supported Convex type"),
        ("2 ** 60", "is outside the range of a Convex `Float64`"),
        ("'x' * 2000", "Function m.js:f return value is too large (actual: 1.96 KiB, limit: 1 KiB)"),
        (
            "ctx.db.query('t')",
            "Return value is a Query. Results must be retrieved with `.collect()`, `.take(n), `.unique()`, or "
            "`.first()`.",
        ),
        ("ctx.db.query('t').order('asc')", "Return value is a Query."),
        ("(n for n in [1])", "Function m.js:f returned a generator: a function returns a value"),
        ("later()", "Function m.js:f returned a coroutine: a function returns a value"),
    ],
)
def test_results_that_are_no_values_are_refused_clearly(bench: MakeBench, expression: str, message: str) -> None:
    app = bench(Limits(result_bytes_max=1024), m=f"async def later(): pass\n@query\ndef f(ctx): return {expression}")
    assert message in app.error("m:f").message


def test_the_context_of_an_ended_call_is_of_no_use(bench: MakeBench) -> None:
    """What it wrote would be lost without a word."""
    app = bench(
        m="""
        kept = []

        @mutation
        def keep(ctx): kept.append(ctx)

        @mutation
        def insert(ctx): return kept[0].db.insert("items", {})

        @query
        def get(ctx): return kept[0].db.get("j5700000000000000000000000001qv0")

        @query
        def scan(ctx): return kept[0].db.query("items").collect()
        """
    )
    app.run("m:keep")
    for path in ("m:insert", "m:get", "m:scan"):
        assert app.error(path).code == "ContextEnded"


def test_system_tables_are_read_through_their_own_reader(bench: MakeBench) -> None:
    app = bench(
        m="""
        @query
        def f(ctx):
            system = ctx.db.system
            files = system.query("_storage").collect() + system.query("_scheduled_functions").order("desc").take(1)
            return [files, system.get("kg2000820c20a1g7104gm2rc1m70y674"), system.normalize_id("_storage", "x")]

        @query
        def g(ctx): return ctx.db.query("_storage").collect()
        """
    )
    assert app.run("m:f") == [[], None, None]
    assert "System tables can only be accessed from db.system.query()." in app.error("m:g").message


def test_undefined_is_null_as_a_result_and_absent_in_one(bench: MakeBench) -> None:
    app = bench(
        m="""
        @query
        def nothing(ctx): return UNDEFINED

        @query(returns=v.object({"a": v.any()}))
        def lacking(ctx): return {"a": UNDEFINED}

        @query(returns=v.object({"b": v.array(v.number())}))
        def rest(ctx): return {"a": UNDEFINED, "b": (1, 2)}
        """
    )
    assert app.run("m:nothing") is None
    assert app.run("m:rest") == {"b": [1.0, 2.0]}
    assert "Object is missing the required field `a`" in app.error("m:lacking").message


# --- what an execution may see ----------------------------------------------------------------------------------------


def test_time_is_fixed_in_whole_milliseconds_and_looking_is_recorded(bench: MakeBench) -> None:
    app = bench(m="@query\ndef now(ctx): return [ctx.now(), ctx.now()]\n@query\ndef other(ctx): pass")
    app.clock.now = app.committer.position.ts + 5_900_000
    outcome = app.execute("m:now")
    expected = app.clock.now // 1_000_000
    assert outcome.result == msgspec.json.encode([float(expected)] * 2)
    assert outcome.read_time
    assert not app.execute("m:other").read_time


def test_random_numbers_are_new_in_every_execution_and_replayable(bench: MakeBench) -> None:
    app = bench(m="@query\ndef draw(ctx): return ctx.random.random()")
    first, second = app.run("m:draw"), app.run("m:draw")
    assert first != second
    again = bench(m="@query\ndef draw(ctx): return ctx.random.random()")
    assert again.run("m:draw") == first


def test_looking_at_the_identity_is_recorded(bench: MakeBench) -> None:
    app = bench(m="@query\ndef me(ctx): return ctx.auth.get_user_identity()\n@query\ndef other(ctx): pass")
    outcome = app.execute("m:me", identity=b'{"subject":"u1"}')
    assert (outcome.result, outcome.read_identity) == (b'{"subject":"u1"}', True)
    assert app.execute("m:me").result == b"null"
    assert not app.execute("m:other", identity=b"{}").read_identity


def test_what_is_printed_and_logged_becomes_log_lines(bench: MakeBench) -> None:
    app = bench(
        m="""
        @query
        def f(ctx):
            print("one", 2, "three\\nlines")
            ctx.log("four", 5)
            ctx.log.warn("careful")
            ctx.log.error("bad")
            ctx.log.info("fyi")
            ctx.log.debug("deep")
            print("no end", end="")
        """
    )
    assert app.execute("m:f").log_lines == [
        "[LOG] one 2 three\nlines",
        "[LOG] four 5",
        "[WARN] careful",
        "[ERROR] bad",
        "[INFO] fyi",
        "[DEBUG] deep",
        "[LOG] no end",
    ]


def test_a_failed_execution_keeps_its_log_lines_and_reads(bench: MakeBench) -> None:
    app = bench(m="@query\ndef f(ctx):\n    print('here')\n    ctx.db.query('t').collect()\n    raise KeyError('x')")
    outcome = app.execute("m:f")
    assert outcome.log_lines == ["[LOG] here"]
    assert len(outcome.reads) == 2
    assert outcome.error is not None
    assert outcome.error.message == "Uncaught KeyError: 'x'"


# --- our own failures -------------------------------------------------------------------------------------------------


def test_a_failure_of_the_server_tells_the_client_nothing(bench: MakeBench) -> None:
    app = bench(
        m="""
        @mutation
        def add(ctx): ctx.db.insert("items", {})

        @query
        def read(ctx): return ctx.db.query("items").collect()
        """
    )
    outcome = app.execute("m:add")
    app.commit(outcome)
    with app.committer.environment.write() as txn:
        delete_document(txn, outcome.writes[-1].table, outcome.writes[-1].id)
    with capture_logs() as logs:
        error = app.error("m:read")
    assert (error.code, error.system, error.frames) == ("StorageFailure", 500, "")
    assert error.message == "Your request couldn't be completed. Try again later."
    assert "refers to a document that does not exist" in str(logs[0]["exc_info"])


@pytest.mark.parametrize("way", ["read", "nested", "point"])
def test_a_failure_of_the_server_cannot_be_caught(bench: MakeBench, way: str) -> None:
    """What a function does after it has caught one is built on nothing: it must not be committed."""
    app = bench(
        m="""
        @mutation
        def add(ctx): return ctx.db.insert("items", {})

        @mutation
        def read(ctx): return ctx.db.query("items").collect()

        @mutation
        def carry_on(ctx, way, id):
            try:
                if way == "read":
                    ctx.db.query("items").collect()
                elif way == "nested":
                    ctx.run_mutation("m:read")
                else:
                    ctx.db.get(id)
            except Exception:
                ctx.db.insert("items", {})
            return "all is well"
        """
    )
    outcome = app.execute("m:add")
    app.commit(outcome)
    write = outcome.writes[-1]
    with app.committer.environment.write() as txn:
        if way == "point":
            txn.put(txn.documents, document_key(write.table, write.id), b"damaged")
        else:
            delete_document(txn, write.table, write.id)
    with capture_logs():
        error = app.error("m:carry_on", {"way": way, "id": encode_id(write.table, write.id)})
    assert error.system == 500
