"""Code that wants more than a query or mutation may have ends in an error for its own call, and the process goes on.

What it can reach is looked at from inside (`hostile.py`); what it does to others is looked at from the next call.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
import pytest

from rtdb.config import Limits
from rtdb.typescript.host import Host, HostDied
from rtdb.typescript.steps import Answered, Refused, Reply, Returned, Step, SyscallRequest, Syscalls, Threw
from tests.typescript.conftest import Functions, query
from tests.typescript.hostile import REACHABLE, SPY
from tests.typescript.realm_process import RealmProcess

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def patient_host() -> Iterator[Host]:
    host = Host(Limits(typescript_seconds_max=30.0))
    host.start()
    yield host
    host.close()


@pytest.fixture
def patient(patient_host: Host) -> Functions:
    """With time to look at everything there is, on a busy machine."""
    return Functions(patient_host)


AFTER = query(
    """
    const types = [Object, Array, Function, String, Promise].filter((type) => "polluted" in type.prototype);
    const changed = types.map((type) => type.name);
    return [changed, globalThis.polluted ?? null, [3, 1, 2].toSorted(), JSON.stringify({ a: 1 }), await ask("echo", 7)];
    """,
    "after",
)


def echo(request: SyscallRequest) -> Reply:
    return Answered(request.number, request.args)


def ensure_goes_on(functions: Functions, pid: int | None) -> None:
    assert functions.host.pid == pid, "the process has been replaced"
    expected = [[], None, [1, 2, 3], '{"a":1}', 7]
    assert functions.result("after", answer=echo) == expected


# --- what can be reached ----------------------------------------------------------------------------------------------


OVERFLOWING = """
    // What is thrown and returned where the stack ends, by the context or by the host.
    const overflows = [];
    let calls = 0;
    const actions = [
        () => Convex.syscall("a", "{}"), () => Convex.asyncSyscall("a", "{}"), () => new URL("http://a/b"),
        () => console.log(1), () => Date.now(), () => crypto.subtle.digest("SHA-1", new Uint8Array(1)),
        () => process.env.A, () => new Error().stack,
        () => import("./m.js"), () => eval("1"), () => new TextDecoder("latin1").decode(new Uint8Array(1)),
    ];
    function descend() {
        try { descend(); } catch (error) { overflows.push(error); }
        for (const action of actions) {
            if ((calls += 1) > 1000) return;
            try { overflows.push(action()); } catch (error) { overflows.push(error); }
        }
    }
    descend();
"""


def test_nothing_that_can_be_reached_is_of_another_realm(patient: Functions) -> None:
    patient.load(REACHABLE + query("return reachable({ globalThis, meta: import.meta });"))
    count, foreign = patient.result(answer=echo)
    assert foreign == []
    assert count > 3000


def test_nothing_that_fails_at_the_end_of_the_stack_is_of_another_realm(patient: Functions) -> None:
    patient.load(
        REACHABLE + query(f"{OVERFLOWING} return [overflows.length, await reachable({{ overflows }})];") + AFTER
    )
    pid = patient.host.pid
    overflows, (_, foreign) = patient.result(answer=echo)
    assert overflows > 500
    assert foreign == []
    ensure_goes_on(patient, pid)


def test_something_of_another_realm_would_be_found(realm: RealmProcess) -> None:
    source = REACHABLE + "return reachable({ globalThis })"
    assert realm.value(source, leak=False)[1] == []
    assert realm.value(source, leak=True)[1] == ["globalThis.leaked"]


HOSTILE_SPIED = f"{SPY} beginToSpy();" + query("""
        console.log({ a: [1, new Map([[1, 2]])] }, new Error("x"));
        const url = new URL("http://a/b?c=d"); url.searchParams.append("e", "f");
        await crypto.subtle.digest("SHA-256", new TextEncoder().encode("x"));
        structuredClone({ a: new Date(), b: [new Set([1])] });
        await new Response(new Blob(["x"])).text();
        process.env.X; Math.random(); new Date().toLocaleString();
        new AsyncLocalStorage().run(1, () => 1);
        for (const action of [() => Convex.syscall("no", "{"), () => eval("1"), () => fetch("x"), () => import("x")]) {
            try { await action(); } catch {}
        }
        await Promise.all([ask("echo", [1]), ask("echo", [2])]);
        if (args.fail === "error") throw Object.assign(new Error("x"), { code: "y" });
        if (args.fail === "rejection") { Promise.reject(new TypeError("z")); await ask("echo"); await null; }
        if (args.fail === "object") throw { toString() { return "x"; } };
        return calls;
    """)


@pytest.mark.parametrize("fail", ["", "error", "rejection", "object"])
def test_nothing_of_another_realm_meets_what_an_app_has_replaced(patient: Functions, fail: str) -> None:
    """From before the library's code runs until the error is described."""
    patient.load(HOSTILE_SPIED + AFTER)
    pid = patient.host.pid
    step = patient.run(args={"fail": fail}, answer=echo)
    assert [line.text for line in patient.log_lines if "FOREIGN" in line.text] == []
    if fail == "":
        assert isinstance(step, Returned)
        assert msgspec.json.decode(step.result) > 100
    else:
        assert isinstance(step, Threw)
    patient.load(AFTER)
    ensure_goes_on(patient, pid)


