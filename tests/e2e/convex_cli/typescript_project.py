"""A project with TypeScript functions, as a developer has it on the disk."""

from __future__ import annotations

import textwrap
from pathlib import Path

from tests.e2e.convex_cli.command_line import CommandLine, Finished
from tests.e2e.official_client import CLIENTS
from tests.e2e.server_process import ServerProcess

__all__ = ["Project"]


class Project(CommandLine):
    """The official command line in a project whose modules a test writes."""

    def __init__(self, directory: Path, server: ServerProcess) -> None:
        super().__init__(directory, server)
        self.functions = directory / "convex"
        self.environment: dict[str, str] = {}
        """What the command line finds in its environment besides."""
        self.written: dict[str, str] = {}
        self.pushed: dict[str, str] | None = None
        """The files that a command has pushed last."""
        (directory / "node_modules").symlink_to(CLIENTS / "node_modules")

    def write(self, files: dict[str, str]) -> None:
        """Make the functions directory hold exactly these files, besides what is generated."""
        self.functions.mkdir(exist_ok=True)
        self.written = files
        for path in self.functions.rglob("*.ts"):
            if "_generated" not in path.parts and path.relative_to(self.functions).as_posix() not in files:
                path.unlink()
        for name, source in files.items():
            path = self.functions / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(textwrap.dedent(source).lstrip("\n"))

    def _environment(self, key: str | None, url: str | None) -> dict[str, str]:
        return {**super()._environment(key, url), **self.environment}

    def run(
        self, *arguments: str, given: str | None = None, key: str | None = None, url: str | None = None
    ) -> Finished:
        done = super().run(*arguments, given=given, key=key, url=url)
        if arguments[0] in ("dev", "deploy") and "--dry-run" not in arguments and done.code == 0:
            self.pushed = self.written
        return done

    def push(self) -> None:
        """Push what there is, if it is not what was pushed last. It has to succeed."""
        if self.pushed != self.written:
            done = self.run("dev", "--once", "--typecheck", "disable", "--tail-logs", "disable")
            assert done.code == 0, done.err
