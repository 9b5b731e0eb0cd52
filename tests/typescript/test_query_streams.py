"""Rows of a query come many at once, are used up one by one, and the owner hears exactly which were."""

from __future__ import annotations

import msgspec
import pytest

from rtdb.typescript.steps import Answered, Refused, Reply, Rows, StreamUse, SyscallRequest, Syscalls
from tests.typescript.conftest import Functions, query

pytestmark = pytest.mark.slow

LIBRARY = """
    const open = (table = "t") =>
        JSON.parse(Convex.syscall("1.0/queryStream", JSON.stringify({ query: { table }, version: "1.48.0" }))).queryId;
    const next = async (queryId) =>
        JSON.parse(await Convex.asyncSyscall("1.0/queryStreamNext", `{"queryId":${queryId}}`));
    const close = (queryId) => Convex.syscall("1.0/queryCleanup", `{"queryId":${queryId}}`);
    const drain = async (queryId) => {
        const rows = [];
        for (;;) {
            const { value, done } = await next(queryId);
            if (done) return rows;
            rows.push(value);
        }
    };
"""


class Table:
    """An owner of queries over the numbers below ``count``, who sends ``ahead`` rows at once, and reads on after the
    last row that was consumed, as a transaction does."""

    def __init__(self, functions: Functions, count: int, ahead: int) -> None:
        self.functions = functions
        self.count = count
        self.ahead = ahead
        self.opened: list[bytes] = []
        self.asked: list[str] = []

    def uses(self) -> dict[int, StreamUse]:
        """Return what was last said of each query."""
        return {use.query: use for step in self.functions.steps for use in step.streams}

    def answer(self, request: SyscallRequest) -> Reply:
        self.asked.append(request.op)
        if request.query is None:
            return Answered(request.number, b"null")
        if request.args != b"null":
            self.opened.append(request.args)
        use = self.uses().get(request.query)
        start = 0 if use is None else use.rows
        stop = min(start + self.ahead, self.count)
        return Rows(request.number, [b"%d" % number for number in range(start, stop)], stop == self.count)


@pytest.fixture
def table(functions: Functions) -> Table:
    return Table(functions, count=50, ahead=128)


def test_fifty_rows_are_one_round_trip(functions: Functions, table: Table) -> None:
    functions.load(LIBRARY + query("return drain(open());"))
    assert functions.result(answer=table.answer) == list(range(50))
    assert table.asked == ["1.0/queryStreamNext"]
    assert [msgspec.json.decode(args) for args in table.opened] == [{"query": {"table": "t"}, "version": "1.48.0"}]
    assert table.uses() == {0: StreamUse(0, 50, True, False)}


def test_more_rows_than_are_sent_at_once_are_asked_for_again(functions: Functions, table: Table) -> None:
    functions.load(LIBRARY + query("return drain(open());"))
    table.ahead = 20
    assert functions.result(answer=table.answer) == list(range(50))
    assert len(table.asked) == 3


def test_a_query_without_rows_ends(functions: Functions, table: Table) -> None:
    functions.load(LIBRARY + query("return drain(open());"))
    table.count = 0
    assert functions.result(answer=table.answer) == []
    assert table.uses() == {0: StreamUse(0, 0, True, False)}


def test_only_what_was_consumed_counts(functions: Functions, table: Table) -> None:
    functions.load(LIBRARY + query("const id = open(); await next(id); await next(id); close(id); return 1;"))
    functions.result(answer=table.answer)
    assert table.uses() == {0: StreamUse(0, 2, False, True)}


def test_a_query_that_nobody_reads_is_not_sent(functions: Functions, table: Table) -> None:
    functions.load(LIBRARY + query("return close(open());"))
    assert functions.result(answer=table.answer) == "true"
    assert table.asked == []


def test_a_query_that_is_not_being_read_cannot_go_on(functions: Functions, table: Table) -> None:
    body = "const id = open(); close(id); try { await next(id); } catch (error) { return error.message; }"
    functions.load(LIBRARY + query(body) + query("return close(7);", "unknown"))
    assert functions.result(answer=table.answer) == "in-progress query not found"
    assert functions.result("unknown") == "false"


def test_several_queries_at_once_are_one_round_trip(functions: Functions, table: Table) -> None:
    functions.load(LIBRARY + query("return Promise.all([drain(open('a')), drain(open('b'))]);"))
    table.count = 3
    assert functions.result(answer=table.answer) == [[0, 1, 2], [0, 1, 2]]
    assert len([step for step in functions.steps if isinstance(step, Syscalls)]) == 1


def test_rows_from_before_a_write_are_dropped(functions: Functions, table: Table) -> None:
    """A mutation reads one row, writes, and reads on: everything after the first row is asked for again."""
    body = 'const id = open(); await next(id); await ask("1.0/insert"); await next(id); return 1;'
    functions.load(LIBRARY + query(body, kind="Mutation"))
    functions.result(answer=table.answer, kind="mutation")
    assert table.asked == ["1.0/queryStreamNext", "1.0/insert", "1.0/queryStreamNext"]
    assert table.uses()[0] == StreamUse(0, 2, False, False)


def test_rows_that_come_together_with_a_write_are_dropped_too(functions: Functions, table: Table) -> None:
    body = 'const id = open(); await Promise.all([next(id), ask("1.0/insert")]); await next(id); return 1;'
    functions.load(LIBRARY + query(body, kind="Mutation"))
    functions.result(answer=table.answer, kind="mutation")
    assert table.asked == ["1.0/queryStreamNext", "1.0/insert", "1.0/queryStreamNext"]


def test_the_end_is_looked_for_again_after_a_write(functions: Functions, table: Table) -> None:
    """The one row is consumed, and there was no more: a write may have added one."""
    body = 'const id = open(); await next(id); await ask("1.0/insert"); return (await next(id)).value;'
    functions.load(LIBRARY + query(body, kind="Mutation"))
    table.count = 1

    def answer(request: SyscallRequest) -> Reply:
        if request.op == "1.0/insert":
            table.count = 2
        return table.answer(request)

    assert functions.result(answer=answer, kind="mutation") == 1


def test_reading_drops_nothing(functions: Functions, table: Table) -> None:
    body = 'const id = open(); await next(id); await ask("1.0/get"); await next(id); return 1;'
    functions.load(LIBRARY + query(body, kind="Mutation"))
    functions.result(answer=table.answer, kind="mutation")
    assert table.asked == ["1.0/queryStreamNext", "1.0/get"]


def test_what_is_there_already_waits_for_what_was_asked_before(functions: Functions, table: Table) -> None:
    """First in, first out: a row that needs no round trip does not overtake a read that does."""
    body = """
        const id = open();
        await next(id);
        const order = [];
        await Promise.all([ask("1.0/get").then(() => order.push("get")), next(id).then(() => order.push("next"))]);
        return order;
    """
    functions.load(LIBRARY + query(body))
    assert functions.result(answer=table.answer) == ["get", "next"]


def test_a_query_that_is_refused_can_be_caught(functions: Functions) -> None:
    functions.load(LIBRARY + query("try { await next(open()); } catch (error) { return error.message; }"))
    refuse = lambda request: Refused(request.number, "Index t.by_x not found.")  # noqa: E731  # an answer is a function
    assert functions.result(answer=refuse) == "Index t.by_x not found."
