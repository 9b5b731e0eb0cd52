"""Frames as bytes, read back by wsproto."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import Ping, TextMessage

from rtdb.gateway.framing import PING_FRAME, FrameCache, text_frame
from rtdb.sync.commands import SendText


def read(frame: bytes) -> str:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(frame)
    messages = [event for event in client.events() if isinstance(event, TextMessage)]
    assert messages[-1].message_finished
    return "".join(message.data for message in messages)


@given(st.text())
def test_a_frame_holds_its_text(text: str) -> None:
    assert read(text_frame(text.encode())) == text


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 70_000])
def test_every_length_has_its_header(length: int) -> None:
    assert read(text_frame(b"x" * length)) == "x" * length


def test_the_ping_is_a_ping() -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(PING_FRAME)
    assert [type(event) for event in client.events()] == [Ping]


def test_sessions_that_are_told_the_same_are_sent_the_same_bytes() -> None:
    cache = FrameCache()
    shared, other = SendText(b"one"), SendText(b"one")
    frame = cache.frame(shared)
    assert cache.frame(shared) is frame
    assert cache.frame(other) is not frame
    assert cache.frame(other) == frame
