"""HTTP actions as clients see them, over real sockets, with a scripted hub where the action would be."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import trio

from rtdb.config import Limits
from rtdb.link.frames import ExecutionError
from tests.gateway.scripted_hub import ScriptedAction, ScriptedHub, open_gateway

BOOM = ExecutionError("FunctionError", "Uncaught ValueError: boom", "    at receive (hooks.py:3)\n")


@asynccontextmanager
async def open_site(
    *, limits: Limits | None = None, redact_errors: bool = False
) -> AsyncIterator[tuple[ScriptedHub, httpx.AsyncClient]]:
    async with (
        open_gateway(limits=limits, redact_errors=redact_errors) as hub,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.site_port}") as client,
    ):
        yield hub, client


@asynccontextmanager
async def connect(port: int) -> AsyncIterator[trio.SocketStream]:
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        yield stream


async def receive_until(stream: trio.SocketStream, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        data = await stream.receive_some()
        assert data, f"the connection ended after {received!r}"
        received += data
    return received


async def receive_all(stream: trio.SocketStream) -> bytes:
    received = bytearray()
    try:
        while data := await stream.receive_some():
            received += data
    except trio.BrokenResourceError:
        # What the server had not read when it closed makes it a reset.
        pass
    return bytes(received)


def answering(body: bytes = b"ok", status: int = 200, *headers: tuple[bytes, bytes]) -> Any:
    async def answer(action: ScriptedAction) -> None:
        await action.answer(body, status, *headers)

    return answer


def failing(error: ExecutionError) -> Any:
    async def fail(action: ScriptedAction) -> None:
        action.end(error)

    return fail


async def echo(action: ScriptedAction) -> None:
    """Answer with the request's body while it arrives."""
    action.head(200)
    while (data := await action.received.receive()) is not None:
        await action.body.send(data)
    await action.body.send(b"", last=True)
    action.end()


async def test_a_request_reaches_the_action_as_it_was_sent() -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering()
        await client.get("/a%2Fb//c/?x=1&y=%20", headers=[("X-Many", "1"), ("X-Many", "2")])
        (action,) = hub.actions
        request = action.request
        assert (request.method, request.target) == ("GET", "/a%2Fb//c/?x=1&y=%20")
        assert request.base == f"http://127.0.0.1:{hub.site_port}"
        assert [value for name, value in request.headers if name == b"x-many"] == [b"1", b"2"]
        assert (request.identity, request.identity_error, request.body) == (None, None, False)


async def test_on_the_main_port_actions_are_under_http_and_do_not_see_it() -> None:
    async with open_gateway() as hub, httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
        hub.on_request = answering(b"from the action")
        for path, seen in [("/http/a?b", "/a?b"), ("/http/", "/"), ("/http//api/x", "//api/x")]:
            assert (await client.get(path)).text == "from the action"
            assert hub.actions[-1].request.target == seen
        for path in ("/http", "/httpx/a", "/%68ttp/a", "/a/http/b"):
            assert (await client.get(path)).status_code == 404
        assert len(hub.actions) == 3


async def test_on_the_site_port_every_path_is_an_actions() -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering(b"from the action")
        for path in ("/", "/version", "/api/query", "/api/1.48.0/sync", "/metrics", "/http/a"):
            assert (await client.get(path)).text == "from the action"
            assert hub.actions[-1].request.target == path


