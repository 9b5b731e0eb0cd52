"""The app's own coded errors, as the official clients receive them."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.e2e.conftest import LABORATORY, StartClient
from tests.e2e.official_client import CallFailed, OfficialClient
from tests.e2e.server_process import ServerProcess

FULL = {"kind": "full"}


@pytest.fixture(scope="module", params=["--redact-errors", "--no-redact-errors"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that hides messages from clients, and one that does not."""
    data_dir = tmp_path_factory.mktemp("errors") / "data"
    with Server(data_dir, LABORATORY, [request.param]) as started:
        started.redacts = request.param == "--redact-errors"
        yield started


class Server(ServerProcess):
    redacts: bool


def check(server: Server, error: CallFailed, *expected: str) -> None:
    assert error.data == FULL
    for text in expected:
        assert (text in error.message) is not server.redacts, error.message


def failure(client: OfficialClient, op: str, path: str) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        client.request(op, path)
    return caught.value


def test_the_data_of_a_coded_error_reach_every_client(server: Server, start_client: StartClient) -> None:
    client = start_client(server)
    check(server, failure(client, "query", "trouble:query_raises_convex_error"), "Uncaught ConvexError", "trouble.py")
    check(server, failure(client, "mutation", "trouble:raises_convex_error"), "Uncaught ConvexError", "trouble.py")


def test_the_data_come_through_nested_calls(server: Server, start_client: StartClient) -> None:
    error = failure(start_client(server), "mutation", "trouble:passes_on")
    check(server, error, "Uncaught ConvexError: Uncaught ConvexError", "at raises_convex_error", "at passes_on")


def test_the_data_come_over_http_and_in_subscriptions(server: Server, start_node: StartClient) -> None:
    client = start_node(server)
    check(server, failure(client, "http_query", "trouble:query_raises_convex_error"), "Uncaught ConvexError")
    check(server, failure(client, "http_mutation", "trouble:passes_on"), "Uncaught ConvexError")
    check(server, client.subscribe("trouble:query_raises_convex_error").wait_error(), "Uncaught ConvexError")


def test_a_plain_error_has_no_data(server: Server, start_client: StartClient) -> None:
    assert failure(start_client(server), "query", "trouble:raises").data is None


def test_a_failed_nested_mutation_is_undone_and_its_caller_commits(server: Server, start_client: StartClient) -> None:
    client = start_client(server)
    name = {"name": f"carried on {uuid4()}"}
    assert client.mutation("trouble:carries_on", name) == [2.0, True]
    assert client.query("counters:get", name) == 2.0
