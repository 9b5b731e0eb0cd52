"""What functions print and how they fail, as it reaches those who look: both command lines, and one id everywhere."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.deploys import write_modules
from tests.e2e.official_client import CLIENTS, CallFailed, node_executable
from tests.e2e.server_process import ServerProcess
from tests.e2e.test_deploy_commands import ENVIRONMENT, command
from tests.waiting import SECONDS_MAX, wait_until

POLL_SECONDS = 0.02
APP = """
    import trio

    @query
    def count(ctx):
        rows = ctx.db.query("things").collect()
        print("there are", len(rows))
        return len(rows)

    @mutation
    def add(ctx, text):
        ctx.log.warn("adding", text)
        ctx.db.insert("things", {"text": text})

    @mutation
    def fail(ctx):
        print("about to fail")
        raise ValueError("on purpose")

    @query
    def broken(ctx):
        raise ValueError("as a query")

    @action
    async def slowly(ctx, gate):
        print("before")
        await ctx.run_mutation("app:add", {"text": "by action"})
        with trio.move_on_after(30):
            while not await ctx.run_query("app:has", {"text": gate}):
                await trio.sleep(0.02)
        print("after")

    @query
    def has(ctx, text, also=None):
        return any(row["text"] == text for row in ctx.db.query("things"))
"""


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    return write_modules(tmp_path / "functions", app=APP)


@pytest.fixture
def server(tmp_path: Path, functions: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", functions) as server:
        yield server


class Reader:
    """A program that follows the log, whose output so far can be waited for."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self.process = process
        self._path = path

    @property
    def text(self) -> str:
        return self._path.read_text(encoding="utf-8")

    def wait_for(self, pattern: str) -> str:
        """Wait until there is this in the output, and return it."""
        wait_until(
            lambda: re.search(pattern, self.text, re.MULTILINE) is not None,
            lambda: f"no {pattern!r} in:\n{self.text}",
        )
        found = re.search(pattern, self.text, re.MULTILINE)
        assert found is not None
        return found[0]


@contextmanager
def reading(server: ServerProcess, directory: Path, arguments: list[str]) -> Iterator[Reader]:
    path = directory / "read.txt"
    environment = {**ENVIRONMENT, "RTDB_URL": server.url, "RTDB_ADMIN_KEY": server.admin_key, "CI": "1"}
    with path.open("w") as output:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=directory,
            env={**environment, "PYTHONUNBUFFERED": "1", "TZ": "UTC"},
        )
    try:
        yield Reader(process, path)
    finally:
        process.kill()
        process.wait()


def entries(server: ServerProcess, **parameters: str) -> list[dict[str, Any]]:
    """Return what the server remembers of the app's functions."""
    headers = {"Authorization": f"Convex {server.admin_key}"}
    answer = httpx.get(f"{server.url}/api/stream_function_logs", params={"cursor": "0", **parameters}, headers=headers)
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


def entry_of(server: ServerProcess, identifier: str) -> dict[str, Any]:
    (found,) = [entry for entry in entries(server) if entry["identifier"] == identifier]
    return found


def error_id(text: str) -> str:
    found = re.search(r"\[Request ID: ([0-9a-f]{16})\]", text)
    assert found is not None, text
    return found[1]


def test_rtdb_logs_follows_what_is_printed_and_what_fails(
    server: ServerProcess, tmp_path: Path, start_node: StartClient
) -> None:
    client = start_node(server)
    client.mutation("app:add", {"text": "before anybody looked"})
    with reading(server, tmp_path, command("logs")) as reader:
        reader.wait_for("Following http")
        client.mutation("app:add", {"text": "x"})
        with pytest.raises(CallFailed):
            client.mutation("app:fail")
        reader.wait_for(
            r"^\S+ M app:fail Uncaught ValueError: on purpose\n    at fail \(app.py:\d+\)\n    request [0-9a-f]{16}$"
        )
        assert "M app:add [WARN] adding x\n" in reader.text
        assert "before anybody looked" not in reader.text
        assert "\x1b" not in reader.text, "no colours in a file"
        server.kill()
        reader.wait_for("Waiting for it.")
        server.start()
        reader.wait_for("It answers again.")
        client.mutation("app:add", {"text": "after a crash"})
        reader.wait_for(r"\[WARN\] adding after a crash$")
        reader.process.send_signal(signal.SIGINT)
        assert reader.process.wait(SECONDS_MAX) == 0


def test_rtdb_logs_chooses_and_prints_json(server: ServerProcess, start_node: StartClient) -> None:
    client = start_node(server)
    client.mutation("app:add", {"text": "x"})
    assert client.query("app:count") == 1
    with pytest.raises(CallFailed):
        client.mutation("app:fail")

    def rtdb_logs(*arguments: str) -> str:
        environment = {**ENVIRONMENT, "RTDB_URL": server.url, "RTDB_ADMIN_KEY": server.admin_key}
        done = subprocess.run(
            command("logs", "--no-follow", "--history", "100", *arguments),
            capture_output=True,
            text=True,
            env=environment,
            timeout=SECONDS_MAX,
            check=True,
        )
        return re.sub(r"^\d\S+ ", "", done.stdout, flags=re.MULTILINE)

    assert rtdb_logs("app:add") == "M app:add [WARN] adding x\n"
    assert rtdb_logs("--failures").startswith("M app:fail [LOG] about to fail\nM app:fail Uncaught ValueError")
    assert re.fullmatch(
        r"Q app:count \[LOG\] there are 1\nQ app:count \d+\.\d ms, read 1 \(\d+ B\)\n",
        rtdb_logs("app:count", "--success"),
    )
    first, *_ = map(json.loads, rtdb_logs("--json").splitlines())
    assert (first["kind"], first["identifier"], first["caller"]) == ("Completion", "app:add", "SyncWorker")
    assert first["usageStats"]["databaseWriteDocuments"] == 1


