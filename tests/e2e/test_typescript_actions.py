"""Actions and HTTP actions in TypeScript, pushed by the official command line to a real server."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from hashlib import sha256
from http.client import HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.convex_cli.command_line import CommandLine
from tests.e2e.official_client import CLIENTS, CallFailed, node_executable
from tests.e2e.pushes import Push
from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX, wait_until

APP = Path(__file__).parent / "apps" / "typescript_actions"
MB = 1_000_000

pytestmark = pytest.mark.slow


def project(directory: Path, server: ServerProcess) -> CommandLine:
    """Return the app's project, from which it can be pushed."""
    shutil.copytree(APP, directory)
    (directory / "node_modules").symlink_to(CLIENTS / "node_modules")
    return CommandLine(directory, server)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    directory = tmp_path_factory.mktemp("server")
    options = ["--no-redact-errors", "--action-networks-allowed", "127.0.0.0/8", "--node", node_executable()]
    with ServerProcess(directory / "data", None, options) as server:
        pushed = project(directory / "project", server).run("dev", "--once")
        assert pushed.code == 0, pushed.err
        yield server


class Outside(BaseHTTPRequestHandler):
    """A server that an action talks to."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(body.upper())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def outside() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def names(server: ServerProcess) -> list[str]:
    answer = httpx.post(f"{server.url}/api/query", json={"path": "tasks:names", "args": {}, "format": "json"}).json()
    value: list[str] = answer["value"]
    return value


def connect(server: ServerProcess) -> socket.socket:
    host, port = server.site_url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=SECONDS_MAX)


def test_an_action_fetches_and_writes_over_http(server: ServerProcess, outside: str) -> None:
    body = {"path": "tasks:record", "args": {"url": outside, "name": "http"}, "format": "json"}
    answer = httpx.post(f"{server.url}/api/action", json=body).json()
    assert answer["status"] == "success", answer
    assert (answer["value"]["status"], answer["value"]["text"]) == (201, "HTTP")
    assert "HTTP" in answer["value"]["names"]


def test_every_official_client_runs_it(server: ServerProcess, outside: str, start_client: StartClient) -> None:
    client = start_client(server)
    name = uuid4().hex.upper()
    value = client.request("action", "tasks:record", {"url": outside, "name": name})
    assert value["text"] == name
    assert name in client.query("tasks:names")
    with pytest.raises(CallFailed) as failed:
        client.request("action", "tasks:refuse", {})
    assert failed.value.data["reason"] == "full"


def run(server: ServerProcess, path: str, args: dict[str, Any] | None = None) -> dict[str, Any]:
    body = {"path": path, "args": args or {}, "format": "json"}
    answer: dict[str, Any] = httpx.post(f"{server.url}/api/action", json=body).json()
    return answer


def test_an_action_in_node_has_its_modules_and_packages(server: ServerProcess) -> None:
    """A module in Node keeps its variables from call to call."""
    answers = [run(server, "reports:write", {"name": "node"}) for _ in range(3)]
    for answer in answers:
        assert answer["status"] == "success", answer
        assert answer["value"]["hash"] == sha256(b"node").hexdigest()
        assert "node" in answer["value"]["names"]
        assert answer["value"]["major"] >= 20
        assert answer["value"]["ws"] == "function"
    assert max(answer["value"]["calls"] for answer in answers) > 1
    failed = run(server, "reports:fails")
    assert "ENOENT: no such file or directory, open '/nowhere'" in failed["errorMessage"]
    assert "reports.ts:" in failed["errorMessage"]
    assert run(server, "reports:file")["value"] == [36, "text/plain"]


def test_an_action_in_node_sees_the_apps_variables_and_none_of_the_servers(server: ServerProcess) -> None:
    names = run(server, "reports:environment")["value"]
    assert {"CONVEX_CLOUD_URL", "CONVEX_SITE_URL", "PATH"} <= set(names)
    assert not [name for name in names if name.startswith("RTDB")]
    headers = {"Authorization": f"Convex {server.admin_key}"}
    changes = {"changes": [{"name": "MODE", "value": "live"}]}
    httpx.post(f"{server.url}/api/update_environment_variables", json=changes, headers=headers).raise_for_status()
    assert "MODE" in run(server, "reports:environment")["value"]


def test_an_http_action_answers(server: ServerProcess) -> None:
    response = httpx.get(f"{server.site_url}/hello", params={"name": "ada"})
    assert (response.status_code, response.text) == (200, "hello ada")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-type"] == "text/plain"
    assert response.headers["content-length"] == "9"
    head = httpx.head(f"{server.site_url}/hello")
    assert (head.status_code, head.content) == (200, b"")
    assert httpx.get(f"{server.url}/http/hello", params={"name": "main"}).text == "hello main"


def test_an_http_action_writes(server: ServerProcess) -> None:
    response = httpx.post(f"{server.site_url}/tasks", json={"name": "posted"})
    assert response.status_code == 201
    assert "posted" in response.json()


def test_what_no_route_matches_is_not_found(server: ServerProcess) -> None:
    # The whole request is sent before its answer is read.
    for method, content in [("GET", b""), ("POST", bytes(5 * MB))]:
        response = httpx.request(method, f"{server.site_url}/nowhere", content=content)
        assert (response.status_code, response.text) == (404, "No matching routes found")


def test_bodies_of_any_size_stream_both_ways(server: ServerProcess) -> None:
    """More than the windows of all hops together hold, so the answer has begun before the request has ended."""
    content = b"".join(bytes([number]) * MB for number in range(12))
    with connect(server) as connection:
        head = f"PUT /echo/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(content)}\r\n\r\n"
        sender = Thread(target=connection.sendall, args=[head.encode() + content])
        sender.start()
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.getheader("x-path") == "http://x/echo/a"
        assert answer.read() == content
        sender.join()


def test_an_http_action_hears_that_its_client_has_gone(server: ServerProcess) -> None:
    with connect(server) as connection:
        connection.sendall(b"GET /patient HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: "patient" in names(server), lambda: server.log)
    with connect(server) as connection:
        connection.sendall(b"GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while b"tick" not in received:
            received += connection.recv(1000)
    wait_until(lambda: {"client gone", "ticks cancelled"} <= set(names(server)), lambda: server.log)


def test_an_http_action_stores_what_is_posted(server: ServerProcess) -> None:
    content = bytes(range(256)) * 10_000
    stored = httpx.post(
        f"{server.site_url}/file", content=content, headers={"content-type": "image/x"}, timeout=60
    ).json()
    response = httpx.get(stored["url"])
    assert response.content == content
    assert response.headers["content-type"] == "image/x"


def test_an_error_before_the_answer_is_its_status(server: ServerProcess) -> None:
    response = httpx.get(f"{server.site_url}/fails")
    assert response.status_code == 500
    assert "Uncaught Error: no answer" in response.text
    assert "http.ts:" in response.text
    assert "HTTP actions must return a Response" in httpx.get(f"{server.site_url}/nothing").text


def test_an_error_in_a_body_breaks_it_off(server: ServerProcess) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.site_url}/fails-late")
    wait_until(lambda: "broke off" in server.log, lambda: server.log)


def test_an_answer_that_is_too_large_breaks_off(server: ServerProcess) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{server.site_url}/flood")
    wait_until(lambda: "HTTP actions support responses up to 20 MiB" in server.log, lambda: server.log)
    assert httpx.get(f"{server.site_url}/hello").status_code == 200


def test_actions_go_on_in_the_code_they_began_with_while_another_is_pushed(
    server: ServerProcess, tmp_path: Path
) -> None:
    again = project(tmp_path / "project", server)
    results: list[Any] = []
    thread = Thread(target=lambda: results.append(run(server, "tasks:wait", {"name": "pushed"})))
    thread.start()
    wait_until(lambda: "waiting for pushed" in names(server), lambda: server.log)
    source = again.directory / "convex" / "tasks.ts"
    source.write_text(source.read_text().replace('"waited"', '"another"'))
    pushed = again.run("dev", "--once")
    assert pushed.code == 0, pushed.err
    httpx.post(f"{server.site_url}/tasks", json={"name": "pushed"}).raise_for_status()
    thread.join()
    assert results[0]["value"] == "waited"
    answer = run(server, "tasks:wait", {"name": "pushed"})
    assert (answer["value"], answer["logLines"]) == ("another", ["[LOG] 'waiting for' 'pushed'"])


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        (
            "reports.ts",
            """"use node";
            import { query } from "./_generated/server";
            export const wrong = query({ args: {}, handler: async () => null });
            """,
            "`wrong` defined in `reports.js` is a Query function. Only actions can be defined in Node.js. "
            "See https://docs.convex.dev/functions/actions for more details.",
        ),
        (
            "reports.ts",
            """"use node";
            import { action } from "./_generated/server";
            if (!process.env.NO_SUCH_KEY) throw new Error("the key is missing");
            export const fine = action({ args: {}, handler: async () => null });
            """,
            "Failed to analyze reports.js: Uncaught Error: the key is missing",
        ),
    ],
)
def test_modules_for_node_that_cannot_be_are_refused(
    server: ServerProcess, tmp_path: Path, file: str, source: str, message: str
) -> None:
    wrong = project(tmp_path / "project", server)
    (wrong.directory / "convex" / file).write_text(source)
    pushed = wrong.run("dev", "--once", "--typecheck=disable")
    assert pushed.code != 0
    assert message in pushed.err
    assert run(server, "reports:file")["status"] == "success"


def test_without_node_a_push_that_needs_it_is_refused(tmp_path: Path) -> None:
    not_node = tmp_path / "node"
    not_node.write_text("#!/bin/sh\necho v18.20.0\n")
    not_node.chmod(0o755)
    with ServerProcess(tmp_path / "data", None, ["--node", str(not_node)]) as server:
        pushed = project(tmp_path / "project", server).run("dev", "--once", "--typecheck=disable")
        assert pushed.code != 0
        assert "their actions need Node.js 20 or later, which has version 18.20.0" in pushed.err


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"nodeVersion": "²"}, 400, "NodeVersionNotSupported"),
        ({"nodeDependencies": [{"name": "ws", "version": "file:/etc"}]}, 400, "InvalidConfig"),
        ({}, 400, "BundleNotStored"),
    ],
)
def test_a_push_that_node_cannot_have_is_refused_and_nothing_else_happens(
    tmp_path: Path, asked: dict[str, Any], status: int, code: str
) -> None:
    with ServerProcess(tmp_path / "data", None, ["--node", node_executable()]) as server, Push(server) as push:
        # Nothing can be put there.
        (server.data_dir / "node").write_text("")
        body = push.request({"mail.js": "export const sent = 1;"}, **asked)
        body["appDefinition"]["changedModules"][0]["environment"] = "node"
        refused = push.post("/api/deploy2/start_push", body)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert push.push({"fine.js": "export const fine = 1;"})


def test_what_node_needs_is_made_anew_when_it_is_gone(server: ServerProcess) -> None:
    server.kill()
    shutil.rmtree(server.data_dir / "node")
    server.start()
    answer = run(server, "reports:write", {"name": "again"})
    assert answer["status"] == "success", answer


def test_a_server_whose_disk_does_not_take_what_node_needs_says_so_and_ends(server: ServerProcess) -> None:
    server.kill()
    shutil.rmtree(server.data_dir / "node")
    (server.data_dir / "node").write_text("")
    printed_before = len(server.log)
    try:
        with pytest.raises(AssertionError, match="did not print its URL"):
            server.start()
    finally:
        (server.data_dir / "node").unlink()
        server.kill()
        said = server.log[printed_before:]
        server.start()
    assert "the app cannot be loaded: [Errno " in said
    assert "Traceback" not in said


def test_the_function_log_says_what_ran_in_node(server: ServerProcess) -> None:
    assert run(server, "reports:file")["status"] == "success"
    headers = {"Authorization": f"Convex {server.admin_key}"}
    answer = httpx.get(f"{server.url}/api/stream_function_logs?cursor=0", headers=headers)
    completed = [entry for entry in answer.json()["entries"] if entry["kind"] == "Completion"]
    assert {entry["environment"] for entry in completed if entry["identifier"] == "reports:file"} == {"node"}
    assert {entry["environment"] for entry in completed if entry["udfType"] == "Mutation"} <= {"isolate"}
