"""Actions in TypeScript, made with the npm library, in their runner: a real Deno, and a real committer behind it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import trio

from rtdb.config import Limits
from rtdb.link.frames import EnvironmentChanged, ExecutionError
from rtdb.typescript import deno
from rtdb.values.json_codec import encode
from rtdb.values.value import Int64
from rtdb.values.violations import display_bytes
from tests.functions.action_bench import ActionBench, running_actions
from tests.functions.typescript.typescript_bench import write_typescript

pytestmark = pytest.mark.slow

NOTES = """
import { mutation, query } from "./_generated/server";
import { ConvexError, v } from "convex/values";

export const add = mutation({
    args: { text: v.string() },
    returns: v.id("notes"),
    handler: (ctx, args) => ctx.db.insert("notes", args),
});
export const texts = query({
    handler: async (ctx) => (await ctx.db.query("notes").collect()).map((note) => note.text),
});
export const refuse = mutation({ handler: async () => { throw new ConvexError({ no: 1n }); } });
export const who = query({ handler: async (ctx) => (await ctx.auth.getUserIdentity())?.name ?? null });
"""

HEADER = """
import { action, internalAction } from "./_generated/server";
import { api, internal } from "./_generated/api";
import { ConvexError, v } from "convex/values";
import { createFunctionHandle } from "convex/server";
"""


@asynccontextmanager
async def acting(
    directory: Path, source: str, limits: Limits | None = None, **sources: str
) -> AsyncIterator[ActionBench]:
    """Run the actions of ``m.ts`` beside notes."""
    write_typescript(directory / "app", {"m": HEADER + source, "notes": NOTES, **sources})
    async with running_actions(directory, limits) as bench:
        yield bench


async def test_an_action_runs_queries_and_mutations_of_their_own(tmp_path: Path) -> None:
    source = """
    export const act = action({
        args: { text: v.string() },
        returns: v.array(v.any()),
        handler: async (ctx, { text }) => {
            const before = await ctx.runQuery(api.notes.texts);
            await ctx.runMutation(api.notes.add, { text });
            return [before, await ctx.runQuery(api.notes.texts)];
        },
    });
    """
    async with acting(tmp_path, source) as bench:
        assert await bench.act("m:act", {"text": "one"}) == [[], ["one"]]
        assert (await bench.error("m:act", {"text": 7.0})).message.startswith("ArgumentValidationError: ")


async def test_languages_call_each_other(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async (ctx) => [
        await ctx.runAction("p:double", { n: 21 }), await ctx.runQuery("p:one"), await ctx.runAction(api.m.inner, {}),
    ] });
    export const inner = internalAction({ handler: async () => "inner" });
    """
    python = """
        @action
        async def double(ctx, n): return n * 2

        @query
        def one(ctx): return 1

        @action
        async def act(ctx): return await ctx.run_action("m:inner")
    """
    write_typescript(tmp_path / "app", {"m": HEADER + source})
    async with running_actions(tmp_path, p=python) as bench:
        assert await bench.act("m:act") == [42, 1, "inner"]
        assert await bench.act("p:act") == "inner"


