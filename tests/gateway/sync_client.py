"""A sync client of a few lines over trio-websocket, for tests that look at what the gateway sends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio_websocket import WebSocketConnection, open_websocket_url

__all__ = ["SESSION", "SyncClient", "open_sync"]

SESSION = "0b9f1c52-8d43-4a6e-9c1e-7f3a2d5b6e10"
MESSAGE_BYTES_MAX = 64 * 1024 * 1024


class SyncClient:
    """Sends and receives protocol messages; Pings are passed over unless asked for."""

    def __init__(self, connection: WebSocketConnection) -> None:
        self.connection = connection
        self.query_set = 0

    async def send(self, **message: Any) -> None:
        await self.connection.send_message(json.dumps(message))

    async def receive(self, *, pings: bool = False) -> Any:
        while True:
            message = json.loads(await self.connection.get_message())
            if pings or message["type"] != "Ping":
                return message

    async def connect(self, **fields: Any) -> None:
        await self.send(
            type="Connect", sessionId=SESSION, connectionCount=0, lastCloseReason="InitialConnect", **fields
        )

    async def add(self, *queries: tuple[int, str], args: Any = None) -> None:
        """Add queries, given as id and path."""
        await self.send(
            type="ModifyQuerySet",
            baseVersion=self.query_set,
            newVersion=self.query_set + 1,
            modifications=[
                {"type": "Add", "queryId": number, "udfPath": path, "args": [args or {}]} for number, path in queries
            ],
        )
        self.query_set += 1

    async def mutate(self, request: int, path: str = "messages:send", args: Any = None) -> None:
        await self.send(type="Mutation", requestId=request, udfPath=path, args=[args or {}])


@asynccontextmanager
async def open_sync(
    port: int, path: str = "/api/1.48.0/sync", headers: list[tuple[bytes, bytes]] | None = None
) -> AsyncIterator[SyncClient]:
    """Open a session with the gateway on this port."""
    url = f"ws://127.0.0.1:{port}{path}"
    async with open_websocket_url(url, extra_headers=headers, max_message_size=MESSAGE_BYTES_MAX) as connection:
        try:
            yield SyncClient(connection)
        finally:
            # trio-websocket leaves the socket to the garbage collector when the server closes first.
            with trio.CancelScope(shield=True):
                await connection.aclose()
                await connection._stream.aclose()
