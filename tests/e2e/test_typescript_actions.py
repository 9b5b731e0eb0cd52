"""Actions and HTTP actions in TypeScript, pushed by the official command line to a real server."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
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
from tests.e2e.official_client import CLIENTS, CallFailed
from tests.e2e.server_process import ServerProcess
from tests.waiting import wait_until

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
    options = ["--no-redact-errors", "--action-networks-allowed", "127.0.0.0/8"]
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
    return socket.create_connection((host, int(port)), timeout=20)


def test_an_action_fetches_and_writes_over_http(server: ServerProcess, outside: str) -> None:
    body = {"path": "tasks:record", "args": {"url": outside, "name": "http"}, "format": "json"}
    answer = httpx.post(f"{server.url}/api/action", json=body, timeout=60).json()
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


def test_an_http_action_answers(server: ServerProcess) -> None:
    response = httpx.get(f"{server.site_url}/hello", params={"name": "ada"})
    assert (response.status_code, response.text) == (200, "hello ada")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-type"] == "text/plain"
    assert httpx.head(f"{server.site_url}/hello").status_code == 200
    assert httpx.get(f"{server.url}/http/hello", params={"name": "main"}).text == "hello main"


def test_an_http_action_writes(server: ServerProcess) -> None:
    response = httpx.post(f"{server.site_url}/tasks", json={"name": "posted"})
    assert response.status_code == 201
    assert "posted" in response.json()


def test_what_no_route_matches_is_not_found(server: ServerProcess) -> None:
    response = httpx.get(f"{server.site_url}/nowhere")
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
    with connect(server) as connection:
        connection.sendall(b"GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while b"tick" not in received:
            received += connection.recv(1000)
    wait_until(lambda: {"client gone", "ticks cancelled"} <= set(names(server)), lambda: server.log, seconds=20)


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
    wait_until(lambda: "broke off" in server.log, lambda: server.log, seconds=20)


def test_actions_go_on_in_the_code_they_began_with_while_another_is_pushed(
    server: ServerProcess, tmp_path: Path
) -> None:
    again = project(tmp_path / "project", server)
    body = {"path": "tasks:wait", "args": {"milliseconds": 6000}, "format": "json"}
    with httpx.Client(timeout=60) as client:
        results: list[Any] = []
        thread = Thread(target=lambda: results.append(client.post(f"{server.url}/api/action", json=body).json()))
        thread.start()
        source = again.directory / "convex" / "tasks.ts"
        source.write_text(source.read_text().replace('"waited"', '"another"'))
        pushed = again.run("dev", "--once")
        assert pushed.code == 0, pushed.err
        thread.join()
        assert results[0]["value"] == "waited"
        body["args"] = {"milliseconds": 0}
        answer = client.post(f"{server.url}/api/action", json=body).json()
        assert (answer["value"], answer["logLines"]) == ("another", ["[LOG] 'waiting' 0"])