async def test_errors_of_what_it_runs_can_be_caught_with_their_data(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async (ctx) => {
        try { await ctx.runMutation(api.notes.refuse); }
        catch (error) { return [error instanceof ConvexError, error.data]; }
    } });
    export const passesOn = action({ handler: async (ctx) => { await ctx.runMutation(api.notes.refuse); } });
    export const missing = action({ handler: async (ctx) => { await ctx.runQuery("notes:gone"); } });
    """
    async with acting(tmp_path, source) as bench:
        assert await bench.act("m:act") == [True, {"no": Int64(1)}]
        error = await bench.error("m:passesOn")
        assert error.data == b'{"no":{"$integer":"AQAAAAAAAAA="}}'
        assert "Could not find function for 'notes:gone'" in (await bench.error("m:missing")).message


async def test_an_error_names_the_place_in_the_source(tmp_path: Path) -> None:
    source = """
    function broken() { throw new TypeError("no such user"); }
    export const act = action({ handler: async () => { await null; broken(); } });
    """
    async with acting(tmp_path, source) as bench:
        error = await bench.error("m:act")
        assert error.message == "Uncaught TypeError: no such user"
        assert error.frames.startswith("    at broken (../convex/m.ts:7:")
        assert "    at handler (../convex/m.ts:8:" in error.frames


async def test_each_action_has_a_log_of_its_own(tmp_path: Path) -> None:
    source = """
    export const act = action({ args: { name: v.string() }, handler: async (ctx, { name }) => {
        console.log(name, { a: 1 });
        await new Promise((done) => setTimeout(done, 20));
        console.warn(name);
    } });
    """
    async with acting(tmp_path, source) as bench:
        calls = [(name, bench.start("m:act", {"name": name})) for name in "abcdefgh"]
        for name, call in calls:
            outcome = await bench.outcome(call)
            assert outcome.error is None
            assert outcome.log_lines == [f"[LOG] '{name}' {{\n  a: 1\n}}", f"[WARN] '{name}'"]


async def test_variables_of_a_module_are_those_of_one_call(tmp_path: Path) -> None:
    """As on the reference, where a call has a context of its own."""
    source = """
    let calls = 0;
    export const act = action({ handler: async () => { calls += 1; return calls; } });
    """
    async with acting(tmp_path, source) as bench:
        assert [await bench.act("m:act") for _ in range(3)] == [1, 1, 1]


async def test_what_an_action_runs_is_run_for_its_caller(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async (ctx) =>
        [(await ctx.auth.getUserIdentity())?.name ?? null, await ctx.runQuery(api.notes.who)] });
    """
    async with acting(tmp_path, source) as bench:
        assert await bench.act("m:act", identity=encode({"name": "ada"})) == ["ada", "ada"]
        assert await bench.act("m:act") == [None, None]


async def test_an_action_sees_the_variables_there_are_when_it_starts(tmp_path: Path) -> None:
    source = """
    const atImport = process.env.MODE;
    export const act = action({ handler: async () => {
        const { MODE, CONVEX_CLOUD_URL } = process.env;
        return [atImport ?? null, MODE ?? null, CONVEX_CLOUD_URL];
    } });
    """
    async with acting(tmp_path, source) as bench:
        assert await bench.act("m:act") == [None, None, "http://cloud"]
        arguments = {"changes": [{"name": "MODE", "value": "live"}]}
        bench.app.run("_system/environment_variables:update", arguments, internal=True)
        bench.link.send_nowait(EnvironmentChanged())
        assert await bench.act("m:act") == ["live", "live", "http://cloud"]


