"""Pushes of TypeScript modules, step by step: what each answers, and what becomes of those that are not finished."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdb.typescript.module_set import TypeScriptModule
from tests.e2e.deploys import deploy, write_modules
from tests.e2e.pushes import Push, function, schema
from tests.e2e.server_process import ServerProcess
from tests.e2e.test_deploys import call

LIST = function("list", "query", 'return "[]";')
PYTHON = """
    @query
    def version(ctx):
        return 1

    @mutation
    def add(ctx, n):
        ctx.db.insert("items", {"n": n})
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One for all tests of this module, with a Python module. It forgets a push after two seconds."""
    limits = {"push_idle_seconds_max": 2, "bundle_bytes_max": 100_000, "runners_min": 1}
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


def test_a_step_whose_answer_was_lost_is_answered_again(server: ServerProcess, push: Push) -> None:
    started = push.start({"a.js": LIST})
    first = push.finish(started)
    assert first.status_code == 200
    assert push.finish(started).json() == first.json()
    assert push.wait(started) == {"type": "complete"}


def test_a_push_that_nothing_is_heard_of_is_given_up(server: ServerProcess, push: Push) -> None:
    started = push.start({"a.js": LIST})
    gone = threading.Event()
    gone.wait(2.5)  # the limit, and what a slow machine is late
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
