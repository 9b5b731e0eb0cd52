"""Environment variables of a server process: set by both command lines, seen by functions, sealed on the disk."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.deploys import write_modules
from tests.e2e.official_client import CLIENTS, node_executable
from tests.e2e.server_process import ServerProcess
from tests.e2e.test_deploy_commands import ENVIRONMENT, command
from tests.waiting import SECONDS_MAX

APP = """
    @query
    def value(ctx, name):
        return ctx.env.get(name)

    @action
    async def value_in_action(ctx, name):
        return [ctx.env.get(name), await ctx.run_query("app:value", {"name": name})]

    @mutation
    def write(ctx, name):
        ctx.db.insert("copies", {"value": ctx.env[name]})
"""


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    return write_modules(tmp_path / "functions", app=APP)


@pytest.fixture
def server(tmp_path: Path, functions: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", functions) as server:
        yield server


def rtdb_env(
    server: ServerProcess, *arguments: str, given: str = "", code: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `rtdb env` with the key in the environment, where it is not in a list of processes."""
    done = subprocess.run(
        command("env", *arguments),
        capture_output=True,
        text=True,
        input=given,
        env={**ENVIRONMENT, "RTDB_URL": server.url, "RTDB_ADMIN_KEY": server.admin_key},
        timeout=SECONDS_MAX,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def convex_env(server: ServerProcess, *arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run the unmodified `npx convex env`."""
    (directory / "package.json").write_text('{"dependencies": {"convex": "*"}}')
    return subprocess.run(
        [
            node_executable(),
            str(CLIENTS / "node_modules" / "convex" / "bin" / "main.js"),
            "env",
            *arguments,
            "--url",
            server.url,
            "--admin-key",
            server.admin_key,
        ],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=directory,
        env={**ENVIRONMENT, "CI": "1"},
        timeout=SECONDS_MAX,
        check=False,
    )


def test_a_subscription_follows_a_variable(server: ServerProcess, start_node: StartClient) -> None:
    client = start_node(server)
    watched = client.subscribe("app:value", {"name": "MODE"})
    other = client.subscribe("app:value", {"name": "OTHER"})
    watched.wait(lambda value: value is None)
    other.wait(lambda value: value is None)
    rtdb_env(server, "set", "MODE", "on")
    watched.wait(lambda value: value == "on")
    rtdb_env(server, "set", "MODE=off")
    watched.wait(lambda value: value == "off")
    rtdb_env(server, "unset", "MODE")
    watched.wait(lambda value: value is None)
    assert watched.values == [None, "on", "off", None]
    assert other.values == [None]


def test_an_action_begun_after_a_change_sees_it(server: ServerProcess, start_node: StartClient) -> None:
    client = start_node(server)
    for value in (None, "a", "b", "c"):
        if value is not None:
            rtdb_env(server, "set", "MODE", value)
        assert client.request("action", "app:value_in_action", {"name": "MODE"}) == [value, value]


def test_rtdb_env_sets_gets_lists_and_unsets(server: ServerProcess, tmp_path: Path) -> None:
    assert "No environment variables are set." in rtdb_env(server, "list").stderr
    rtdb_env(server, "set", "KEY", given="open sesame\n")
    assert rtdb_env(server, "get", "KEY").stdout == "open sesame\n"
    assert rtdb_env(server, "get", "CONVEX_CLOUD_URL").stdout == f"{server.url}\n"
    assert "NOPE is not set" in rtdb_env(server, "get", "NOPE", code=1).stderr
    file = tmp_path / "app.env"
    file.write_text("# settings\nKEY=other\nA='two\nlines'\nexport B=2\nCONVEX_DEPLOY_KEY=mine\n")
    refused = rtdb_env(server, "set", "--from-file", str(file), code=1)
    assert "set to other values already: KEY. Nothing was changed" in refused.stderr
    done = rtdb_env(server, "set", "--from-file", str(file), "--force")
    assert "Left out, because they say where the server is: CONVEX_DEPLOY_KEY" in done.stderr
    assert "2 new, 1 changed" in done.stderr
    listed = rtdb_env(server, "list").stdout
    assert listed == "A='two\nlines'\nB=2\nKEY=other\n"
    assert "3 as they were" in rtdb_env(server, "set", given=listed).stderr
    assert rtdb_env(server, "list", "--names-only").stdout == "A\nB\nKEY\n"
    rtdb_env(server, "unset", "A", "B", "KEY", "NOPE")
    assert rtdb_env(server, "list").stdout == ""
    assert "is built-in and cannot be overridden" in rtdb_env(server, "set", "CONVEX_SITE_URL=x", code=1).stderr
    assert "line 2" in rtdb_env(server, "set", given="A=1\nnothing\n", code=1).stderr
    assert "nothing" not in rtdb_env(server, "set", given="A=1\nnothing\n", code=1).stderr.partition(":")[2]


def test_the_official_command_line_sets_gets_lists_and_unsets(server: ServerProcess, tmp_path: Path) -> None:
    def convex(*arguments: str) -> tuple[int, str, str]:
        done = convex_env(server, *arguments, directory=tmp_path)
        return done.returncode, done.stdout, done.stderr.strip()

    assert convex("list") == (0, "", "No environment variables set")
    assert convex("set", "KEY", "one two") == (0, "", "✔ Successfully set KEY")
    assert convex("set", "MODE=live") == (0, "", "✔ Successfully set MODE")
    assert convex("get", "KEY") == (0, "one two\n", "")
    assert convex("get", "CONVEX_CLOUD_URL") == (0, f"{server.url}\n", "")
    assert convex("list") == (0, "KEY=one two\nMODE=live\n", "")
    assert convex("unset", "KEY") == (0, "", "✔ Successfully unset KEY")
    assert convex("unset", "KEY") == (0, "", "✔ Successfully unset KEY")
    assert convex("get", "KEY")[2] == '✖ Environment variable "KEY" not found'
    code, _, error = convex("set", "A-B", "1")
    assert code == 1
    assert "400 : EnvironmentVariableNameInvalid: The environment variable name A-B is invalid." in error
    (tmp_path / "more.env").write_text("A=1\nMODE=test\n")
    assert "MODE already exists with different value" in convex("set", "--from-file", "more.env")[2]
    assert "Successfully set 2 environment variables" in convex("set", "--from-file", "more.env", "--force")[2]
    assert convex("list") == (0, "A=1\nMODE=test\n", "")


def test_values_survive_a_crash_sealed_and_stay_out_of_logs(
    server: ServerProcess, functions: Path, start_node: StartClient
) -> None:
    secret = "open-sesame-4711"
    rtdb_env(server, "set", "KEY", given=secret)
    refused = rtdb_env(server, "set", "1KEY", given=secret, code=1)
    assert secret not in refused.stderr
    server.kill()
    assert secret.encode() not in (server.data_dir / "db" / "data.mdb").read_bytes()
    server.start()
    client = start_node(server)
    assert client.query("app:value", {"name": "KEY"}) == secret
    assert secret not in server.log
    checked = subprocess.run(
        command("check", "--data-dir", str(server.data_dir)),
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert secret not in checked.stdout + checked.stderr
    # A control: what an app writes down itself is there in the clear.
    client.mutation("app:write", {"name": "KEY"})
    assert secret.encode() in (server.data_dir / "db" / "data.mdb").read_bytes()


def test_public_addresses_are_those_that_the_server_is_told(
    tmp_path: Path, functions: Path, start_node: StartClient
) -> None:
    arguments = ["--cloud-origin", "https://db.example.org", "--site-origin", "https://hooks.example.org"]
    with ServerProcess(tmp_path / "data", functions, arguments) as server:
        client = start_node(server)
        assert client.query("app:value", {"name": "CONVEX_CLOUD_URL"}) == "https://db.example.org"
        assert client.query("app:value", {"name": "CONVEX_SITE_URL"}) == "https://hooks.example.org"
