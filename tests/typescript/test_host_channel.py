"""Frames of an action host, over a pair of streams."""

from __future__ import annotations

import pytest
import trio
from trio.testing import memory_stream_pair

from rtdb.typescript.host_channel import Frame, HostChannel, HostGarbledError


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "little") + data


async def test_frames_come_whole_and_in_order_however_they_are_cut() -> None:
    taken: list[tuple[Frame, bytes]] = []
    channel = HostChannel(lambda frame, payload: taken.append((frame, payload)), 1000)
    ours, theirs = memory_stream_pair()
    said = framed(b'{"type":"log","call":3}\nwords\nand more') + framed(b'{"type":"pong"}\n')
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.read, ours)
        for at in range(len(said)):
            await theirs.send_all(said[at : at + 1])
        await theirs.aclose()
    assert taken == [(Frame("log", call=3), b"words\nand more"), (Frame("pong"), b"")]
    assert channel.heard == 2


async def test_what_is_sent_before_there_is_a_stream_is_sent_first() -> None:
    channel = HostChannel(lambda frame, payload: None, 1000)
    ours, theirs = memory_stream_pair()
    channel.send({"type": "start"}, b"payload")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.write, ours)
        assert await theirs.receive_some() == framed(b'{"type":"start"}\npayload')
        channel.send({"type": "ping"})
        assert await theirs.receive_some() == framed(b'{"type":"ping"}\n')
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ((1001).to_bytes(4, "little"), "a frame of 1001 bytes"),
        (framed(b"no JSON"), "JSON is malformed"),
        (framed(b'{"call":1}\n'), "missing required field `type`"),
        (framed(b'{"type":"log","call":"one"}\n'), "Expected `int`, got `str`"),
    ],
)
async def test_what_is_no_frame_is_refused(said: bytes, complaint: str) -> None:
    channel = HostChannel(lambda frame, payload: None, 1000)
    ours, theirs = memory_stream_pair()
    await theirs.send_all(said)
    with pytest.raises(HostGarbledError, match=complaint):
        await channel.read(ours)