def test_the_spy_sees_what_it_is_for(realm: RealmProcess) -> None:
    source = SPY + "beginToSpy(); [].push(leaked); new Map().set(1, leaked); return calls;"
    logged = [text for _, text in realm.run(source, leak=True).logs]
    assert {"'FOREIGN' 'Array.push'", "'FOREIGN' 'Map.set'"} <= set(logged)


CONSTRUCTORS = [
    "(() => {})",
    "(async () => {})",
    "(function* () {})",
    "(async function* () {})",
    "Convex.syscall",
    "Convex.asyncSyscall",
    "console.log",
    "Date.now",
    "Math.random",
    "process.env.inspect",
    "URL",
    "Reflect.construct",
]


def test_no_constructor_makes_code_of_a_string(functions: Functions) -> None:
    attempts = [f"() => {value}.constructor('return globalThis')()" for value in CONSTRUCTORS]
    attempts += ["() => eval('globalThis')", "() => globalThis.constructor.constructor('return process')()"]
    tried = "(attempt) => { try { return String(attempt()); } catch (error) { return error.name; } }"
    functions.load(query(f"return [{', '.join(attempts)}].map({tried});"))
    assert set(functions.result()) == {"EvalError"}


def test_call_sites_are_never_seen(functions: Functions) -> None:
    functions.load(
        query("""
            const seen = [];
            Error.prepareStackTrace = (error, sites) => { seen.push(sites); return sites; };
            class Own extends Error { static prepareStackTrace(error, sites) { seen.push(sites); return sites; } }
            const stacks = [new Error("a").stack, new Own("b").stack];
            const place = {}; Error.captureStackTrace(place); stacks.push(place.stack);
            let refused = false;
            try { Object.defineProperty(Error, "prepareStackTrace", { value: () => 1 }); } catch { refused = true; }
            return [seen.length, stacks.map((stack) => typeof stack), refused, stacks.join().includes("file:")];
        """)
    )
    assert functions.result() == [0, ["string"] * 3, True, False]


@pytest.mark.parametrize(
    "specifier",
    [
        "node:fs",
        "fs",
        "file:///etc/passwd",
        "/etc/passwd",
        "https://example.com/a.js",
        "data:text/javascript,0",
        "npm:a",
        "ext:core/ops",
    ],
)
def test_only_modules_of_the_app_are_imported(functions: Functions, specifier: str) -> None:
    functions.load(m=f'import * as x from "{specifier}"; export {{ x }};', n=AFTER)
    error = functions.error()
    assert error.message == f'Module m.js imports "{specifier}": only modules of the app can be imported.'
    functions.load(query(f"await import('{specifier}');"))
    assert "Can't dynamically import modules in a query or mutation" in functions.error().message


