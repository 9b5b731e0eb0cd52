"""``ctx.fetch``: requests with bounds, against a server that is a function."""

from __future__ import annotations

import gzip
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
import trio
from trio.testing import MockClock

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.fetch import Fetcher
from rtdb.typescript.networks import reach_of


def fetcher(handler: httpx.MockTransport | None = None, **limits: int | float) -> Fetcher:
    return Fetcher(Limits(**limits), reach_of(None), handler)  # type: ignore[arg-type]  # each test names limits of the right type


def echo(request: httpx.Request) -> httpx.Response:
    return httpx.Response(
        200,
        json={
            "method": request.method,
            "url": str(request.url),
            "body": request.content.decode(),
            "x": request.headers.get("x"),
            "cookie": request.headers.get("cookie"),
        },
        headers={"Set-Cookie": "session=of-somebody-else; Path=/"},
    )


async def test_a_request_is_made_as_httpx_makes_it() -> None:
    fetch = fetcher(httpx.MockTransport(echo))
    response = await fetch.fetch(
        "http://example.test/a",
        {"method": "POST", "params": {"q": "1"}, "json": {"n": 1}, "headers": {"x": "y"}},
    )
    assert response.status_code == 200
    assert response.json() == {
        "method": "POST",
        "url": "http://example.test/a?q=1",
        "body": '{"n":1}',
        "x": "y",
        "cookie": None,
    }


async def test_cookies_of_one_response_are_not_sent_with_the_next_request() -> None:
    fetch = fetcher(httpx.MockTransport(echo))
    await fetch.fetch("http://example.test/", {})
    assert (await fetch.fetch("http://example.test/", {})).json()["cookie"] is None


async def test_a_compressed_body_is_decoded_once() -> None:
    packed = gzip.compress(b"text " * 100)
    answer = httpx.Response(200, content=packed, headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"})
    response = await fetcher(httpx.MockTransport(lambda request: answer)).fetch("http://example.test/", {})
    assert response.text == "text " * 100
    assert response.headers["content-type"] == "text/plain"
    assert response.headers["content-length"] == "500"


async def test_a_small_body_that_decodes_to_a_large_one_is_refused() -> None:
    bomb = httpx.Response(200, content=gzip.compress(bytes(1 << 22)), headers={"Content-Encoding": "gzip"})
    fetch = fetcher(httpx.MockTransport(lambda request: bomb), fetch_bytes_max=1 << 20)
    with pytest.raises(DeveloperError, match=r"GET http://example.test/ answered with more than 1 MiB") as caught:
        await fetch.fetch("http://user:pass@example.test/?token=secret", {})
    assert caught.value.code == "FetchResponseTooLarge"
    assert "secret" not in caught.value.message
    assert "pass" not in caught.value.message


class _Trickle(httpx.AsyncByteStream):
    """A body that never ends and never stands still."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await trio.sleep(1)
            yield b"."


@pytest.mark.parametrize(("options", "seconds"), [({}, 120), ({"timeout": 7}, 7)])
async def test_a_response_has_to_be_complete_in_time(
    autojump_clock: MockClock, options: dict[str, int], seconds: int
) -> None:
    fetch = fetcher(httpx.MockTransport(lambda request: httpx.Response(200, stream=_Trickle())))
    started = trio.current_time()
    with pytest.raises(DeveloperError, match=f"did not answer completely within {seconds} s") as caught:
        await fetch.fetch("http://example.test/slow?token=secret", options)
    assert trio.current_time() - started == pytest.approx(seconds)
    assert caught.value.code == "FetchTimedOut"
    assert "secret" not in caught.value.message


async def test_redirects_are_followed_unless_that_is_not_wanted() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/":
            return httpx.Response(302, headers={"Location": "/there"})
        return httpx.Response(200, text="there")

    fetch = fetcher(httpx.MockTransport(handler))
    response = await fetch.fetch("http://example.test/", {})
    assert (response.text, [each.status_code for each in response.history]) == ("there", [302])
    assert (await fetch.fetch("http://example.test/", {"follow_redirects": False})).status_code == 302


async def test_failures_to_connect_are_those_of_httpx() -> None:
    with pytest.raises(httpx.ConnectError):
        await Fetcher(Limits(), reach_of("127.0.0.1")).fetch("http://127.0.0.1:9/", {})
    with pytest.raises(httpx.UnsupportedProtocol):
        await fetcher().fetch("file:///etc/passwd", {})


# --- what may be reached, over real sockets ---------------------------------------------------------------------------


class _Names(trio.abc.HostnameResolver):
    """A name server, of which each name has the next address whenever it is asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)

    async def getaddrinfo(
        self, host: object, port: object, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        address = self.addresses.pop(0)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    async def getnameinfo(self, sockaddr: object, flags: int) -> Any:
        raise NotImplementedError


@pytest.fixture
async def answering() -> AsyncIterator[int]:
    """The port of a server on this machine: it answers `/to/URL` with a redirect there, and the rest with `here`."""

    async def answer(stream: trio.SocketStream) -> None:
        path = (await stream.receive_some(4096)).split(b" ")[1]
        head = b"302 Found\r\nLocation: " + path[4:] if path.startswith(b"/to/") else b"200 OK"
        await stream.send_all(b"HTTP/1.1 " + head + b"\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhere")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, answer, 0, host="127.0.0.1"))
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "https://192.168.0.1/",
        "http://0.0.0.0:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
        "http://localhost:{port}/",
    ],
)
async def test_addresses_of_the_servers_surroundings_are_refused(answering: int, url: str) -> None:
    with pytest.raises(DeveloperError, match="is an address of the server's own network") as caught:
        await fetcher().fetch(url.format(port=answering), {})
    assert caught.value.code == "FetchAddressRefused"
    assert "action_networks_allowed" in caught.value.message


async def test_what_is_allowed_is_reached_and_a_redirect_leads_no_further(answering: int) -> None:
    fetch = Fetcher(Limits(), reach_of("127.0.0.0/8"))
    assert (await fetch.fetch(f"http://127.0.0.1:{answering}/", {})).text == "here"
    assert (await fetch.fetch(f"http://localhost:{answering}/", {})).text == "here"
    with pytest.raises(DeveloperError, match=r"169\.254\.169\.254 is an address"):
        await fetch.fetch(f"http://127.0.0.1:{answering}/to/http://169.254.169.254/", {})


async def test_a_name_that_has_another_address_when_it_is_asked_for_again_leads_nowhere_else(answering: int) -> None:
    """It is asked for once for each connection, and what it has then is what is connected to."""
    names = _Names("10.0.0.1", "127.0.0.1")
    trio.socket.set_custom_hostname_resolver(names)
    with pytest.raises(DeveloperError, match=r"10\.0\.0\.1 is an address"):
        await fetcher().fetch(f"http://rebinding.test:{answering}/", {})
    assert names.addresses == ["127.0.0.1"]
    response = await Fetcher(Limits(), reach_of("127.0.0.1")).fetch(f"http://rebinding.test:{answering}/", {})
    assert (response.text, names.addresses) == ("here", [])


async def test_a_name_that_there_is_not_is_httpx_connect_error() -> None:
    with pytest.raises(httpx.ConnectError):
        await fetcher().fetch("http://nowhere.invalid/", {})
