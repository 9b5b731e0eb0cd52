"""Who gets which connection, and that garbage on the port harms nobody else."""

from __future__ import annotations

import socket
from contextlib import suppress

import httpx
import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.gateway.listener import PEEK_BYTES, Destination, destination
from tests.gateway.scripted_hub import open_gateway
from tests.gateway.sync_client import open_sync


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET /api/sync HTTP/1.1\r\n", Destination.SYNC),
        (b"GET /api/1.48.0/sync ", Destination.SYNC),
        (b"GET //api/1.48.0/sync?a=b ", Destination.SYNC),
        (b"POST /api/sync ", Destination.SYNC),
        (b"OPTIONS /api/sync ", Destination.HTTP),
        (b"GET /api/sync/ ", Destination.HTTP),
        (b"GET /api/a/b/sync ", Destination.HTTP),
        (b"GET /sync ", Destination.HTTP),
        (b"POST /api/mutation ", Destination.HTTP),
        (b"GET http://x/api/sync ", Destination.HTTP),
        (b"\r\n\r\n", Destination.HTTP),
        (b"\x16\x03\x01\n ", Destination.HTTP),
        (b"x" * PEEK_BYTES, Destination.HTTP),
        (b"GET /" + b"x" * PEEK_BYTES, Destination.HTTP),
        (b"GET /api/sync", None),
        (b"GET ", None),
        (b"GE", None),
    ],
)
def test_the_path_decides_who_gets_a_connection(head: bytes, expected: Destination | None) -> None:
    assert destination(head) is expected


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_a_decision_does_not_depend_on_how_much_was_there(head: bytes, more: bytes) -> None:
    decided = destination(head)
    if decided is not None:
        assert destination(head + more) is decided


async def wait_ended(stream: trio.SocketStream) -> None:
    """Wait until the gateway has closed, without an answer; what it did not read makes that a reset."""
    with suppress(trio.BrokenResourceError):
        assert await stream.receive_some() == b""


async def test_a_head_that_comes_slowly_is_waited_for() -> None:
    data = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with open_gateway() as hub, await trio.open_tcp_stream("127.0.0.1", hub.port) as stream:
        for byte in data:
            await stream.send_all(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()
        received = b""
        while chunk := await stream.receive_some():
            received += chunk
        assert received.endswith(b"\r\n\r\nok")


async def test_a_head_that_does_not_come_is_not_waited_for_for_ever() -> None:
    async with open_gateway(limits=Limits(head_seconds_max=0.05)) as hub:
        for beginning in (b"", b"GET", b"GET /api/sync HTTP/1.1\r\nHost: x\r\n"):
            async with await trio.open_tcp_stream("127.0.0.1", hub.port) as stream:
                if beginning:
                    await stream.send_all(beginning)
                await wait_ended(stream)


async def test_a_peer_that_leaves_within_its_head_is_let_go() -> None:
    async with open_gateway() as hub:
        for beginning in (b"G", b"GET /api/sync HTTP/1.1\r\nHost: x\r\n"):
            async with await trio.open_tcp_stream("127.0.0.1", hub.port) as stream:
                await stream.send_all(beginning)
                await trio.testing.wait_all_tasks_blocked()
                await stream.send_eof()
                with suppress(trio.BrokenResourceError):
                    while await stream.receive_some():
                        pass


async def test_one_connection_too_many_is_closed() -> None:
    async with (
        open_gateway(limits=Limits(http_connections_max=1)) as hub,
        await trio.open_tcp_stream("127.0.0.1", hub.port) as first,
    ):
        await first.send_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await first.receive_some()
        async with await trio.open_tcp_stream("127.0.0.1", hub.port) as second:
            await wait_ended(second)


WEBSOCKET = (
    b"GET /api/sync HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
GARBAGE = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.binary(max_size=200).map(lambda data: b"GET /api/sync HTTP/1.1\r\n" + data + b"\r\n\r\n"),
    st.binary(max_size=200).map(lambda data: b"POST /api/mutation HTTP/1.1\r\nHost: x\r\n" + data + b"\r\n\r\n"),
    st.binary(max_size=300).map(
        lambda data: (
            b"POST /api/mutation HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(data), data)
        )
    ),
    st.binary(max_size=300).map(lambda data: WEBSOCKET + data),
    st.binary(max_size=300).map(lambda data: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + data),
)


@pytest.mark.slow
@settings(max_examples=15)
@given(st.lists(GARBAGE, min_size=1, max_size=8))
async def test_garbage_on_the_port_harms_nobody_else(garbage: list[bytes]) -> None:
    async with open_gateway() as hub, open_sync(hub.port) as client, trio.open_nursery() as nursery:

        async def throw(data: bytes) -> None:
            with socket.create_connection(("127.0.0.1", hub.port)) as thrower:
                thrower.sendall(data)
                await trio.testing.wait_all_tasks_blocked()

        for data in garbage:
            nursery.start_soon(throw, data)
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"http://127.0.0.1:{hub.port}/livez")).text == "ok"
        await client.add((0, "a:b"))
        assert (await client.receive())["type"] == "Transition"
