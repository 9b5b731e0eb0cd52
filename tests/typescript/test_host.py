"""Functions run in Deno, which asks its parent for everything, and nothing they do outlives them."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from rtdb.typescript.host import Host, HostDied
from rtdb.typescript.steps import Answered, Refused, Reply, Returned, SyscallRequest, Syscalls
from tests.typescript.conftest import LIMITS, Functions, query
from tests.waiting import SECONDS_MAX

pytestmark = pytest.mark.slow


def test_a_function_returns_what_it_makes_of_its_arguments(functions: Functions) -> None:
    functions.load(query("return `hello ${args.name}`;"))
    assert functions.result(args={"name": "Ada"}) == "hello Ada"


def test_what_is_asked_together_is_one_step(functions: Functions) -> None:
    functions.load(query('return Promise.all([1, 2, 3].map((n) => ask("1.0/get", { n })));'))

    def double(request: SyscallRequest) -> Reply:
        return Answered(request.number, msgspec.json.encode(2 * msgspec.json.decode(request.args)["n"]))

    assert functions.result(answer=double) == [2, 4, 6]
    assert [len(step.requests) for step in functions.steps if isinstance(step, Syscalls)] == [3]


def test_a_refusal_can_be_caught_and_has_its_data(functions: Functions) -> None:
    functions.load(query('try { await ask("1.0/get"); } catch (error) { return [error.message, error.data]; }'))

    def refuse(request: SyscallRequest) -> Reply:
        return Refused(request.number, "no such document", b'{"code":7}')

    assert functions.result(answer=refuse) == ["no such document", {"code": 7}]


def test_an_execution_may_run_inside_another(functions: Functions) -> None:
    functions.load(query('return (await ask("1.0/runUdf")) + 1;', "outer") + query("return 41;", "inner"))

    def nested(request: SyscallRequest) -> Reply:
        step = functions.begin("inner")
        assert isinstance(step, Returned)
        return Answered(request.number, step.result)

    assert functions.result("outer", answer=nested) == 42


def test_a_promise_that_nothing_resolves_is_an_error(functions: Functions) -> None:
    functions.load(query("await new Promise(() => {});"))
    assert functions.error().message == "Returned promise will never resolve"


@pytest.mark.parametrize(
    "body",
    [
        "for (;;);",
        "await null; for (;;);",
        "try { for (;;); } finally { for (;;); }",
        "/(a+)+$/.test('a'.repeat(64) + 'b');",
        "for (;;) await null;",
    ],
)
def test_a_loop_is_stopped_and_the_next_function_runs(functions: Functions, body: str) -> None:
    functions.load(query(body) + query("return 1;", "after"))
    pid = functions.host.pid
    error = functions.error()
    assert error.code == "FunctionTimedOut"
    assert error.message == "Function execution timed out (maximum duration: 0.25s)"
    assert functions.result("after") == 1
    assert functions.host.pid == pid


def test_a_loop_at_import_is_stopped(functions: Functions) -> None:
    functions.load("for (;;);" + query("return 1;"))
    assert functions.error().code == "FunctionTimedOut"


def test_a_rejection_that_nobody_handles_fails_the_function(functions: Functions) -> None:
    functions.load(query("Promise.reject(new Error('lost')); return 1;"))
    assert functions.error().message == "Uncaught Error: lost"


def test_an_execution_of_a_process_that_died_cannot_go_on(functions: Functions, host: Host) -> None:
    functions.load(query('await ask("1.0/get");'))
    step = functions.begin()
    host.close()
    with pytest.raises(HostDied):
        host.resume(step.execution, [Answered(0, b"null")])


def test_module_state_does_not_outlive_a_call(functions: Functions) -> None:
    functions.load("let count = 0;" + query("return ++count;"))
    assert [functions.result() for _ in range(5)] == [1] * 5


def test_it_starts_in_a_process_whose_own_memory_is_limited() -> None:
    """A runner is one: Deno reserves more at its start than a runner may have."""
    script = "from rtdb.config import Limits; from rtdb.link.child import limit_memory; "
    script += "from rtdb.typescript.host import Host; "
    script += "limit_memory(Limits().runner_memory_bytes_max); host = Host(Limits()); host.start(); host.close()"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=SECONDS_MAX)


@pytest.mark.parametrize(
    "body",
    [
        "await Convex.asyncSyscall('\\ud800', '{}');",
        "Convex.syscall('\\ud800', '{}');",
        "process.env['\\ud800'];",
        "console.log('\\ud800');",
        "throw new Error('\\ud800');",
        "const e = new Error(''); e.ConvexErrorSymbol = Symbol.for('ConvexError'); e[e.ConvexErrorSymbol] = true;"
        "e.data = '\"\\ud800\"'; throw e;",
        "await Convex.asyncSyscall('1.0/get', '{\\n}\\n');",
        "await Convex.asyncSyscall('1.0/get', 'no\\nJSON').catch(() => {});",
        "try { Convex.syscall('1.0/queryStream', 'no\\nJSON'); } catch {}",
        "try { Convex.syscall('1.0/queryCleanup', 'no JSON'); } catch {}",
        "await Convex.asyncSyscall('1.0/queryStreamNext', 'no JSON').catch(() => {});",
        "await Convex.asyncSyscall('x'.repeat(1e6), 'y'.repeat(1e6));",
        "Promise.prototype.then = () => { throw 1; }; Object.prototype.toJSON = () => 7; await ask('1.0/get');",
        "Array.prototype.push = () => { throw 1; }; Object.prototype.get = () => 1; await ask('1.0/get');",
    ],
)
def test_nothing_that_is_asked_or_said_ends_the_process(functions: Functions, body: str) -> None:
    functions.load(query(body) + query("return 1;", "after"))
    pid = functions.host.pid
    functions.run()
    assert functions.result("after") == 1
    assert functions.host.pid == pid


def test_a_result_of_several_lines_is_one_line(functions: Functions) -> None:
    functions.load(
        "export const f = { isQuery: true, invokeQuery: async () => '[\\n1,\\n2]' };"
        "export const g = { isQuery: true, invokeQuery: async () => 'a\\nb' };"
    )
    assert functions.result() == [1, 2]
    assert functions.error("g").message == "The function's result is not JSON."


def test_a_stack_without_end_is_an_error(functions: Functions) -> None:
    body = "const f = () => f() + 1; return f();"
    asks = """
        let asked = false;
        const f = () => {
            try {
                return f() + 1;
            } catch (error) {
                // Here there is next to no stack left.
                if (!asked) asked = Convex.syscall("1.0/db/normalizeId", "{}") === "null";
                throw error;
            }
        };
        return f();
    """
    functions.load(query(body) + query(asks, "asks") + query("return 1;", "after"))
    pid = functions.host.pid
    assert functions.error().message == "Uncaught RangeError: Maximum call stack size exceeded"
    assert "RangeError" in functions.error("asks").message
    assert functions.result("after") == 1
    assert functions.host.pid == pid


def test_log_lines_are_bounded_before_they_are_sent(functions: Functions) -> None:
    functions.load(query("for (let i = 0; i < 1000; i++) console.log(i); console.log('x'.repeat(1e6)); return 1;"))
    functions.result()
    assert len(functions.log_lines) == LIMITS.log_lines_max + 1
    functions.load(query("console.log('x'.repeat(1e6)); return 1;"))
    functions.result()
    assert len(functions.log_lines[0].text) == LIMITS.log_line_bytes_max + 1
