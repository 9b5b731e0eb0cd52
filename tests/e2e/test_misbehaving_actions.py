"""Whatever an action does, its caller gets a clear error, and those beside it are told when it takes them along."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import THIS_MACHINE_ALLOWED
from tests.e2e.server_process import ServerProcess
from tests.waiting import wait_until

APP = Path(__file__).parent / "apps" / "actions"
DEADLINE_SECONDS = 4
BLOCKED_SECONDS = 2

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = {
        "action_runners": 1,
        "action_seconds_max": DEADLINE_SECONDS,
        "action_cancel_seconds_max": 3,
        "action_blocked_seconds_max": BLOCKED_SECONDS,
        "action_memory_bytes_max": 400_000_000,
    }
    options = [word for name, value in limits.items() for word in ("--limit", f"{name}={value}")]
    options += THIS_MACHINE_ALLOWED
    with ServerProcess(tmp_path_factory.mktemp("misbehaving") / "data", APP, options) as server:
        yield server


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def call(server: ServerProcess, path: str, args: Any = None, kind: str = "action") -> dict[str, Any]:
    body = {"path": path, "args": args or {}, "format": "json"}
    response = httpx.post(f"{server.url}/api/{kind}", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def names(server: ServerProcess) -> list[str]:
    found: list[str] = call(server, "tasks:names", kind="query")["value"]
    return found


def begin(server: ServerProcess, threads: ThreadPoolExecutor, name: str, seconds: float) -> Future[dict[str, Any]]:
    """Have an action running beside whatever comes."""
    answer = threads.submit(call, server, "evil:wait_and_record", {"name": name, "seconds": seconds})
    wait_until(lambda: f"{name} began" in names(server))
    return answer


def action_runners(server: ServerProcess) -> set[int]:
    return {pid for pid, name in server.descendants().items() if name == "rtdb-actions"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("evil:leave", "Uncaught SystemExit: a function cannot end the process (exit code 4)"),
        ("evil:return_too_much", "Function evil.js:return_too_much return value is too large"),
        ("evil:raise_in_nursery", "Uncaught ValueError: on purpose\n    at raise_in_nursery (evil.py:"),
        ("evil:raise_twice_in_nursery", "Uncaught ExceptionGroup: 2 errors: "),
        ("evil:recurse", "Cross component call depth limit exceeded"),
        ("evil:calls_system_function", "Could not find function for '_system/deployments:current'"),
    ],
)
def test_the_caller_is_told_and_nobody_else_notices(
    server: ServerProcess, threads: ThreadPoolExecutor, path: str, expected: str
) -> None:
    before = server.action_runners()
    beside = threads.submit(call, server, "evil:wait", {"seconds": 0.5})
    answer = call(server, path)
    assert answer["status"] == "error"
    assert expected in answer["errorMessage"]
    assert "Traceback" not in answer["errorMessage"]
    assert beside.result()["value"] == "waited"
    assert action_runners(server) == before


def test_too_many_and_too_long_log_lines_are_cut(server: ServerProcess) -> None:
    lines = call(server, "evil:log_too_much")["logLines"]
    assert len(lines) == 256
    assert lines[0].endswith(" (truncated due to length)")
    assert lines[-1] == "[ERROR] Log overflow (maximum 256). Remaining log lines omitted."


def test_many_actions_wait_at_once(server: ServerProcess) -> None:
    with ThreadPoolExecutor(40) as many:
        started = time.monotonic()
        answers = list(many.map(lambda _: call(server, "evil:wait", {"seconds": 1}), range(40)))
        elapsed = time.monotonic() - started
    assert [answer["value"] for answer in answers] == ["waited"] * 40
    assert elapsed < 30, "one after the other they would take 40 s"


@pytest.mark.parametrize("path", ["evil:wait", "evil:ignores_cancellation"])
def test_an_action_past_its_deadline_is_stopped(server: ServerProcess, path: str) -> None:
    answer = call(server, path, {"seconds": 60} if path == "evil:wait" else {})
    assert "Function execution timed out (maximum duration: 4s)" in answer["errorMessage"]


def test_a_cancelled_action_may_clean_up(server: ServerProcess) -> None:
    assert "timed out" in call(server, "evil:cleans_up")["errorMessage"]
    assert "cleaned up" in names(server)


@pytest.mark.parametrize("path", ["evil:sleep_blocking", "evil:compute", "evil:backtrack"])
def test_an_action_that_blocks_the_others_is_named_and_stopped(
    server: ServerProcess, threads: ThreadPoolExecutor, path: str
) -> None:
    beside = begin(server, threads, f"beside {path}", 60)
    message = call(server, path)["errorMessage"]
    assert f"Function {path} was stopped: for 2 s" in message
    assert "await trio.to_thread.run_sync" in message
    if path != "evil:backtrack":  # it holds the interpreter, so nobody could look where
        assert f"    at {path.removeprefix('evil:')} (evil.py:" in message
    assert (
        "Transient error while executing action: the process it ran in was stopped" in beside.result()["errorMessage"]
    )
    assert call(server, "evil:wait", {"seconds": 0})["value"] == "waited"
    assert f"beside {path} ended" not in names(server), "it was not run again"
    assert names(server).count(f"beside {path} began") == 1


def test_an_action_that_blocks_for_a_moment_is_told_where(server: ServerProcess) -> None:
    answer = call(server, "evil:blocks_for_a_moment")
    assert answer["value"] == "awake"
    (line,) = answer["logLines"]
    assert re.match(r"\[WARN\] For [12]\.\d s this action has not let any other of its process go on\.", line)
    assert "\n    at nap (evil.py:" in line
    assert "\n    at blocks_for_a_moment (evil.py:" in line


def test_an_action_that_ends_its_process_is_told_so(server: ServerProcess, threads: ThreadPoolExecutor) -> None:
    beside = begin(server, threads, "beside the exit", 60)
    assert (
        "Function evil:end_process ended the process it ran in (exit code 3)"
        in call(server, "evil:end_process")["errorMessage"]
    )
    assert (
        "Transient error while executing action: the process it ran in ended (exit code 3)"
        in beside.result()["errorMessage"]
    )


def test_an_action_that_wants_too_much_memory_is_told_so(server: ServerProcess, threads: ThreadPoolExecutor) -> None:
    before = server.action_runners()
    beside = threads.submit(call, server, "evil:wait", {"seconds": 1})
    assert (
        "Python execution ran out of memory (maximum memory usage: 381 MB)"
        in call(server, "evil:allocate")["errorMessage"]
    )
    assert beside.result()["value"] == "waited"
    wait_until(lambda: not before & action_runners(server))
    assert call(server, "evil:wait", {"seconds": 0})["value"] == "waited"


def test_when_the_kernel_kills_an_action_runner_its_actions_are_told_and_not_run_again(
    server: ServerProcess, threads: ThreadPoolExecutor
) -> None:
    beside = begin(server, threads, "killed", 60)
    for pid in action_runners(server):
        os.kill(pid, signal.SIGKILL)
    assert (
        "Transient error while executing action: the process it ran in ended (signal 9)"
        in beside.result()["errorMessage"]
    )
    assert call(server, "evil:wait", {"seconds": 0})["value"] == "waited"
    assert names(server).count("killed began") == 1


def test_an_action_goes_on_when_its_caller_has_gone(server: ServerProcess) -> None:
    call = {"path": "evil:wait_and_record", "args": {"name": "abandoned", "seconds": 1}, "format": "json"}
    body = json.dumps(call).encode()
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port or 0)) as connection:
        head = f"POST /api/action HTTP/1.1\r\nHost: {url.host}\r\nContent-Type: application/json\r\n"
        connection.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: "abandoned began" in names(server))
    wait_until(lambda: "abandoned ended" in names(server))


def test_an_action_fetches_over_http(server: ServerProcess) -> None:
    answer = call(server, "evil:get", {"url": f"{server.url}/api/query?path=tasks%3Anames&args=%7B%7D&format=json"})
    assert answer["value"]["status"] == 200
    assert answer["value"]["body"]["status"] == "success"
    refused = call(server, "evil:get", {"url": "http://127.0.0.1:9/?secret=1"})
    assert "Uncaught ConnectError" in refused["errorMessage"]
    assert "secret" not in refused["errorMessage"]
