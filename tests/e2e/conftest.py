"""Servers and clients for the end-to-end tests. Every server has a data directory of its own and a free port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.official_client import OfficialClient, node_client, python_client
from tests.e2e.server_process import REPOSITORY, ServerProcess

MEMBERPULSE = REPOSITORY / "examples" / "memberpulse" / "functions"
LABORATORY = Path(__file__).parent / "apps" / "laboratory"
THIS_MACHINE_ALLOWED = ("--action-networks-allowed", "127.0.0.0/8")

StartClient = Callable[[ServerProcess], OfficialClient]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever starts a server process is slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def memberpulse(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with the example app."""
    with ServerProcess(tmp_path / "data", MEMBERPULSE) as server:
        yield server


@pytest.fixture(scope="module")
def shared_memberpulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server with the example app for all tests of a module; each keeps to its own users."""
    directory = tmp_path_factory.mktemp("memberpulse")  # Symfony is on this machine.
    with ServerProcess(directory / "data", MEMBERPULSE, THIS_MACHINE_ALLOWED) as server:
        yield server


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server, for all tests of a module, with the app of that name."""
    with ServerProcess(tmp_path_factory.mktemp("laboratory") / "data", LABORATORY) as server:
        yield server


@pytest.fixture
def start_node() -> Iterator[StartClient]:
    """Start any number of npm clients; they end with the test."""
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(node_client(server.url))


@pytest.fixture(params=["npm", "PyPI"])
def start_client(request: pytest.FixtureRequest) -> Iterator[StartClient]:
    """Start any number of clients of each official kind; they end with the test."""
    start = {"npm": node_client, "PyPI": python_client}[request.param]
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(start(server.url))
