"""Actions in their runner: what they may do, and how they end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from rtdb.config import Limits
from rtdb.link.frames import ExecutionError
from rtdb.values.json_codec import encode
from tests.functions.action_bench import running_actions

NOTES = """
    @mutation(args={"text": v.string()}, returns=v.id("notes"))
    def add(ctx, text): return ctx.db.insert("notes", {"text": text})

    @query
    def texts(ctx): return [note["text"] for note in ctx.db.query("notes").collect()]

    @mutation
    def refuse(ctx): raise ConvexError({"no": True})

    @query
    def fails(ctx): raise ValueError("no such note")

    @query
    def who(ctx): return ctx.auth.get_user_identity()["name"]
"""


async def test_each_call_of_an_action_is_a_transaction_of_its_own(tmp_path: Path) -> None:
    source = """
        from . import notes

        @action
        async def act(ctx):
            before = await ctx.run_query("notes:texts")
            await ctx.run_mutation(notes.add, {"text": "one"})
            between = await ctx.run_query(notes.texts)
            await ctx.run_mutation("notes:add", {"text": "two"})
            raise ValueError((before, between))
    """
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        error = await bench.error("m:act")
        assert error.message == "Uncaught ValueError: ([], ['one'])"
        assert bench.app.run("notes:texts") == ["one", "two"]
        assert [(request.kind, request.path, request.internal) for request in bench.requests] == [
            ("query", "notes:texts", True),
            ("mutation", "notes:add", True),
            ("query", "notes:texts", True),
            ("mutation", "notes:add", True),
        ]


async def test_an_action_is_told_how_it_reaches_documents(tmp_path: Path) -> None:
    source = """
        @action
        async def act(ctx): return ctx.db.query("notes").collect()
    """
    async with running_actions(tmp_path, m=source) as bench:
        assert (await bench.error("m:act")).message == (
            "Uncaught Error: `ctx.db` does not exist in an action: it is no transaction. "
            "Read with `await ctx.run_query(…)` and write with `await ctx.run_mutation(…)`."
        )


async def test_what_an_action_runs_is_run_for_its_caller(tmp_path: Path) -> None:
    source = """
        @action
        async def act(ctx):
            return [await ctx.run_query("notes:who"), ctx.auth.get_user_identity()["name"]]
    """
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        assert await bench.act("m:act", identity=encode({"name": "ada"})) == ["ada", "ada"]


async def test_errors_of_what_it_runs_are_exceptions_it_may_catch(tmp_path: Path) -> None:
    source = """
        @action
        async def catches(ctx):
            found = []
            for kind, path in [("mutation", "notes:refuse"), ("query", "notes:fails"), ("query", "notes:missing")]:
                try:
                    await getattr(ctx, f"run_{kind}")(path)
                except ConvexError as error:
                    found.append(error.data)
                except Exception as error:
                    found.append(str(error).splitlines()[0])
            return found

        @action
        async def passes_on(ctx): await ctx.run_mutation("notes:refuse")
    """
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        assert await bench.act("m:catches") == [
            {"no": True},
            "Uncaught ValueError: no such note",
            "Could not find function for 'notes:missing'. Did you forget to run `npx convex dev`?",
        ]
        error = await bench.error("m:passes_on")
        assert error.data == b'{"no":true}'
        assert error.message.startswith("Uncaught ConvexError: Uncaught ConvexError")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('ctx.run_query("notes:add", {"text": "x"})', "Trying to execute notes.js:add as Query, but it is defined as"),
        ('ctx.run_query("notes")', "Could not find function for 'notes'"),
        ('ctx.run_query("a:b:c")', "a:b:c"),
        ("ctx.run_query(7)", "Uncaught TypeError: A function is named by its path or given itself, not by int"),
        ('ctx.run_mutation("notes:add", {"text": {1}})', "Invalid arguments for notes.js:add: "),
        ('ctx.run_mutation("notes:add", {"text": "x" * 2000})', "Arguments for notes.js:add are too large"),
        ('ctx.run_query("_system/deployments:current")', "Could not find function for '_system/deployments:current'"),
        ('ctx.run_action("notes:add")', "Trying to execute notes.js:add as Action, but it is defined as Mutation."),
        ('ctx.fetch("http://x", colour=1)', "Uncaught TypeError: `ctx.fetch` has no option `colour`"),
    ],
)
async def test_calls_that_cannot_be_are_errors_of_the_action(tmp_path: Path, call: str, message: str) -> None:
    source = f"@action\nasync def act(ctx): await {call}"
    async with running_actions(tmp_path, Limits(arguments_bytes_max=1000), notes=NOTES, m=source) as bench:
        error = await bench.error("m:act")
        assert message in error.message
        assert "    at act (m.py:" in error.frames
        assert error.system == 0


async def test_arguments_are_what_they_were_when_they_were_given(tmp_path: Path) -> None:
    source = """
        @action
        async def act(ctx):
            note = {"text": "first"}
            first = ctx.run_mutation("notes:add", note)
            note["text"] = "second"
            await ctx.run_mutation("notes:add", note)
            await first
    """
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        await bench.act("m:act")
        assert sorted(bench.app.run("notes:texts")) == ["first", "second"]


async def test_an_action_runs_many_at_once_up_to_a_limit(tmp_path: Path) -> None:
    source = """
        import trio

        @action
        async def act(ctx):
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(ctx.run_mutation, "notes:add", {"text": str(number)})
    """
    async with running_actions(tmp_path, Limits(action_operations_max=3), notes=NOTES, m=source) as bench:
        bench.holding = True
        call = bench.start("m:act")
        await bench.wait_requests(3)
        await wait_all_tasks_blocked()
        assert len(bench.requests) == 3
        bench.holding = False
        bench.release()
        assert (await bench.outcome(call)).error is None
        assert sorted(bench.app.run("notes:texts")) == ["0", "1", "2", "3", "4"]


async def test_actions_run_beside_each_other(tmp_path: Path) -> None:
    source = """
        @action
        async def act(ctx, text):
            await ctx.run_mutation("notes:add", {"text": text})
            ctx.log(text)
            return text
    """
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        bench.holding = True
        first, second = bench.start("m:act", {"text": "a"}), bench.start("m:act", {"text": "b"})
        await bench.wait_requests(2)
        bench.held.reverse()
        bench.release()
        outcomes = [await bench.outcome(first), await bench.outcome(second)]
        assert [(outcome.result, outcome.log_lines) for outcome in outcomes] == [
            (b'"a"', ["[LOG] a"]),
            (b'"b"', ["[LOG] b"]),
        ]


# --- actions in actions -----------------------------------------------------------------------------------------------


async def test_an_action_runs_another_as_a_part_of_itself(tmp_path: Path) -> None:
    source = """
        @internal_action(args={"n": v.number()}, returns=v.number())
        async def inner(ctx, n):
            ctx.log("inner", n)
            if n < 0:
                raise ConvexError({"negative": n})
            return n * 2

        @action
        async def outer(ctx, n):
            ctx.log("outer")
            return await ctx.run_action(inner, {"n": n})
    """
    async with running_actions(tmp_path, m=source) as bench:
        outcome = await bench.outcome(bench.start("m:outer", {"n": 4}))
        assert outcome.result == b"8.0"
        assert outcome.log_lines == ["[LOG] outer", "[LOG] inner 4.0"]
        assert bench.requests == []
        assert (await bench.error("m:outer", {"n": -1})).data == b'{"negative":-1.0}'
        assert "ArgumentValidationError" in (await bench.error("m:outer", {"n": "x"})).message
        assert "Could not find public function for 'm:inner'" in (await bench.error("m:inner", {"n": 1})).message


async def test_actions_that_call_each_other_without_end_are_stopped(tmp_path: Path) -> None:
    source = "@action\nasync def act(ctx): return await ctx.run_action('m:act')"
    async with running_actions(tmp_path, m=source) as bench:
        assert "Do you have an infinite loop in your app?" in (await bench.error("m:act")).message


# --- validators -------------------------------------------------------------------------------------------------------


async def test_ids_are_checked_against_the_tables_there_are(tmp_path: Path) -> None:
    source = """
        @action(args={"note": v.id("notes")}, returns=v.id("notes"))
        async def act(ctx, note): return note
    """
    async with running_actions(tmp_path, notes=NOTES, others=NOTES.replace('"notes"', '"others"'), m=source) as bench:
        other = bench.app.run("others:add", {"text": "x"})
        error = await bench.error("m:act", {"note": other})
        assert error.message.startswith(f'ArgumentValidationError: Found ID "{other}" from table `others`')
        note = bench.app.run("notes:add", {"text": "x"})
        asked = len(bench.requests)
        assert await bench.act("m:act", {"note": note}) == note
        assert len(bench.requests) == asked + 1, "the table is new"
        assert await bench.act("m:act", {"note": note}) == note
        assert len(bench.requests) == asked + 1, "and known from then on"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("@action(returns=v.number())\nasync def act(ctx): return 'x'", "ReturnsValidationError: "),
        ("@action\nasync def act(ctx): return {1}", "Function m.js:act return value invalid: "),
        ("@action\nasync def act(ctx): return 'x' * 2000", "Function m.js:act return value is too large"),
        ("@action\nasync def act(ctx): return ctx.run_query('m:q')", "Function m.js:act returned a coroutine"),
        ("@query\ndef act(ctx): return 1", "Trying to execute m.js:act as Action, but it is defined as Query."),
    ],
)
async def test_results_and_kinds_are_held_to_the_same_rules_as_elsewhere(
    tmp_path: Path, source: str, message: str
) -> None:
    async with running_actions(tmp_path, Limits(result_bytes_max=1000), m=source) as bench:
        assert message in (await bench.error("m:act")).message


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_what_is_left_unawaited_is_given_up_and_said(tmp_path: Path, autojump_clock: MockClock) -> None:
    source = """
        import trio

        @action
        async def never_awaited(ctx):
            ctx.run_mutation("notes:add", {"text": "never"})
            ctx.run_query("notes:texts")

        @action
        async def left_running(ctx):
            trio.lowlevel.spawn_system_task(swallow, ctx.run_mutation, "notes:add", {"text": "left"})
            await trio.sleep(1)

        async def swallow(run, *arguments):
            try:
                await run(*arguments)
            except Exception:
                pass
    """
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        outcome = await bench.outcome(bench.start("m:never_awaited"))
        assert outcome.log_lines == [
            "[WARN] 2 unawaited operations: [run_mutation, run_query]. Async operations should be awaited or they "
            "might not run. See https://docs.convex.dev/functions/actions#dangling-promises for more information."
        ]
        assert bench.requests == []
        bench.holding = True
        outcome = await bench.outcome(bench.start("m:left_running"))
        assert outcome.log_lines[0].startswith("[WARN] 1 unawaited operation: [run_mutation].")


async def test_a_context_is_of_no_use_after_its_action(tmp_path: Path) -> None:
    source = """
        kept = []

        @action
        async def keep(ctx): kept.append(ctx)

        @action
        async def use(ctx): await kept[0].run_query("notes:texts")
    """
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        await bench.act("m:keep")
        error = await bench.error("m:use")
        assert error.message == "Uncaught Error: `ctx.run_query` was called after its action had ended"
        assert error.code == "ActionEnded"


async def test_a_cancelled_action_ends_where_it_waits_with_the_reason_it_was_given(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    source = """
        import trio

        @action
        async def waits(ctx): await trio.sleep(1000)

        @action
        async def calls(ctx): await ctx.run_query("notes:texts")

        @action
        async def catches(ctx):
            try:
                await trio.sleep(1000)
            finally:
                raise ValueError("while cleaning up")
    """
    because = ExecutionError("FunctionTimedOut", "time is up")
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        bench.holding = True
        for path in ("m:waits", "m:calls", "m:catches"):
            call = bench.start(path)
            await wait_all_tasks_blocked()
            bench.cancel(call, because)
            assert (await bench.outcome(call)).error == because
        bench.cancel(99, because)
        bench.holding = False
        assert await bench.act("m:calls") is None, "and nobody else was cancelled"


@pytest.mark.parametrize(
    ("body", "message", "frame"),
    [
        ("raise ConvexError({'a': 1})", "Uncaught ConvexError: ", "    at act (m.py:5)\n"),
        ("await nested(ValueError('x'))", "Uncaught ValueError: x", "    at fail (m.py:8)\n"),
        ("await nested(ConvexError('x'))", "Uncaught ConvexError: x", "    at fail (m.py:8)\n"),
        ("raise SystemExit(2)", "Uncaught SystemExit: a function cannot end the process", "    at act (m.py:5)\n"),
        ("raise KeyboardInterrupt", "Uncaught KeyboardInterrupt: ", "    at act (m.py:5)\n"),
        ("raise MemoryError", "Python execution ran out of memory", "    at act (m.py:5)\n"),
    ],
)
async def test_an_exception_is_reported_without_what_nurseries_have_wrapped_it_in(
    tmp_path: Path, body: str, message: str, frame: str
) -> None:
    source = f"""
        import trio
        @action
        async def act(ctx):
            {body}

        async def fail(error):
            raise error

        async def nested(error):
            async with trio.open_nursery() as outer, trio.open_nursery() as inner:
                outer.start_soon(trio.sleep_forever)
                inner.start_soon(fail, error)
    """
    async with running_actions(tmp_path, m=source) as bench:
        error = await bench.error("m:act")
        assert error.message.startswith(message)
        assert error.frames.startswith(frame)
        assert (error.data is not None) == ("ConvexError" in body)


async def test_a_drained_runner_ends_with_its_last_action(tmp_path: Path) -> None:
    source = "@action\nasync def act(ctx): return await ctx.run_query('notes:texts')"
    async with running_actions(tmp_path, notes=NOTES, m=source) as bench:
        bench.holding = True
        call = bench.start("m:act")
        await bench.wait_requests(1)
        bench.drain()
        await wait_all_tasks_blocked()
        bench.release()
        assert (await bench.outcome(call)).result == b"[]"


async def test_the_pulse_says_what_was_begun_and_beats(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with running_actions(tmp_path, m="@action\nasync def act(ctx): return 1") as bench:
        assert bench.pulse.begun == 0
        await bench.act("m:act")
        await bench.act("m:act")
        assert bench.pulse.begun == 2
        before = bench.pulse.beats
        await trio.sleep(1)
        assert bench.pulse.beats >= before + 9


async def test_time_and_chance_are_real_in_actions(tmp_path: Path) -> None:
    source = "@action\nasync def act(ctx): return [ctx.now(), ctx.random.random(), ctx.random.random()]"
    async with running_actions(tmp_path, m=source) as bench:
        results: list[Any] = [await bench.act("m:act") for _ in range(2)]
        bench.app.clock.now += 5_000_000_000
        results.append(await bench.act("m:act"))
        assert results[2][0] == results[0][0] + 5000
        assert len({number for result in results for number in result[1:]}) == 6
