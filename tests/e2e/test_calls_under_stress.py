"""What callers are told while others are slow, while processes are killed, and while the server is stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX, wait_until

APP = Path(__file__).parent / "apps" / "patience"
SLOW_SECONDS = 8


@contextmanager
def serving(directory: Path, **limits: float) -> Iterator[ServerProcess]:
    arguments = [part for name, value in limits.items() for part in ("--limit", f"{name}={value}")]
    with ServerProcess(directory / "data", APP, arguments) as server:
        yield server


async def post(client: httpx.AsyncClient, kind: str, path: str, **args: Any) -> httpx.Response:
    return await client.post(f"/api/{kind}", json={"path": path, "args": args, "format": "json"})


async def call(client: httpx.AsyncClient, kind: str, path: str, **args: Any) -> Any:
    response = await post(client, kind, path, **args)
    answer = response.json()
    assert answer.get("status") == "success", (response.status_code, answer)
    return answer["value"]


def connect(server: ServerProcess) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url, limits=httpx.Limits(max_connections=100))


async def test_a_slow_call_holds_up_nobody_who_was_queued_behind_it(tmp_path: Path) -> None:
    """The function is known to be fast, so that others are queued behind it; then it is slow in one call."""
    with serving(tmp_path) as server:
        with trio.fail_after(SECONDS_MAX):
            async with connect(server) as client:
                for _ in range(200):
                    await call(client, "query", "calls:nap", seconds=0)
                ended: list[str] = []

                async def nap(name: str, seconds: float) -> None:
                    await call(client, "query", "calls:nap", seconds=seconds)
                    ended.append(name)

                async with trio.open_nursery() as nursery:
                    for number in range(50):
                        if number == 20:
                            nursery.start_soon(nap, "slow", SLOW_SECONDS)
                        nursery.start_soon(nap, "quick", 0)
        assert ended == ["quick"] * 50 + ["slow"]


async def call_slowly(client: httpx.AsyncClient) -> None:
    assert await call(client, "query", "calls:nap", seconds=SLOW_SECONDS) == SLOW_SECONDS


async def test_each_kind_has_its_deadline(tmp_path: Path) -> None:
    with serving(tmp_path, query_seconds_max=1, mutation_seconds_max=2) as server:
        async with connect(server) as client:
            for kind, path, seconds in (("query", "calls:nap", 1), ("mutation", "calls:slow_write", 2)):
                began = time.monotonic()
                response = await post(client, kind, path, seconds=30)
                assert response.status_code == 200
                assert f"timed out (maximum duration: {seconds}s)" in response.json()["errorMessage"]
                assert time.monotonic() - began >= seconds
            await call(client, "mutation", "calls:slow_write", seconds=1.2)
            assert await call(client, "query", "calls:count") == 1


async def test_a_full_queue_is_said_in_a_form_that_clients_try_again_on(tmp_path: Path) -> None:
    with serving(tmp_path, runners_min=1, runners_max=1, queue_seconds_max=1) as server:
        async with connect(server) as client, trio.open_nursery() as nursery:
            nursery.start_soon(call_slowly, client)
            # Sent second, and at the latest the next ones are behind it.
            responses = [await post(client, "query", "calls:count") for _ in range(5)]
            refused = [response for response in responses if response.status_code != 200]
            assert refused
            for response in refused:
                assert response.status_code == 429
                assert response.json()["code"] == "TooManyConcurrentRequests"
                assert "at most 1 queries at once (runners_max)" in response.json()["message"]


class Callers:
    """Clients that increment a counter one after the other, and what they were told."""

    def __init__(self) -> None:
        self.confirmed: list[float] = []
        self._another = trio.Event()
        self.unknown = 0
        self.refused: list[Any] = []
        self.stopping = False

    async def run(self, server: ServerProcess) -> None:
        while not self.stopping:
            try:
                async with connect(server) as client:
                    while not self.stopping:
                        response = await post(client, "mutation", "calls:increment")
                        if response.status_code >= 500 and not response.content:
                            # Its gateway lost the hub in the middle of the call.
                            self.unknown += 1
                            continue
                        answer = response.json()
                        if answer.get("status") == "success":
                            self.confirmed.append(answer["value"])
                            self._another.set()
                            self._another = trio.Event()
                        else:
                            self.refused.append((response.status_code, answer))
            except httpx.HTTPError:
                self.unknown += 1
                await trio.sleep(0.01)

    async def wait_confirmed(self, count: int) -> None:
        wanted = len(self.confirmed) + count
        while len(self.confirmed) < wanted:
            await self._another.wait()


@pytest.mark.parametrize("victim", ["rtdb-runner", "rtdb-gateway", "rtdb-committer", "rtdb-hub"])
async def test_killed_processes_cost_callers_no_more_than_their_connection(tmp_path: Path, victim: str) -> None:
    """Whoever is told of success has it once. Whoever lost the connection may or may not. Nobody is told of an error,
    except that the server is stopping, and whoever calls a runner notices nothing at all."""
    with serving(tmp_path) as server:
        callers = Callers()
        with trio.fail_after(SECONDS_MAX):
            async with trio.open_nursery() as nursery:
                for _ in range(8):
                    nursery.start_soon(callers.run, server)
                for _ in range(3):
                    await callers.wait_confirmed(30)
                    victims = [pid for pid, name in server.descendants().items() if name == victim]
                    for pid in victims:
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                await callers.wait_confirmed(30)
                callers.stopping = True
            async with connect(server) as client:
                total = await call(client, "query", "calls:counted")
    assert callers.refused == []
    assert len(set(callers.confirmed)) == len(callers.confirmed)
    assert len(callers.confirmed) <= total <= len(callers.confirmed) + callers.unknown
    if victim == "rtdb-runner":
        assert callers.unknown == 0


async def test_a_stopped_server_answers_what_it_has_begun(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        answers: list[Any] = []

        async def write(client: httpx.AsyncClient) -> None:
            answers.append(await call(client, "mutation", "calls:slow_write", seconds=1.5))

        async with connect(server) as client:
            before = await call(client, "query", "calls:count")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, client)
                await trio.to_thread.run_sync(wait_until, lambda: "slow_write has begun" in server.log)
                assert await trio.to_thread.run_sync(server.stop) == 0
        assert len(answers) == 1
        await trio.to_thread.run_sync(server.start)
        async with connect(server) as client:
            assert await call(client, "query", "calls:count") == before + 1
