"""One server a language for all tests here, which keep to tables and rooms of their own, and projects for commands."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.convex_cli.typescript_project import Project
from tests.e2e.deploys import write_modules
from tests.e2e.server_process import ServerProcess

APP = """
    import trio

    @query(args={"room": v.string()})
    def list(ctx, room):
        return [row["body"] for row in ctx.db.query("messages").collect() if row["room"] == room]

    @mutation(args={"room": v.string(), "body": v.string()}, returns=v.id("messages"))
    def send(ctx, room, body):
        print("sending", body)
        return ctx.db.insert("messages", {"room": room, "body": body})

    @mutation
    def clear(ctx, table):
        for row in ctx.db.query(table).collect():
            ctx.db.delete(row["_id"])

    @mutation
    def fill(ctx, table, count):
        for number in range(int(count)):
            ctx.db.insert(table, {"number": number, "exact": Int64(number), "raw": b"abc", "nested": {"list": [None]}})

    @action
    async def count(ctx, room):
        print("counting")
        return len(await ctx.run_query("messages:list", {"room": room}))

    @internal_query
    def secret(ctx):
        return {"answer": 42}

    @query
    def who(ctx):
        return ctx.auth.get_user_identity()

    @query
    def setting(ctx):
        return ctx.env["SETTING"]

    @mutation
    def refuse(ctx):
        raise ConvexError({"code": 7})

    @mutation
    def fail(ctx):
        print("about to fail")
        raise ValueError("on purpose")
"""


in_one_language = pytest.mark.parametrize("server", ["Python"], indirect=True)
"""For what has nothing to do with the language of the app."""

FUNCTIONS = Path(__file__).parent / "functions"
"""The same functions in TypeScript."""


@pytest.fixture(scope="package", params=["Python", "TypeScript"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with a small app, which redacts errors, as one does that nobody has told otherwise."""
    directory = tmp_path_factory.mktemp(request.param)
    is_python = request.param == "Python"
    functions = write_modules(directory / "functions", messages=APP) if is_python else None
    with ServerProcess(directory / "data", functions, ["--redact-errors"]) as server:
        if not is_python:
            project = Project(directory / "project", server)
            shutil.copytree(FUNCTIONS, project.functions)
            project.push()
        yield server


@pytest.fixture
def convex(server: ServerProcess, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "project", server)
