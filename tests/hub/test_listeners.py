"""The sockets that a server listens on, and what it says of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdb.config import Config
from rtdb.hub.listeners import Listeners


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    yield sockets
    for sock in sockets:
        sock.close()


def port(sock: socket.socket) -> int:
    number: int = sock.getsockname()[1]
    return number


def test_every_gateway_gets_a_socket_on_either_port(sockets: list[socket.socket], tmp_path: Path) -> None:
    listeners = Listeners(Config(data_dir=tmp_path, gateways=2), sockets)
    assert len(listeners) == 2
    assert [listeners.of_gateway(number) for number in range(2)] == [sockets[::2], sockets[1::2]]
    assert listeners.announcement() == (
        f"rtdb is ready on http://127.0.0.1:{port(sockets[0])}\n"
        f"HTTP actions are on http://127.0.0.1:{port(sockets[2])}\n"
    )
    assert listeners.origins() == (
        f"http://127.0.0.1:{port(sockets[0])}",
        f"http://127.0.0.1:{port(sockets[2])}",
    )


def test_without_a_port_of_their_own_http_actions_are_under_the_api(
    sockets: list[socket.socket], tmp_path: Path
) -> None:
    listeners = Listeners(Config(data_dir=tmp_path, gateways=4), sockets)
    assert [listeners.of_gateway(number) for number in range(4)] == [[sock] for sock in sockets]
    assert listeners.announcement() == f"rtdb is ready on http://127.0.0.1:{port(sockets[0])}\n"
    assert listeners.origins().site == f"http://127.0.0.1:{port(sockets[0])}/http"