@pytest.mark.parametrize("specifier", ["../../../etc/passwd", "./m.js/../../x.js", "./absent.js", "./%2e%2e/x.js"])
def test_a_path_out_of_the_app_is_no_module_of_it(functions: Functions, specifier: str) -> None:
    functions.load(f'import * as x from "{specifier}";' + query("return 1;"))
    message = functions.error().message
    assert message.startswith("Module m.js imports ")
    assert message.endswith(", which was not pushed.")


# --- what others would feel -------------------------------------------------------------------------------------------

LOOPS = {
    "loop": "for (;;);",
    "loop in finally": "try { for (;;); } finally { for (;;); }",
    "loop in catch after finally": "for (;;) { try { throw 1; } catch { continue; } finally { continue; } }",
    "regular expression": "/^(a+)+$/.test('a'.repeat(64) + 'b');",
    "loop after await": "await null; for (;;);",
    "microtasks without end": "for (;;) await null;",
    "promises that make promises": "const next = () => Promise.resolve().then(next); await next();",
    "thenable that never ends": "return { then() { for (;;); } };",
    "thenable that resolves with itself": "return { then(resolve) { resolve(this); } };",
    "comparison": "[2, 1].sort(() => { for (;;); });",
    "generator": "for (const x of (function* () { for (;;) yield 1; })());",
    "getter of a result": "return { get a() { for (;;); } };",
    "toJSON of a result": "return { toJSON() { for (;;); } };",
    "proxy as result": "return new Proxy({}, { ownKeys() { for (;;); } });",
    "shown by console": "console.log({ inspect() { for (;;); } });",
    "getter shown by console": "console.log({ get a() { for (;;); } });",
    "argument of a syscall": "await Convex.asyncSyscall({ toString() { for (;;); } }, '');",
    "dynamic import": "await import({ toString() { for (;;); } });",
    "message of an error": "throw Object.defineProperty(new Error(), 'message', { get() { for (;;); } });",
    "data of an error": "const s = Symbol.for('ConvexError'); throw Object.defineProperty(Object.assign(new Error(), "
    "{ [s]: true, ConvexErrorSymbol: s }), 'data', { get() { for (;;); } });",
    "constructor of what is thrown": "throw { get constructor() { for (;;); } };",
    "rejection whose message loops": "Promise.reject(Object.defineProperty(new Error(), 'message', "
    "{ get() { for (;;); } })); await null;",
    "loop after a rejection that is shown": "Promise.reject("
    "{ [Symbol.for('Deno.customInspect')]() { for (;;); } }); for (;;);",
    "bigint": "2n ** 10000000n ** 2n; for (;;);",
    "syscalls without end": "for (;;) Convex.syscall('echo', '1');",
    "queries without end": "for (;;) Convex.syscall('1.0/queryStream', '{}');",
    "syscalls nobody waits for": "for (;;) Convex.asyncSyscall('echo', '1');",
}


def never_mind(functions: Functions, body: str) -> Step | HostDied:
    """Run a function to whatever end it comes to."""
    functions.load(query(body) + AFTER)
    try:
        return functions.run(answer=echo)
    except HostDied as died:
        return died


@pytest.mark.parametrize("name", LOOPS)
def test_whatever_loops_is_stopped_in_time(functions: Functions, name: str) -> None:
    began = time.monotonic()
    ended = never_mind(functions, LOOPS[name])
    assert time.monotonic() - began < 5
    assert isinstance(ended, Threw | HostDied)
    assert ended.code in ("FunctionTimedOut", "FunctionError", "OutOfMemory"), ended
    ensure_goes_on(functions, functions.host.pid)


