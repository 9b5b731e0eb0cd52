"""Pushes of TypeScript modules, step by step: what each answers, and what becomes of those that are not finished."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtdb.config import Limits
from rtdb.storage.environment import open_environment
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from rtdb.typescript.module_set import TypeScriptModule
from tests.e2e.deploys import deploy, write_modules
from tests.e2e.pushes import Push, function, schema
from tests.e2e.server_process import ServerProcess
from tests.e2e.test_deploys import Load, call
from tests.waiting import wait_until

LIST = function("list", "query", 'return "[]";')
PYTHON = """
    @query
    def version(ctx):
        return 1

    @mutation
    def add(ctx, n):
        ctx.db.insert("items", {"n": n})

    @mutation
    def fill(ctx, count):
        for n in range(int(count)):
            ctx.db.insert("items", {"n": n})

    @mutation
    def clear(ctx):
        rows = ctx.db.query("items").take(4000)  # one read each, of which there are not many more in a call
        for row in rows:
            ctx.db.delete(row["_id"])
        return len(rows)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all tests of this module, with a Python module. It forgets a push after two seconds."""
    limits = {
        "push_idle_seconds_max": 2,
        "bundle_bytes_max": 100_000,
        "runners_min": 1,
        "typescript_analysis_seconds_max": 60,
    }
    arguments = [word for name, value in limits.items() for word in ("--limit", f"{name}={value}")]
    directory = tmp_path_factory.mktemp("pushes")
    functions = write_modules(directory / "functions", items=PYTHON)
    with ServerProcess(directory / "data", None, arguments) as server:
        deploy(server, functions)
        yield server


@pytest.fixture
def push(server: ServerProcess) -> Iterator[Push]:
    """A client of the server, which has no TypeScript function when the test begins."""
    with Push(server) as push:
        if push.hashes():
            push.push({})
        yield push


def test_a_push_switches_at_its_end_and_hashes_name_what_is_deployed_then(server: ServerProcess, push: Push) -> None:
    assert push.hashes() == {}
    started = push.start({"messages.js": LIST, "_deps/A.js": "export const a = 1;"})
    assert push.hashes() == {}, "nothing is deployed before the end"
    assert push.wait(started) == {"type": "complete"}
    finished = push.finish(started).json()
    changed = finished["componentDiffs"][""]["moduleDiff"]
    assert changed == {"added": ["_deps/A.js", "convex.config.js", "messages.js"], "removed": []}
    assert push.hashes()["messages.js"] == TypeScriptModule("messages.js", LIST, None, "isolate").sha256
    assert set(push.hashes()) == {"_deps/A.js", "messages.js"}


def test_modules_that_have_not_changed_are_named_and_the_rest_is_gone(server: ServerProcess, push: Push) -> None:
    modules = {"a.js": LIST, "b.js": LIST}
    push.push(modules)
    changed = push.push({"a.js": LIST}, unchanged=["a.js"])["componentDiffs"][""]["moduleDiff"]
    assert changed == {"added": [], "removed": ["b.js"]}
    stale = push.post("/api/deploy2/start_push", push.request(modules, unchanged=["a.js", "b.js"]))
    assert (stale.status_code, stale.json()["code"]) == (409, "MissingExistingModule")


def test_each_language_keeps_what_the_other_has(server: ServerProcess, push: Push, tmp_path: Path) -> None:
    push.push({"messages.js": LIST})
    assert call(server, "items:version") == 1
    hashes = push.hashes()
    deploy(server, write_modules(tmp_path / "functions", items=PYTHON.replace("return 1", "return 2")))
    assert call(server, "items:version") == 2
    assert push.hashes() == hashes
    server.kill()
    server.start()
    assert push.hashes() == hashes
    assert call(server, "items:version") == 2


def test_a_push_gives_way_to_the_next_one(server: ServerProcess, push: Push) -> None:
    first = push.start({"a.js": LIST})
    second = push.start({"b.js": LIST})
    assert push.wait(first) == {"type": "raceDetected"}
    overtaken = push.finish(first)
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "RaceDetected")
    assert push.wait(second) == {"type": "complete"}
    assert push.finish(second).status_code == 200
    assert set(push.hashes()) == {"b.js"}


def test_a_push_gives_way_to_a_deploy_of_the_other_language(server: ServerProcess, push: Push, tmp_path: Path) -> None:
    started = push.start({"a.js": LIST}, schema=schema("items", {"n": "number"}, {"by_n": ["n"]}))
    deploy(server, write_modules(tmp_path / "functions", items=PYTHON.replace("return 1", "return 3")))
    assert push.wait(started) == {"type": "raceDetected"}
    assert push.finish(started).status_code == 409
    assert call(server, "items:version") == 3
    assert push.hashes() == {}


def test_a_push_that_changes_nothing_is_not_finished_when_something_else_was_changed_meanwhile(
    server: ServerProcess, push: Push, tmp_path: Path
) -> None:
    push.push({"a.js": LIST})
    undisturbed = push.start({"a.js": LIST})
    assert push.finish(undisturbed).status_code == 200
    started = push.start({"a.js": LIST})
    assert push.wait(started) == {"type": "complete"}
    deploy(server, write_modules(tmp_path / "functions", items=PYTHON.replace("return 1", "return 4")))
    overtaken = push.finish(started)
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "RaceDetected")
    assert call(server, "items:version") == 4


def test_a_step_whose_answer_was_lost_is_answered_again(server: ServerProcess, push: Push) -> None:
    started = push.start({"a.js": LIST})
    first = push.finish(started)
    assert first.status_code == 200
    assert push.finish(started).json() == first.json()
    assert push.wait(started) == {"type": "complete"}


def test_a_push_that_nothing_is_heard_of_is_given_up(server: ServerProcess, push: Push) -> None:
    started = push.start({"a.js": LIST}, schema=schema("items", {"n": "number"}, {"by_n": ["n"]}))
    assert push.wait(started) == {"type": "complete"}
    assert indexes_of(server, "items") == {"by_creation_time", "by_n"}
    wait_until(lambda: indexes_of(server, "items") == {"by_creation_time"})
    late = push.finish(started)
    assert (late.status_code, late.json()["code"]) == (409, "RaceDetected")
    assert "push_idle_seconds_max" in late.json()["message"]
    assert push.hashes() == {}


def test_what_cannot_be_pushed_says_why(server: ServerProcess, push: Push) -> None:
    request = push.request({"my-file.js": LIST})
    refused = push.post("/api/deploy2/start_push", request).json()
    assert refused["code"] == "BadConvexModuleIdentifier"
    assert refused["message"].startswith("Hit an error while pushing:\nInvalid module path 'my-file.js'")
    refused = push.post("/api/deploy2/start_push", push.request({"a.js": "x" * 100_001})).json()
    assert refused["code"] == "BundleTooLarge"
    assert "bundle_bytes_max" in refused["message"]
    push.push({"a.js": LIST})


def test_a_dry_run_changes_nothing(server: ServerProcess, push: Push) -> None:
    started = push.start({"a.js": LIST}, dryRun=True)
    assert push.wait(started) == {"type": "complete"}
    finished = push.finish(started, dryRun=True)
    assert finished.json()["componentDiffs"][""]["moduleDiff"]["added"] == ["a.js"]
    assert push.hashes() == {}


# --- schemas ----------------------------------------------------------------------------------------------------------


def test_what_was_pushed_is_called(server: ServerProcess, push: Push) -> None:
    started = push.start({"messages.js": LIST})
    (listed,) = started["analysis"][""]["functions"]["messages.js"]["functions"]
    assert (listed["name"], listed["udfType"], listed["visibility"]) == ("list", "Query", {"kind": "public"})
    assert [function["name"] for function in started["analysis"][""]["functions"]["items.js"]["functions"]] == [
        "add",
        "clear",
        "fill",
        "version",
    ]
    push.wait(started)
    push.finish(started)
    assert call(server, "messages:list") == []
    push.push({})
    assert "Could not find" in failure(server, "messages:list")


def test_a_document_that_breaks_the_schema_is_told_with_its_table(server: ServerProcess, push: Push) -> None:
    call(server, "items:add", {"n": "a word"})
    started = push.start({"a.js": LIST}, schema=schema("items", {"n": "number"}))
    told = push.wait(started)
    assert (told["type"], told["tableName"], told["componentPath"]) == ("failed", "items", "")
    assert 'in table "items" does not match the schema' in told["error"]
    failed = push.finish(started)
    assert (failed.status_code, failed.json()["code"]) == (400, "SchemaEnforcementError")
    assert push.hashes() == {}
    rehearsed = push.start({"a.js": LIST}, schema=schema("items", {"n": "number"}), dryRun=True)
    assert push.wait(rehearsed)["type"] == "failed"
    call(server, "items:clear")


def test_a_document_that_is_written_between_the_steps_is_checked_too(server: ServerProcess, push: Push) -> None:
    started = push.start({"a.js": LIST}, schema=schema("items", {"n": "number"}))
    assert push.wait(started) == {"type": "complete"}
    call(server, "items:add", {"n": "a word"})
    failed = push.finish(started)
    assert (failed.status_code, failed.json()["code"]) == (400, "SchemaEnforcementError")
    assert push.hashes() == {}
    call(server, "items:clear")
    push.push({"a.js": LIST}, schema=schema("items", {"n": "number"}))
    assert "does not match the schema" in failure(server, "items:add", {"n": "a word"})


def test_indexes_are_told_of_and_built_and_those_of_a_push_that_is_given_up_are_not(
    server: ServerProcess, push: Push
) -> None:
    call(server, "items:add", {"n": 1})
    indexed = schema("items", {"n": "number"}, {"by_n": ["n"]})
    started = push.start({"a.js": LIST}, schema=indexed)
    added = [{"name": "items.by_n", "type": "database", "fields": ["n"]}]
    assert started["schemaChange"]["indexDiffs"][""]["added_indexes"] == added
    assert push.wait(started) == {"type": "complete"}
    # Another push: what the first one has built is dropped, and would be added again.
    started = push.start({"a.js": LIST})
    assert started["schemaChange"]["indexDiffs"][""]["added_indexes"] == []
    assert push.wait(started) == {"type": "complete"}
    assert indexes_of(server, "items") == {"by_creation_time"}
    evaluated = push.post("/api/deploy2/evaluate_push", push.request({"a.js": LIST}, schema=indexed)).json()
    assert evaluated["schemaChange"]["indexDiffs"][""]["added_indexes"] == added
    evaluated = push.post("/api/deploy2/evaluate_schema", push.request({"a.js": LIST}, schema=indexed)).json()
    (index,) = evaluated["componentSchemaEvaluations"][""]["indexes"]
    assert (index["name"], index["change"], index["numDocs"], index["needsBackfill"]) == (
        "items.by_n",
        "added",
        1,
        True,
    )
    push.push({"a.js": LIST}, schema=indexed)
    removed = push.start({"a.js": LIST})["schemaChange"]["indexDiffs"][""]["removed_indexes"]
    assert removed == added
    call(server, "items:clear")


def test_who_waits_for_a_large_table_is_told_how_far_it_is(server: ServerProcess, push: Push) -> None:
    call(server, "items:fill", {"count": 12_000})
    started = push.start({"a.js": LIST}, schema=schema("items", {"n": "number"}, {"by_n": ["n"]}))
    told = [push.wait(started, timeout_ms=0)]
    while told[-1]["type"] == "inProgress":
        told.append(push.wait(started, timeout_ms=20))
    assert told[-1] == {"type": "complete"}
    states = [one["components"][""] for one in told[:-1]]
    assert not states[0]["schemaValidationComplete"]
    assert (0, 1) in [(state["indexesComplete"], state["indexesTotal"]) for state in states]
    # Nothing that is said to be done is taken back.
    assert states == sorted(states, key=lambda state: (state["schemaValidationComplete"], state["indexesComplete"]))
    assert push.finish(started).status_code == 200
    push.push({})
    while call(server, "items:clear"):
        pass


# --- what happens meanwhile -------------------------------------------------------------------------------------------


def test_a_variable_that_changes_makes_the_push_begin_again(server: ServerProcess, push: Push) -> None:
    started = push.start({"a.js": LIST})
    assert push.wait(started) == {"type": "complete"}
    changes = {"changes": [{"name": "TOKEN", "value": "sesame"}]}
    assert push.post("/api/update_environment_variables", changes, compress=False).status_code == 200
    raced = push.finish(started)
    assert raced.json() == {
        "code": "RaceDetected",
        "message": "Environment variables have changed during push. Push again.",
    }
    push.push({"a.js": LIST})


def test_a_server_that_is_killed_between_the_steps_is_what_it_was(server: ServerProcess, push: Push) -> None:
    push.push({"a.js": LIST})
    hashes = push.hashes()
    started = push.start({"b.js": LIST}, schema=schema("items", {"n": "number"}, {"by_n": ["n"]}))
    server.kill()
    server.start()
    assert push.wait(started) == {"type": "raceDetected"}
    overtaken = push.finish(started)
    assert (overtaken.status_code, overtaken.json()["code"]) == (409, "RaceDetected")
    assert push.hashes() == hashes
    push.push({"b.js": LIST})
    assert set(push.hashes()) == {"b.js"}


def test_of_many_pushes_at_once_each_is_done_or_told_to_come_again(server: ServerProcess, push: Push) -> None:
    def one(number: int) -> tuple[int, str]:
        with Push(server) as another:
            response = another.post("/api/deploy2/start_push", another.request({f"m{number}.js": LIST}))
            if response.status_code != 200:
                return response.status_code, response.json()["code"]
            finished = another.finish(response.json())
            return finished.status_code, finished.json().get("code", f"m{number}.js")

    with ThreadPoolExecutor(5) as pool:
        ends = list(pool.map(one, range(5)))
    assert {end for end in ends if end[0] != 200} <= {(409, "ConcurrentPush"), (409, "RaceDetected")}, ends
    done = {path for status, path in ends if status == 200}
    assert done, ends
    assert set(push.hashes()) <= done
    assert len(push.hashes()) == 1


def test_a_push_whose_client_goes_away_is_given_up(server: ServerProcess, push: Push) -> None:
    """While its modules are loaded, which here takes longer than this test waits."""
    with pytest.raises(httpx.ReadTimeout):
        push.post("/api/deploy2/start_push", push.request({"a.js": "while (true);"}), timeout=0.5)
    wait_until(lambda: push.post("/api/deploy2/start_push", push.request({"a.js": LIST})).status_code == 200)


def test_calls_go_on_while_apps_are_pushed(server: ServerProcess, push: Push) -> None:
    load = Load(server, clients=2)
    with load.running():
        for number in range(3):
            push.push({"a.js": LIST.replace("[]", f"[{number}]")})
    assert load.failures == []
    assert load.calls > 0
    assert call(server, "a:list") == [2]
    call(server, "items:clear")


def test_a_server_without_deno_says_what_to_install(tmp_path: Path) -> None:
    program = Path(__file__).parent / "broken" / "denoless_server.py"
    with ServerProcess(tmp_path / "data", None, program=program) as server, Push(server) as push:
        refused = push.post("/api/deploy2/start_push", push.request({"a.js": LIST}))
        assert (refused.status_code, refused.json()["code"]) == (400, "TypeScriptUnavailable")
        assert "pip install 'rtdb[typescript]'" in refused.json()["message"]
        deploy(server, write_modules(tmp_path / "functions", items=PYTHON))
        assert call(server, "items:version") == 1


def indexes_of(server: ServerProcess, table: str) -> set[str]:
    """Return the names of a table's indexes on the disk, whether in use or being built."""
    with (
        open_environment(server.data_dir, readonly=True, limits=Limits()) as environment,
        Snapshot(environment, SnapshotCache()) as snapshot,
    ):
        found = snapshot.registry.table(table)
        return set() if found is None else {index.name for index in found.stored}


def failure(server: ServerProcess, path: str, args: dict[str, Any] | None = None) -> str:
    """Call a function that must fail, and return the message."""
    body = {"path": path, "args": args or {}, "format": "json"}
    headers = {"Authorization": f"Convex {server.admin_key}"}
    answer = httpx.post(f"{server.url}/api/function", json=body, headers=headers).json()
    assert answer["status"] == "error", answer
    message: str = answer["errorMessage"]
    return message
