"""An app in both languages is one app: each calls the other's functions in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdb.config import Limits
from rtdb.errors import ValidationError
from rtdb.functions.app_loader import AppLoadError, load_app
from rtdb.functions.description import encode_description
from rtdb.values.value import Int64
from tests.functions.app_bench import AppBench, write_app
from tests.functions.typescript.typescript_bench import typescript_bench, write_typescript

BOTH = Path(__file__).with_name("both.ts").read_text()

SNAKE = """
@mutation(args={"text": v.string()})
def add(ctx, text):
    return ctx.db.insert("notes", {"text": text, "by": "python"})

@query
def texts(ctx):
    return ctx.run_query("both:texts")

@mutation
def middle(ctx):
    ctx.db.insert("notes", {"text": "middle"})
    try:
        ctx.run_mutation("both:bottom", {"ok": False})
    except ConvexError as error:
        data = error.data
    return [data, ctx.run_mutation("both:bottom", {"ok": True})]

@mutation
def fails(ctx):
    ctx.run_mutation("both:add", {"text": "never"})
    raise ConvexError("python refuses")

@query
def careless(ctx):
    try:
        ctx.run_query("both:exhaust")
    except Exception:
        return "survived"

@mutation
def by_handle(ctx, handle):
    ctx.scheduler.run_after(0, handle, {"text": "later"})
    return ctx.run_mutation(handle, {"text": "by handle"})
