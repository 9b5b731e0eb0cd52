"""Deploying to a server process from a test, the way the command line does."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtdb.cli.deploy_client import deploy_events
from rtdb.cli.target import Target
from rtdb.config import Limits
from rtdb.functions.bundle import read_bundle
from tests.e2e.server_process import ServerProcess

__all__ = ["deploy", "target_of", "write_modules"]

HEADER = "from rtdb import *\n"


def write_modules(directory: Path, **modules: str) -> Path:
    """Make the directory hold exactly these modules, each from indented source with everything of rtdb imported."""
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("*.py"):
        path.unlink()
    for name, source in modules.items():
        (directory / f"{name}.py").write_text(HEADER + textwrap.dedent(source).lstrip("\n"))
    return directory


def target_of(server: ServerProcess) -> Target:
    return Target(server.url, server.admin_key)


def deploy(
    server: ServerProcess,
    directory: Path,
    *,
    dry_run: bool = False,
    meanwhile: Callable[[dict[str, Any]], None] = lambda event: None,
) -> list[dict[str, Any]]:
    """Deploy a directory and return what happened, in order; ``meanwhile`` hears of each event at once.

    Raises ``DeployError``.
    """
    events: list[dict[str, Any]] = []
    for event in deploy_events(target_of(server), read_bundle(directory, Limits()), dry_run=dry_run):
        events.append(event)
        meanwhile(event)
    return events
