"""The gateway as a process of its own: started, served by, drained, and orphaned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio

from rtdb.config import Config, encode_config
from rtdb.link.frames import Answer, Begun, BlockNotice, CallRequest, Drain, Ready
from rtdb.link.link import LinkClosed, SocketLink
from rtdb.link.supervisor import Child, open_listeners, start_child
from tests.gateway.scripted_hub import FIRST_TS, SECRET
from tests.gateway.sync_client import open_sync
from tests.waiting import SECONDS_MAX

pytestmark = pytest.mark.slow


@asynccontextmanager
async def open_process() -> AsyncIterator[tuple[Child, SocketLink, int]]:
    config = Config(data_dir=Path("unused"))
    (listening,) = open_listeners("127.0.0.1", 0, 1)
    child = start_child("rtdb.gateway.gateway", [listening.fileno()])
    link = SocketLink(child.socket, config.limits.frame_bytes_max)
    try:
        with trio.fail_after(SECONDS_MAX):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(link.run)
                link.send_nowait(Begun(encode_config(config), SECRET, 1, FIRST_TS))
                # The database may move before the gateway is ready.
                link.send_nowait(BlockNotice(FIRST_TS + 1, FIRST_TS + 1, []))
                assert await link.receive() == [Ready(listening.getsockname()[1])]
                yield child, link, listening.getsockname()[1]
                nursery.cancel_scope.cancel()
    finally:
        listening.close()
        child.kill()
        child.wait()
        link.close()


async def test_a_gateway_serves_until_it_is_drained() -> None:
    async with open_process() as (child, link, port):

        async def answer() -> None:
            (call,) = await link.receive()
            assert isinstance(call, CallRequest)
            link.send_nowait(Answer(call.call, call.args, None, [], FIRST_TS))

        async with httpx.AsyncClient() as client, trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            response = await client.post(
                f"http://127.0.0.1:{port}/api/mutation", json={"path": "a:b", "args": {"x": "y"}}
            )
            assert response.json() == {"status": "success", "value": {"x": "y"}}
        async with open_sync(port) as session:
            await session.add()
            assert (await session.receive())["endVersion"]["querySet"] == 1
        link.send_nowait(Drain())
        with pytest.raises(LinkClosed):
            await link.receive()
        assert child.wait() == 0


async def test_a_gateway_ends_with_its_hub() -> None:
    async with open_process() as (child, link, _port):
        link.close()
        assert await trio.to_thread.run_sync(child.wait) == 1
