"""A client that has just connected gets its first result, whatever the server is going through."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.deploys import write_modules
from tests.e2e.official_client import OfficialClient
from tests.e2e.server_process import ServerProcess

APP = """
    @query
    def same(ctx, n):
        ctx.db.query("things").collect()
        return n

    @mutation
    def add(ctx):
        ctx.db.insert("things", {})
"""
SIDE_BY_SIDE = 4
"""They count alike: who comes first has the query run, and the others join it, wherever it has got to."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", write_modules(tmp_path / "functions", app=APP)) as server:
        yield server


def connect(client: OfficialClient, times: int) -> list[int]:
    return [client.connect_afresh("app:same", times) for _ in range(SIDE_BY_SIDE)]


def test_clients_that_connect_while_a_server_starts_are_answered(
    server: ServerProcess, start_node: StartClient
) -> None:
    client = start_node(server)
    for _ in range(3):
        server.kill()
        calls = connect(client, 50)
        server.start()
        for call in calls:
            client.finish(call)


@pytest.mark.parametrize("victim", ["rtdb-gateway", "rtdb-runner"])
def test_clients_that_connect_while_processes_are_replaced_are_answered(
    server: ServerProcess, start_node: StartClient, victim: str
) -> None:
    client, writer = start_node(server), start_node(server)
    chosen = random.Random(0)
    calls = connect(client, 100)
    for _ in range(10):
        # Blocks come in between: what a new client is told first may be dirty already.
        writer.mutation("app:add")
        server.kill_one(victim, chosen)
    for call in calls:
        client.finish(call)
