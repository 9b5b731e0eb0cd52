"""kill -9 of the server and of its children, again and again, under load.

Clients write numbered entries one after the other, each over a session of its own that survives reconnects, and watch
their newest one. Whatever is killed, and whenever: every acknowledged entry is there, none is there twice, the watched
value never steps back, and the database is in order.
"""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import trio

from rtdb.client import Client, open_client
from rtdb.storage.check import check
from tests.e2e.server_process import REPOSITORY, ServerProcess

APP = Path(__file__).parents[1] / "e2e" / "apps" / "ledger"
CLIENTS = 4
ENTRIES_BETWEEN_MAX = 40
VICTIMS = ("serve", "rtdb-hub", "rtdb-committer", "rtdb-gateway", "rtdb-runner")

pytestmark = pytest.mark.slow


class Writer:
    """One client that adds entries until told to stop. ``acknowledged`` is how many were confirmed."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.acknowledged = 0
        self.seen: list[float] = []
        self.stopping = False

    async def write(self, client: Client, acknowledged: trio.MemorySendChannel[None]) -> None:
        while not self.stopping:
            await client.mutation("entries:add", {"client": self.number, "number": self.acknowledged})
            self.acknowledged += 1
            with suppress(trio.WouldBlock):
                acknowledged.send_nowait(None)

    async def watch(self, client: Client) -> None:
        async with client.subscribe("entries:last", {"client": self.number}) as values:
            async for value in values:
                if isinstance(value, float):
                    self.seen.append(value)

    async def stored(self, client: Client) -> list[float]:
        numbers: list[float] = []
        while True:
            args = {"client": self.number, "start": len(numbers), "count": 1000}
            page = await client.query("entries:page", args)
            assert isinstance(page, list)
            if not page:
                return numbers
            numbers += page  # type: ignore[arg-type]  # the function returns numbers


async def run_rounds(data_dir: Path, rounds: int, seed: int) -> None:
    chosen = random.Random(seed)
    writers = [Writer(number) for number in range(CLIENTS)]
    server = ServerProcess(data_dir, APP)
    with server:
        acknowledged, heard = trio.open_memory_channel[None](10_000)
        with trio.fail_after(60 + rounds * 20):
            async with trio.open_nursery() as nursery:
                for writer in writers:
                    nursery.start_soon(_run_writer, server.url, writer, acknowledged)
                for number in range(rounds):
                    for _ in range(chosen.randint(1, ENTRIES_BETWEEN_MAX)):
                        await heard.receive()
                    victim = VICTIMS[number % len(VICTIMS)]
                    await trio.to_thread.run_sync(server.kill_one, victim, chosen)
                for _ in range(ENTRIES_BETWEEN_MAX):
                    await heard.receive()
                for writer in writers:
                    writer.stopping = True
        assert await trio.to_thread.run_sync(server.stop) == 0
    assert check(data_dir).problems == []


async def _run_writer(url: str, writer: Writer, acknowledged: trio.MemorySendChannel[None]) -> None:
    async with open_client(url) as client, trio.open_nursery() as nursery:
        nursery.start_soon(writer.watch, client)
        await writer.write(client, acknowledged)
        nursery.cancel_scope.cancel()
    async with open_client(url) as client:
        assert await writer.stored(client) == list(range(writer.acknowledged)), "each entry once, in order"
    assert writer.seen == sorted(writer.seen), "a subscription never steps back"


async def test_nothing_acknowledged_is_lost_or_doubled_whatever_is_killed(tmp_path: Path) -> None:
    await run_rounds(tmp_path / "data", rounds=30, seed=1)


def entries_after_killing_the_committer(data_dir: Path, program: Path, count: int) -> list[float]:
    """Add entries, kill the committer the moment the last one is acknowledged, and return what the next start finds."""
    with ServerProcess(data_dir, APP, program=program) as server:
        pids = [pid for pid, name in server.descendants().items() if name == "rtdb-committer"]
        for number in range(count):
            body = {"path": "entries:add", "args": {"client": 1, "number": number}, "format": "json"}
            assert httpx.post(server.url + "/api/mutation", json=body).json()["status"] == "success"
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    with ServerProcess(data_dir, APP) as server:
        body = {"path": "entries:page", "args": {"client": 1, "start": 0, "count": 1000}, "format": "json"}
        numbers: list[float] = httpx.post(server.url + "/api/query", json=body).json()["value"]
        assert server.stop() == 0
    return numbers


def test_entry_is_there_although_the_committer_dies_right_after_its_acknowledgement(tmp_path: Path) -> None:
    assert entries_after_killing_the_committer(tmp_path / "data", REPOSITORY / "server.py", 5) == [0, 1, 2, 3, 4]


def test_the_test_sees_a_server_that_answers_too_early(tmp_path: Path) -> None:
    hasty_server = Path(__file__).with_name("hasty_server.py")
    assert entries_after_killing_the_committer(tmp_path / "data", hasty_server, 5) != [0, 1, 2, 3, 4]


@pytest.mark.soak
async def test_a_thousand_kills_lose_nothing(tmp_path: Path) -> None:
    await run_rounds(tmp_path / "data", rounds=1000, seed=2)
