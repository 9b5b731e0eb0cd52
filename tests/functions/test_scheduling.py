"""Scheduled functions from the app's code: what is written down with a mutation, and how a run of it ends."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.errors import StorageError
from rtdb.link.frames import ExecutionError, Outcome, ScheduledRun
from rtdb.scheduler.agenda import Waiting
from rtdb.values.document_id import decode_id
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench
from tests.transaction.workbench import START_NS

START_MS = START_NS / 1e6
DAY_MS = 86_400_000

MESSAGES = """
    from datetime import datetime, timezone, timedelta

    @mutation
    def later(ctx, delay=1000, function="messages:send", args=None, fail=False):
        id = ctx.scheduler.run_after(delay, function, {"text": "hi"} if args is None else args)
        if fail:
            raise ConvexError("no")
        return id

    @mutation
    def at(ctx, time):
        return ctx.scheduler.run_at(time, send, {"text": "at"})

    @mutation
    def at_noon(ctx, naive):
        noon = datetime(2024, 1, 1, 12, tzinfo=None if naive else timezone(timedelta(hours=2)))
        return ctx.scheduler.run_at(noon, send, {"text": "noon"})

    @mutation
    def many(ctx, count, size=0):
        for number in range(int(count)):
            ctx.scheduler.run_after(number, send, {"text": "x" * int(size)})

    @mutation
    def nested(ctx):
        try:
            ctx.run_mutation("messages:later", {"fail": True})
        except ConvexError:
            pass
        ctx.run_mutation("messages:later", {"delay": 5})

    @mutation
    def cancel(ctx, id):
        ctx.scheduler.cancel(id)

    @internal_mutation(args={"text": v.string()})
    def send(ctx, text):
        print("sending", text)
        return ctx.db.insert("messages", {"text": text})

    @mutation
    def refuse(ctx, text):
        ctx.db.insert("messages", {"text": text})
        ctx.scheduler.run_after(0, send, {"text": "child"})
        raise ConvexError({"why": "no"})

    @mutation
    def look(ctx, text):
        jobs = ctx.db.system.query("_scheduled_functions").collect()
        return [job["state"]["kind"] for job in jobs]

    @mutation
    def suicide(ctx, text):
        ctx.scheduler.cancel(ctx.db.system.query("_scheduled_functions").first()["_id"])

    @query
    def count(ctx):
        return len(ctx.db.query("messages").collect())

    @query
    def jobs(ctx):
        return ctx.db.system.query("_scheduled_functions").collect()

    @query
    def job(ctx, id):
        return ctx.db.system.get(id)