async def test_what_is_not_awaited_is_given_up_and_said(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async (ctx) => {
        void ctx.runMutation(api.notes.add, { text: "never" });
        void ctx.runQuery(api.notes.texts);
        return "done";
    } });
    """
    async with acting(tmp_path, source) as bench:
        bench.holding = True
        call = bench.start("m:act")
        outcome = await bench.outcome(call)
        assert outcome.result == b'"done"'
        assert outcome.log_lines == [
            "[WARN] 2 unawaited operations: [runMutation, runQuery]. Async operations should be awaited or they might "
            "not run. See https://docs.convex.dev/functions/actions#dangling-promises for more information."
        ]


async def test_an_error_that_nobody_catches_ends_its_own_action_and_no_other(tmp_path: Path) -> None:
    bodies = [
        'Promise.reject(new Error("mine"));',
        'setTimeout(() => { throw new Error("mine"); }, 1);',
        'queueMicrotask(() => { throw new Error("mine"); });',
        'void (async () => { await null; throw new Error("mine"); })();',
    ]
    source = "export const waits = action({ handler: async (ctx) => await ctx.runQuery(api.notes.texts) });\n"
    for number, body in enumerate(bodies):
        handler = f"async () => {{ {body} await new Promise(() => {{}}); }}"
        source += f"export const fails{number} = action({{ handler: {handler} }});\n"
    async with acting(tmp_path, source) as bench:
        bench.holding = True
        waiting = bench.start("m:waits")
        await bench.wait_requests(1)
        for number in range(len(bodies)):
            assert (await bench.error(f"m:fails{number}")).message == "Uncaught Error: mine"
        bench.release()
        assert (await bench.outcome(waiting)).result == b"[]"


async def test_an_action_that_loops_takes_its_process_with_it_and_another_takes_its_place(tmp_path: Path) -> None:
    source = """
    export const loops = action({ handler: async () => { for (;;); } });
    export const waits = action({ handler: async (ctx) => await ctx.runQuery(api.notes.texts) });
    export const fine = action({ handler: async () => "fine" });
    """
    async with acting(tmp_path, source, Limits(action_blocked_seconds_max=1)) as bench:
        error = await bench.error("m:loops")
        assert error.code == "ActionBlocked"
        assert error.message.startswith("Function m:loops was stopped: for 1 s (action_blocked_seconds_max) ")
        bench.holding = True
        waiting = bench.start("m:waits")
        await bench.wait_requests(1)
        errors = [await bench.error("m:loops"), (await bench.outcome(waiting)).error]
        for error_or_none in errors:
            assert error_or_none is not None
            assert error_or_none.code == "ActionInterrupted"
            assert error_or_none.message.startswith(
                "Transient error while executing action: the process it ran in, as others did, has ended"
            )
        assert await bench.act("m:fine") == "fine"


async def test_a_process_is_not_blamed_for_a_stall_of_ours(tmp_path: Path) -> None:
    source = "export const waits = action({ handler: async (ctx) => await ctx.runQuery(api.notes.texts) });"
    async with acting(tmp_path, source, Limits(action_blocked_seconds_max=1)) as bench:
        for _ in range(3):
            bench.holding = True
            waiting = bench.start("m:waits")
            await bench.wait_requests(len(bench.requests) + 1)
            time.sleep(1.6)  # noqa: ASYNC251  # the stall
            bench.holding = False
            bench.release()
            assert (await bench.outcome(waiting)).error is None


async def test_an_action_that_takes_all_memory_is_told_so(tmp_path: Path) -> None:
    source = """
    export const fills = action({ handler: async () => {
        const kept = [];
        for (;;) { kept.push(new Array(100_000).fill({})); await null; }
    } });
    export const fine = action({ handler: async () => "fine" });
    """
    async with acting(tmp_path, source, Limits(typescript_action_heap_bytes_max=64 << 20)) as bench:
        error = await bench.error("m:fills")
        assert error.message == "JavaScript execution ran out of memory (maximum memory usage: 64 MB)"
        assert await bench.act("m:fine") == "fine"


async def test_a_cancelled_action_stops_waiting_for_its_timers(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async (ctx) => {
        await ctx.runQuery(api.notes.texts);
        setInterval(() => console.log("still there"), 1);
        await new Promise(() => {});
    } });
    """
    async with acting(tmp_path, source) as bench:
        call = bench.start("m:act")
        await bench.wait_requests(1)
        because = ExecutionError("FunctionTimedOut", "too late")
        bench.cancel(call, because)
        assert (await bench.outcome(call)).error == because


