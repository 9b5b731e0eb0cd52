"""Actions under way while the server gets other code, is stopped, or dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtdb.cli.deploy_client import DeployError
from tests.e2e.conftest import StartClient
from tests.e2e.deploys import deploy, write_modules
from tests.e2e.official_client import CallFailed
from tests.e2e.server_process import ServerProcess
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

NOTES = """
    @mutation
    def add(ctx, text):
        ctx.db.insert("notes", {"text": text})

    @query
    def texts(ctx):
        return [note["text"] for note in ctx.db.query("notes").collect()]
"""
ACTIONS = """
    import trio

    VERSION = {version}

    @action
    async def record(ctx, name, seconds):
        await ctx.run_mutation("notes:add", {{"text": f"{{name}} began"}})
        await trio.sleep(seconds)
        await ctx.run_mutation("notes:add", {{"text": f"{{name}} ended"}})
        return VERSION

    @action
    async def version(ctx):
        return VERSION
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return write_modules(tmp_path / "functions", notes=NOTES, work=ACTIONS.format(version=1))


@pytest.fixture
def server(tmp_path: Path, app: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", app, ["--limit", "drain_seconds_max=5"]) as server:
        yield server


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def call(server: ServerProcess, kind: str, path: str, args: Any = None) -> Any:
    body = {"path": path, "args": args or {}, "format": "json"}
    answer = httpx.post(f"{server.url}/api/{kind}", json=body).json()
    assert answer.get("status") == "success", answer
    return answer["value"]


def texts(server: ServerProcess) -> list[str]:
    found: list[str] = call(server, "query", "notes:texts")
    return found


def begin(server: ServerProcess, threads: ThreadPoolExecutor, name: str, seconds: float) -> Future[httpx.Response]:
    """Have an action running; return its answer to come."""
    body = {"path": "work:record", "args": {"name": name, "seconds": seconds}, "format": "json"}
    answer = threads.submit(httpx.post, f"{server.url}/api/action", json=body)
    wait_until(lambda: f"{name} began" in texts(server))
    return answer


def action_runners(server: ServerProcess) -> set[int]:
    return {pid for pid, name in server.descendants().items() if name == "rtdb-actions"}


def test_actions_under_way_finish_on_their_code_and_new_ones_run_on_the_new(
    server: ServerProcess, app: Path, threads: ThreadPoolExecutor
) -> None:
    old = server.action_runners()
    answer = begin(server, threads, "long", 6)
    versions: set[float] = set()
    ended = threading.Event()

    def keep_calling() -> None:
        while not ended.is_set():
            versions.add(call(server, "action", "work:version"))

    caller = threads.submit(keep_calling)
    deploy(server, write_modules(app, notes=NOTES, work=ACTIONS.format(version=2)))
    assert call(server, "action", "work:version") == 2
    assert not answer.done(), "the deploy was faster than the action"
    assert answer.result().json()["value"] == 1
    ended.set()
    caller.result()
    assert versions == {1, 2}
    assert "long ended" in texts(server)
    wait_until(lambda: not old & action_runners(server))


def test_an_app_that_loses_its_actions_loses_its_action_runners(server: ServerProcess, app: Path) -> None:
    assert server.action_runners()
    deploy(server, write_modules(app, notes=NOTES))
    wait_until(lambda: not action_runners(server))
    body = {"path": "work:version", "args": {}, "format": "json"}
    answer = httpx.post(f"{server.url}/api/action", json=body).json()
    assert "Could not find public function for 'work:version'" in answer["errorMessage"]
    deploy(server, write_modules(app, notes=NOTES, work=ACTIONS.format(version=3)))
    assert call(server, "action", "work:version") == 3


def test_a_function_that_becomes_an_action_is_one_from_then_on(server: ServerProcess, app: Path) -> None:
    query = "@query\ndef f(ctx): return 'query'\n"
    action = "@action\nasync def f(ctx): return 'action'\n"
    headers = {"Authorization": f"Convex {server.admin_key}"}
    for source, expected in ((query, "query"), (action, "action"), (query, "query")):
        deploy(server, write_modules(app, m=source))
        body = {"path": "m:f", "args": {}, "format": "json"}
        answer = httpx.post(f"{server.url}/api/function", json=body, headers=headers).json()
        assert answer["value"] == expected


def test_a_plain_function_decorated_as_an_action_is_refused_at_the_deploy(server: ServerProcess, app: Path) -> None:
    with pytest.raises(DeployError, match="f is not an `async def`"):
        deploy(server, write_modules(app, m="@action\ndef f(ctx): return 1\n"))
    assert call(server, "action", "work:version") == 1


def test_a_stopping_server_lets_short_actions_finish_and_tells_the_callers_of_long_ones(
    server: ServerProcess, threads: ThreadPoolExecutor
) -> None:
    short, long = begin(server, threads, "short", 1), begin(server, threads, "long", 60)
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 50
    assert short.result().json()["value"] == 1
    message = long.result().json()["errorMessage"]
    assert "Transient error while executing action: the server is shutting down." in message
    server.start()
    assert set(texts(server)) == {"short began", "short ended", "long began"}


def test_when_the_server_dies_its_actions_fail_to_their_callers_and_are_not_run_again(
    server: ServerProcess, start_node: StartClient, threads: ThreadPoolExecutor
) -> None:
    client = start_node(server)
    pending = client.start("action", "work:record", {"name": "socket", "seconds": 60})
    over_http = begin(server, threads, "http", 60)
    wait_until(lambda: "socket began" in texts(server))
    hub = next(pid for pid, name in server.descendants().items() if name == "rtdb-hub")
    os.kill(hub, signal.SIGKILL)
    with pytest.raises(CallFailed, match="Connection lost while action was in flight"):
        client.finish(pending)
    # Its connection ends with its gateway, which may get to say that it cannot answer.
    with suppress(httpx.TransportError):
        assert over_http.result().status_code == 500
    # The client is back, and so is the server.
    assert client.request("action", "work:version", {}) == 1
    assert sorted(texts(server)) == ["http began", "socket began"]
