"""Cron jobs in a database: switched by deploys, ended with the run itself, remembered for a while."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.link.frames import Outcome, ScheduledRun
from rtdb.scheduler.agenda import Waiting
from rtdb.storage.system_tables import CRON_JOB_LOGS_TABLE, CRON_JOBS_TABLE, CRON_NEXT_RUN_TABLE
from rtdb.transaction.snapshot import Snapshot
from rtdb.values.json_codec import decode_canonical
from rtdb.values.value import Int64
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench
from tests.transaction.workbench import START_NS

START_MS = START_NS / 1e6
MINUTE_MS = 60_000
FUNCTIONS = """
    @internal_mutation
    def tick(ctx, text="tick"):
        print("ticking " + text)
        ctx.db.insert("ticks", {"text": text})
        return text

    @internal_mutation
    def fail(ctx):
        ctx.db.insert("ticks", {"text": "never"})
        raise ConvexError("no")

    @internal_mutation
    def talk(ctx):
        for _ in range(30):
            print("x" * 100)
        return "y" * 2000

    @internal_action
    async def act(ctx):
        pass

    @query
    def ticks(ctx):
        return [row["text"] for row in ctx.db.query("ticks").collect()]
"""


def crons(*lines: str) -> str:
    return "\n".join(["crons = Crons()", *lines])


def deployed(bench: MakeBench, *lines: str) -> AppBench:
    app = bench(m=FUNCTIONS, crons=crons(*lines))
    app.push()
    return app


def redeploy(app: AppBench, *lines: str) -> None:
    app.push(m=FUNCTIONS, crons=crons(*lines))


def documents(app: AppBench, number: int) -> list[dict[str, Any]]:
    with Snapshot(app.committer.environment, app.cache) as snapshot:
        table = snapshot.registry.table_by_number(number)
        assert table is not None
        rows = [decode_canonical(row.document.data) for row in snapshot.scan(table.by_creation_time, b"", b"\xff")]
    return rows  # type: ignore[return-value]  # a document is an object


def names(app: AppBench) -> list[Any]:
    return sorted(job["name"] for job in documents(app, CRON_JOBS_TABLE))


def due(app: AppBench, path: str = "m:tick") -> float:
    """Minutes from the start until the next run of the job that calls this function."""
    (entry,) = (entry for entry in documents(app, CRON_NEXT_RUN_TABLE) if entry["path"] == path)
    minutes: float = (entry["due"] - START_MS) / MINUTE_MS
    return minutes


def logs(app: AppBench) -> list[dict[str, Any]]:
    return sorted(documents(app, CRON_JOB_LOGS_TABLE), key=lambda row: row["ts"])


def at(app: AppBench, minutes: float) -> None:
    app.clock.now = START_NS + round(minutes * MINUTE_MS * 1_000_000)


def waiting(app: AppBench) -> list[Waiting]:
    asked = {"kind": "cron", "after": "", "count": 100}
    keys = app.run("_system/scheduler:waiting", asked, internal=True, by_server=True)
    return [Waiting.of_key(bytes.fromhex(key)) for key in keys]


def execute(app: AppBench, job: Waiting) -> Outcome:
    scheduled = ScheduledRun("cron", job.internal, job.due)
    return app.execute(job.path, kind="mutation", internal=True, scheduled=scheduled, raw_args=b"")


def run_next(app: AppBench) -> None:
    assert not app.commit(execute(app, waiting(app)[0])).losses


EVERY_MINUTE = 'crons.interval("often", "m:tick", minutes=1)'


# --- deploys ----------------------------------------------------------------------------------------------------------


def test_a_deploy_begins_its_cron_jobs(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE, 'crons.cron("nightly", "0 3 * * *", "m:fail", {})')
    assert names(app) == ["nightly", "often"]
    assert due(app) == 0.0
    # The clock of these tests starts at 22:13:20.
    assert due(app, "m:fail") == pytest.approx(4 * 60 + 46 + 40 / 60)
    assert [job.path for job in waiting(app)] == ["m:tick", "m:fail"]


def test_a_job_that_is_not_changed_goes_on_as_it_was(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE)
    run_next(app)
    at(app, 0.5)
    redeploy(app, EVERY_MINUTE, 'crons.daily("new", "m:fail", hour_utc=3)')
    assert due(app) == 1.0
    assert len(logs(app)) == 1


def test_a_job_that_is_removed_leaves_nothing_behind(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE)
    run_next(app)
    (job,) = waiting(app)
    redeploy(app)
    assert (names(app), waiting(app), logs(app)) == ([], [], [])
    assert execute(app, job).writes == []


def test_a_changed_schedule_begins_anew(bench: MakeBench) -> None:
    app = deployed(bench, 'crons.interval("job", "m:tick", hours=1)')
    run_next(app)
    assert due(app) == 60.0
    at(app, 10)
    redeploy(app, 'crons.interval("job", "m:tick", minutes=30)')
    assert due(app) == 10.0
    at(app, 11)
    redeploy(app, 'crons.hourly("job", "m:tick", minute_utc=30)')
    assert due(app) == pytest.approx(16 + 40 / 60)


def test_a_very_frequent_job_runs_once_more_before_its_schedule_changes(bench: MakeBench) -> None:
    app = deployed(bench, 'crons.interval("job", "m:tick", seconds=10)')
    run_next(app)
    at(app, 0.1)
    redeploy(app, 'crons.interval("job", "m:tick", minutes=30)')
    assert due(app) == pytest.approx(1 / 6)
    at(app, 0.2)
    run_next(app)
    assert due(app) == pytest.approx(30 + 1 / 6)


def test_changed_arguments_and_functions_keep_the_next_run(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE)
    run_next(app)
    redeploy(app, 'crons.interval("often", "m:tick", {"text": "tock"}, minutes=1)')
    at(app, 1)
    run_next(app)
    assert app.run("m:ticks") == ["tick", "tock"]
    redeploy(app, 'crons.interval("often", "m:fail", minutes=1)')
    assert due(app, "m:fail") == 2.0


def test_a_deploy_without_cron_jobs_ends_all(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE)
    app.push(m=FUNCTIONS)
    assert waiting(app) == []


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_run_and_its_successor_are_one_transaction(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE)
    (job,) = waiting(app)
    first, second = execute(app, job), execute(app, job)
    assert not app.commit(first).losses
    assert len(app.commit(second).losses) == 1
    assert execute(app, job).writes == []
    assert app.run("m:ticks") == ["tick"]
    assert due(app) == 1.0
    (row,) = logs(app)
    assert row["name"] == "often"
    assert row["ts"] == START_MS
    assert row["status"] == {"type": "success", "result": {"type": "default", "value": '"tick"'}}
    assert row["logLines"] == {"logLines": ["[LOG] ticking tick"], "isTruncated": False}
    assert row["executionTime"] > 0


def test_a_run_that_fails_is_remembered_and_the_schedule_goes_on(bench: MakeBench) -> None:
    app = deployed(bench, 'crons.interval("often", "m:fail", minutes=1)')
    run_next(app)
    (row,) = logs(app)
    assert row["status"]["type"] == "err"
    assert "ConvexError" in row["status"]["error"]
    assert app.run("m:ticks") == []
    assert due(app, "m:fail") == 1.0


def test_missed_runs_are_skipped_and_counted(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE)
    run_next(app)
    at(app, 5.5)
    run_next(app)
    assert due(app) == 6.0
    assert [row["status"]["type"] for row in logs(app)] == ["success", "success", "canceled"]
    assert logs(app)[-1]["status"]["num_canceled"] == 4
    assert app.run("m:ticks") == ["tick", "tick"]


def test_a_clock_schedule_just_goes_on(bench: MakeBench) -> None:
    app = deployed(bench, 'crons.hourly("job", "m:tick", minute_utc=0)')
    first = due(app)
    at(app, first + 200)
    run_next(app)
    assert due(app) == pytest.approx(first + 240)
    assert len(logs(app)) == 1


def test_the_newest_five_runs_are_remembered(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE, 'crons.interval("other", "m:fail", hours=1)')
    for minute in range(8):
        at(app, minute)
        for job in waiting(app):
            if job.due <= START_MS + minute * MINUTE_MS:
                assert not app.commit(execute(app, job)).losses
    often = [(row["ts"] - START_MS) / MINUTE_MS for row in logs(app) if row["name"] == "often"]
    assert often == [3, 4, 5, 6, 7]
    assert len(logs(app)) == 6


def test_results_and_logs_are_remembered_in_part(bench: MakeBench) -> None:
    app = deployed(bench, 'crons.interval("often", "m:talk", minutes=1)')
    run_next(app)
    (row,) = logs(app)
    assert row["status"]["result"] == {"type": "truncated", "truncated_log": '"' + "y" * 999}
    assert len(row["logLines"]["logLines"]) == 9
    assert row["logLines"]["isTruncated"]


def test_an_action_runs_once_at_a_time_and_ends_by_itself(bench: MakeBench) -> None:
    app = deployed(bench, 'crons.interval("often", "m:act", {}, minutes=1)')
    (job,) = waiting(app)
    entry = {"kind": "cron", "id": job.internal.hex(), "incarnation": "one"}

    def note(name: str, **asked: Any) -> Any:
        return app.run(f"_system/scheduler:{name}", entry | asked, internal=True, by_server=True)

    assert note("claim", due=job.due) == {"args": {}}
    assert waiting(app) == []
    at(app, 2.5)
    ending: dict[str, Any] = {"due": None, "error": None, "result": "null", "log_lines": ["[LOG] hi"], "seconds": 150}
    note("end", **ending)
    assert due(app, "m:act") == 3.0
    assert [row["status"]["type"] for row in logs(app)] == ["success", "canceled"]
    # One that its server did not survive has failed, and the schedule goes on.
    (job,) = waiting(app)
    note("claim", due=job.due)
    at(app, 10.5)
    settled = {"kind": "cron", "incarnation": "two"}
    assert app.run("_system/scheduler:settle", settled, internal=True, by_server=True) == 1
    assert due(app, "m:act") == 11.0
    errors = [row["status"] for row in logs(app) if row["status"]["type"] == "err"]
    assert errors == [{"type": "err", "error": "Transient error while executing action"}]


def test_a_run_under_way_is_not_disturbed_by_a_deploy(bench: MakeBench) -> None:
    app = deployed(bench, 'crons.interval("often", "m:act", {}, hours=1)')
    (job,) = waiting(app)
    entry = {"kind": "cron", "id": job.internal.hex(), "incarnation": "one"}
    app.run("_system/scheduler:claim", entry | {"due": job.due}, internal=True, by_server=True)
    redeploy(app, 'crons.interval("often", "m:act", {}, minutes=5)')
    assert waiting(app) == []
    ending: dict[str, Any] = {"due": None, "error": None, "result": "null", "log_lines": [], "seconds": 1}
    app.run("_system/scheduler:end", entry | ending, internal=True, by_server=True)
    assert due(app, "m:act") == 5.0


def test_a_mutation_in_flight_loses_to_the_deploy_that_removes_its_job(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE)
    (job,) = waiting(app)
    in_flight = execute(app, job)
    redeploy(app)
    assert len(app.commit(in_flight).losses) == 1
    assert execute(app, job).writes == []


# --- what administrators see ------------------------------------------------------------------------------------------


def test_administrators_see_each_job_with_its_next_and_its_last_run(bench: MakeBench) -> None:
    app = deployed(bench, EVERY_MINUTE, 'crons.weekly("weekly", "m:act", {}, day_of_week="monday", hour_utc=3)')
    run_next(app)
    often, weekly = app.run("_system/frontend/listCronJobs:default", internal=True)
    assert (often["name"], weekly["name"]) == ("often", "weekly")
    assert often["cronSpec"] == {
        "udfPath": "m.js:tick",
        "udfArgs": b"[{}]",
        "cronSchedule": {"type": "interval", "seconds": Int64(60)},
    }
    assert weekly["cronSpec"]["cronSchedule"]["dayOfWeek"] == Int64(1)
    assert often["nextRun"]["state"] == {"type": "pending"}
    assert (often["nextRun"]["prevTs"], often["nextRun"]["nextTs"]) == (Int64(START_NS), Int64(START_NS + 60 * 10**9))
    assert often["lastRun"]["status"]["type"] == "success"
    assert (weekly["nextRun"]["prevTs"], weekly["lastRun"]) == (None, None)
    at(app, 1)
    run_next(app)
    runs = app.run("_system/frontend/listCronJobRuns:default", internal=True)
    assert [run["ts"] for run in runs] == [Int64(START_NS + 60 * 10**9), Int64(START_NS)]
    assert app.error("_system/frontend/listCronJobs:default").code == "OperationNotPermitted"