class Outside(BaseHTTPRequestHandler):
    """A server that an action talks to."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(201)
        self.send_header("x-kind", "echo")
        self.end_headers()
        self.wfile.write(body.upper())

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("location", self.path.removeprefix("/to/"))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def outside() -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


FETCHING = """
export const post = action({ args: { url: v.string() }, handler: async (ctx, { url }) => {
    const response = await fetch(url, { method: "POST", body: "hello" });
    const text = await response.text();
    await ctx.runMutation(api.notes.add, { text });
    return [response.status, response.headers.get("x-kind"), text];
} });
export const get = action({ args: { url: v.string() }, handler: async (ctx, { url }) => {
    const response = await fetch(url);
    return response.status;
} });
"""


async def test_an_action_fetches_and_writes(tmp_path: Path, outside: str) -> None:
    async with acting(tmp_path, FETCHING) as bench:
        assert await bench.act("m:post", {"url": outside}) == [201, "echo", "HELLO"]
        assert bench.app.run("notes:texts") == ["HELLO"]


async def test_addresses_of_the_servers_surroundings_are_refused(tmp_path: Path, outside: str) -> None:
    """Redirects too. Only 127.0.0.0/8 is allowed here."""
    urls = [
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://192.168.0.1/",
        "http://0.0.0.0:8080/",
        "http://[::ffff:10.0.0.1]/",
        f"{outside}/to/http://169.254.169.254/",
    ]
    async with acting(tmp_path, FETCHING) as bench:
        for url in urls:
            error = await bench.error("m:get", {"url": url})
            assert "is an address of the server's own network" in error.message, url
            assert "action_networks_allowed" in error.message


async def test_files_are_stored_and_read(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async (ctx) => {
        const id = await ctx.storage.store(new Blob(["hello ".repeat(100_000)], { type: "text/plain" }));
        const blob = await ctx.storage.get(id);
        const url = await ctx.storage.getUrl(id);
        const upload = await ctx.storage.generateUploadUrl();
        await ctx.storage.delete(id);
        return [blob.size, blob.type, (await blob.text()).slice(-6), url.split("/").slice(0, 3).join("/"),
            upload.includes("/api/storage/upload?token="), await ctx.storage.get(id)];
    } });
    export const notABlob = action({ handler: async (ctx) => await ctx.storage.store("text") });
    """
    async with acting(tmp_path, source) as bench:
        assert await bench.act("m:act") == [600_000, "text/plain", "hello ", "http://files.example", True, None]
        assert "store() expects a Blob." in (await bench.error("m:notABlob")).message


