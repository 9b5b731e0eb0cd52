"""Scheduled functions and cron jobs in a real server."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from rtdb.storage.check import check
from tests.e2e.conftest import StartClient
from tests.e2e.deploys import deploy, write_modules
from tests.e2e.server_process import ServerProcess
from tests.waiting import wait_until

APP = Path(__file__).parent / "apps" / "schedule"

pytestmark = pytest.mark.slow


class Caller:
    """Calls functions of a server by HTTP."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    def __call__(self, kind: str, path: str, /, **args: Any) -> Any:
        body = {"path": path, "args": args, "format": "json"}
        answer = httpx.post(f"{self._server.url}/api/{kind}", json=body).json()
        assert answer.get("status") == "success", answer
        return answer["value"]

    def ran(self, batch: str) -> list[float]:
        ran: list[float] = self("query", "jobs:ran", batch=batch)
        return ran

    def states(self, batch: str) -> list[str]:
        return [state for _, _, state in self("query", "jobs:planned", batch=batch)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("schedule") / "data", APP) as server:
        yield server


@pytest.fixture
def call(server: ServerProcess) -> Caller:
    return Caller(server)


@pytest.fixture
def batch() -> str:
    return uuid4().hex


def test_a_scheduled_mutation_runs_when_it_is_due(call: Caller, batch: str) -> None:
    before = time.time() * 1000
    call("mutation", "jobs:plan", batch=batch, numbers=[1], delay=300)
    wait_until(lambda: call.ran(batch) == [1])
    job = call("query", "jobs:job", batch=batch, number=1)
    assert job["state"] == {"kind": "success"}
    assert job["name"] == "jobs.js:write"
    assert job["args"] == [{"batch": batch, "number": 1}]
    assert before + 300 <= job["scheduledTime"] <= job["completedTime"] <= time.time() * 1000


def test_clients_watch_the_state_of_a_job(server: ServerProcess, start_client: StartClient, batch: str) -> None:
    watching = start_client(server).subscribe("jobs:planned", {"batch": batch})
    watching.wait(lambda value: value == [])
    call = Caller(server)
    call("mutation", "jobs:plan", batch=batch, numbers=[7], delay=60_000)
    watching.wait(lambda value: value == [[7, "write", "pending"]])
    call("mutation", "jobs:cancel", job=call("query", "jobs:job", batch=batch, number=7)["_id"])
    watching.wait(lambda value: value == [[7, "write", "canceled"]])
    call("mutation", "jobs:plan", batch=batch, numbers=[8], delay=300)
    watching.wait(lambda value: [8, "write", "success"] in value)


def test_a_scheduled_action_runs_and_its_end_is_noted(call: Caller, batch: str) -> None:
    call("mutation", "jobs:plan", batch=batch, numbers=[1, 2, 3], kind="act")
    wait_until(lambda: call.states(batch) == ["success"] * 3)
    assert call.ran(batch) == [1, 2, 3]


def test_a_job_that_fails_has_done_nothing_but_fail(call: Caller, batch: str) -> None:
    call("mutation", "jobs:plan", batch=batch, numbers=[1], kind="refuse")
    wait_until(lambda: call.states(batch) == ["failed"])
    assert call.ran(batch) == []
    assert "ConvexError" in call("query", "jobs:job", batch=batch, number=1)["state"]["error"]


def test_a_job_schedules_the_next_one_and_nobody_is_its_caller(call: Caller, batch: str) -> None:
    call("mutation", "jobs:plan", batch=batch, numbers=[20], kind="chain")
    call("mutation", "jobs:plan", batch=f"{batch} who", numbers=[1], kind="who")
    wait_until(lambda: call.ran(batch) == [*range(21)] and call.ran(f"{batch} who") == [1])


def test_what_an_action_schedules_is_scheduled_even_if_it_fails(
    server: ServerProcess, call: Caller, batch: str
) -> None:
    body = {"path": "jobs:plan_by_action", "args": {"batch": batch, "number": 1, "fail": True}, "format": "json"}
    assert httpx.post(f"{server.url}/api/action", json=body).json()["status"] == "error"
    call("action", "jobs:plan_by_action", batch=batch, number=2)
    wait_until(lambda: call.ran(batch) == [1, 2])


def test_a_cancelled_job_does_not_run(call: Caller, batch: str) -> None:
    call("mutation", "jobs:plan", batch=batch, numbers=[1, 2], delay=60_000)
    by_mutation, by_action = (call("query", "jobs:job", batch=batch, number=number)["_id"] for number in (1, 2))
    call("mutation", "jobs:cancel", job=by_mutation)
    call("action", "jobs:cancel_by_action", job=by_action)
    assert call.states(batch) == ["canceled", "canceled"]


