"""Actions over every way in, with real processes and the official clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from rtdb.client import ConvexError, open_client
from tests.e2e.conftest import StartClient
from tests.e2e.official_client import CallFailed
from tests.e2e.server_process import ServerProcess

APP = Path(__file__).parent / "apps" / "actions"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("actions") / "data", APP) as server:
        yield server


def call(server: ServerProcess, kind: str, path: str, args: Any = None) -> dict[str, Any]:
    body = {"path": path, "args": args or {}, "format": "json"}
    response = httpx.post(f"{server.url}/api/{kind}", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_an_action_reads_and_writes_by_calls_of_its_own(server: ServerProcess) -> None:
    answer = call(server, "action", "tasks:record", {"name": "http"})
    assert answer["status"] == "success", answer
    assert (answer["value"]["before"], answer["value"]["after"]) == (0, 1)


def test_each_action_has_its_own_log(server: ServerProcess) -> None:
    with ThreadPoolExecutor(4) as threads:
        names = [str(number) for number in range(8)]
        answers = list(threads.map(lambda name: call(server, "action", "tasks:chatter", {"name": name}), names))
    logs = [[f"[LOG] this is {name}", f"[WARN] that was {name}"] for name in names]
    assert [answer["logLines"] for answer in answers] == logs


def test_every_official_client_runs_actions(server: ServerProcess, start_client: StartClient) -> None:
    client = start_client(server)
    name = uuid4().hex
    value = client.request("action", "tasks:record", {"name": name})
    assert (value["before"], value["after"]) == (0, 1)
    assert client.request("action", "tasks:takeNote", {"note": value["id"]}) == value["id"]
    assert name in client.query("tasks:names")
    with pytest.raises(CallFailed, match="Uncaught ConvexError") as caught:
        client.request("action", "tasks:write_then_raise", {"name": f"{name}!"})
    assert caught.value.data == {"gone wrong": f"{name}!"}
    assert f"{name}!" in client.query("tasks:names"), "what an action has done stays done"


def test_the_http_client_runs_actions(server: ServerProcess, start_node: StartClient) -> None:
    name = uuid4().hex
    assert start_node(server).request("http_action", "tasks:outer", {"name": name}) == f"hidden {name}"


def test_an_action_writes_many_documents_at_once(server: ServerProcess) -> None:
    names = [f"many {number}" for number in range(200)]
    assert call(server, "action", "tasks:record_all", {"names": names})["value"] == 200
    assert set(names) <= set(call(server, "query", "tasks:names")["value"])


def test_a_failed_mutation_is_an_exception_in_the_action(server: ServerProcess) -> None:
    name = uuid4().hex
    assert call(server, "action", "tasks:try_to_write", {"name": name})["value"] == {"refused": name}
    assert name not in call(server, "query", "tasks:names")["value"]


@pytest.mark.parametrize("path", ["tasks:outer", "tasks.js:outer"])
@pytest.mark.parametrize("kind", ["action", "function"])
def test_an_action_is_found_by_every_way_of_writing_its_path(server: ServerProcess, kind: str, path: str) -> None:
    body = {"path": path, "args": {"name": "any"}, "format": "json"}
    headers = {"Authorization": f"Convex {server.admin_key}"}
    answer = httpx.post(f"{server.url}/api/{kind}", json=body, headers=headers).json()
    assert answer.get("value") == "hidden any", answer


@pytest.mark.parametrize(
    ("kind", "path", "args", "expected"),
    [
        ("action", "tasks:names", {}, "Trying to execute tasks.js:names as Action, but it is defined as Query."),
        ("mutation", "tasks:outer", {}, "Trying to execute tasks.js:outer as Mutation, but it is defined as Action."),
        ("query", "tasks:outer", {}, "Trying to execute tasks.js:outer as Query, but it is defined as Action."),
        ("action", "tasks:hidden", {"name": "x"}, "Could not find public function for 'tasks:hidden'."),
        ("action", "tasks:missing", {}, "Could not find public function for 'tasks:missing'."),
        ("action", "tasks:outer", {}, "ArgumentValidationError: Object is missing the required field `name`."),
        ("action", "tasks:takeNote", {"note": "no id"}, "ArgumentValidationError"),
        ("action", "tasks:wrong_result", {"n": 1}, "ReturnsValidationError"),
    ],
)
def test_a_call_that_cannot_be_is_refused_as_for_other_functions(
    server: ServerProcess, kind: str, path: str, args: Any, expected: str
) -> None:
    answer = call(server, kind, path, args)
    assert answer["status"] == "error"
    assert expected in answer["errorMessage"]


def test_what_is_not_awaited_is_reported(server: ServerProcess) -> None:
    answer = call(server, "action", "tasks:forgets_to_await")
    assert answer["value"] == "done"
    assert answer["logLines"] == [
        "[WARN] 1 unawaited operation: [run_mutation]. Async operations should be awaited or they might not run. "
        "See https://docs.convex.dev/functions/actions#dangling-promises for more information."
    ]
    assert "forgotten" not in call(server, "query", "tasks:names")["value"]


async def test_our_own_client_runs_actions(server: ServerProcess) -> None:
    async with open_client(server.url) as client:
        assert await client.action("tasks:outer", {"name": "ours"}) == "hidden ours"
        with pytest.raises(ConvexError, match="Uncaught ConvexError") as caught:
            await client.action("tasks:write_then_raise", {"name": "ours!"})
        assert caught.value.data == {"gone wrong": "ours!"}


def test_the_command_line_runs_actions(server: ServerProcess) -> None:
    command = [sys.executable, "-m", "rtdb.cli.main", "run", "tasks:chatter", '{"name": "cli"}', "--url", server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "null\n")
    assert done.stderr == "[LOG] this is cli\n[WARN] that was cli\n"


def test_many_actions_of_one_session_run_at_once(server: ServerProcess, start_node: StartClient) -> None:
    client = start_node(server)
    before = call(server, "query", "tasks:names")["value"]
    calls = [client.start("action", "tasks:record", {"name": f"crowd {number:03}"}) for number in range(300)]
    values = [client.finish(number) for number in calls]
    assert [(value["before"], value["after"]) for value in values] == [(0, 1)] * 300
    assert len(call(server, "query", "tasks:names")["value"]) == len(before) + 300


def test_more_actions_than_there_is_room_for_wait_and_are_then_refused(tmp_path: Path) -> None:
    limits = {"action_runners": 1, "action_runner_calls_max": 2, "action_queue_seconds_max": 2}
    options = [word for name, value in limits.items() for word in ("--limit", f"{name}={value}")]
    body = {"path": "evil:wait", "args": {"seconds": 1.5}, "format": "json"}
    with ServerProcess(tmp_path / "data", APP, options) as server, ThreadPoolExecutor(6) as threads:
        responses = list(threads.map(lambda _: httpx.post(f"{server.url}/api/action", json=body), range(6)))
    assert sorted(response.status_code for response in responses) == [200] * 4 + [429] * 2
    (refused, _) = [response.json() for response in responses if response.status_code == 429]
    assert refused["code"] == "TooManyConcurrentRequests"
    assert "limited to 2 concurrent actions" in refused["message"]


def test_with_redaction_an_action_tells_its_caller_nothing_but_its_data(
    tmp_path: Path, start_client: StartClient
) -> None:
    with ServerProcess(tmp_path / "data", APP, ["--redact-errors"]) as server:
        client = start_client(server)
        with pytest.raises(CallFailed) as caught:
            client.request("action", "tasks:write_then_raise", {"name": "secret"})
        assert caught.value.data == {"gone wrong": "secret"}
        assert "Server Error" in caught.value.message
        assert "ConvexError: " not in caught.value.message
        with pytest.raises(CallFailed) as caught:
            client.request("action", "evil:raise_in_nursery", {})
        assert caught.value.data is None
        assert "on purpose" not in caught.value.message
        body = {"path": "tasks:chatter", "args": {"name": "secret"}, "format": "json"}
        answer = httpx.post(f"{server.url}/api/action", json=body).json()
        assert answer == {"status": "success", "value": None}, "no log lines"
