"""Sync sessions through a whole gateway, on real sockets, with a scripted hub behind it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import structlog.testing
import trio
import trio.lowlevel
from trio_websocket import ConnectionClosed

from rtdb.config import Limits
from rtdb.link.frames import Answer, BlockNotice, CallRequest, ExecutionError, SessionRequest
from rtdb.link.link import LinkClosed
from tests.gateway.scripted_hub import FIRST_TS, open_gateway
from tests.gateway.sync_client import SESSION, SyncClient, open_sync
from tests.waiting import SECONDS_MAX


def values(transition: Any) -> dict[int, Any]:
    assert transition["type"] == "Transition"
    return {one["queryId"]: one["value"] for one in transition["modifications"] if one["type"] == "QueryUpdated"}


async def wait_closed(client: SyncClient) -> tuple[int, str | None]:
    """Receive until the server has closed; return code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        await receive_forever(client)
    reason = closed.value.reason
    assert reason is not None
    return int(reason.code), reason.reason


async def receive_forever(client: SyncClient) -> None:
    while True:
        await client.receive()


@pytest.mark.parametrize("path", ["/api/sync", "/api/1.48.0/sync", "//api/1.48.0/sync", "/api/1.28.0-alpha.1/sync?x=1"])
async def test_a_subscriber_is_told_the_result_and_every_change_of_it(path: str) -> None:
    async with open_gateway() as hub, open_sync(hub.port, path) as client:
        hub.results["messages:list"] = b"[1.0]"
        await client.connect()
        await client.add((0, "messages:list"))
        first = await client.receive()
        assert values(first) == {0: [1.0]}
        assert first["startVersion"] == {"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="}
        hub.commit("messages:list", b"[1.0,2.0]")
        second = await client.receive()
        assert values(second) == {0: [1.0, 2.0]}
        assert second["startVersion"] == first["endVersion"]


async def test_a_query_is_watched_once_for_all_sessions_and_until_the_last_leaves() -> None:
    async with open_gateway() as hub:
        async with open_sync(hub.port) as one:
            await one.add((0, "a:b"))
            await one.receive()
            async with open_sync(hub.port) as two:
                await two.add((7, "a.js:b"))
                await two.receive()
                assert len(hub.watches) == 1
                hub.commit("a:b", b"5.0")
                assert values(await one.receive()) == {0: 5.0}
                assert values(await two.receive()) == {7: 5.0}
            assert hub.unwatched == []
        await hub.wait_until(lambda: hub.unwatched == [1])


async def test_a_mutation_is_answered_before_the_transition_that_reflects_it() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:

        def run(request: CallRequest) -> Answer:
            hub.commit("messages:list", b'["hi"]')
            return Answer(request.call, b'"id"', None, ["[LOG] 'x'"], hub.ts)

        hub.on_call = run
        await client.connect()
        await client.add((0, "messages:list"))
        await client.receive()
        await client.mutate(4, args={"body": "hi"})
        received = [await client.receive() for _ in range(3)]
        response = next(message for message in received if message["type"] == "MutationResponse")
        assert response["success"]
        assert response["result"] == "id"
        assert response["logLines"] == ["[LOG] 'x'"]
        after = received[received.index(response) + 1]
        assert after["type"] == "Transition"
        (call,) = hub.calls
        assert call.session == SessionRequest(SESSION, 4)
        assert json.loads(call.args) == {"body": "hi"}


async def test_an_action_runs_beside_a_mutation() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        hub.on_call = lambda _request: None
        await client.connect()
        await client.mutate(0)
        await client.mutate(1)
        await client.send(type="Action", requestId=2, udfPath="ai:run", args=[{}])
        await hub.wait_until(lambda: [call.kind for call in hub.calls] == ["mutation", "action"])
        error = ExecutionError("x", "Uncaught ValueError: no", "    at f (m.py:1)\n")
        hub.send(Answer(hub.calls[1].call, None, error, [], FIRST_TS))
        response = await client.receive()
        assert (response["type"], response["requestId"], response["success"]) == ("ActionResponse", 2, False)
        assert response["result"].endswith("Uncaught ValueError: no\n    at f (m.py:1)\n")


