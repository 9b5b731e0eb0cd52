"""A project with TypeScript functions, as a developer has it on the disk."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.official_client import CLIENTS
from tests.e2e.server_process import ServerProcess

__all__ = ["Project"]


class Project(CommandLine):
    """The official command line in a project whose modules a test writes."""

    def __init__(self, directory: Path, server: ServerProcess) -> None:
        super().__init__(directory, server)
        self.functions = directory / "convex"
        (directory / "node_modules").symlink_to(CLIENTS / "node_modules")

    def write(self, files: dict[str, str]) -> None:
        """Make the functions directory hold exactly these files, besides what is generated."""
        self.functions.mkdir(exist_ok=True)
        for path in self.functions.rglob("*.ts"):
            if "_generated" not in path.parts and path.relative_to(self.functions).as_posix() not in files:
                path.unlink()
        for name, source in files.items():
            path = self.functions / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(textwrap.dedent(source).lstrip("\n"))

    def push(self) -> None:
        """Push what there is, which has to succeed."""
        done = self.run("dev", "--once", "--typecheck", "disable", "--tail-logs", "disable")
        assert done.code == 0, done.err
