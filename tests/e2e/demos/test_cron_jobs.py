"""Cron jobs of every kind are taken in; those that are due run, mutations as well as actions."""

from __future__ import annotations

from tests.e2e.conftest import StartClient
from tests.e2e.server_process import ServerProcess


def test_what_is_due_runs_again_and_again_and_the_rest_waits(demo: ServerProcess, start_node: StartClient) -> None:
    client = start_node(demo)
    beats = {source: client.subscribe("beats:count", {"source": source}) for source in ("interval", "action")}
    for beat in beats.values():
        beat.wait(lambda count: count >= 2)
    assert client.query("beats:count", {"source": "monthly"}) == 0