def test_a_running_action_that_is_cancelled_goes_on_and_counts_for_nothing(call: Caller, batch: str) -> None:
    call("mutation", "jobs:plan", batch=batch, numbers=[1], kind="linger")
    wait_until(lambda: call.ran(batch) == [1])
    assert call.states(batch) == ["inProgress"]
    call("mutation", "jobs:cancel", job=call("query", "jobs:job", batch=batch, number=1)["_id"])
    canceled = call("query", "jobs:states").count("canceled")
    call("mutation", "jobs:plan", batch=batch, numbers=[2])
    # What it schedules after that is cancelled from the beginning.
    wait_until(lambda: call("query", "jobs:states").count("canceled") > canceled)
    assert call.states(batch) == ["canceled", "success"]
    assert call.ran(f"{batch}, later") == []


def test_thousands_due_at_once_all_run_and_clients_are_served_meanwhile(call: Caller, batch: str) -> None:
    count = 3000
    for start in range(0, count, 1000):
        numbers = [*range(start, start + 1000)]
        call("mutation", "jobs:plan", batch=batch, numbers=numbers, delay=1500)
    seen = [0]
    while seen[-1] < count:
        seen.append(len(call.ran(batch)))
    assert call.ran(batch) == [*range(count)]
    assert len({ran for ran in seen if 0 < ran < count}) > 1, "nobody was answered while they ran"


def test_cron_jobs_run_again_and_again(call: Caller) -> None:
    for cron in ("mutation", "action"):
        wait_until(lambda cron=cron: len(call("query", "jobs:ticks", cron=cron)) >= 3)  # type: ignore[misc]  # bound now
        times = sorted(call("query", "jobs:ticks", cron=cron))
        assert all(after - before < 10_000 for before, after in pairwise(times)), times
        assert len(times) <= (times[-1] - times[0]) / 1000 + 2
    assert call("query", "jobs:ticks", cron="monthly") == []


def test_administrators_cancel_jobs_and_see_cron_jobs(server: ServerProcess, call: Caller, batch: str) -> None:
    call("mutation", "jobs:plan", batch=batch, numbers=[1, 2], delay=3_600_000)
    headers = {"Authorization": f"Convex {server.admin_key}"}
    one = call("query", "jobs:job", batch=batch, number=1)["_id"]
    assert httpx.post(f"{server.url}/api/cancel_job", json={"id": one}, headers=headers).status_code == 200
    assert call.states(batch) == ["canceled", "pending"]
    asked = {"udfPath": "jobs.js:write", "startNextTs": time.time_ns() + 1800 * 10**9}
    assert httpx.post(f"{server.url}/api/cancel_all_jobs", json=asked, headers=headers).status_code == 200
    assert call.states(batch) == ["canceled", "canceled"]
    body = {"path": "_system/frontend/listCronJobs", "args": {}, "format": "convex_encoded_json"}
    listed = httpx.post(f"{server.url}/api/query", json=body, headers=headers).json()["value"]
    assert [job["name"] for job in listed] == ["every second", "every second, by an action", "hardly ever"]


def test_memberpulse_cleans_up_by_itself(memberpulse: ServerProcess) -> None:
    headers = {"Authorization": f"Convex {memberpulse.admin_key}"}
    body = {"path": "_system/frontend/listCronJobs", "args": {}, "format": "convex_encoded_json"}

    def listed() -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = httpx.post(f"{memberpulse.url}/api/query", json=body, headers=headers).json()[
            "value"
        ]
        return jobs

    wait_until(lambda: listed()[1]["lastRun"] is not None)
    notifications, presence = listed()
    assert (notifications["name"], presence["name"]) == ("cleanup notifications", "cleanup presence")
    assert presence["lastRun"]["status"]["type"] == "success"
    assert presence["cronSpec"]["udfPath"] == "presence.js:cleanup"
    assert notifications["lastRun"] is None


def test_jobs_and_crons_go_on_after_a_restart_and_a_lost_action_has_failed(tmp_path: Path, batch: str) -> None:
    with ServerProcess(tmp_path / "data", APP) as server:
        call = Caller(server)
        call("mutation", "jobs:plan", batch=batch, numbers=[1], kind="linger")
        call("mutation", "jobs:plan", batch=f"{batch} due", numbers=[*range(50)], delay=100)
        call("mutation", "jobs:plan", batch=f"{batch} far", numbers=[1], delay=3_600_000)
        wait_until(lambda: call.ran(batch) == [1])
        server.kill()
        server.start()
        wait_until(lambda: call.states(batch) == ["failed"])
        assert call("query", "jobs:job", batch=batch, number=1)["state"]["error"] == (
            "Transient error while executing action"
        )
        wait_until(lambda: call.ran(f"{batch} due") == [*range(50)])
        assert call.states(f"{batch} due") == ["success"] * 50
        assert call.states(f"{batch} far") == ["pending"]
        ticks = len(call("query", "jobs:ticks", cron="mutation"))
        wait_until(lambda: len(call("query", "jobs:ticks", cron="mutation")) > ticks)
        assert server.stop() == 0
    assert check(tmp_path / "data").problems == []