async def test_calls_of_a_session_that_is_gone_are_cancelled() -> None:
    async with open_gateway() as hub:
        hub.on_call = lambda _request: None
        async with open_sync(hub.port) as client:
            await client.connect()
            await client.mutate(0)
            await hub.wait_until(lambda: len(hub.calls) == 1)
        await hub.wait_until(lambda: hub.cancelled == [hub.calls[0].call])
        hub.send(Answer(hub.calls[0].call, b"null", None, [], FIRST_TS))
        async with open_sync(hub.port) as client:
            await client.add((0, "a:b"))
            assert values(await client.receive()) == {0: None}


async def test_an_admin_sees_internal_functions() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        await client.connect()
        await client.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=hub.admin_key)
        await client.add((0, "a:b"))
        # Both may come in one transition or two.
        while (await client.receive())["endVersion"]["querySet"] == 0:
            pass
        assert [watch.internal for watch in hub.watches.values()] == [True]


async def test_an_admin_acts_as_a_user() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        await client.send(
            type="Authenticate",
            baseVersion=0,
            tokenType="Admin",
            value=hub.admin_key,
            impersonating={"issuer": "i", "subject": "s"},
        )
        await client.mutate(0)
        await hub.wait_until(lambda: len(hub.calls) == 1)
        assert hub.calls[0].identity == b'{"issuer":"i","subject":"s","tokenIdentifier":"i|s"}'


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ({"tokenType": "Admin", "value": "wrong"}, "The provided admin key was invalid for this instance"),
        ({"tokenType": "User", "value": "a.b.c"}, "No auth provider found matching the given token"),
    ],
)
async def test_a_bad_token_ends_the_session_with_an_auth_error(token: dict[str, str], message: str) -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        await client.connect()
        await client.send(type="Authenticate", baseVersion=0, **token)
        answer = await client.receive()
        assert answer["type"] == "AuthError"
        assert answer["error"].startswith(message)
        assert answer["authUpdateAttempted"]
        assert await wait_closed(client) == (1005, None)


async def test_a_read_only_key_may_not_mutate() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        await client.send(type="Authenticate", baseVersion=0, tokenType="Admin", value=hub.read_only_key)
        for request in range(300):
            await client.mutate(request)
        responses = 0
        while responses < 300:
            message = await client.receive()
            if message["type"] == "MutationResponse":
                assert "Operation mutation not permitted" in message["result"]
                responses += 1
        assert hub.calls == []


async def test_what_is_not_a_message_is_a_fatal_error_and_a_close_without_a_code() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        await client.connection.send_message("{")
        answer = await client.receive()
        assert answer["type"] == "FatalError"
        assert answer["error"].startswith("Received Invalid JSON on websocket: ")
        assert await wait_closed(client) == (1005, None)


async def test_a_binary_message_closes_as_an_internal_error() -> None:
    with structlog.testing.capture_logs() as logged:
        async with open_gateway() as hub, open_sync(hub.port) as client:
            await client.connection.send_message(b"{}")
            assert await wait_closed(client) == (1011, "InternalServerError")
    # The client is told no more; whoever runs the server is.
    ends = [entry for entry in logged if entry["event"] == "a session ended"]
    assert [entry["detail"] for entry in ends] == ["InternalServerError: binary message"]


async def test_a_message_over_the_limit_closes() -> None:
    async with open_gateway(limits=Limits(message_bytes_max=1000)) as hub:
        for text in (json.dumps({"type": "Event", "eventType": "x" * 2000}), "x" * 300_000):
            async with open_sync(hub.port) as client:
                await client.connection.send_message(text)
                assert (await wait_closed(client))[0] == 1009


async def test_a_message_in_pieces_is_put_together_and_empty_pieces_weigh_nothing() -> None:
    """Empty pieces used to be collected without end: they count for nothing, and each took a place in a list."""
    async with open_gateway() as hub:
        stream = await trio.open_tcp_stream("127.0.0.1", hub.port)
        async with stream:
            await stream.send_all(UPGRADE + piece(0x01, b'{"type":"Ev'))
            for _ in range(10):
                await stream.send_all(piece(0x00, b"") * 1000)
            await stream.send_all(piece(0x80, 'ent","eventType":"ü"}'.encode()) + piece(0x81, b"{}"))
            received = b""
            while b"FatalError" not in received:
                received += await stream.receive_some()
            assert b"missing required field `type`" in received


