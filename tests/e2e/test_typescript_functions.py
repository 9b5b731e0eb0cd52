"""Queries and mutations in TypeScript on a real server, called and watched by the official clients."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtdb.typescript.module_set import ModuleSet
from tests.e2e.official_client import CallFailed, OfficialClient, node_client, python_client
from tests.e2e.pushes import Push
from tests.e2e.server_process import ServerProcess
from tests.typescript.bundling import bundle_typescript
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

COUNTER = Path(__file__).with_name("counter.ts").read_text()
SCHEMA = """
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
export default defineSchema({
    messages: defineTable({ room: v.string(), body: v.string(), at: v.number() }).index("by_room", ["room"]),
    counters: defineTable({ name: v.string(), value: v.number() }).index("by_name", ["name"]),
});
"""


def push_modules(server: ServerProcess, modules: ModuleSet) -> None:
    """Push modules with their source maps, in the steps of the official CLI."""
    entries = {
        module.path: {
            "path": module.path,
            "source": module.source,
            "sourceMap": module.source_map,
            "environment": module.environment,
        }
        for module in modules.modules
    }
    with Push(server) as push:
        request = push.request({})
        request["appDefinition"]["schema"] = entries.pop("schema.js", None)
        request["appDefinition"]["changedModules"] = list(entries.values())
        started = push.post("/api/deploy2/start_push", request)
        assert started.status_code == 200, started.text
        assert push.wait(started.json()) == {"type": "complete"}
        finished = push.finish(started.json())
        assert finished.status_code == 200, finished.text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("typescript")
    arguments = ["--limit", "typescript_seconds_max=2"]
    with ServerProcess(directory / "data", None, arguments) as server:
        push_modules(server, bundle_typescript({"counter": COUNTER, "schema": SCHEMA}))
        yield server


@pytest.fixture(scope="module", params=[node_client, python_client])
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[OfficialClient]:
    with request.param(server.url) as client:
        yield client


def test_a_subscribed_client_sees_what_a_mutation_writes(client: OfficialClient) -> None:
    watched = client.subscribe("counter:list", {"room": "a"})
    before = len(watched.wait(lambda rows: True))
    id = client.mutation("counter:send", {"room": "a", "body": "hello"})
    rows = watched.wait(lambda rows: len(rows) == before + 1)
    assert (rows[0]["_id"], rows[0]["body"]) == (id, "hello")


def executions(server: ServerProcess, path: str) -> int:
    """Return how often a function has run since the server started."""
    headers = {"Authorization": f"Convex {server.admin_key}"}
    answer = httpx.get(f"{server.url}/api/stream_function_logs", params={"cursor": 0}, headers=headers)
    return sum(entry["identifier"] == path for entry in answer.json()["entries"])


def test_a_query_follows_only_the_rows_it_has_looked_at(server: ServerProcess, client: OfficialClient) -> None:
    """Also in TypeScript, where rows are sent ahead: a row behind the first one is none of this query's business."""
    room = f"one {id(client)}"
    first = client.subscribe("counter:newest", {"room": room})
    everything = client.subscribe("counter:list", {"room": room})
    client.mutation("counter:send", {"room": room, "body": "first"})
    first.wait(lambda body: body == "first")
    before = executions(server, "counter:newest")
    client.mutation("counter:send", {"room": room, "body": "second"})
    everything.wait(lambda rows: rows[0]["body"] == "second")
    assert executions(server, "counter:newest") == before
    assert executions(server, "counter:list") > 0


def test_errors_arrive_with_their_data_and_their_place(client: OfficialClient) -> None:
    with pytest.raises(CallFailed) as refused:
        client.mutation("counter:refuse")
    assert refused.value.name == "ConvexError"
    assert refused.value.data == {"code": "CLOSED", "until": {"$integer": "DAAAAAAAAAA="}}
    with pytest.raises(CallFailed) as broken:
        client.query("counter:broken")
    line = next(number for number, text in enumerate(COUNTER.split("\n"), 1) if "no such thing" in text)
    assert f"Uncaught TypeError: no such thing\n    at handler (../convex/counter.ts:{line}:15)" in broken.value.message
    with pytest.raises(CallFailed, match=r"Object is missing the required field `room`"):
        client.query("counter:list", {})


def test_a_function_that_does_not_end_costs_nobody_else_his_answer(client: OfficialClient) -> None:
    for path, text in (("counter:endless", "timed out (maximum duration: 2s)"), ("counter:hungry", "out of memory")):
        with pytest.raises(CallFailed, match=r"Function execution|JavaScript execution") as stopped:
            client.query(path)
        assert text in stopped.value.message
        assert client.query("counter:newest", {"room": "nowhere"}) is None


def call(server: ServerProcess, kind: str, path: str, args: dict[str, Any]) -> Any:
    answer = httpx.post(f"{server.url}/api/{kind}", json={"path": path, "args": args}).json()
    assert answer["status"] == "success", answer
    return answer["value"]


def test_increments_of_many_clients_add_up(server: ServerProcess) -> None:
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: call(server, "mutation", "counter:count", {"name": "many"}), range(100)))
    assert sorted(counts) == [float(n) for n in range(1, 101)]


def test_a_changed_variable_runs_the_queries_again_that_have_read_it(
    server: ServerProcess, client: OfficialClient
) -> None:
    watched = client.subscribe("counter:greeting")
    watched.wait(lambda value: True)
    with Push(server) as push:
        value = f"hello {client}"
        changed = push.post(
            "/api/v1/update_environment_variables", {"changes": [{"name": "GREETING", "value": value}]}, compress=False
        )
        assert changed.status_code == 200, changed.text
    watched.wait(lambda seen: seen == value)


def test_a_scheduled_mutation_runs(client: OfficialClient) -> None:
    watched = client.subscribe("counter:value", {"name": "scheduled"})
    before = watched.wait(lambda value: True)
    client.mutation("counter:soon", {"name": "scheduled"})
    watched.wait(lambda value: value == before + 1)


def test_killed_hosts_are_replaced_and_nothing_is_lost(server: ServerProcess, client: OfficialClient) -> None:
    def hosts() -> set[int]:
        return {pid for pid in server.descendants() if "host.js" in Path(f"/proc/{pid}/cmdline").read_text()}

    before = client.query("counter:value", {"name": "killed"})
    killed = hosts()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not hosts() & killed)
    for _ in range(20):
        client.mutation("counter:count", {"name": "killed"})
    assert client.query("counter:value", {"name": "killed"}) == before + 20
    assert hosts()


def test_functions_are_there_after_a_restart(server: ServerProcess) -> None:
    before = call(server, "query", "counter:value", {"name": "many"})
    server.kill()
    server.start()
    assert call(server, "query", "counter:value", {"name": "many"}) == before