async def test_an_action_schedules_and_cancels(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async (ctx) => {
        const id = await ctx.scheduler.runAfter(60_000, api.notes.add, { text: "later" });
        await ctx.scheduler.cancel(id);
        const handle = await createFunctionHandle(api.notes.texts);
        return [typeof id, handle.startsWith("function://"), await ctx.runQuery(handle)];
    } });
    """
    async with acting(tmp_path, source) as bench:
        assert await bench.act("m:act") == ["string", True, []]
        assert [request.path for request in bench.requests][:2] == [
            "_system/scheduler:schedule",
            "_system/scheduler:cancel",
        ]


async def test_an_action_finds_around_it_what_it_should_and_nothing_of_its_process(tmp_path: Path) -> None:
    values = {
        "typeof Deno": "undefined",
        "typeof WebSocket": "undefined",
        "typeof localStorage": "undefined",
        "typeof globalThis.require": "undefined",
        "typeof window": "undefined",
        "Object.keys(process).join()": "env",
        'await import("node" + ":fs").catch((error) => error.message.split(",")[0])': (
            'The module m.js imports "node:fs"'
        ),
        "self === globalThis": True,
        "new Date().getTimezoneOffset()": 0,
        "await new Promise((done) => setTimeout(done, 1, 'late'))": "late",
        "(await crypto.subtle.digest('SHA-256', new Uint8Array())).byteLength": 32,
        "(() => { try { new Function('return 1')(); } catch (error) { return error.name; } })()": "EvalError",
    }
    source = f"export const act = action({{ handler: async () => [{', '.join(values)}] }});"
    async with acting(tmp_path, source) as bench:
        assert await bench.act("m:act") == list(values.values())


async def test_more_processes_are_started_when_there_are_more_actions(tmp_path: Path) -> None:
    source = "export const act = action({ handler: async (ctx) => await ctx.runQuery(api.notes.texts) });"
    limits = Limits(typescript_action_host_calls_max=2, typescript_action_hosts_max=2)
    async with acting(tmp_path, source, limits) as bench:
        bench.holding = True
        calls = [bench.start("m:act") for _ in range(6)]
        await bench.wait_requests(6)
        with trio.fail_after(10):
            bench.release()
            assert [(await bench.outcome(call)).result for call in calls] == [b"[]"] * 6


async def test_a_module_can_be_imported_while_an_action_runs(tmp_path: Path) -> None:
    source = """
    export const act = action({ handler: async () => {
        const [first, second] = await Promise.all([import("./lib"), import("./lib")]);
        return [first.add(1, 2), first === second, await import("https://example.com/x.js").catch(String)];
    } });
    """
    async with acting(tmp_path, source, lib="export const add = (a: number, b: number) => a + b;") as bench:
        total, same, refused = await bench.act("m:act")
        assert (total, same) == (3, True)
        assert 'imports "https://example.com/x.js", which is not a module of the app' in refused


async def test_an_action_that_garbles_what_its_process_says_ends_the_process_and_nothing_else(tmp_path: Path) -> None:
    """It can reach what its process writes with, and gains nothing by it."""
    source = """
    export const fine = action({ handler: async (ctx) => (await ctx.runQuery(api.notes.texts)).length });
    export const harmless = action({ handler: async () => {
        TextEncoder.prototype.encode = () => new Uint8Array([1, 2, 3]);
        console.log("said all the same");
    } });
    export const garbles = action({ handler: async () => {
        Uint8Array.prototype.set = () => {};
        console.log("never said");
    } });
    """
    async with acting(tmp_path, source) as bench:
        outcome = await bench.outcome(bench.start("m:harmless"))
        assert outcome.log_lines == ["[LOG] 'said all the same'"]
        error = await bench.error("m:garbles")
        assert error.code == "ActionInterrupted"
        assert "it said what it must not" in error.message
        assert await bench.act("m:fine") == 0


async def test_calls_leave_nothing_behind_in_the_memory_of_their_process(tmp_path: Path) -> None:
    """With the hook of node:vm for dynamic imports this many would have kept 300 MB; with 128 a process is replaced."""
    source = """
    import { kept } from "./lib";
    export const act = action({ handler: async () => [kept.length, (await import("./lib")).kept.length] });
    """
    lib = "export const kept: number[] = new Array(100_000).fill(1);"
    async with acting(tmp_path, source, Limits(typescript_action_heap_bytes_max=256 << 20), lib=lib) as bench:
        for _ in range(400):
            assert await bench.act("m:act") == [100_000, 100_000]
        assert bench.typescript is not None
        assert bench.typescript.hosts["isolate"].started == 1


async def test_a_process_whose_memory_the_app_fills_is_replaced_in_time(tmp_path: Path) -> None:
    source = """
    export const leak = action({ handler: async () => {
        const leaked = (globalThis as any).leaked ??= [];
        leaked.push(new Array(500_000).fill(leaked.length));
        // As often as a process says how much memory it has.
        await new Promise((done) => setTimeout(done, 110));
        return leaked.length;
    } });
    """
    async with acting(tmp_path, source, Limits(typescript_action_heap_bytes_max=64 << 20)) as bench:
        counts: list[float] = []
        while 1.0 not in counts[1:]:
            counts.append(await bench.act("m:leak"))
        assert max(counts) > 3


@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("for (;;);", "ActionBlocked"),
        ("controller.error(new Error('late'));", "FunctionError"),
        ("setTimeout(() => { throw new Error('late'); }, 0);", "FunctionError"),
    ],
)
async def test_an_answer_that_is_being_sent_ends_with_its_action(tmp_path: Path, then: str, code: str) -> None:
    routes = f"""
    import {{ httpRouter }} from "convex/server";
    import {{ httpAction }} from "./_generated/server";
    const http = httpRouter();
    http.route({{ path: "/slow", method: "GET", handler: httpAction(async () => new Response(new ReadableStream({{
        async start(controller) {{
            controller.enqueue(new TextEncoder().encode("begun"));
            await new Promise((resolve) => setTimeout(resolve, 200));
            {then}
            await new Promise(() => {{}});
        }},
    }}))) }});
    export default http;
    """
    async with acting(tmp_path, "", Limits(action_blocked_seconds_max=0.5), http=routes) as bench:
        call = bench.request("GET", "/slow")
        with trio.fail_after(20):
            outcome = await bench.outcome(call)
        assert bench.heads[call].status == 200, "it had begun"
        assert outcome.error is not None
        assert outcome.error.code == code


async def test_without_a_binary_an_action_fails_with_the_reason_and_the_runner_lives_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deno was there when the app was loaded; it may be gone, or come back, at any time after it."""
    write_typescript(tmp_path / "app", {"m": HEADER + "export const act = action({ handler: async () => 1 });"})
    python = """
        @action
        async def act(ctx): return 2
    """
    there = deno.find_deno()
    gone = tmp_path / "gone" / "deno"
    bench = ActionBench(tmp_path, Limits(), None, p=python)
    monkeypatch.setattr(deno, "find_deno", lambda: gone)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.run)
            error = await bench.error("m:act")
            assert error.code == "ActionHostUnavailable"
            assert error.message.startswith(
                f"Function m:act was not run, because no process could be started for it: Deno could not be started "
                f"from {gone}: [Errno 2] No such file or directory"
            )
            assert "Try: pip install 'rtdb[typescript]'" in error.message
            assert await bench.act("p:act") == 2
            monkeypatch.setattr(deno, "find_deno", lambda: there)
            assert await bench.act("m:act") == 1
            nursery.cancel_scope.cancel()
    finally:
        bench.app.close()


