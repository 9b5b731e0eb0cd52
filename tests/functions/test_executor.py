from __future__ import annotations

import re

import msgspec
import pytest
from structlog.testing import capture_logs

from rtdb.config import Limits
from rtdb.index.index_range import prefix_range
from rtdb.link.frames import RequestKind, SessionRequest
from rtdb.storage.documents import delete_document
from rtdb.storage.keys import document_key
from rtdb.storage.system_tables import (
    DEPLOYMENT_INDEX,
    DEPLOYMENT_KEY,
    SESSION_REQUESTS_TABLE,
    session_request_id,
)
from rtdb.transaction.snapshot import Snapshot
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


# --- exceptions of the app's code -----------------------------------------------------------------------------------


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


# --- session requests -------------------------------------------------------------------------------------------------

COUNTER = """
@mutation
def add(ctx):
    print("adding")
    counter = ctx.db.query("counters").first()
    if counter is None:
        ctx.db.insert("counters", {"n": 1})
        return 1
    ctx.db.patch(counter["_id"], {"n": counter["n"] + 1})
    return counter["n"] + 1

@mutation
def fail(ctx): raise ValueError

@mutation
def look(ctx): return "seen"
"""


def test_a_resent_mutation_gives_the_recorded_answer_without_running(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    request = SessionRequest("s1", 7)
    first = app.execute("m:add", session=request)
    block = app.commit(first)
    again = app.execute("m:add", session=request)
    assert (again.result, again.log_lines) == (first.result, ["[LOG] adding"])
    assert again.replayed_ts == block.ts
    assert again.writes == []
    assert app.run("m:add", session=SessionRequest("s1", 8)) == 2.0


def test_the_record_is_in_the_mutations_own_writes_and_reads(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    request = SessionRequest("s1", 7)
    outcome, twin = app.execute("m:add", session=request), app.execute("m:add", session=request)
    internal = session_request_id("s1", 7)
    assert (SESSION_REQUESTS_TABLE, internal) in {(write.table, write.id) for write in outcome.writes}
    assert app.commit(outcome).losses == []
    assert len(app.commit(twin).losses) == 1
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        stored = snapshot.get(SESSION_REQUESTS_TABLE, internal)
    assert stored is not None
    record = msgspec.json.decode(stored.data)
    del record["_id"], record["_creationTime"]
    assert record == {"session": "s1", "request": 7.0, "result": "1.0", "logLines": ["[LOG] adding"]}


def test_a_mutation_over_a_session_is_recorded_even_when_it_only_looks(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    assert len(app.execute("m:look", session=SessionRequest("s1", 1)).writes) == 1
    assert app.execute("m:look").writes == []


def test_a_failed_mutation_leaves_no_record(bench: MakeBench) -> None:
    app = bench(m=COUNTER)
    app.error("m:fail", session=SessionRequest("s1", 1))
    assert app.run("m:look", session=SessionRequest("s1", 1)) == "seen"


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


def test_a_session_keeps_the_records_of_its_newest_requests(bench: MakeBench) -> None:
    app = bench(Limits(session_requests_max=3), m=COUNTER)
    for number in range(6):
        app.run("m:add", session=SessionRequest("s1", number))
    app.run("m:add", session=SessionRequest("s2", 0))
    table = app.committer.registry.table("_session_requests")
    assert table is not None
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        rows = snapshot.scan(table.by_creation_time, b"", b"\xff")
        records = [msgspec.json.decode(row.document.data) for row in rows]
    assert sorted((record["session"], record["request"]) for record in records) == [
        ("s1", 3),
        ("s1", 4),
        ("s1", 5),
        ("s2", 0),
    ]
    assert app.execute("m:add", session=SessionRequest("s1", 3)).replayed_ts is not None
    assert app.execute("m:add", session=SessionRequest("s1", 2)).replayed_ts is None


def test_a_request_whose_distant_predecessor_was_an_action_deletes_nothing(bench: MakeBench) -> None:
    app = bench(Limits(session_requests_max=2), m=COUNTER)
    app.run("m:look", session=SessionRequest("s1", 0))
    outcome = app.execute("m:look", session=SessionRequest("s1", 3))
    assert [write.value is None for write in outcome.writes] == [False]


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
