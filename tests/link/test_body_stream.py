from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from rtdb.link.body_stream import CHUNK_BYTES, BodyReceiver, BodySender
from rtdb.link.frames import BodyChunk, BodyCredit
from rtdb.link.link import Message


class Pair:
    """A sender and a receiver, and what is between them."""

    def __init__(self, window_bytes: int) -> None:
        self.chunks: list[BodyChunk] = []
        self.sender = BodySender(1, self.pass_chunk, window_bytes)
        self.between = 0
        self.most_between = 0
        self.receiver = BodyReceiver(1, self.pass_credit, window_bytes)

    def pass_chunk(self, message: Message) -> None:
        assert isinstance(message, BodyChunk)
        self.chunks.append(message)
        self.between += len(message.data)
        self.most_between = max(self.most_between, self.between)
        self.receiver.take(message)

    def pass_credit(self, message: Message) -> None:
        assert isinstance(message, BodyCredit)
        self.between -= message.bytes
        assert self.between >= 0
        self.sender.grant(message)


@given(st.lists(st.integers(0, 5000), max_size=8), st.integers(1, 3000), st.booleans())
def test_a_body_arrives_whole_with_at_most_a_window_between(parts: list[int], window: int, end_apart: bool) -> None:
    body = [bytes([number % 251]) * size for number, size in enumerate(parts)]
    received: list[bytes] = []

    async def run() -> None:
        pair = Pair(window)

        async def write() -> None:
            for number, part in enumerate(body):
                await pair.sender.send(part, last=not end_apart and number == len(body) - 1)
            if end_apart or not body:
                await pair.sender.send(b"", last=True)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            while (data := await pair.receiver.receive()) is not None:
                received.append(data)
        assert pair.most_between <= window
        assert [chunk.last for chunk in pair.chunks][-1:] == [True]

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert b"".join(received) == b"".join(body)


async def test_a_writer_waits_for_a_reader_that_does_not_read() -> None:
    pair = Pair(1000)
    with trio.move_on_after(1) as waited:
        await pair.sender.send(bytes(1001), last=True)
    assert waited.cancelled_caught
    assert pair.between == 1000
    assert not pair.chunks[-1].last


async def test_no_chunk_is_larger_than_others_may_have_to_wait_for() -> None:
    pair = Pair(1 << 20)
    await pair.sender.send(bytes(2 * CHUNK_BYTES + 1), last=True)
    assert [(len(chunk.data), chunk.last) for chunk in pair.chunks] == [
        (CHUNK_BYTES, False),
        (CHUNK_BYTES, False),
        (1, True),
    ]


async def test_a_body_that_breaks_off_is_read_as_far_as_it_came_and_is_never_whole() -> None:
    pair = Pair(1000)
    await pair.sender.send(b"half")
    pair.receiver.fail(ConnectionError("gone"))
    assert await pair.receiver.receive() == b"half"
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await pair.receiver.receive()


async def test_nothing_breaks_off_after_the_last_chunk() -> None:
    pair = Pair(1000)
    await pair.sender.send(b"whole", last=True)
    pair.receiver.fail(ConnectionError("gone"))
    assert await pair.receiver.receive() == b"whole"
    assert await pair.receiver.receive() is None


async def test_a_reader_that_waits_hears_that_the_body_broke_off(autojump_clock: trio.testing.MockClock) -> None:
    pair = Pair(1000)
    async with trio.open_nursery() as nursery:

        async def read() -> None:
            with pytest.raises(ConnectionError):
                await pair.receiver.receive()

        nursery.start_soon(read)
        await trio.testing.wait_all_tasks_blocked()
        pair.receiver.fail(ConnectionError("gone"))