async def test_pieces_of_all_clients_together_are_bounded() -> None:
    limits = Limits(received_bytes_max=1000)
    async with open_gateway(limits=limits) as hub:
        first, second = [await trio.open_tcp_stream("127.0.0.1", hub.port) for _ in range(2)]
        async with second:
            async with first:
                await first.send_all(UPGRADE + piece(0x01, b"x" * 100) + piece(0x00, b"x" * 100) * 8)
                # The pong shows that all before it has been taken in.
                await first.send_all(piece(0x89, b"all of it"))
                await receive_until(first, b"all of it")
                await second.send_all(UPGRADE + piece(0x01, b"x" * 100) + piece(0x00, b"x" * 100))
                await receive_until(second, b"TooManyConcurrentRequests")
            refused = await http(hub.port, b"x" * 2000)
            assert refused.startswith(b"HTTP/1.1 429 ")
            # What the others held is free again.
            assert (await http(hub.port, b"x" * 900)).startswith(b"HTTP/1.1 400 ")


async def receive_until(stream: trio.SocketStream, end: bytes) -> None:
    received = b""
    while end not in received:
        received += await stream.receive_some()


async def http(port: int, body: bytes) -> bytes:
    """Post this to /api/query; return the answer."""
    head = b"POST /api/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return await exchange(port, head + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def piece(head: int, payload: bytes) -> bytes:
    """Return a client's frame; its mask is all zeros."""
    return bytes((head, 0x80 | len(payload))) + bytes(4) + payload


async def test_a_failure_of_the_server_ends_the_session_with_its_code() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        hub.on_call = lambda request: Answer(
            request.call, None, ExecutionError("TooManyConcurrentRequests", "busy", system=429), [], 0
        )
        await client.connect()
        await client.mutate(0)
        assert await wait_closed(client) == (1013, "TooManyConcurrentRequests")


@pytest.mark.slow
async def test_every_session_is_moved_by_one_round() -> None:
    told: list[Any] = []
    async with open_gateway() as hub, trio.open_nursery() as nursery:

        async def watch(task_status: trio.TaskStatus[None]) -> None:
            async with open_sync(hub.port) as client:
                await client.add((0, "a:b"))
                await client.receive()
                task_status.started()
                told.append(values(await client.receive()))

        for _ in range(50):
            await nursery.start(watch)
        hub.commit("a:b", b'"new"')
    assert told == [{0: "new"}] * 50


async def test_silence_is_broken_by_a_ping_in_both_layers() -> None:
    async with open_gateway(limits=Limits(ping_seconds=0.05)) as hub, open_sync(hub.port) as client:
        for _ in range(3):
            assert await client.receive(pings=True) == {"type": "Ping"}


@pytest.mark.slow
async def test_a_client_that_answers_nothing_is_let_go() -> None:
    limits = Limits(ping_seconds=0.05, connection_silence_seconds_max=0.3)
    async with open_gateway(limits=limits) as hub:
        stream = await trio.open_tcp_stream("127.0.0.1", hub.port)
        await stream.send_all(UPGRADE)
        received = b""
        while b"ClientDisconnected" not in received:
            received += await stream.receive_some()
        await stream.aclose()
        assert received.startswith(b"HTTP/1.1 101 ")
        assert b"permessage" not in received
        # A ping at once, and a close frame with code 1000 and the reason at the end.
        assert b"\r\n\r\n\x89\x00" in received
        assert received.endswith(b"\x88\x14\x03\xe8ClientDisconnected")


UPGRADE = (
    b"GET /api/sync HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
)


@pytest.mark.slow
async def test_a_client_that_does_not_read_is_skipped_ahead_to_the_newest_state() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client:
        await client.add((0, "a:b"))
        await client.receive()
        # trio-websocket stops reading the socket while nobody takes its messages.
        padding = "x" * 1_000_000
        for count in range(100):
            hub.commit("a:b", json.dumps([count, padding]).encode())
            await trio.lowlevel.checkpoint()
        seen: list[int] = []
        with trio.fail_after(SECONDS_MAX):
            while not seen or seen[-1] != 99:
                seen.append(values(await client.receive())[0][0])
        assert seen == sorted(seen)
        assert len(seen) < 50