THROWN = {
    "null": ("throw null;", "Uncaught null"),
    "undefined": ("throw undefined;", "Uncaught undefined"),
    "number": ("throw -0;", "Uncaught 0"),
    "string": ("throw 'x';", "Uncaught x"),
    "symbol": ("throw Symbol('x');", "Uncaught Symbol(x)"),
    "bigint": ("throw 5n;", "Uncaught 5"),
    "object": ("throw { message: 'x' };", "Uncaught #<Object>"),
    "instance": ("throw new (class Thing {})();", "Uncaught #<Thing>"),
    "array": ("throw [1];", "Uncaught #<Array>"),
    "object without prototype": ("throw Object.create(null);", "Uncaught #<Object>"),
    "error": ("throw new TypeError('x');", "Uncaught TypeError: x"),
    "error without message": ("throw new RangeError();", "Uncaught RangeError"),
    "error without name": ("throw Object.assign(new Error('x'), { name: '' });", "Uncaught x"),
    "error that is empty": ("throw Object.assign(new Error(), { name: '' });", "Uncaught"),
    "error of errors": (
        "await Promise.any([Promise.reject(1)]);",
        "Uncaught AggregateError: All promises were rejected",
    ),
    "exception of the web": ("throw new DOMException('x', 'AbortError');", "Uncaught AbortError: x"),
    "message that is no text": (
        "throw Object.assign(new Error(), { message: { toString: () => 'x' } });",
        "Uncaught Error: x",
    ),
    "message of a surrogate": ("throw new Error('\\ud800');", "Uncaught Error: \ufffd"),
    "newlines": ("throw new Error('a\\nb');", "Uncaught Error: a\nb"),
    "revoked proxy": (
        "const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy;",
        "Uncaught Error: (the error could not be read)",
    ),
    "proxy of an error": ("throw new Proxy(new Error('x'), {});", "Uncaught #<Error>"),
    "message that throws": (
        "throw Object.defineProperty(new Error(), 'message', { get() { throw 1; } });",
        "Uncaught Error: (the error could not be read)",
    ),
    "name that throws": (
        "throw Object.defineProperty(new Error(), 'name', { get() { throw null; } });",
        "Uncaught Error: (the error could not be read)",
    ),
    "end of the stack": ("const f = () => f(); f();", "Uncaught RangeError: Maximum call stack size exceeded"),
    "data that is no JSON": (
        "const s = Symbol.for('ConvexError'); "
        "throw Object.assign(new Error('x'), { [s]: true, ConvexErrorSymbol: s, data: '{' });",
        "Uncaught Error: (the error could not be read)",
    ),
    "rejection": ("Promise.reject(new Error('x')); await ask('echo', 1);", "Uncaught Error: x"),
    "rejection of null": ("Promise.reject(null); await ask('echo', 1);", "Uncaught null"),
    "rejection of a proxy": (
        "Promise.reject(new Proxy({}, { get() { throw 1; }, getPrototypeOf() { throw 2; } })); await ask('echo', 1);",
        "Uncaught Error: (the error could not be read)",
    ),
    "string too long": ("'x'.repeat(2 ** 29).repeat(8);", "Uncaught RangeError: Invalid string length"),
    "array too long": ("new Array(-1);", "Uncaught RangeError: Invalid array length"),
    "buffer too long": ("new ArrayBuffer(2 ** 40);", "Uncaught RangeError: Array buffer allocation failed"),
    "buffers without end": (
        "const all = []; for (;;) all.push(new Uint8Array(2 ** 26));",
        "Uncaught RangeError: Array buffer allocation failed",
    ),
}


@pytest.mark.parametrize("name", THROWN)
def test_whatever_is_thrown_is_an_error_of_its_call(patient: Functions, name: str) -> None:
    body, message = THROWN[name]
    patient.load(query(body) + AFTER)
    pid = patient.host.pid
    error = patient.error(answer=echo)
    assert (error.code, error.message) == ("FunctionError", message)
    ensure_goes_on(patient, pid)


def test_a_message_of_any_length_is_cut(functions: Functions) -> None:
    functions.load(query("throw new Error('x'.repeat(2 ** 24));") + AFTER)
    assert len(functions.error().message) < 70_000
    ensure_goes_on(functions, functions.host.pid)