@pytest.mark.parametrize(
    ("headers", "origin"),
    [
        ({}, "http://shop.example:81"),
        ({"X-Forwarded-Proto": "https"}, "https://shop.example:81"),
        ({"X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "a.example, b"}, "https://a.example"),
        ({"Forwarded": 'for=1.2.3.4;Proto=https;host="f.example"'}, "https://f.example"),
        ({"Forwarded": "proto=https;host=f.example, proto=ftp", "X-Forwarded-Host": "a"}, "https://f.example"),
        ({"Host": "shop.example/other?"}, "http://localhost"),
        ({"Host": "[::1]:81", "X-Forwarded-Host": "a/b"}, "http://[::1]:81"),
        ({"Host": "["}, "http://localhost"),
        ({"Host": "user@shop.example"}, "http://localhost"),
        ({"X-Forwarded-Proto": "https://a.example/?"}, "http://shop.example:81"),
        ({"Forwarded": "proto=https", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "a"}, "http://a"),
    ],
)
async def test_the_address_is_the_one_the_client_wrote(headers: dict[str, str], origin: str) -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering()
        await client.get("/", headers={"Host": "shop.example:81", **headers})
        assert hub.actions[0].request.base == origin


async def test_an_answer_is_passed_on_as_it_is() -> None:
    async with open_site() as (hub, client):
        cookies = (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")
        hub.on_request = answering(b"caf\xe9", 418, (b"x-name", b"caf\xe9"), *cookies)
        response = await client.post("/", headers={"Origin": "https://app.example"})
        assert (response.status_code, response.content) == (418, b"caf\xe9")
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        assert (b"X-Name".lower(), b"caf\xe9") in response.headers.raw
        assert response.headers.keys() == {"x-name", "set-cookie", "date", "transfer-encoding"}


async def test_headers_about_an_upstream_connection_are_left_out() -> None:
    async with open_site() as (hub, client):
        upstream = [(b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"keep-alive", b"5")]
        hub.on_request = answering(b"ok", 200, *upstream, (b"content-length", b"2"))
        response = await client.get("/")
        assert response.headers.keys() == {"content-length", "date"}


async def test_preflights_are_the_apps_own() -> None:
    async with open_gateway() as hub, httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client:
        hub.on_request = answering(b"", 204, (b"access-control-allow-origin", b"https://app.example"))
        response = await client.options("/http/a", headers={"Origin": "https://other.example"})
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in response.headers
        assert hub.actions[0].request.method == "OPTIONS"


async def test_head_has_no_body_and_the_connection_goes_on() -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering(b"never sent", 200, (b"content-length", b"10"))
        response = await client.head("/a")
        assert (response.content, response.headers["content-length"]) == (b"", "10")
        assert hub.actions[0].request.method == "HEAD"
        assert (await client.get("/a")).content == b"never sent"


async def test_other_methods_are_refused_before_anything_runs() -> None:
    async with open_site() as (hub, client):
        for method in ("TRACE", "PROPFIND"):
            response = await client.request(method, "/a")
            assert (response.status_code, response.content) == (405, b"")
            assert response.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        assert hub.actions == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_body_is_passed_on_and_ends(method: str) -> None:
    async with open_site() as (hub, client):
        hub.on_request = echo
        response = await client.request(method, "/", content=b"x" * 100_000)
        assert response.content == b"x" * 100_000
        assert (await client.request(method, "/")).content == b""
        assert all(action.request.body for action in hub.actions)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_body_that_a_method_should_not_have_is_thrown_away(method: str) -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering(b"ok")
        response = await client.request(method, "/", content=b"x" * 1_000_000)
        assert response.status_code == 200
        assert not hub.actions[0].request.body
        assert hub.actions[0].chunks == []
        assert (await client.get("/")).content == b"ok"


async def test_an_action_answers_while_it_still_reads() -> None:
    async with open_site() as (hub, _), connect(hub.site_port) as stream:
        hub.on_request = echo
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert (await receive_until(stream, b"one")).startswith(b"HTTP/1.1 200")
        await stream.send_all(b"3\r\ntwo\r\n")
        await receive_until(stream, b"two")
        await stream.send_all(b"0\r\n\r\n")
        await receive_until(stream, b"0\r\n\r\n")


async def test_a_failed_action_is_a_500_with_all_of_it() -> None:
    async with open_site() as (hub, client):
        hub.on_request = failing(BOOM)
        response = await client.post("/hooks?secret=1", content=b"{}")
        assert response.status_code == 500
        answer = response.json()
        request = hub.actions[0].request
        name = request.origin.request
        # The hub logs it under that id, and this name.
        assert (len(name), request.path) == (16, "POST /hooks")
        assert answer == {
            "code": f"[Request ID: {name}] Server Error: Uncaught ValueError: boom",
            "trace": "Uncaught ValueError: boom\n    at receive (hooks.py:3)\n",
        }


async def test_a_redacted_failure_has_its_id_and_the_data_of_a_coded_error() -> None:
    async with open_site(redact_errors=True) as (hub, client):
        hub.on_request = failing(ExecutionError("x", "Uncaught ConvexError: no", "    at f (m.py:1)\n", b'{"a":1.0}'))
        response = await client.post("/")
        answer = response.json()
        assert answer.keys() == {"code", "data"}
        assert answer["code"].endswith("] Server Error")
        assert answer["data"] == {"a": 1.0}


async def test_a_server_that_cannot_run_it_says_so_in_the_common_form() -> None:
    async with open_site() as (hub, client):
        hub.on_request = failing(ExecutionError("TooManyConcurrentRequests", "busy", system=429))
        response = await client.get("/")
        assert (response.status_code, response.json()) == (
            429,
            {"code": "TooManyConcurrentRequests", "message": "busy"},
        )


async def test_an_answer_that_breaks_off_does_not_look_complete() -> None:
    async with open_site() as (hub, client):

        async def break_off(action: ScriptedAction) -> None:
            action.head(200)
            await action.body.send(b"half")
            action.end(BOOM)

        hub.on_request = break_off
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/a")
        hub.on_request = answering(b"next")
        assert (await client.get("/")).content == b"next"


async def test_an_answer_that_breaks_off_is_a_reset_where_its_end_would_be_the_end_of_the_connection() -> None:
    """HTTP/1.0 is what proxies speak that were not told otherwise."""
    async with open_site() as (hub, _):

        async def break_off(action: ScriptedAction) -> None:
            action.head(200)
            await action.body.send(b"half")
            await read_half.wait()
            action.end(BOOM)

        for handler in (break_off, answering(b"half")):
            hub.on_request = handler
            read_half = trio.Event()
            async with connect(hub.site_port) as stream:
                await stream.send_all(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
                assert b"transfer-encoding" not in await receive_until(stream, b"half")
                read_half.set()
                if handler is break_off:
                    with pytest.raises(trio.BrokenResourceError):
                        await stream.receive_some()
                else:
                    assert await stream.receive_some() == b""


async def test_a_body_that_is_announced_too_large_is_refused_before_anything_runs() -> None:
    async with open_site(limits=Limits(http_action_request_bytes_max=1000)) as (hub, client):
        hub.on_request = echo
        response = await client.post("/", content=bytes(1001))
        assert response.status_code == 413
        assert response.json() == {
            "code": "ContentTooLarge",
            "message": "The body of a request to an HTTP action may have at most 1000 bytes "
            "(http_action_request_bytes_max).",
        }
        assert hub.actions == []
        assert (await client.post("/", content=bytes(1000))).content == bytes(1000)


async def test_a_body_that_grows_too_large_ends_the_action_and_is_never_whole() -> None:
    async with open_site(limits=Limits(http_action_request_bytes_max=1000)) as (hub, client):

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(11):
                yield bytes(100)

        async def read(action: ScriptedAction) -> None:
            await action.read()

        hub.on_request = read
        response = await client.post("/", content=chunks())
        assert (response.status_code, response.json()["code"]) == (413, "ContentTooLarge")
        (action,) = hub.actions
        await hub.wait_until(lambda: hub.cancelled == [action.request.call])
        assert not any(chunk.last for chunk in action.chunks)


@pytest.mark.slow
async def test_a_reader_that_does_not_read_holds_up_the_action() -> None:
    limits = Limits(http_action_window_bytes=10_000)
    async with open_site(limits=limits) as (hub, _), connect(hub.site_port) as stream:
        sent = 0

        async def stream_on(action: ScriptedAction) -> None:
            nonlocal sent
            action.head(200)
            for _ in range(2_000):
                await action.body.send(bytes(10_000))
                sent += 10_000
            await action.body.send(b"", last=True)
            action.end()

        hub.on_request = stream_on
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        # What the sockets' own buffers take is a matter of the kernel; the rest of the 20 MB stays with the action.
        previous = -1
        while previous != sent:
            previous = sent
            with trio.move_on_after(0.3):
                while previous == sent:
                    await trio.lowlevel.checkpoint()
        assert 0 < sent < 16_000_000
        assert len(await receive_all(stream)) > 20_000_000


@pytest.mark.slow
async def test_an_action_that_does_not_read_holds_up_the_client() -> None:
    async with open_site(limits=Limits(http_action_window_bytes=10_000)) as (hub, client):
        begin = trio.Event()

        async def read_late(action: ScriptedAction) -> None:
            await begin.wait()
            await action.answer(str(len(await action.read())).encode())

        hub.on_request = read_late
        async with trio.open_nursery() as nursery:
            responses: list[httpx.Response] = []

            async def post() -> None:
                responses.append(await client.post("/", content=bytes(5_000_000)))

            nursery.start_soon(post)
            await hub.wait_until(
                lambda: bool(hub.actions) and sum(len(c.data) for c in hub.actions[0].chunks) >= 10_000
            )
            with trio.move_on_after(0.2):
                await hub.wait_until(lambda: sum(len(chunk.data) for chunk in hub.actions[0].chunks) > 10_000)
            assert sum(len(chunk.data) for chunk in hub.actions[0].chunks) == 10_000
            begin.set()
        assert responses[0].text == "5000000"


async def test_what_the_action_does_not_read_costs_the_client_nothing() -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering(b"thanks")
        response = await client.post("/", content=bytes(5_000_000))
        assert (response.status_code, response.text) == (200, "thanks")
        assert (await client.post("/", content=b"more")).text == "thanks"


async def test_a_client_that_sends_for_ever_is_answered_and_then_disconnected() -> None:
    """The end of a connection used to wait behind the body that nobody reads."""
    async with open_site(limits=Limits(http_action_request_bytes_max=200_000)) as (hub, _):
        hub.on_request = answering(b"thanks")
        async with connect(hub.site_port) as stream, trio.open_nursery() as nursery:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")

            async def flood() -> None:
                try:
                    while True:
                        await stream.send_all(b"10000\r\n" + bytes(0x10000) + b"\r\n")
                except trio.BrokenResourceError:
                    return

            nursery.start_soon(flood)


@pytest.mark.parametrize("head", [True, False])
async def test_a_client_that_goes_away_is_told_to_the_action(head: bool) -> None:
    async with open_site() as (hub, _):

        async def begin(action: ScriptedAction) -> None:
            if head:
                action.head(200)
                await action.body.send(b"first")

        hub.on_request = begin
        async with connect(hub.site_port) as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            if head:
                await receive_until(stream, b"first")
            else:
                await hub.wait_until(lambda: len(hub.actions) == 1)
        await hub.wait_until(lambda: hub.cancelled == [hub.actions[0].request.call])


async def test_a_client_that_goes_away_in_the_middle_of_its_body_has_not_sent_it() -> None:
    async with open_site() as (hub, _):

        async def read(action: ScriptedAction) -> None:
            await action.read()

        hub.on_request = read
        async with connect(hub.site_port) as stream:
            await stream.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            await hub.wait_until(lambda: bool(hub.actions) and bool(hub.actions[0].chunks))
        await hub.wait_until(lambda: hub.cancelled == [hub.actions[0].request.call])
        assert [chunk.last for chunk in hub.actions[0].chunks] == [False]


@pytest.mark.slow
async def test_a_client_that_is_gone_is_noticed_behind_a_body_that_nobody_reads() -> None:
    """Everything waits: the connection for the body's reader, the body for credit. Only sending can tell."""
    async with open_site(limits=Limits(http_action_window_bytes=1000)) as (hub, _):

        async def talk(action: ScriptedAction) -> None:
            action.head(200)
            while not hub.cancelled:
                await action.body.send(bytes(100))
                await trio.lowlevel.checkpoint()

        hub.on_request = talk
        async with connect(hub.site_port) as stream:
            head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream.send_all, head + bytes(9_000_000))
                await receive_until(stream, b"200")
                nursery.cancel_scope.cancel()
        await hub.wait_until(lambda: len(hub.cancelled) == 1)


async def test_an_action_that_does_not_begin_to_answer_is_given_up() -> None:
    async with open_site(limits=Limits(request_seconds_max=0.2)) as (hub, client):
        response = await client.post("/", content=b"x")
        assert (response.status_code, response.content) == (408, b"")
        await hub.wait_until(lambda: len(hub.cancelled) == 1)


@pytest.mark.slow
async def test_an_answer_that_has_begun_may_take_its_time() -> None:
    async with open_site(limits=Limits(request_seconds_max=1.0)) as (hub, client):

        async def slow(action: ScriptedAction) -> None:
            action.head(200)
            with trio.move_on_after(1.5):
                await hub.wait_until(lambda: bool(hub.cancelled))
            await action.body.send(b"late", last=True)
            action.end()

        hub.on_request = slow
        assert (await client.get("/")).content == b"late"


async def test_credentials_that_we_do_not_know_are_the_apps_business() -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering()
        for header in ("Basic dXNlcjpwYXNz", "Bearer nonsense", "x", f"Convex {hub.admin_key}x"):
            assert (await client.get("/", headers={"Authorization": header})).status_code == 200
            request = hub.actions[-1].request
            assert request.identity is None
            assert request.identity_error is not None
        codes = [action.request.identity_error.code for action in hub.actions if action.request.identity_error]
        assert codes == ["InvalidAdminKey", "InvalidAuthHeader", "InvalidHeaderFailure", "BadAdminKey"]


async def test_an_administrator_may_act_as_a_user() -> None:
    async with open_site() as (hub, client):
        hub.on_request = answering()
        await client.get(f"/?adminKey={hub.admin_key}x", headers={"Authorization": f"Convex {hub.admin_key}"})
        assert (hub.actions[0].request.identity, hub.actions[0].request.identity_error) == (None, None)
        acting = base64.b64encode(json.dumps({"issuer": "i", "subject": "s"}).encode()).decode()
        await client.get("/", headers={"Authorization": f"Convex {hub.admin_key}:{acting}"})
        identity = hub.actions[1].request.identity
        assert identity is not None
        assert json.loads(identity) == {"issuer": "i", "subject": "s", "tokenIdentifier": "i|s"}


async def test_too_many_requests_are_refused() -> None:
    async with open_site(limits=Limits(http_requests_max=1)) as (hub, client), trio.open_nursery() as nursery:
        nursery.start_soon(client.get, "/")
        await hub.wait_until(lambda: len(hub.actions) == 1)
        response = await client.get("/")
        assert (response.status_code, response.json()["code"]) == (429, "TooManyConcurrentRequests")
        await hub.actions[0].answer(b"")


async def test_a_gateway_that_is_drained_finishes_answers() -> None:
    async with open_site() as (hub, client):

        async def begin(action: ScriptedAction) -> None:
            action.head(200)
            await action.body.send(b"first, ")

        hub.on_request = begin
        async with client.stream("GET", "/") as response:
            chunks = response.aiter_bytes()
            assert await anext(chunks) == b"first, "
            hub.drain()
            await hub.actions[0].body.send(b"last", last=True)
            hub.actions[0].end()
            assert b"".join([chunk async for chunk in chunks]) == b"last"
        await hub.ended.wait()
