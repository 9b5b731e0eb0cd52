"""Actions over every way in, with real processes and the official clients."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

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
    response = httpx.post(f"{server.url}/api/{kind}", json=body, timeout=60)
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
    answer = httpx.post(f"{server.url}/api/{kind}", json=body, headers=headers, timeout=60).json()
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