@pytest.mark.parametrize(
    "body",
    [
        "const all = []; for (;;) all.push(new Array(1000).fill({}));",
        "const all = []; for (let n = 0; ; n += 1) all.push('x'.repeat(100000) + n, [...String(n).repeat(1000)]);",
        "const all = new Map(); for (let n = 0; ; n += 1) all.set(n, { n });",
        "const all = []; for (;;) all.push(Convex.asyncSyscall('echo', '1'));",
    ],
)
def test_a_heap_that_is_full_ends_the_process_and_the_next_call_has_another(patient: Functions, body: str) -> None:
    patient.load(query(body) + AFTER)
    with pytest.raises(HostDied) as died:
        patient.run()
    assert died.value.code == "OutOfMemory", died.value
    ensure_goes_on(patient, patient.host.pid)


def test_what_cannot_be_interrupted_ends_with_its_process() -> None:
    """Code of the engine's own that looks at no clock."""
    host = Host(Limits(typescript_seconds_max=0.25, typescript_silence_seconds_max=0.5))
    functions = Functions(host)
    functions.load(query("new Array(2 ** 28).fill(0);") + AFTER)
    try:
        with pytest.raises(HostDied) as died:
            functions.run()
        assert died.value.code == "FunctionTimedOut"
        ensure_goes_on(functions, host.pid)
    finally:
        host.close()


def test_nothing_is_printed_that_a_function_could_fill_a_pipe_with() -> None:
    """Nobody reads what the process prints until it ends: a full pipe would stop it for ever."""
    host = Host(Limits(typescript_seconds_max=0.05))
    functions = Functions(host)
    for body in (
        "Promise.reject(1); for (;;);",
        "Promise.reject(1); throw 2;",
        "Promise.reject(1);",
        "console.log(1);",
    ):
        functions.load(query(body))
        functions.run()
    assert host._deno is not None
    _, words = host._deno.end()
    assert words == ""


# --- frames that are not what they seem -------------------------------------------------------------------------------


def exported(invoke: str) -> str:
    """Return a query with an invoker of its own instead of the library's."""
    return f"export const f = Object.assign(() => {{}}, {{ isQuery: true, invokeQuery: {invoke} }});"


@pytest.mark.parametrize(
    ("invoke", "message"),
    [
        ("() => 7", "Uncaught TypeError: `invokeQuery` must return a string of JSON"),
        ("() => new String('1')", "Uncaught TypeError: `invokeQuery` must return a string of JSON"),
        ("() => ({ toString: () => '1' })", "Uncaught TypeError: `invokeQuery` must return a string of JSON"),
        ("undefined", "Uncaught TypeError: callable[method] is not a function"),
        ("""() => '1\\n{"type":"returned","execution":1}'""", "The function's result is not JSON."),
    ],
)
def test_an_invoker_that_returns_something_else_fails(functions: Functions, invoke: str, message: str) -> None:
    functions.load(exported(invoke) + AFTER)
    pid = functions.host.pid
    assert functions.error().message == message
    ensure_goes_on(functions, pid)


def test_newlines_forge_no_frame(functions: Functions) -> None:
    forged = '\\n{"type":"returned","execution":1}\\n7'
    functions.load(
        query(f"""
            console.log('a{forged}');
            const forged = '{{"a":{forged}}}';
            const refusals = [];
            for (const call of [Convex.syscall, Convex.asyncSyscall]) {{
                for (const given of [['echo', forged], ['echo{forged}', '1']]) {{
                    try {{ refusals.push(await call(...given)); }} catch (error) {{ refusals.push(error.message); }}
                }}
            }}
            return refusals;
        """)
        + AFTER
    )
    pid = functions.host.pid
    assert functions.result(answer=echo) == ["Received invalid json", "1", "Received invalid json", "1"]
    ensure_goes_on(functions, pid)


def test_an_execution_that_has_ended_is_heard_of_no_more(functions: Functions) -> None:
    """Its promises go on within the tick, and what they ask for is nobody's."""
    functions.load(
        query("(async () => { await null; for (let n = 0; n < 5; n += 1) await ask('late'); })(); return 1;") + AFTER
    )
    pid = functions.host.pid
    asked: list[str] = []

    def note(request: SyscallRequest) -> Reply:
        asked.append(request.op)
        return Answered(request.number, b"null")

    assert functions.result(answer=note) == 1
    assert len(asked) <= 1
    ensure_goes_on(functions, pid)


