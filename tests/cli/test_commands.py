"""Commands that need no running server, and what they say when something is wrong."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from rtdb.auth.admin_key import AdminKeys
from rtdb.auth.instance_secret import load_instance_secret
from rtdb.cli.main import app
from rtdb.cli.target import KEY_VARIABLES, URL_VARIABLES
from rtdb.clock import SystemRandom
from rtdb.config import Limits
from rtdb.storage.environment import lock_data_dir, open_environment


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a developer has set in the shell, or keeps in this directory, is not what is tested here."""
    for name in ("RTDB_DATA_DIR", "RTDB_CONFIG", "CONVEX_DEPLOYMENT", *URL_VARIABLES, *KEY_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_without_a_command_the_help_lists_them_all() -> None:
    shown = invoke().output
    for name in ("serve", "run", "check", "admin-key", "version"):
        assert f"│ {name} " in shown


def test_version_names_both_versions() -> None:
    assert invoke("version").output.startswith("rtdb 0.")


def test_serve_names_every_setting_that_is_wrong() -> None:
    result = invoke("serve", "--port", "http", "--log-level", "loud", "--data-dir", "data")
    assert result.exit_code == 78
    assert "these settings cannot be used" in result.stderr
    assert "port: 'http' (from --port) is not a whole number" in result.stderr


def test_serve_refuses_a_data_directory_that_is_in_use(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path):
        result = invoke("serve", "--data-dir", str(tmp_path))
    assert result.exit_code == 78
    assert f"Another server is using {tmp_path}" in result.stderr


def test_serve_says_that_the_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = invoke("serve", "--data-dir", str(tmp_path), "--port", str(port))
    assert result.exit_code == 78
    assert f"port {port} of 127.0.0.1 is taken by another program" in result.stderr
    assert "--port" in result.stderr


def test_serve_says_that_a_functions_directory_is_empty(tmp_path: Path) -> None:
    functions = tmp_path / "functions"
    functions.mkdir()
    arguments = ("serve", "--data-dir", str(tmp_path), "--functions", str(functions), "--host", "192.0.2.1")
    complaint = f"There are no Python modules in {functions}"
    assert complaint in invoke(*arguments).stderr
    (functions / "todos.py").write_text("", encoding="utf-8")
    assert complaint not in invoke(*arguments).stderr


def test_serve_says_that_the_host_is_not_this_machine(tmp_path: Path) -> None:
    result = invoke("serve", "--data-dir", str(tmp_path), "--host", "192.0.2.1", "--port", "0")
    assert result.exit_code == 78
    assert "192.0.2.1 is no address of this machine" in result.stderr


def test_serve_says_which_place_cannot_be_written() -> None:
    result = invoke("serve", "--data-dir", "/proc/nowhere")
    assert result.exit_code == 78
    assert "/proc/nowhere cannot be used: No such file or directory. Give a place" in result.stderr


def test_an_issued_key_opens_the_instance(tmp_path: Path) -> None:
    secret = load_instance_secret(tmp_path, SystemRandom())
    result = invoke("admin-key", "--data-dir", str(tmp_path), "--instance-name", "shop")
    assert not AdminKeys("shop", secret).verify(result.stdout.strip()).read_only
    result = invoke("admin-key", "--data-dir", str(tmp_path), "--instance-name", "shop", "--read-only")
    assert AdminKeys("shop", secret).verify(result.stdout.strip()).read_only


def test_no_key_is_issued_for_a_directory_that_never_had_a_server(tmp_path: Path) -> None:
    result = invoke("admin-key", "--data-dir", str(tmp_path))
    assert result.exit_code == 1
    assert "has no instance secret yet" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_check_says_that_an_empty_database_is_in_order(tmp_path: Path) -> None:
    open_environment(tmp_path, readonly=False, limits=Limits()).close()
    result = invoke("check", "--data-dir", str(tmp_path))
    assert (result.exit_code, result.stderr) == (0, "")
    assert "is in order" in result.stdout


def test_check_of_a_directory_without_a_database_fails(tmp_path: Path) -> None:
    result = invoke("check", "--data-dir", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_run_asks_for_arguments_by_name() -> None:
    assert "the arguments are not JSON" in invoke("run", "a:b", "{").stderr
    assert "write them by name" in invoke("run", "a:b", "[1]").stderr


def test_run_says_that_arguments_are_not_text() -> None:
    # Bytes that are no text come in as unpaired surrogates.
    assert "the arguments are not text in UTF-8" in invoke("run", "a:b", '{"a": "\udcff"}').stderr


def test_run_says_where_it_found_no_server() -> None:
    result = invoke("run", "a:b", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "no answer from http://127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("url", ["127.0.0.1:3210", "localhost", "ftp://localhost"])
def test_run_wants_the_whole_address(url: str) -> None:
    result = invoke("run", "a:b", "--url", url)
    assert result.exit_code == 78
    assert f"{url!r} is not the address of a server; write it as http://" in result.stderr


def test_run_takes_a_damaged_admin_key_for_one(tmp_path: Path) -> None:
    file = tmp_path / "admin.key"
    file.write_bytes(b"\xff\xfe")
    assert f"{file} holds no admin key" in invoke("run", "a:b", "--admin-key-file", str(file)).stderr
    file.write_text("rtdb|half\nof another", encoding="ascii")
    for given in (["--admin-key-file", str(file)], ["--admin-key", "rtdb|\u00fc"]):
        result = invoke("run", "a:b", *given)
        assert result.exit_code == 78
        assert "characters that no key has" in result.stderr


class FakeServer:
    """Answers in the server's place and remembers what it was asked."""

    def __init__(self, status: int, answer: Any) -> None:
        self.response = httpx.Response(status, json=answer)
        self.asked: dict[str, Any] = {}

    def post(self, url: str, **options: Any) -> httpx.Response:
        self.asked = {"url": url, **options}
        return self.response


def test_anyone_calls_public_functions_by_their_path(monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakeServer(200, {"status": "success", "value": {"n": 1}, "logLines": ["[LOG] 'hi'"]})
    monkeypatch.setattr(httpx, "post", server.post)
    result = invoke("run", "dir/messages:list", '{"a": 1}')
    assert server.asked["url"] == "http://127.0.0.1:3210/api/run/dir/messages/list"
    assert server.asked["json"] == {"args": {"a": 1}, "format": "json"}
    assert result.stdout == '{\n  "n": 1\n}\n'
    assert result.stderr == "[LOG] 'hi'\n"


def test_an_administrator_calls_any_function(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = FakeServer(200, {"status": "success", "value": None, "logLines": []})
    monkeypatch.setattr(httpx, "post", server.post)
    (tmp_path / "key").write_text("rtdb|01ab\n")
    assert invoke("run", "jobs:clean", "--admin-key-file", str(tmp_path / "key")).exit_code == 0
    assert server.asked["url"] == "http://127.0.0.1:3210/api/function"
    assert server.asked["headers"] == {"Authorization": "Convex rtdb|01ab"}
    assert server.asked["json"]["path"] == "jobs:clean"


def test_run_finds_the_server_where_deploy_finds_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server = FakeServer(200, {"status": "success", "value": None, "logLines": []})
    monkeypatch.setattr(httpx, "post", server.post)
    (tmp_path / ".env.local").write_text(
        "CONVEX_SELF_HOSTED_URL=http://db.example:4000\nCONVEX_SELF_HOSTED_ADMIN_KEY=rtdb|01ab\n"
    )
    assert invoke("run", "jobs:clean").exit_code == 0
    assert server.asked["url"] == "http://db.example:4000/api/function"
    assert server.asked["headers"] == {"Authorization": "Convex rtdb|01ab"}


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (
            200,
            {"status": "error", "errorMessage": "Uncaught ValueError: [no]"},
            "a:b failed: Uncaught ValueError: [no]",
        ),
        (
            200,
            {"status": "error", "errorMessage": "[Request ID: 00ff00ff00ff00ff] Server Error"},
            "Server Error: this server does not tell clients why; its log does, under this request id.",
        ),
        (
            200,
            {"status": "error", "errorMessage": "Could not find public function for 'a:b'."},
            "If it is an internal function, call it with --admin-key-file.",
        ),
        (403, {"code": "BadDeployKey", "message": "Not this key"}, "refused the call (403): Not this key"),
        (502, "bad gateway", "refused the call (502): bad gateway"),
    ],
)
def test_run_reports_why_a_call_failed(
    monkeypatch: pytest.MonkeyPatch, status: int, answer: Any, expected: str
) -> None:
    monkeypatch.setattr(httpx, "post", FakeServer(status, answer).post)
    result = invoke("run", "a:b")
    assert result.exit_code == 1
    assert expected in result.stderr
