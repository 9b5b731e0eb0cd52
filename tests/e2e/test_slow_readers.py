"""Clients that subscribe and never read: what they cost the server, and everybody else."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.conftest import StartClient
from tests.e2e.server_process import ServerProcess

MIB = 1024 * 1024
RESULT_BYTES = 6 * MIB
READERS = 5
ROUNDS = 25

UPGRADE = (
    b"GET /api/sync HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def gateway_bytes(server: ServerProcess) -> int:
    """Return the private memory of all gateways."""
    total = 0
    for pid, name in server.descendants().items():
        if name == "rtdb-gateway":
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            total += int(status.split("RssAnon:")[1].split()[0]) * 1024
    return total


@contextmanager
def deaf_subscriber(server: ServerProcess, path: str, args: dict[str, str]) -> Iterator[None]:
    """Subscribe over a socket that nobody reads."""
    add = {"type": "Add", "queryId": 0, "udfPath": path, "args": [args]}
    message = {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [add]}
    text = json.dumps(message).encode()
    address = urlsplit(server.url)
    assert address.port is not None
    with socket.create_connection(("127.0.0.1", address.port)) as connection:
        # A frame whose mask is all zeros.
        connection.sendall(UPGRADE + b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text)
        yield


def shows(count: int, value: tuple[str, float]) -> bool:
    return value[1] == count


def test_subscribers_that_never_read_cost_a_few_results_however_much_is_written(
    laboratory: ServerProcess, start_node: StartClient
) -> None:
    args = {"name": "deaf"}
    client = start_node(laboratory)
    large = client.subscribe("values:large", args)
    large.wait(partial(shows, 0))
    before = gateway_bytes(laboratory)
    with ExitStack() as stack:
        for _ in range(READERS):
            stack.enter_context(deaf_subscriber(laboratory, "values:large", args))
        for count in range(1, ROUNDS + 1):
            client.mutation("counters:increment", args)
            large.wait(partial(shows, count))
        grown = gateway_bytes(laboratory) - before
    # Two unsent transitions for each, shared where they are the same: about ten results. All results of one gateway
    # alone would be 150 MiB.
    assert grown < ROUNDS * RESULT_BYTES * 2 // 3
    assert len(large.values) == ROUNDS + 1