def test_results_that_resolve_twice_end_once(functions: Functions) -> None:
    functions.load(
        exported("() => ({ then(resolve, reject) { resolve('1'); resolve('2'); reject(new Error('3')); throw 4; } })")
        + AFTER
    )
    pid = functions.host.pid
    assert functions.result() == 1
    ensure_goes_on(functions, pid)


def test_the_console_is_bounded(functions: Functions) -> None:
    functions.load(
        query("""
            const cyclic = {}; cyclic.cyclic = cyclic;
            console.log(cyclic, new Proxy({}, {}), Object.create(null), Symbol("x"), [,,], { [Symbol.iterator]: 1 });
            console.log("x".repeat(2 ** 24));
            let deep = {}; for (let n = 0; n < 10000; n += 1) deep = { deep };
            console.log(deep);
            for (let n = 0; n < 20000; n += 1) console.log(n);
            return 1;
        """)
        + AFTER
    )
    pid = functions.host.pid
    step = functions.run()
    lines = functions.log_lines
    assert isinstance(step, Returned | Threw)
    assert len(lines) <= 300
    assert max(len(line.text) for line in lines) <= 140_000
    assert lines[0].text.startswith("{\n  cyclic: [Circular]\n} {} [Object: null prototype] {} Symbol(x) [ ,  ]")
    ensure_goes_on(functions, pid)


@pytest.mark.parametrize(
    "body",
    [
        "console.log({ get a() { throw new Error('mine'); } });",
        "console.log({ inspect() { throw new Error('mine'); } });",
    ],
)
def test_what_throws_when_it_is_shown_fails_its_own_call(functions: Functions, body: str) -> None:
    functions.load(query(body) + AFTER)
    assert functions.error().message == "Uncaught Error: mine"


def test_what_one_call_changes_no_other_sees(functions: Functions) -> None:
    functions.load(
        query("""
            globalThis.polluted = 1;
            for (const type of [Object, Array, Function, String, Promise]) type.prototype.polluted = 1;
            JSON.stringify = () => "forged"; Array.prototype.toSorted = () => []; Promise.prototype.then = null;
            Convex.asyncSyscall;
            return 1;
        """)
        + AFTER
    )
    pid = functions.host.pid
    functions.run()
    ensure_goes_on(functions, pid)


def test_what_a_call_has_changed_would_be_seen(functions: Functions) -> None:
    """A control: what looks for traces of another call finds those of its own module."""
    functions.load("globalThis.polluted = 1; for (const type of [Array, Promise]) type.prototype.polluted = 1;" + AFTER)
    changed, polluted, *_ = functions.result("after", answer=echo)
    assert (changed, polluted) == (["Array", "Promise"], 1)


def test_the_global_convex_cannot_be_changed_in_place(functions: Functions) -> None:
    functions.load(query("Convex.syscall = () => '1'; return 1;"))
    assert "Cannot assign to read only property" in functions.error().message


def test_a_proxy_cannot_stand_between_the_host_and_its_answers(functions: Functions) -> None:
    """What a syscall answers goes to the promise it returned, whatever became of promises."""
    functions.load(
        query("""
            const answers = [];
            Promise.resolve = null; Promise.prototype.then = null;
            Object.defineProperty(globalThis, "Promise", { value: class {} });
            answers.push(await Convex.asyncSyscall("echo", "5"));
            try { await Convex.asyncSyscall("refused", "1"); } catch (error) { answers.push(error.message); }
            return answers;
        """)
    )

    def answer(request: SyscallRequest) -> Reply:
        return echo(request) if request.op == "echo" else Refused(request.number, "no")

    assert functions.result(answer=answer) == ["5", "no"]


def test_many_syscalls_at_once_are_one_step(functions: Functions) -> None:
    functions.load(
        query("return (await Promise.all(Array.from({ length: 2000 }, (_, n) => ask('echo', n)))).length;") + AFTER
    )
    pid = functions.host.pid
    assert functions.result(answer=echo) == 2000
    assert len([step for step in functions.steps if isinstance(step, Syscalls)]) == 1
    ensure_goes_on(functions, pid)
