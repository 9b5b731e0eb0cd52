"""What the official clients get through: gateways that die, a thousand calls at once, failures of every kind."""

from __future__ import annotations

import os
import signal
from functools import partial
from operator import eq
from uuid import uuid4

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.official_client import CallFailed
from tests.e2e.server_process import ServerProcess

AT_ONCE = 1500
"""Above the mutations that may wait in one session."""


def gateways(server: ServerProcess) -> set[int]:
    return {pid for pid, name in server.descendants().items() if name == "rtdb-gateway"}


def test_clients_survive_the_death_of_every_gateway_and_nothing_else_dies(
    laboratory: ServerProcess, start_client: StartClient, start_node: StartClient
) -> None:
    reader, writer = start_client(laboratory), start_node(laboratory)
    name = f"gateways-{uuid4()}"
    count = reader.subscribe("counters:get", {"name": name})
    count.wait(lambda value: value == 0)
    others = laboratory.descendants().keys() - gateways(laboratory)
    for expected in range(1, 4):
        for pid in gateways(laboratory):
            os.kill(pid, signal.SIGKILL)
        pending = writer.start("mutation", "counters:increment", {"name": name})
        assert writer.finish(pending) == expected
        count.wait(partial(eq, expected))
    assert others <= laboratory.descendants().keys()


def test_thousands_of_mutations_at_once_are_each_applied_once(
    laboratory: ServerProcess, start_node: StartClient
) -> None:
    client = start_node(laboratory)
    calls = [client.start("mutation", "counters:increment", {"name": "crowd"}) for _ in range(AT_ONCE)]
    answers = [client.finish(call) for call in calls]
    assert answers == list(range(1, AT_ONCE + 1))


@pytest.mark.parametrize("failure", ["raises_in_mutation", "raises_convex_error"])
def test_a_failed_mutation_is_heard_of_at_once_and_the_next_one_runs(
    laboratory: ServerProcess, start_client: StartClient, failure: str
) -> None:
    """The Python client holds a mutation that failed with an application error until the next transition."""
    client = start_client(laboratory)
    for _ in range(2):
        with pytest.raises(CallFailed) as caught:
            client.mutation(f"trouble:{failure}")
        assert caught.value.data == ({"kind": "full"} if failure == "raises_convex_error" else None)
    assert client.mutation("counters:increment", {"name": f"after-{failure}-{uuid4()}"}) == 1