async def test_what_is_too_large_to_be_sent_is_an_error_of_its_action_and_of_no_other(tmp_path: Path) -> None:
    source = """
    export const waits = action({ handler: async (ctx) => (await ctx.runQuery(api.notes.texts)).length });
    export const returns = action({ args: { char: v.string(), count: v.number() }, handler: async (ctx, args) =>
        args.char.repeat(args.count) });
    export const sends = action({ handler: async (ctx) => {
        await ctx.runMutation(api.notes.add, { text: "x".repeat(9 << 20) });
    } });
    export const length = action({ handler: async (ctx) => {
        try { await ctx.runMutation(api.notes.add, { text: "x".repeat(9 << 20) }); } catch { return "caught"; }
    } });
    """
    limits = Limits(frame_bytes_max=8 << 20, result_bytes_max=4 << 20)
    async with acting(tmp_path, source, limits) as bench:
        bench.holding = True
        waiting = bench.start("m:waits")
        await bench.wait_requests(1)
        for char, bytes_each in (("x", 1), ("é", 2), ("€", 3), ("😀", 4)):
            count = (4 << 20) // bytes_each - 2
            assert (await bench.act("m:returns", {"char": char, "count": float(count)})) == char * count
            error = await bench.error("m:returns", {"char": char, "count": float(3 * count)})
            assert error.code == "ReturnValueTooLarge"
            actual = display_bytes(3 * count * bytes_each + 2)
            assert error.message == (
                f"Function m.js:returns return value is too large (actual: {actual}, limit: {display_bytes(4 << 20)})"
            )
        error = await bench.error("m:sends")
        assert "What an action sends to the server at once is too large (actual: 9437" in error.message
        assert await bench.act("m:length") == "caught"
        bench.holding = False
        bench.release()
        assert (await bench.outcome(waiting)).result == b"0.0"
        assert bench.typescript is not None
        assert bench.typescript.hosts["isolate"].started == 1


async def test_an_error_that_an_action_does_not_catch_keeps_its_code(tmp_path: Path) -> None:
    source = """
    const ask = (op: string) => (globalThis as any).Convex.asyncSyscall(op, "{}");
    export const token = action({ handler: async () => {
        try { await ask("1.0/createServiceToken"); } catch (error: any) { throw new Error(error.message); }
    } });
    export const caught = action({ handler: async () => {
        try { await ask("1.0/getServiceUrl"); } catch (error: any) { return error.message; }
    } });
    export const url = action({ handler: async () => {
        try { await ask("1.0/getServiceUrl"); } catch { throw new Error("no service"); }
    } });
    export const refused = action({ handler: async (ctx) => { await ctx.runMutation(api.notes.refuse, {}); } });
    """
    async with acting(tmp_path, source) as bench:
        assert (await bench.error("m:token")).code == "ServicesUnsupported"
        assert (await bench.act("m:caught")).startswith("`getServiceUrl` is not supported by this server")
        assert (await bench.error("m:url")).code == "FunctionError"
        assert (await bench.error("m:refused")).code == "ApplicationError"
