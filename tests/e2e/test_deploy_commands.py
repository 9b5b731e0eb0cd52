"""`rtdb deploy` and `rtdb dev` as a developer runs them: in a directory with an `.env.local`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.e2e.deploys import write_modules
from tests.e2e.pushes import Push, function, schema
from tests.e2e.server_process import REPOSITORY, ServerProcess
from tests.waiting import SECONDS_MAX, wait_until

VERSION = """
    @query
    def version(ctx):
        return {version}
"""


TYPED_SCHEMA = """
    from rtdb import define_schema, define_table

    schema = define_schema({{"{table}": define_table({{"name": v.string()}})}})
"""
TYPED_APP = """
    from ._generated.data_model import {types}Doc
    from ._generated.server import QueryContext

    @query(args={{}})
    def version(ctx: QueryContext) -> list[{types}Doc]:
        return len(ctx.db.query("{table}").collect()) + {version}
"""


def typed(project: Path, table: str, version: int) -> None:
    write_modules(
        project / "functions",
        schema=TYPED_SCHEMA.format(table=table),
        app=TYPED_APP.format(table=table, types=table.capitalize(), version=version),
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: ServerProcess) -> Path:
    """A front end's directory: its settings, and the app's functions."""
    project = tmp_path / "project"
    write_modules(project / "functions", app=VERSION.format(version=1))
    (project / ".env.local").write_text(
        f"CONVEX_DEPLOYMENT=dev:rtdb\nCONVEX_DEPLOY_KEY={server.admin_key}\nNEXT_PUBLIC_CONVEX_URL={server.url}\n"
    )
    return project


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rtdb.cli.main", *arguments]


ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("RTDB_", "CONVEX_", "NEXT_PUBLIC_"))
} | {"PYTHONPATH": str(REPOSITORY), "ONLY_HERE": "1"}


def rtdb(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        cwd=project,
        env=ENVIRONMENT,
        timeout=SECONDS_MAX,
        check=False,
    )


def has_version(server: ServerProcess, number: int) -> bool:
    return version(server) == number


def version(server: ServerProcess) -> float | None:
    """What the app that runs says, None while there is none."""
    answer = httpx.post(f"{server.url}/api/run/app/version", json={"args": {}}).json()
    value: float | None = answer.get("value")
    return value


def test_deploy_finds_the_server_and_says_what_it_changed(server: ServerProcess, project: Path) -> None:
    first = rtdb(project, "deploy")
    assert (first.returncode, first.stdout) == (0, f"Deployed to {server.url}.\n")
    assert first.stderr == "  + function app:version\n"
    assert version(server) == 1
    assert rtdb(project, "deploy").stdout == f"Already deployed to {server.url}.\n"
    write_modules(project / "functions", app=VERSION.format(version=2))
    assert rtdb(project, "deploy", "--dry-run").stdout == f"Nothing was changed at {server.url}.\n"
    assert version(server) == 1


def test_what_stops_a_deploy_is_said_with_file_and_line_and_without_the_key(
    server: ServerProcess, project: Path
) -> None:
    write_modules(project / "functions", app="undefined_name\n")
    refused = rtdb(project, "deploy")
    assert refused.returncode == 1
    assert "app.py cannot be imported: Uncaught NameError" in refused.stderr
    assert "functions/app.py:2 in <module>" in refused.stderr
    stranger = rtdb(project, "deploy", "--url", "http://127.0.0.1:1")
    assert "is not sent to http://127.0.0.1:1" in stranger.stderr
    elsewhere = rtdb(project, "deploy", "--url", "http://127.0.0.1:1", "--admin-key", server.admin_key)
    assert "no answer from http://127.0.0.1:1" in elsewhere.stderr
    (project / ".env.local").write_text(
        f"CONVEX_DEPLOYMENT=prod:other\nCONVEX_DEPLOY_KEY={server.admin_key}\nCONVEX_URL={server.url}\n"
    )
    other = rtdb(project, "deploy")
    assert "names the deployment 'other', and the server" in other.stderr
    wrong = rtdb(project, "deploy", "--url", server.url, "--admin-key", server.admin_key[:-4] + "0000")
    assert "refused the deploy (401)" in wrong.stderr
    key_file = str(server.data_dir / "admin.key")
    (project / ".env.local").unlink()
    for command_name in (["deploy"], ["dev", "--once"]):
        by_file = rtdb(project, *command_name, "--url", server.url, "--admin-key-file", key_file)
        assert "app.py cannot be imported" in by_file.stderr
    for result in (refused, elsewhere, other, wrong):
        assert result.returncode == 1
        assert server.admin_key.split("|")[1][:16] not in result.stdout + result.stderr


def test_dev_deploys_every_save_and_keeps_the_last_good_app(
    server: ServerProcess, project: Path, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(command("dev"), cwd=project, env=ENVIRONMENT, stdout=file, stderr=file)
    try:
        wait_until(lambda: version(server) == 1, output.read_text)
        write_modules(project / "functions", app="1 / 0\n")
        wait_until(lambda: "functions/app.py:2 in <module>" in output.read_text(), output.read_text)
        assert version(server) == 1
        write_modules(project / "functions", app=VERSION.format(version=2))
        wait_until(lambda: version(server) == 2, output.read_text)
        server.kill()
        write_modules(project / "functions", app=VERSION.format(version=3))
        wait_until(lambda: f"no answer from {server.url}" in output.read_text(), output.read_text)
        server.start()
        wait_until(lambda: version(server) == 3, output.read_text)
        # A save that needs types of its own, and another that renames what they are of.
        for table, number in (("users", 4), ("people", 5)):
            typed(project, table, number)
            wait_until(partial(has_version, server, number), output.read_text)
            assert f'"{table}"' in (project / "functions" / "_generated" / "dataModel.d.ts").read_text()
        process.send_signal(signal.SIGINT)
        wait_until(lambda: process.poll() == 0, output.read_text)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in output.read_text()


def test_dev_once_deploys_once(server: ServerProcess, project: Path) -> None:
    assert rtdb(project, "dev", "--once").returncode == 0
    assert version(server) == 1
    write_modules(project / "functions", app="1 / 0\n")
    assert rtdb(project, "dev", "--once").returncode == 1


def test_deploy_generates_the_types_that_the_app_imports(server: ServerProcess, project: Path) -> None:
    typed(project, "users", 1)
    assert rtdb(project, "deploy", "--no-codegen").returncode == 1
    assert rtdb(project, "deploy", "--dry-run").returncode == 1
    assert not (project / "functions" / "_generated").exists()
    deployed = rtdb(project, "deploy")
    assert (deployed.returncode, deployed.stdout) == (0, f"Deployed to {server.url}.\n")
    assert version(server) == 1
    assert rtdb(project, "deploy").stdout == f"Already deployed to {server.url}.\n"
    assert rtdb(project, "codegen", "--check").returncode == 0


def test_types_know_what_was_pushed_in_typescript(server: ServerProcess, project: Path) -> None:
    """Of the schema.ts and the functions there are, and of nothing that Python has had and has no more."""
    counted = """
        from ._generated.data_model import RoomsDoc
        from ._generated.server import QueryContext

        @query
        def version(ctx: QueryContext) -> list[RoomsDoc]:
            return len(ctx.db.query("rooms").collect())
    """
    listing = function("list", "query", 'return "[]";')
    assert rtdb(project, "deploy").returncode == 0
    with Push(server) as push:
        push.push({"messages.js": listing}, schema=schema("rooms", {"name": "string"}))
    write_modules(project / "functions", counting=counted)
    deployed = rtdb(project, "deploy")
    assert (deployed.returncode, deployed.stdout) == (0, f"Deployed to {server.url}.\n"), deployed.stderr
    assert "types" not in deployed.stderr
    generated = project / "functions" / "_generated"
    api = (generated / "api.d.ts").read_text()
    assert "  counting: {\n    version: FunctionReference<" in api
    assert "  messages: {\n    list: FunctionReference<" in api
    assert "app: {" not in api
    assert rtdb(project, "codegen", "--check").returncode == 0
    # Another push; then no server, with which nothing is lost.
    with Push(server) as push:
        push.push({"rooms.js": listing}, schema=schema("rooms", {"name": "string"}))
    outdated = rtdb(project, "codegen", "--check")
    assert outdated.returncode == 1
    assert outdated.stdout.count("outdated: ") == len(("api.d.ts", "server.pyi", "typescript.json"))
    assert rtdb(project, "codegen").returncode == 0
    server.kill()
    offline = rtdb(project, "codegen", "--check")
    assert (offline.returncode, offline.stdout) == (0, "")
    assert "taken for what they last were" in offline.stderr
    assert "rooms: {" in (generated / "api.d.ts").read_text()


def test_deploy_leaves_it_to_the_server_whether_an_app_can_be_imported(server: ServerProcess, project: Path) -> None:
    """A library may be missing here that the server has: this app looks for a variable that only we have."""
    write_modules(
        project / "functions",
        app=VERSION.format(version=5) + "\n    import os\n    assert 'ONLY_HERE' not in os.environ\n",
    )
    deployed = rtdb(project, "deploy")
    assert deployed.returncode == 0
    assert "types could not be generated here: app.py cannot be imported: Uncaught AssertionError" in deployed.stderr
    assert version(server) == 5