"""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[AppBench]:
    # A full heap takes a busy machine longer than a second, and what is out of time first may be caught.
    limits = Limits(typescript_seconds_max=60.0)
    bench = typescript_bench(tmp_path, {"both": BOTH}, limits, snake=SNAKE)
    yield bench
    bench.close()


def test_calls_change_the_language_at_every_step(app: AppBench) -> None:
    below, texts = app.run("both:sandwich")
    assert below == [{"where": "bottom", "n": Int64(1)}, Int64(7)]
    # What the first `bottom` wrote is gone with its failure.
    assert texts == ["top", "middle", "bottom"]
    assert app.run("both:texts") == texts


def test_what_a_python_function_raises_arrives_with_its_data(app: AppBench) -> None:
    is_convex_error, data, _ = app.run("both:survive")
    assert (is_convex_error, data) == (True, "python refuses")
    assert app.run("snake:texts") == []


def test_arguments_are_checked_on_the_way_from_one_language_to_the_other(app: AppBench) -> None:
    error = app.error("both:wrongly")
    assert "ArgumentValidationError: Value does not match validator.\nPath: .text" in error.message


def test_nobody_survives_the_end_of_the_process(app: AppBench) -> None:
    """A Python function that catches everything is over too when the process of its TypeScript function dies."""
    error = app.error("snake:careless")
    assert (error.code, error.message) == (
        "OutOfMemory",
        "JavaScript execution ran out of memory (maximum memory usage: 64 MB)",
    )
    assert app.run("snake:texts") == []


def test_either_language_schedules_the_others_functions(app: AppBench) -> None:
    outcome = app.execute("both:scheduled", internal=True)
    assert outcome.error is None
    assert any(b"snake.js:add" in (write.value or b"") for write in outcome.writes)


def test_a_handle_stands_for_its_function_in_either_language(app: AppBench) -> None:
    handles = app.run("both:handles")
    for path in ("both:byHandle", "snake:by_handle"):
        for handle in handles:
            app.run(path, {"handle": handle})
    assert app.run("both:texts") == ["by handle"] * 4
    for path in ("both:byHandle", "snake:by_handle"):
        error = app.error(path, {"handle": "function://nothing"})
        assert error.message.startswith("Uncaught Error: Couldn't resolve the function handle function://nothing")


def test_a_function_defined_twice_is_refused(tmp_path: Path) -> None:
    write_typescript(tmp_path, {"both": BOTH})
    write_app(tmp_path, both="@query\ndef texts(ctx): pass")
    with pytest.raises(AppLoadError, match="The function both:texts is defined in Python and in TypeScript"):
        load_app(tmp_path, Limits())


SCHEMA = """
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
export default defineSchema({ notes: defineTable({ text: v.string() }).index("by_text", ["text"]) });
"""
CRONS = """
import { cronJobs } from "convex/server";
import { api } from "./_generated/api";
const crons = cronJobs();
crons.interval("often", { minutes: 5 }, (api as any).snake.add, { text: "cron" });
crons.weekly("seldom", { dayOfWeek: "monday", hourUTC: 3, minuteUTC: 0 }, (api as any).both.add, { text: "x" });
export default crons;
"""
HTTP = """
import { httpRouter } from "convex/server";
import { httpAction } from "./_generated/server";
const http = httpRouter();
http.route({ path: "/hello", method: "GET", handler: httpAction(async () => new Response("hello")) });
http.route({ pathPrefix: "/files/", method: "POST", handler: httpAction(async () => new Response(null)) });
export default http;
"""

NEEDING = """
import { query } from "./_generated/server";
import { v } from "convex/values";
if (process.env.NEEDED === undefined) throw new Error("NEEDED is not set");
export const value = query({ args: { a: v.optional(v.int64()) }, returns: v.null(), handler: async () => null });
"""


def test_an_app_that_was_deployed_is_what_it_was_found_to_be(tmp_path: Path) -> None:
    """Its modules are not imported to see again: one that looks at a variable might fail by now."""
    modules = {"both": BOTH, "schema": SCHEMA, "crons": CRONS, "http": HTTP, "needing": NEEDING}
    write_typescript(tmp_path, modules)
    directory = write_app(tmp_path, snake=SNAKE)
    with pytest.raises(AppLoadError, match="NEEDED is not set"):
        load_app(directory, Limits())
    found = load_app(directory, Limits(), lambda: {"NEEDED": "1"})
    again = load_app(directory, Limits(), dict, lambda: found.description)
    for app in (found, again):
        assert app.host is not None
        app.host.close()
    assert encode_description(again.description) == encode_description(found.description)
    assert again.functions.keys() == found.functions.keys()
    assert again.functions["snake:texts"].handler is not None
    with pytest.raises(ValidationError, match=r"v\.int64"):
        again.functions["needing:value"].check_args({"a": "text"})


def test_schema_crons_and_routes_may_be_in_typescript(tmp_path: Path) -> None:
    write_typescript(tmp_path, {"both": BOTH, "schema": SCHEMA, "crons": CRONS, "http": HTTP})
    app = load_app(write_app(tmp_path, snake=SNAKE), Limits())
    assert app.host is not None
    app.host.close()
    assert app.schema is not None
    assert list(app.schema.tables) == ["notes"]
    assert [(job.name, job.path, job.args, job.schedule) for job in app.description.crons] == [
        ("often", "snake:add", {"text": "cron"}, {"type": "interval", "seconds": 300}),
        (
            "seldom",
            "both:add",
            {"text": "x"},
            {"type": "weekly", "dayOfWeek": 1, "hourUTC": 3, "minuteUTC": 0},
        ),
    ]
    assert [(route.path, route.method) for route in app.description.routes or []] == [
        ("/hello", "GET"),
        ("/files/*", "POST"),
    ]


@pytest.mark.parametrize(
    ("python", "typescript", "message"),
    [
        (
            {"schema": "schema = define_schema({})"},
            {"schema": SCHEMA},
            "The app defines a schema in Python and in TypeScript. Keep one of the two.",
        ),
        (
            {"http": "http = HttpRouter()"},
            {"http": HTTP},
            "The app defines HTTP routes in Python and in TypeScript. Keep one of the two.",
        ),
        (
            {"snake": SNAKE, "crons": "crons = Crons()\ncrons.interval('often', 'snake:add', minutes=1)"},
            {"both": BOTH, "crons": CRONS},
            "Cron identifier registered twice: often, in Python and in TypeScript",
        ),
        (
            {},
            {"both": BOTH, "crons": CRONS},
            "The cron job 'often' schedules a function that does not exist: snake:add",
        ),
        (
            {},
            {"m": 'throw new Error("at import");'},
            r"Failed to analyze m.js: Uncaught Error: at import\n    at ../convex/m.ts:1:7",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, python: dict[str, str], typescript: dict[str, str], message: str
) -> None:
    write_typescript(tmp_path, typescript)
    with pytest.raises(AppLoadError, match=message):
        load_app(write_app(tmp_path, **python), Limits())
