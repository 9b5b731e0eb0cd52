"""Messages that destroy themselves, unless they are pardoned."""

from __future__ import annotations

import time

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.official_client import CallFailed
from tests.e2e.server_process import ServerProcess

SOON_MS, LATER_MS = 300.0, 3_600_000.0


def test_a_message_destroys_itself_in_time(demo: ServerProcess, start_client: StartClient) -> None:
    client = start_client(demo)
    before = time.time()
    job = client.mutation("secrets:tell", {"text": "soon gone", "milliseconds": SOON_MS})
    # To delete what is not there is an error: it was there.
    fate = client.subscribe("secrets:fate", {"job": job})
    fate.wait(lambda shown: shown == {"name": "secrets.js:destroy", "state": "success"})
    assert time.time() - before >= SOON_MS / 1000
    assert "soon gone" not in client.query("secrets:all")


def test_an_action_schedules_an_action_at_a_time(demo: ServerProcess, start_node: StartClient) -> None:
    client = start_node(demo)
    until = time.time() * 1000 + SOON_MS
    job = client.request("action", "secrets:tellUntil", {"text": "for an action", "time": until})
    fate = client.subscribe("secrets:fate", {"job": job})
    fate.wait(lambda shown: shown == {"name": "secrets.js:destroyFromOutside", "state": "success"})
    assert time.time() * 1000 >= until
    assert "for an action" not in client.query("secrets:all")


def test_what_is_cancelled_never_happens(demo: ServerProcess, start_node: StartClient) -> None:
    client = start_node(demo)
    job = client.mutation("secrets:tell", {"text": "pardoned", "milliseconds": LATER_MS})
    fate = client.subscribe("secrets:fate", {"job": job})
    fate.wait(lambda shown: shown == {"name": "secrets.js:destroy", "state": "pending"})
    client.mutation("secrets:pardon", {"job": job})
    fate.wait(lambda shown: shown["state"] == "canceled")
    assert "pardoned" in client.query("secrets:all")


def test_a_mutation_that_fails_schedules_nothing(demo: ServerProcess, start_node: StartClient) -> None:
    client = start_node(demo)
    before = client.query("secrets:scheduled")
    with pytest.raises(CallFailed, match="on second thoughts"):
        client.mutation("secrets:tellAndFail", {"text": "never said"})
    assert client.query("secrets:scheduled") == before
    assert "never said" not in client.query("secrets:all")