def test_the_official_command_line_follows_the_log(
    server: ServerProcess, tmp_path: Path, start_node: StartClient
) -> None:
    client = start_node(server)
    (tmp_path / "package.json").write_text('{"dependencies": {"convex": "*"}}')
    npx = [node_executable(), str(CLIENTS / "node_modules" / "convex" / "bin" / "main.js"), "logs", "--success"]
    with reading(server, tmp_path, [*npx, "--url", server.url, "--admin-key", server.admin_key]) as reader:
        reader.wait_for("Watching logs")
        deadline = time.monotonic() + SECONDS_MAX
        while "[WARN] adding" not in reader.text:  # its first look only finds out where the log ends
            assert time.monotonic() < deadline, reader.text
            client.mutation("app:add", {"text": "x"})
        with pytest.raises(CallFailed):
            client.mutation("app:fail")
        reader.wait_for(r"\[CONVEX M\(app:fail\)\] Uncaught ValueError: on purpose\n    at fail \(app.py:\d+\)$")
        reader.wait_for(r"\[CONVEX M\(app:add\)\] \[WARN\] adding x$")
        reader.wait_for(r"\[CONVEX M\(app:add\)\] Function executed in \d+ ms$")
        client.start("action", "app:slowly", {"gate": "open"})
        reader.wait_for(r"\[CONVEX A\(app:slowly\)\] \[LOG\] before$")
        assert "after" not in reader.text, "it is still running"
        client.mutation("app:add", {"text": "open"})
        reader.wait_for(r"\[CONVEX A\(app:slowly\)\] \[LOG\] after$")
        reader.wait_for(r"\[CONVEX A\(app:slowly\)\] Function executed in \d+ ms$")
        assert reader.text.count("[LOG] before") == 1


def test_rtdb_dev_shows_what_functions_print(
    server: ServerProcess, functions: Path, tmp_path: Path, start_node: StartClient
) -> None:
    client = start_node(server)
    with reading(server, tmp_path, command("dev", "--functions", str(functions))) as reader:
        reader.wait_for("runs on http|Already|✓")
        deadline = time.monotonic() + SECONDS_MAX
        while "M app:add [WARN] adding x" not in reader.text:
            assert time.monotonic() < deadline, reader.text
            client.mutation("app:add", {"text": "x"})
        reader.process.send_signal(signal.SIGINT)
        assert reader.process.wait(SECONDS_MAX) == 0


def test_an_execution_has_one_id_for_its_caller_the_log_and_the_operator(
    server: ServerProcess, start_node: StartClient
) -> None:
    client = start_node(server)
    with pytest.raises(CallFailed) as over_websocket:
        client.mutation("app:fail")
    identifier = error_id(over_websocket.value.message)
    assert entry_of(server, "app:fail")["requestId"] == identifier
    told = [json.loads(line) for line in server.log.splitlines() if '"request_id"' in line]
    assert [(event["event"], event["request_id"]) for event in told] == [
        ("function printed", identifier),
        ("function failed", identifier),
    ]
    assert told[0]["lines"] == ["[LOG] about to fail"]

    watched = client.subscribe("app:broken")
    identifier = error_id(watched.wait_error().message)
    entry = entry_of(server, "app:broken")
    assert (entry["requestId"], entry["caller"]) == (identifier, "SyncWorker")

    answer = httpx.post(f"{server.url}/api/run/app/missing", json={"args": {}}, headers={"Convex-Request-Id": "mine-1"})
    assert "[Request ID: mine-1]" in answer.json()["errorMessage"]
    assert entry_of(server, "app:missing")["requestId"] == "mine-1"


def test_an_action_and_what_it_runs_are_one_request(server: ServerProcess, start_node: StartClient) -> None:
    client = start_node(server)
    client.mutation("app:add", {"text": "open"})
    client.request("action", "app:slowly", {"gate": "open"})
    found = entries(server)
    (action,) = [each for each in found if each["kind"] == "Completion" and each["udfType"] == "Action"]
    inner = [each for each in found if each.get("parentExecutionId") == action["executionId"]]
    assert [each["identifier"] for each in inner] == ["app:add", "app:has"]
    assert {each["caller"] for each in inner} == {"Action"}
    assert {each["requestId"] for each in inner} == {action["requestId"]}
    progress = [line for each in found if each["kind"] == "Progress" for line in each["logLines"]]
    assert (progress, action["logLines"]) == (["[LOG] before", "[LOG] after"], [])


def test_a_query_over_http_is_not_run_when_somebody_watches_it_however_its_arguments_are_written(
    server: ServerProcess, start_node: StartClient
) -> None:
    client = start_node(server)
    watched = client.subscribe("app:has", {"text": "é", "also": 1})
    watched.wait(lambda found: found is False)
    for args in (b'{"text": "\\u00e9", "also": 1.0}', b'{"also":1,"text":"\xc3\xa9"}'):
        body = b'{"path": "app:has", "args": ' + args + b"}"
        headers = {"Content-Type": "application/json"}
        answer = httpx.post(f"{server.url}/api/query", content=body, headers=headers)
        assert answer.json().get("value", answer.text) is False
    first, *others = [entry for entry in entries(server) if entry["identifier"] == "app:has"]
    assert not first["cachedResult"]
    assert [entry["cachedResult"] for entry in others] == [True, True]