def test_a_server_that_is_stopped_finishes_its_actions(tmp_path: Path, batch: str) -> None:
    with ServerProcess(tmp_path / "data", APP) as server:
        call = Caller(server)
        call("mutation", "jobs:plan", batch=batch, numbers=[1], kind="dawdle")
        wait_until(lambda: call.ran(batch) == [1])
        assert server.stop() == 0
        server.start()
        assert call.states(batch) == ["success"]
        wait_until(lambda: call.ran(f"{batch}, later") == [1])


def test_a_job_whose_process_is_killed_runs_elsewhere(tmp_path: Path, batch: str) -> None:
    with ServerProcess(tmp_path / "data", APP) as server:
        call = Caller(server)
        call("mutation", "jobs:plan", batch=batch, numbers=[*range(200)])
        while len(call.ran(batch)) < 200:
            for pid, name in server.descendants().items():
                if name == "rtdb-runner":
                    os.kill(pid, signal.SIGKILL)
                    break
            time.sleep(0.1)
        wait_until(lambda: call.states(batch) == ["success"] * 200)
        assert call.ran(batch) == [*range(200)]


EVIL = """
    import os, time

    @mutation
    def plan(ctx):
        return [ctx.scheduler.run_after(0, f"m:{name}") for name in ("leave", "hang", "grow", "big")]

    @internal_mutation
    def leave(ctx):
        ctx.db.insert("done", {})
        os._exit(3)

    @internal_mutation
    def hang(ctx):
        while True:
            pass

    @internal_mutation
    def grow(ctx):
        for _ in range(100):
            ctx.db.insert("done", {"text": "x" * 1000})

    @internal_action
    async def big(ctx):
        time.sleep(60)

    @query
    def jobs(ctx):
        return [job["state"] for job in ctx.db.system.query("_scheduled_functions").collect()]

    @query
    def done(ctx):
        return len(ctx.db.query("done").collect())
"""


def test_jobs_that_misbehave_have_failed_and_others_go_on(tmp_path: Path) -> None:
    limits = ["mutation_seconds_max=1", "action_blocked_seconds_max=1", "documents_written_max=50"]
    arguments = [part for limit in limits for part in ("--limit", limit)]
    app = write_modules(tmp_path / "app", m=EVIL)
    with ServerProcess(tmp_path / "data", app, arguments) as server:
        call = Caller(server)
        call("mutation", "m:plan")
        wait_until(lambda: all(state["kind"] == "failed" for state in call("query", "m:jobs")))
        leave, hang, grow, big = (state["error"] for state in call("query", "m:jobs"))
        assert "ended the process it ran in (exit code 3)" in leave
        assert hang == "Function execution timed out (maximum duration: 1s)"
        assert "Too many writes in a single function execution (limit: 50)" in grow
        assert "has not let any other action of its process go on" in big
        assert call("query", "m:done") == 0
        assert server.stop() == 0
    assert check(tmp_path / "data").problems == []


BEFORE = """
    @mutation
    def plan(ctx):
        ctx.scheduler.run_after(8000, "m:kept")
        ctx.scheduler.run_after(8000, "m:gone")

    @internal_mutation
    def kept(ctx):
        ctx.db.insert("log", {"text": "old"})

    @internal_mutation
    def gone(ctx):
        ctx.db.insert("log", {"text": "gone"})

    @internal_mutation
    def tick(ctx, text):
        ctx.db.insert("log", {"text": text})

    @query
    def log(ctx):
        return sorted({row["text"] for row in ctx.db.query("log").take(1000)})

    @query
    def states(ctx):
        return [job["state"] for job in ctx.db.system.query("_scheduled_functions").collect()]
"""
CRONS = """
    crons = Crons()
    crons.interval("stays", "m:tick", {"text": "stays"}, hours=1)
    crons.interval("goes", "m:tick", {"text": "goes"}, hours=1)
"""


def test_a_deploy_changes_what_jobs_and_crons_run(tmp_path: Path) -> None:
    app = write_modules(tmp_path / "app", m=BEFORE, crons=CRONS)
    with ServerProcess(tmp_path / "data", app) as server:
        call = Caller(server)
        call("mutation", "m:plan")
        wait_until(lambda: call("query", "m:log") == ["goes", "stays"])
        after = BEFORE.replace('"old"', '"new"').replace("def gone(ctx)", "def other(ctx)")
        write_modules(
            app,
            m=after,
            crons=CRONS.replace('"goes"', '"comes"').replace("hours=1)\n    crons", "hours=2)\n    crons"),
        )
        change = deploy(server, app)[0]["change"]
        assert (change["crons_added"], change["crons_changed"], change["crons_removed"]) == (
            ["comes"],
            ["stays"],
            ["goes"],
        )
        wait_until(lambda: call("query", "m:log") == ["comes", "goes", "new", "stays"])
        wait_until(
            lambda: (
                call("query", "m:states")
                == [
                    {"kind": "success"},
                    {
                        "kind": "failed",
                        "error": "Could not find function for 'm:gone'. Did you forget to run `npx convex dev`?",
                    },
                ]
            )
        )
