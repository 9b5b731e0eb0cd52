"""Contexts that are ready before a call are as good as fresh ones: nobody can tell, but by the time it takes."""

from __future__ import annotations

import msgspec
import pytest

from rtdb.typescript.steps import Answered, Refused, Reply, Returned, SyscallRequest
from tests.typescript.conftest import IMPORT_MS, LIMITS, Functions, query

pytestmark = pytest.mark.slow


class Variables:
    """An owner with environment variables, who remembers which were asked for."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.read: list[str] = []

    def answer(self, request: SyscallRequest) -> Reply:
        assert request.op == "environmentVariable"
        assert request.synchronous
        name = msgspec.json.decode(request.args)
        self.read.append(name)
        return Answered(request.number, msgspec.json.encode(self.values.get(name)))


def test_a_variable_is_asked_for_once_in_each_call(functions: Functions) -> None:
    functions.load(query("return [process.env.A, process.env.B ?? 'unset', process.env.A];"))
    variables = Variables(A="1")
    assert functions.result(answer=variables.answer) == ["1", "unset", "1"]
    assert variables.read == ["A", "B"]


def test_a_variable_that_is_read_at_import_counts_as_read_by_every_call(functions: Functions) -> None:
    functions.load("const a = process.env.A;" + query("return a;"))
    for _ in range(5):
        variables = Variables(A="1")
        assert functions.result(answer=variables.answer) == "1"
        assert variables.read == ["A"]


@pytest.mark.parametrize("imported", ["const a = process.env.A;", ""])
def test_a_variable_that_may_not_be_read_ends_the_call_with_the_reason(functions: Functions, imported: str) -> None:
    functions.load(imported + query("try { process.env.A; } catch {} return 1;"))
    failed = functions.error(answer=lambda request: Refused(request.number, "too much was read", None))
    assert failed.message == "too much was read"
    assert functions.result(answer=Variables(A="1").answer) == 1


def test_a_context_made_with_the_value_before_is_not_used(functions: Functions) -> None:
    functions.load("const a = process.env.A;" + query("return a ?? 'unset';"))
    seen = [functions.result(answer=Variables(A=value).answer) for value in "11122221"]
    assert seen == list("11122221")
    assert functions.result(answer=Variables().answer) == "unset"


def test_imports_are_equal_whenever_they_happen(functions: Functions) -> None:
    functions.load("const made = [Date.now(), Math.random()];" + query("return made;"))
    first = functions.result()
    assert first[0] == IMPORT_MS
    assert [functions.result() for _ in range(5)] == [first] * 5


def test_a_call_has_its_own_seed_and_time_after_the_import(functions: Functions) -> None:
    functions.load("Math.random();" + query("return [Date.now(), Math.random()];"))
    seeds = [bytes([number]) * 16 for number in (1, 2, 1, 2)]
    results = [functions.result(seed=seed, now_ms=1_800_000_000_000) for seed in seeds]
    assert results[:2] == results[2:]
    assert results[0] != results[1]
    assert results[0][0] == 1_800_000_000_000


def test_whether_the_time_was_looked_at_is_known_of_the_call_alone(functions: Functions) -> None:
    functions.load("Date.now();" + query("return 1;") + query("return Date.now();", "looks"))
    assert not functions.run().looked_at_time
    assert functions.run("looks").looked_at_time


def test_other_modules_make_other_contexts(functions: Functions) -> None:
    functions.load(query("return 1;"))
    assert functions.result() == 1
    functions.load(query("return 2;"))
    assert functions.result() == 2


def test_a_module_that_fails_at_import_fails_at_every_call(functions: Functions) -> None:
    functions.load("if (!process.env.A) throw new Error('A is missing');" + query("return 1;"))
    assert functions.error(answer=Variables().answer).message == "Uncaught Error: A is missing"
    assert functions.error(answer=Variables().answer).message == "Uncaught Error: A is missing"
    assert functions.result(answer=Variables(A="1").answer) == 1
    assert functions.error(answer=Variables().answer).message == "Uncaught Error: A is missing"


def test_the_import_does_not_count_for_a_call_that_found_it_done(functions: Functions) -> None:
    functions.load("let n = 0; for (let i = 0; i < 3e6; i++) n += Math.sqrt(i);" + query("return 1;"))
    first, second = functions.run().milliseconds, functions.run().milliseconds
    assert second < first / 2


REUSED = "export const experimental_reuseContext = true;"
COUNTING = "let calls = 0;" + query("calls += 1; return calls;")


def test_the_state_of_a_module_ends_with_its_call_unless_the_module_asks_for_reuse(functions: Functions) -> None:
    functions.load(COUNTING)
    assert [functions.result() for _ in range(4)] == [1, 1, 1, 1]
    functions.load(COUNTING + "export const experimental_reuseContext = false;")
    assert [functions.result() for _ in range(4)] == [1, 1, 1, 1]
    functions.load(COUNTING + REUSED)
    assert [functions.result() for _ in range(4)] == [1, 2, 3, 4]


def test_a_call_in_a_reused_context_has_its_own_seed_and_time_and_logs(functions: Functions) -> None:
    functions.load(
        "console.log('imported');" + query("console.log('called'); return [Date.now(), Math.random()];") + REUSED
    )
    first = functions.run(seed=b"\1" * 16, now_ms=1)
    again = functions.run(seed=b"\1" * 16, now_ms=1)
    other = functions.run(seed=b"\2" * 16, now_ms=2)
    assert isinstance(first, Returned)
    assert isinstance(again, Returned)
    assert isinstance(other, Returned)
    assert first.result == again.result != other.result
    assert [len(step.log_lines) for step in (first, again, other)] == [2, 1, 1]
    assert other.looked_at_time


def test_a_reused_context_ends_with_a_call_that_fails_or_leaves_something_behind(functions: Functions) -> None:
    functions.load(
        COUNTING
        + query("throw new Error('on purpose');", "fail")
        + query("ask('1.0/get', {}); return 0;", "leave")
        + REUSED
    )
    assert [functions.result(), functions.result()] == [1, 2]
    assert functions.error("fail").message.endswith("on purpose")
    assert [functions.result(), functions.result()] == [1, 2]
    assert functions.result("leave", answer=lambda request: Answered(request.number, b"1")) == 0
    assert [functions.result(), functions.result()] == [1, 2]


def test_a_reused_context_has_read_what_its_calls_have_read_of_the_environment(functions: Functions) -> None:
    functions.load("let a;" + query("return a ??= process.env.A;") + REUSED)
    for value in "112":
        variables = Variables(A=value)
        assert functions.result(answer=variables.answer) == value
        assert set(variables.read) == {"A"}


def test_a_context_is_reused_for_so_many_calls(functions: Functions) -> None:
    functions.load(COUNTING + REUSED)
    calls = [functions.result() for _ in range(LIMITS.typescript_context_calls_max + 2)]
    assert calls[-2:] == [1, 2]
    assert calls[-3] == LIMITS.typescript_context_calls_max


def test_calls_in_a_reused_context_share_no_timer_mark_or_store(functions: Functions) -> None:
    functions.load(
        "const store = new AsyncLocalStorage();"
        + query(
            """
            console.time("x");
            performance.mark("m");
            const before = store.getStore() ?? null;
            store.enterWith(args.number);
            await null;
            return [before, performance.getEntries().length, store.getStore()];
            """
        )
        + REUSED
    )
    assert [functions.result(args={"number": number}) for number in range(3)] == [[None, 1, n] for n in range(3)]
    assert functions.log_lines == []


def test_what_calls_in_a_reused_context_stored_for_their_own_time_is_let_go_of(functions: Functions) -> None:
    functions.load(
        "const store = new AsyncLocalStorage(); let calls = 0;"
        + query("calls += 1; return store.run(new Array(1_000_000).fill(calls), () => calls);")
        + REUSED
    )
    # 8 MB each: those of all calls that a context is used for would be more than the heap.
    calls = [functions.result() for _ in range(2 * LIMITS.typescript_context_calls_max)]
    assert max(calls) == LIMITS.typescript_context_calls_max


def test_a_query_kept_from_an_earlier_call_is_nobodys_in_a_reused_context(functions: Functions) -> None:
    open_query = 'JSON.parse(Convex.syscall("1.0/queryStream", "{}")).queryId'
    functions.load(query(f"return {open_query};") + REUSED)
    assert [functions.result() for _ in range(3)] == [0, 1, 2]


def test_a_context_whose_calls_read_ever_more_variables_is_not_reused_for_ever(functions: Functions) -> None:
    functions.load(
        "let calls = 0;"
        + query("calls += 1; for (let n = 0; n < 10; n += 1) process.env[`V${args.from + n}`]; return calls;")
        + REUSED
    )
    variables = Variables()
    calls = []
    for number in range(15):
        variables.read.clear()
        calls.append(functions.result(args={"from": 10 * number}, answer=variables.answer))
        assert len(set(variables.read)) <= 74
    assert max(calls) == 7


def test_a_call_that_is_ended_after_it_has_returned_ends_its_reused_context(functions: Functions) -> None:
    functions.load(
        COUNTING
        + query(
            """
            (async () => { for (let n = 0; n < 20; n += 1) await null; try { Convex.jsSyscall("odd"); } catch {} })();
            return 0;
            """,
            "late",
        )
        + REUSED
    )
    assert [functions.result(), functions.result()] == [1, 2]
    functions.run("late")
    assert functions.result() == 1