@pytest.mark.parametrize("path", ["/api/1.48.0/sync", "/api/1.27.0/sync"])
async def test_a_large_transition_comes_in_chunks_for_clients_that_know_them(path: str) -> None:
    async with open_gateway() as hub, open_sync(hub.port, path) as client:
        hub.results["a:b"] = b'"' + "ü".encode() * 3_000_000 + b'"'
        await client.add((0, "a:b"))
        message = await client.receive()
        if path == "/api/1.48.0/sync":
            assert (message["type"], message["partNumber"], message["totalParts"]) == ("TransitionChunk", 0, 2)
            rest = await client.receive()
            message = json.loads(message["chunk"] + rest["chunk"])
        assert values(message) == {0: "ü" * 3_000_000}
        hub.commit("a:b", b'"small"')
        assert values(await client.receive()) == {0: "small"}


@pytest.mark.slow
async def test_a_client_that_never_reads_is_closed() -> None:
    limits = Limits(send_seconds_max=0.2)
    async with open_gateway(limits=limits) as hub:
        stream = await trio.open_tcp_stream("127.0.0.1", hub.port)
        await stream.send_all(
            UPGRADE
            + masked(
                b'{"type":"ModifyQuerySet","baseVersion":0,"newVersion":1,'
                b'"modifications":[{"type":"Add","queryId":0,"udfPath":"a:b","args":[{}]}]}'
            )
        )
        await hub.wait_until(lambda: len(hub.watches) == 1)
        for _ in range(10):
            hub.commit("a:b", b'"' + b"x" * 3_000_000 + b"%d" % hub.ts + b'"')
        await hub.wait_until(lambda: hub.unwatched == [1])
        stream.socket.close()


async def exchange(port: int, data: bytes) -> bytes:
    """Send bytes and return everything that comes back until the gateway closes."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(data)
        received = b""
        while chunk := await stream.receive_some():
            received += chunk
        return received


def masked(text: bytes) -> bytes:
    assert len(text) > 125
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + b"\x00\x00\x00\x00" + text


async def test_one_session_too_many_is_refused() -> None:
    async with open_gateway(limits=Limits(sessions_max=1)) as hub, open_sync(hub.port):
        answer = await exchange(hub.port, UPGRADE)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "TooManySessions"


async def test_a_drain_closes_sessions_and_finishes_requests() -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client, open_sync(hub.port) as busy:
        hub.on_call = lambda _request: None
        await client.connect()
        await busy.connect()
        await busy.mutate(0)
        idle = await trio.open_tcp_stream("127.0.0.1", hub.port)
        await idle.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await idle.receive_some()
        silent = await trio.open_tcp_stream("127.0.0.1", hub.port)
        async with trio.open_nursery() as nursery:

            async def request() -> None:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as http:
                    response = await http.post("/api/mutation", json={"path": "a:b", "args": {}})
                    assert response.json()["value"] == 1.0

            nursery.start_soon(request)
            await hub.wait_until(lambda: len(hub.calls) == 2)
            hub.drain()
            assert await wait_closed(client) == (1001, "ServerShuttingDown")
            # Those without a request under way are closed, whether they have made one or not.
            while await idle.receive_some():
                pass
            assert await silent.receive_some() == b""
            for call in hub.calls:
                hub.send(Answer(call.call, b"1.0", None, [], FIRST_TS))
            assert (await busy.receive())["type"] == "MutationResponse"
            assert (await wait_closed(busy))[0] == 1001
        await hub.ended.wait()
        await idle.aclose()
        await silent.aclose()


async def test_a_lost_hub_ends_the_gateway() -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(LinkClosed), flatten_subgroups=True):
        async with open_gateway() as hub:
            stream = await trio.open_tcp_stream("127.0.0.1", hub.port)
            await stream.send_all(UPGRADE)
            await stream.receive_some()
            hub.link.close()
            while await stream.receive_some():
                pass
            await stream.aclose()
            await trio.sleep_forever()


async def test_the_newest_timestamp_follows_the_notices() -> None:
    async with open_gateway() as hub, httpx.AsyncClient() as http:
        url = f"http://127.0.0.1:{hub.port}/api/query_ts"
        before = (await http.post(url)).json()["ts"]
        hub.send(BlockNotice(FIRST_TS + 5, FIRST_TS + 9, []))
        while (await http.post(url)).json()["ts"] == before:
            pass
