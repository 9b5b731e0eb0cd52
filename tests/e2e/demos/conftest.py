"""Small Convex projects of the kind that people learn from: the official command line pushes, its clients use them.

One server is for all of them; each module of tests pushes the project of its own name over the one before it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.official_client import CLIENTS
from tests.e2e.server_process import ServerProcess

HERE = Path(__file__).parent


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    # What actions ask of other systems is on this machine.
    reach = ["--action-networks-allowed", "127.0.0.0/8"]
    with ServerProcess(tmp_path_factory.mktemp("demos") / "data", arguments=reach) as server:
        yield server


@pytest.fixture(scope="module")
def project(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> CommandLine:
    """The official command line in a project without any folder but ``convex``."""
    directory = tmp_path_factory.mktemp("project")
    demo = HERE / request.module.__name__.rpartition(".test_")[2]
    shutil.copytree(demo / "convex", directory / "convex")
    (directory / "node_modules").symlink_to(CLIENTS / "node_modules")
    return CommandLine(directory, server)


@pytest.fixture(scope="module")
def demo(project: CommandLine, server: ServerProcess) -> ServerProcess:
    """The server, on which this module's project is what runs."""
    pushed = project.run("dev", "--once")
    # It ends with 0 when the server has none of the routes, too.
    assert "Convex functions ready!" in pushed.err, pushed.out + pushed.err
    return server