"""


@pytest.fixture
def app(bench: MakeBench) -> AppBench:
    return bench(messages=MESSAGES)


def waiting(app: AppBench) -> list[Waiting]:
    """What the hub would be told is waiting."""
    asked = {"kind": "job", "after": "", "count": 1000}
    keys = app.run("_system/scheduler:waiting", asked, internal=True, by_server=True)
    return [Waiting.of_key(bytes.fromhex(key)) for key in keys]


def run_of(job: Waiting) -> ScheduledRun:
    return ScheduledRun("job", job.internal, job.due)


def execute(app: AppBench, job: Waiting) -> Outcome:
    return app.execute(job.path, kind="mutation", internal=True, scheduled=run_of(job), raw_args=b"")


def run_next(app: AppBench) -> Outcome:
    """Run what is due first and commit it."""
    outcome = execute(app, waiting(app)[0])
    assert not app.commit(outcome).losses
    return outcome


def note(app: AppBench, name: str, **asked: Any) -> Any:
    return app.run(f"_system/scheduler:{name}", asked, internal=True, by_server=True)


def states(app: AppBench) -> list[Any]:
    return [job["state"] for job in app.run("messages:jobs")]


def refusal(app: AppBench, path: str, **args: Any) -> ExecutionError:
    return app.error(path, args)


# --- scheduling -------------------------------------------------------------------------------------------------------


def test_a_scheduled_function_is_a_document_that_apps_can_read(app: AppBench) -> None:
    id = app.run("messages:later")
    assert app.run("messages:job", {"id": id}) == {
        "_id": id,
        "_creationTime": START_MS,
        "name": "messages.js:send",
        "args": [{"text": "hi"}],
        "scheduledTime": START_MS + 1000,
        "state": {"kind": "pending"},
    }
    (job,) = waiting(app)
    assert (job.due, job.path) == (START_MS + 1000, "messages:send")
    assert job.internal == decode_id(id).internal


def test_nothing_is_scheduled_by_a_mutation_that_fails_nor_by_a_nested_one(app: AppBench) -> None:
    assert app.execute("messages:later", {"fail": True}).writes == []
    app.run("messages:nested")
    assert [job.due for job in waiting(app)] == [START_MS + 5]
    assert len(app.run("messages:jobs")) == 1


def test_a_time_that_has_passed_is_kept_and_means_at_once(app: AppBench) -> None:
    id = app.run("messages:at", {"time": START_MS - DAY_MS})
    assert app.run("messages:job", {"id": id})["scheduledTime"] == START_MS - DAY_MS
    assert [job.due for job in waiting(app)] == [START_MS]


def test_a_datetime_says_when_if_it_has_a_time_zone(app: AppBench) -> None:
    id = app.run("messages:at_noon", {"naive": False})
    assert app.run("messages:job", {"id": id})["scheduledTime"] == 1_704_103_200_000.0
    assert "must have a time zone" in refusal(app, "messages:at_noon", naive=True).message


def test_jobs_are_due_in_the_order_of_their_times(app: AppBench) -> None:
    for delay in (300, 100, 200):
        app.run("messages:later", {"delay": delay})
    assert [job.due - START_MS for job in waiting(app)] == [100, 200, 300]


@pytest.mark.parametrize(
    ("delay", "message"),
    [
        ("soon", "TypeError: `delay_ms` must be a number"),
        (True, "TypeError: `delay_ms` must be a number"),
        (float("inf"), "Error: `delay_ms` must be a finite number"),
        (-1, "Error: `delay_ms` must be non-negative"),
    ],
)
def test_a_delay_is_a_number_of_milliseconds_from_now_on(app: AppBench, delay: Any, message: str) -> None:
    assert message in refusal(app, "messages:later", delay=delay).message


@pytest.mark.parametrize(
    ("time", "code", "message"),
    [
        ("noon", "FunctionError", "The invoke time must be a datetime or a timestamp"),
        (float("nan"), "InvalidArgument", "The invoke time must be a finite number"),
        (-1, "InvalidArgument", "Invalid arguments for `ts`: -1.0 ms is before the epoch"),
        (
            START_MS + 1831 * DAY_MS,
            "InvalidScheduledFunctionDelay",
            "2028-11-18T22:13:20.000Z is more than 5 years in the future",
        ),
        (START_MS - 1831 * DAY_MS, "InvalidScheduledFunctionDelay", "is more than 5 years in the past"),
        (1e300, "InvalidScheduledFunctionDelay", "1e+300 ms is more than 5 years in the future"),
    ],
)
def test_a_time_is_within_five_years(app: AppBench, time: Any, code: str, message: str) -> None:
    error = refusal(app, "messages:at", time=time)
    assert message in error.message
    assert error.code == code


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            "messages:nothing",
            "no exported function nothing found in the file: messages.js. Did you forget to export it?",
        ),
        ("nowhere:send", "Attempted to schedule function at nonexistent path: nowhere.js"),
        ("../x:y", "Invalid function path"),
        (5.0, "Only functions can be scheduled."),
    ],
)
def test_only_functions_that_there_are_can_be_scheduled(app: AppBench, function: Any, message: str) -> None:
    error = refusal(app, "messages:later", function=function)
    assert error.code == "InvalidScheduledFunction"
    assert message in error.message


def test_arguments_are_an_object_of_values(app: AppBench) -> None:
    assert "are a dict, not list" in refusal(app, "messages:later", args=[1]).message


def test_one_mutation_schedules_so_many_functions_and_so_much_of_arguments(bench: MakeBench) -> None:
    app = bench(limits=Limits(functions_scheduled_max=10, scheduled_arguments_bytes_max=1000), messages=MESSAGES)
    app.run("messages:many", {"count": 10})
    error = refusal(app, "messages:many", count=11)
    assert (error.code, error.message) == (
        "TooManyFunctionsScheduled",
        "Uncaught Error: Too many functions scheduled by this mutation (limit: 10)",
    )
    error = refusal(app, "messages:many", count=3, size=400)
    assert error.code == "ScheduledFunctionsArgumentsTooLarge"
    assert "from this mutation (limit: 1000 bytes)" in error.message
    lines = app.execute("messages:many", {"count": 9}).log_lines
    assert lines == ["[WARN] Many functions scheduled by this mutation (actual: 9, limit: 10)."]


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_scheduled_mutation_and_its_end_are_one_transaction(app: AppBench) -> None:
    id = app.run("messages:later")
    app.clock.now += 2_000_000_000
    outcome = run_next(app)
    assert outcome.error is None
    assert outcome.log_lines == ["[LOG] sending hi"]
    job = app.run("messages:job", {"id": id})
    assert job["state"] == {"kind": "success"}
    assert job["completedTime"] == START_MS + 2000
    assert job["scheduledTime"] == START_MS + 1000
    assert app.run("messages:count") == 1
    assert waiting(app) == []


def test_a_run_after_the_end_does_nothing(app: AppBench) -> None:
    app.run("messages:later")
    (job,) = waiting(app)
    run_next(app)
    again = execute(app, job)
    assert (again.result, again.error, again.writes) == (b"null", None, [])


def test_of_two_runs_at_once_one_loses(app: AppBench) -> None:
    app.run("messages:later")
    (job,) = waiting(app)
    first, second = execute(app, job), execute(app, job)
    assert not app.commit(first).losses
    assert len(app.commit(second).losses) == 1
    assert app.run("messages:count") == 1


def test_a_mutation_that_fails_has_written_nothing_but_that_it_failed(app: AppBench) -> None:
    id = app.run("messages:later", {"function": "messages:refuse"})
    outcome = run_next(app)
    assert outcome.error is not None
    assert outcome.error.data == b'{"why":"no"}'
    job = app.run("messages:job", {"id": id})
    assert job["state"] == {"kind": "failed", "error": outcome.error.message}
    assert "completedTime" in job
    assert app.run("messages:count") == 0
    assert len(app.run("messages:jobs")) == 1
    assert waiting(app) == []


def test_arguments_are_checked_when_it_runs(app: AppBench) -> None:
    app.run("messages:later", {"args": {"text": 5}})
    run_next(app)
    (state,) = states(app)
    assert state["kind"] == "failed"
    assert state["error"].startswith("ArgumentValidationError: ")


def test_a_function_that_another_deploy_removed_has_failed(app: AppBench) -> None:
    app.push()
    app.run("messages:later")
    app.push(messages="@query\ndef jobs(ctx):\n    return ctx.db.system.query('_scheduled_functions').collect()")
    run_next(app)
    assert states(app) == [
        {
            "kind": "failed",
            "error": "Could not find function for 'messages:send'. Did you forget to run `npx convex dev`?",
        }
    ]


def test_a_query_cannot_be_scheduled_which_is_seen_when_it_runs(app: AppBench) -> None:
    app.run("messages:later", {"function": "messages:count", "args": {}})
    run_next(app)
    (state,) = states(app)
    assert state["error"].startswith("Unsupported function type. messages.js:count is a query, and only mutations")


def test_only_the_mutation_itself_sees_that_it_is_running(app: AppBench) -> None:
    app.run("messages:later", {"function": "messages:look"})
    app.run("messages:later", {"delay": 5000})
    outcome = execute(app, waiting(app)[0])
    assert outcome.result == b'["inProgress","pending"]'
    assert [state["kind"] for state in states(app)] == ["pending", "pending"]


def test_a_failure_of_the_server_ends_nothing(app: AppBench, monkeypatch: pytest.MonkeyPatch) -> None:
    app.run("messages:later")
    (job,) = waiting(app)
    with monkeypatch.context() as patch:
        patch.setattr("rtdb.transaction.transaction.Transaction.insert", _broken)
        outcome = execute(app, job)
    assert outcome.error is not None
    assert outcome.error.system == 500
    assert outcome.writes == []
    assert waiting(app) == [job]


def _broken(*args: object) -> str:
    raise StorageError("the disk is gone")


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_what_is_cancelled_does_not_run(app: AppBench) -> None:
    id = app.run("messages:later")
    (job,) = waiting(app)
    app.clock.now += 500_000_000
    app.run("messages:cancel", {"id": id})
    shown = app.run("messages:job", {"id": id})
    assert shown["state"] == {"kind": "canceled"}
    assert shown["completedTime"] == START_MS + 500
    assert waiting(app) == []
    assert execute(app, job).writes == []


def test_either_the_run_or_the_cancel_wins(app: AppBench) -> None:
    id = app.run("messages:later")
    (job,) = waiting(app)
    run, cancel = execute(app, job), app.execute("messages:cancel", {"id": id})
    assert not app.commit(cancel).losses
    assert len(app.commit(run).losses) == 1
    assert execute(app, job).writes == []


@pytest.mark.parametrize("function", ["messages:send", "messages:refuse"])
def test_cancelling_what_has_ended_changes_nothing(app: AppBench, function: str) -> None:
    id = app.run("messages:later", {"function": function})
    run_next(app)
    before = app.run("messages:job", {"id": id})
    assert app.execute("messages:cancel", {"id": id}).writes == []
    assert app.run("messages:job", {"id": id}) == before


def test_a_mutation_cannot_cancel_itself(app: AppBench) -> None:
    app.run("messages:later", {"function": "messages:suicide"})
    outcome = run_next(app)
    assert outcome.error is not None
    assert outcome.error.code == "ScheduledFunctionCancelingItself"
    (state,) = states(app)
    assert "A mutation cannot cancel itself" in state["error"]


def test_only_ids_of_scheduled_functions_can_be_cancelled(app: AppBench) -> None:
    app.run("messages:later")
    run_next(app)
    message = app.run("messages:send", {"text": "x"}, internal=True)
    error = refusal(app, "messages:cancel", id=message)
    assert error.code == "InvalidArgument"
    assert "The ID must be an ID on the '_scheduled_functions' table." in error.message
    for wrong in ("nonsense", 5.0):
        assert "Invalid argument `id` for `scheduler.cancel`: " in refusal(app, "messages:cancel", id=wrong).message


# --- actions, and what the server notes -------------------------------------------------------------------------------


def claim(app: AppBench, job: Waiting, incarnation: str) -> Any:
    return note(app, "claim", kind="job", id=job.internal.hex(), due=job.due, incarnation=incarnation)


def end(app: AppBench, job: Waiting, incarnation: str, **asked: Any) -> None:
    ending = {"due": None, "error": None, "result": "null", "log_lines": [], "seconds": 0.5} | asked
    note(app, "end", kind="job", id=job.internal.hex(), incarnation=incarnation, **ending)


def test_an_action_is_claimed_once_and_ended_by_who_claimed_it(app: AppBench) -> None:
    app.run("messages:later")
    (job,) = waiting(app)
    assert claim(app, job, "one") == {"args": {"text": "hi"}}
    assert claim(app, job, "one") is None
    assert waiting(app) == []
    assert states(app) == [{"kind": "inProgress"}]
    end(app, job, "two")
    assert states(app) == [{"kind": "inProgress"}]
    end(app, job, "one", error="it broke")
    assert states(app) == [{"kind": "failed", "error": "it broke"}]
    end(app, job, "one")
    assert states(app) == [{"kind": "failed", "error": "it broke"}]


def test_a_cancelled_action_stays_so_and_what_it_schedules_is_cancelled_too(app: AppBench) -> None:
    id = app.run("messages:later")
    (job,) = waiting(app)
    claim(app, job, "one")
    asked = {"path": "messages:send", "time": START_MS, "args": {"text": "child"}, "parent": id}
    app.clock.now += 1_000_000
    app.run("_system/scheduler:schedule", asked, internal=True)
    app.run("messages:cancel", {"id": id})
    app.clock.now += 1_000_000
    app.run("_system/scheduler:schedule", asked, internal=True)
    end(app, job, "one")
    assert [state["kind"] for state in states(app)] == ["canceled", "pending", "canceled"]
    assert len(waiting(app)) == 1


def test_only_what_dead_servers_have_claimed_is_settled(app: AppBench) -> None:
    for _ in range(4):
        app.run("messages:later")
        app.clock.now += 1_000_000
    for job, incarnation in zip(waiting(app), ["a", "m", "z"], strict=False):
        claim(app, job, incarnation)
    assert note(app, "settle", kind="job", incarnation="m") == 2
    lost = {"kind": "failed", "error": "Transient error while executing action"}
    assert states(app) == [lost, {"kind": "inProgress"}, lost, {"kind": "pending"}]
    assert note(app, "settle", kind="job", incarnation="m") == 0
    assert note(app, "settle", kind="cron", incarnation="m") == 0


def test_what_the_server_could_not_run_is_tried_again_later_and_later(app: AppBench) -> None:
    app.run("messages:later", {"delay": 0})
    due = START_MS
    for seconds in (1, 2, 4, 5, 5):
        (job,) = waiting(app)
        assert job.due == due
        note(app, "postpone", kind="job", id=job.internal.hex(), due=due, incarnation="one", seconds=1, seconds_max=5)
        due = START_MS + seconds * 1000
    assert states(app) == [{"kind": "pending"}]
    assert app.run("messages:jobs")[0]["scheduledTime"] == START_MS


def test_a_mutation_whose_process_was_killed_is_ended_as_failed(app: AppBench) -> None:
    app.run("messages:later")
    (job,) = waiting(app)
    end(app, job, "one", due=job.due, error="Function execution timed out")
    assert states(app) == [{"kind": "failed", "error": "Function execution timed out"}]


def test_no_client_notes_anything_for_the_server(app: AppBench) -> None:
    for name in ("waiting", "claim", "end", "postpone", "settle"):
        assert "only the server itself" in app.error(f"_system/scheduler:{name}", internal=True).message
    assert app.error("_system/scheduler:schedule").code == "OperationNotPermitted"


def test_what_waits_is_read_a_page_at_a_time(app: AppBench) -> None:
    app.run("messages:many", {"count": 25})
    keys: list[str] = []
    while True:
        page = note(app, "waiting", kind="job", after=keys[-1] if keys else "", count=10)
        keys += page
        if len(page) < 10:
            break
    assert len(keys) == len(set(keys)) == 25
    assert keys == sorted(keys)


# --- cancelling many --------------------------------------------------------------------------------------------------


def cancel_some(app: AppBench, **asked: Any) -> Any:
    return app.run("_system/scheduler:cancel_some", {"after": ""} | asked, internal=True)


def test_many_are_cancelled_by_function_and_by_time(app: AppBench) -> None:
    for delay, function in ((10, "send"), (20, "refuse"), (30, "send"), (40, "send")):
        app.run("messages:later", {"delay": delay, "function": f"messages:{function}"})
    assert cancel_some(app, path="messages.js:send", start=START_MS + 30, stop=START_MS + 40)["canceled"] == 1
    assert [job.due - START_MS for job in waiting(app)] == [10, 20, 40]
    assert cancel_some(app, path="messages:send") == {"canceled": 2, "next": None}
    assert cancel_some(app)["canceled"] == 1
    assert waiting(app) == []
    assert {state["kind"] for state in states(app)} == {"canceled"}


def test_running_actions_are_cancelled_with_the_rest(app: AppBench) -> None:
    app.run("messages:later")
    claim(app, waiting(app)[0], "one")
    app.run("messages:later")
    assert cancel_some(app)["canceled"] == 2


def test_so_many_are_looked_at_in_one_transaction(app: AppBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtdb.functions.system.scheduler.LOOKED_AT_ONCE", 10)
    app.run("messages:many", {"count": 25})
    answer = cancel_some(app)
    found = [answer["canceled"]]
    while answer["next"] is not None:
        answer = cancel_some(app, after=answer["next"])
        found.append(answer["canceled"])
    assert found == [10, 10, 5]
    assert waiting(app) == []


def test_so_much_is_written_in_one_transaction_that_cancels_many(
    app: AppBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtdb.functions.system.scheduler.CANCELED_BYTES", 10_000)
    app.run("messages:many", {"count": 5, "size": 4000})
    answer = cancel_some(app)
    assert answer["canceled"] == 3
    assert cancel_some(app, after=answer["next"]) == {"canceled": 2, "next": None}
    assert waiting(app) == []
