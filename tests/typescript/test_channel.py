"""Frames of the process that runs queries and mutations, over a real pair of sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from rtdb.typescript.channel import Channel, Frame, GarbledError

MORE = 1 << 31
SECONDS_MAX = 60.0


@pytest.fixture
def ends() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours, 1000), theirs


def piece(data: bytes, more: int = 0) -> bytes:
    return (len(data) | more).to_bytes(4, "little") + data


def test_a_frame_is_a_header_and_lines(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    channel.send({"type": "begin", "execution": 1}, [b"[]", b'{"a":1}'])
    assert theirs.recv(1000) == piece(b'{"type":"begin","execution":1}\n[]\n{"a":1}')
    theirs.sendall(piece(b'{"type":"returned","execution":1}\nnull'))
    assert channel.receive(SECONDS_MAX) == (Frame("returned", execution=1), [b"null"])


def test_a_frame_comes_in_pieces_cut_anywhere(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    theirs.sendall(piece(b'{"type":"ana', MORE) + piece(b'lyzed"}\n[1', MORE) + piece(b"]\n{}"))
    assert channel.receive(SECONDS_MAX) == (Frame("analyzed"), [b"[1]", b"{}"])


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (piece(b"x" * 600, MORE) + (600).to_bytes(4, "little"), "it sent a frame of 1200 bytes"),
        (piece(b""), "it sent a frame with nothing in it"),
        (piece(b"no JSON"), "JSON is malformed"),
        (piece(b'{"type":1}'), "Expected `str`, got `int`"),
    ],
)
def test_what_is_no_frame_is_refused(ends: tuple[Channel, socket.socket], said: bytes, complaint: str) -> None:
    channel, theirs = ends
    theirs.sendall(said)
    with pytest.raises(GarbledError, match=complaint):
        channel.receive(SECONDS_MAX)


def test_a_process_that_is_gone_is_an_error_of_the_system(ends: tuple[Channel, socket.socket]) -> None:
    channel, theirs = ends
    theirs.sendall(piece(b'{"type":"hello"}')[:-1])
    theirs.close()
    with pytest.raises(ConnectionResetError, match="its socket is closed"):
        channel.receive(SECONDS_MAX)
