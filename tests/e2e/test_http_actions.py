"""HTTP actions of a real server, on both ports."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX, wait_until

APP = Path(__file__).parent / "apps" / "site"
MB = 1_000_000
LARGE = 50 * MB
MEMORY_MAX = 24 * MB
"""What a process may grow by while 50 MB pass through it: buffers and windows, and the allocator's leisure."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = ["--limit", "http_action_request_bytes_max=64MiB", "--limit", "http_action_response_bytes_max=64MiB"]
    with ServerProcess(tmp_path_factory.mktemp("site") / "data", APP, limits) as server:
        yield server


@pytest.fixture(params=["site port", "main port"])
def base(server: ServerProcess, request: pytest.FixtureRequest) -> str:
    return server.site_url if request.param == "site port" else f"{server.url}/http"


def visits(server: ServerProcess) -> list[str]:
    body = {"path": "pages:visits", "args": {}, "format": "json"}
    answer: dict[str, Any] = httpx.post(f"{server.url}/api/query", json=body).json()
    value: list[str] = answer["value"]
    return value


def connect(server: ServerProcess) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.site_url.rsplit(":", 1)[1])), timeout=SECONDS_MAX)


class Memory:
    """The most memory that each process of a server has had since this was made."""

    def __init__(self, server: ServerProcess) -> None:
        self._pids = {pid: name for pid, name in server.descendants().items() if name != "rtdb-runner"}
        for pid in self._pids:
            # Begin to measure the peak anew.
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        self._before = self._peaks()

    def _peaks(self) -> dict[int, int]:
        peaks = {}
        for pid in self._pids:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
            assert found is not None
            peaks[pid] = int(found[1]) * 1024
        return peaks

    def growth(self, name: str = "") -> int:
        """By how many bytes the process has grown that has grown most."""
        return max(
            peak - self._before[pid] for pid, peak in self._peaks().items() if not name or self._pids[pid] == name
        )


def test_an_action_answers_with_what_it_likes(base: str) -> None:
    response = httpx.get(f"{base}/hello", params={"name": "ada"})
    assert (response.status_code, response.text) == (200, "hello ada")
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-type"] == "text/plain;charset=UTF-8"
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_head_is_get_without_the_body(base: str) -> None:
    response = httpx.head(f"{base}/hello")
    assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "9")


def test_options_is_a_route_like_any_other(base: str) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    response = httpx.options(f"{base}/hello", headers=headers)
    assert response.json() == {"method": "OPTIONS", "url": f"{base.removesuffix('/http')}/hello", "path": "/hello"}
    assert httpx.options(f"{base}/echo", headers=headers).status_code == 404


def test_the_longest_prefix_answers(base: str) -> None:
    assert httpx.get(f"{base}/numbers/special/7").json()["path"] == "/numbers/special/7"
    assert len(httpx.get(f"{base}/numbers/7").content) == 7


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/hello"), ("GET", "/nowhere"), ("GET", "/hello/"), ("GET", "/numbers"), ("GET", "/")]
)
def test_what_no_route_matches_is_not_found(base: str, method: str, path: str) -> None:
    response = httpx.request(method, base + path)
    assert (response.status_code, response.text) == (404, "No matching routes found")
    assert response.headers["content-type"].startswith("text/plain")


def test_an_app_without_routes_says_so(tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "empty.py").write_text("")
    with ServerProcess(tmp_path / "data", app) as server:
        for base in (server.site_url, f"{server.url}/http"):
            response = httpx.post(f"{base}/hello", content=b"x")
            assert response.status_code == 404
            assert response.text == "This Convex deployment does not have HTTP actions enabled."


def test_an_action_reads_its_request_in_pieces_and_runs_functions(server: ServerProcess, base: str) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield bytes(1000)

    before = len(visits(server))
    response = httpx.post(f"{base}/count", content=pieces())
    assert response.json() == {"bytes": 100_000, "visits": before + 1}
    assert visits(server)[-1] == "/count"


def test_an_error_before_the_head_is_told_with_its_data(base: str) -> None:
    response = httpx.post(f"{base}/fail", json={"a": "b"})
    assert response.status_code == 500
    answer = response.json()
    assert answer["data"] == {"refused": {"a": "b"}}
    assert re.fullmatch(r"\[Request ID: [0-9a-f]{16}\] Server Error: Uncaught ConvexError: .*", answer["code"])
    assert "at fail (pages.py:" in answer["trace"]
    answer = httpx.post(f"{base}/fail", content=b"not json").json()
    assert "the request's body is not JSON" in answer["code"]


def test_what_is_no_response_is_an_error(base: str) -> None:
    response = httpx.get(f"{base}/wrong")
    assert response.status_code == 500
    assert response.json()["trace"].startswith("Uncaught TypeError: HTTP actions must return a Response, got dict")


