"""Queries at a timestamp of the recent past, over HTTP."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.conftest import LABORATORY
from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX


def post(server: ServerProcess, route: str, **body: Any) -> Any:
    response = httpx.post(f"{server.url}/api/{route}", json=body)
    assert response.status_code == 200, response.text
    return response.json()


def increment(server: ServerProcess, name: str) -> float:
    value: float = post(server, "mutation", path="counters:increment", args={"name": name})["value"]
    return value


def count_at(server: ServerProcess, name: str, ts: str) -> httpx.Response:
    body = {"path": "counters:get", "args": {"name": name}, "ts": ts}
    return httpx.post(f"{server.url}/api/query_at_ts", json=body)


def test_every_timestamp_shows_what_was_true_then_also_after_a_restart(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", LABORATORY) as server:
        seen: list[tuple[str, float]] = [(post(server, "query_ts")["ts"], 0.0)]
        for _ in range(5):
            count = increment(server, "past")
            seen.append((post(server, "query_ts")["ts"], count))
        increment(server, "past")
        for _ in range(2):
            assert [count_at(server, "past", ts).json()["value"] for ts, _ in seen] == [count for _, count in seen]
            server.kill()
            server.start()


def test_what_is_too_old_is_said_to_be(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", LABORATORY, ["--limit", "undo_seconds=5"]) as server:
        ts = post(server, "query_ts")["ts"]
        increment(server, "old")
        assert count_at(server, "old", ts).json()["value"] == 0.0
        deadline = time.monotonic() + SECONDS_MAX
        while (response := count_at(server, "old", ts)).status_code == 200:
            assert response.json()["value"] == 0.0
            increment(server, "old")
            assert time.monotonic() < deadline, "the past was never forgotten"
        assert response.status_code == 503
        assert response.json()["code"] == "SnapshotTooOld"
        assert "too old" in response.json()["message"]
        now = post(server, "query_ts")["ts"]
        assert count_at(server, "old", now).json()["value"] >= 1, "the runners are well"


def test_the_queries_of_a_batch_are_of_one_timestamp(laboratory: ServerProcess) -> None:
    """While two counters are moved in turns, no batch sees the second one ahead of the first."""
    stop = threading.Event()
    failures: list[str] = []

    def write() -> None:
        with httpx.Client(base_url=laboratory.url) as client:
            while not stop.is_set():
                for name in ("first", "second"):
                    body = {"path": "counters:increment", "args": {"name": name}}
                    if client.post("/api/mutation", json=body).json()["status"] != "success":
                        failures.append(name)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        queries = [{"path": "counters:get", "args": {"name": name}} for name in ("first", "second") * 4]
        differences = set()
        for _ in range(60):
            values = [result["value"] for result in post(laboratory, "query_batch", queries=queries)["results"]]
            assert values == values[:2] * 4
            differences.add(values[0] - values[1])
        assert differences <= {0.0, 1.0}
    finally:
        stop.set()
        writer.join()
    assert not failures