def test_an_error_after_the_head_breaks_the_answer_off(server: ServerProcess, base: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        httpx.get(f"{base}/broken")
    wait_until(lambda: "out of order" in server.log)


def test_credentials_of_another_kind_fail_where_they_are_asked_for(server: ServerProcess, base: str) -> None:
    headers = {"Authorization": "Basic dTpw"}
    assert httpx.get(f"{base}/hello", headers=headers).status_code == 200
    assert "Invalid admin key" in httpx.get(f"{base}/identity", headers=headers).json()["code"]
    assert httpx.get(f"{base}/identity").json() is None
    assert httpx.get(f"{base}/identity", headers={"Authorization": f"Convex {server.admin_key}"}).json() is None


def test_a_large_response_passes_through_little_memory(server: ServerProcess, base: str) -> None:
    httpx.get(f"{base}/numbers/1")
    memory = Memory(server)
    received = 0
    with httpx.stream("GET", f"{base}/numbers/{LARGE}?length") as response:
        assert response.headers["content-length"] == str(LARGE)
        for chunk in response.iter_bytes():
            assert chunk[0] == received % 256
            received += len(chunk)
    assert received == LARGE
    assert memory.growth() < MEMORY_MAX


@pytest.mark.parametrize("chunked", [True, False])
def test_a_large_request_passes_through_little_memory(server: ServerProcess, base: str, chunked: bool) -> None:
    httpx.post(f"{base}/count")
    memory = Memory(server)

    def pieces() -> Iterator[bytes]:
        for _ in range(LARGE // MB):
            yield bytes(MB)

    headers = {} if chunked else {"Content-Length": str(LARGE)}
    response = httpx.post(f"{base}/count", content=pieces(), headers=headers)
    assert response.json()["bytes"] == LARGE
    assert memory.growth() < MEMORY_MAX


def test_a_large_body_passes_both_ways_at_once(server: ServerProcess) -> None:
    memory = Memory(server)
    block = bytes(range(200)) * 5000
    with connect(server) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % LARGE)
        sent = total = 0
        while sent < LARGE:
            # No more ahead than sockets and windows hold, as the client must not send it all before it reads.
            piece = block[: min(len(block), 100_000, LARGE - sent)]
            client.sendall(piece)
            sent += len(piece)
            while total < sent - 400_000:
                total += len(client.recv(65536))
        while data := client.recv(65536):
            total += len(data)
    assert total >= LARGE
    assert memory.growth() < MEMORY_MAX


def test_an_action_that_keeps_a_body_is_seen_to_grow(server: ServerProcess) -> None:
    """The control of the three before: the measure notices 50 MB."""
    memory = Memory(server)
    assert httpx.post(f"{server.site_url}/keep", content=bytes(LARGE)).json() == LARGE
    assert memory.growth("rtdb-actions") > LARGE
    assert memory.growth("rtdb-gateway") < MEMORY_MAX
    assert memory.growth("rtdb-hub") < MEMORY_MAX


def test_a_slow_reader_holds_up_the_action_and_nobody_else(server: ServerProcess) -> None:
    path = f"/numbers/{LARGE + 1}"
    memory = Memory(server)
    with connect(server) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
        for _ in range(20):
            assert httpx.get(f"{server.site_url}/hello").status_code == 200
        assert f"ended {path} True" not in visits(server)
        total = 0
        while data := client.recv(1 << 20):
            total += len(data)
    assert total > LARGE
    wait_until(lambda: f"ended {path} True" in visits(server))
    assert memory.growth() < MEMORY_MAX


def test_what_produces_an_answer_ends_when_the_client_has_gone(server: ServerProcess) -> None:
    path = "/numbers/60000001"
    with connect(server) as client:
        client.sendall(f"GET {path}?wait=0.01 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(12) == b"HTTP/1.1 200"
    wait_until(lambda: f"ended {path} False" in visits(server))


def test_an_action_goes_on_without_its_client(server: ServerProcess) -> None:
    """Whoever sends a webhook hangs up after a few seconds; what the action does about it is not left half done."""
    with connect(server) as client:
        client.sendall(b"GET /slow/left HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: "began /slow/left" in visits(server))
    wait_until(lambda: "done /slow/left True" in visits(server))


def test_a_request_that_breaks_off_is_an_error_of_the_action(server: ServerProcess) -> None:
    with connect(server) as client:
        client.sendall(b"POST /keep HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
        wait_until(lambda: "began /keep" in visits(server))
    wait_until(lambda: "the client went away before the whole request had come" in str(visits(server)))


def test_a_body_over_the_limit_is_refused(server: ServerProcess, base: str) -> None:
    response = httpx.post(f"{base}/count", content=bytes(70 * MB))
    assert (response.status_code, response.json()["code"]) == (413, "ContentTooLarge")


def test_a_response_over_the_limit_breaks_off(server: ServerProcess, base: str) -> None:
    received = 0

    def read() -> None:
        nonlocal received
        with httpx.stream("GET", f"{base}/numbers/70000000") as response:
            for chunk in response.iter_bytes():
                received += len(chunk)

    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        read()
    assert 60 * MB < received <= 64 << 20
    wait_until(lambda: "HTTP actions support responses up to 64 MiB" in server.log)
    response = httpx.get(f"{base}/whole/70000000")
    assert response.status_code == 500
    assert "HTTP actions support responses up to 64 MiB" in response.json()["code"]


def test_the_site_port_can_be_left_out(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", APP, ["--site-port", "0"]) as server:
        assert server.site_url == ""
        assert httpx.get(f"{server.url}/http/hello").text == "hello you"
