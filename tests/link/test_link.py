"""Links: what goes in at one end comes out at the other, in order, whatever the sizes and the cuts."""

from __future__ import annotations

import socket
import threading

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.link import frames
from rtdb.link.link import (
    FROM_HUB_BYTES_MAX,
    HEADER_BYTES,
    BlockingLink,
    LinkClosed,
    LinkGarbledError,
    SocketLink,
    _encode,
    _FrameReader,
    open_memory_link_pair,
)
from tests.waiting import SECONDS_MAX

FRAME_BYTES_MAX = 1 << 28


def answer(number: int, size: int = 0) -> frames.Answer:
    return frames.Answer(call=number, result=b"x" * size, error=None, log_lines=[], ts=number)


def outcome(number: int) -> frames.Outcome:
    return frames.Outcome(
        call=number,
        kind="mutation",
        seq=1,
        ts=2,
        reads=[frames.ReadRange(3, b"a", b"b")],
        writes=[frames.Write(10001, b"i" * 16, None)],
        result=b"null",
        error=None,
        log_lines=["[LOG] hello"],
        read_identity=False,
        read_time=True,
        journal=None,
        replayed_ts=None,
        pending=4,
        micros=5,
        lane=6,
    )


@settings(max_examples=50)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=20), st.data())
def test_frames_survive_any_cutting_of_the_stream(sizes: list[int], data: st.DataObject) -> None:
    sent = [answer(number, size) for number, size in enumerate(sizes)]
    stream = b"".join(_encode([message]) for message in sent)
    reader = _FrameReader(FRAME_BYTES_MAX)
    received = []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        received += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert received == sent


async def test_queued_messages_arrive_together_and_in_order() -> None:
    left, right = socket.socketpair()
    near, far = SocketLink(left, FRAME_BYTES_MAX), SocketLink(right, FRAME_BYTES_MAX)
    for number in range(100):
        near.queue(answer(number))
    near.flush()
    with trio.fail_after(SECONDS_MAX):
        assert await far.receive() == [answer(number) for number in range(100)]
    near.close()
    far.close()


async def test_a_frame_larger_than_the_socket_buffer_is_written_by_the_writer_task() -> None:
    left, right = socket.socketpair()
    near, far = SocketLink(left, FRAME_BYTES_MAX), SocketLink(right, FRAME_BYTES_MAX)
    big = answer(1, 8_000_000)
    with trio.fail_after(SECONDS_MAX):
        async with trio.open_nursery() as nursery:
            await nursery.start(near.run)
            near.send_nowait(big)
            near.send_nowait(answer(2))
            received: list[object] = []
            while len(received) < 2:
                received += await far.receive()
            nursery.cancel_scope.cancel()
    assert received == [big, answer(2)]
    near.close()
    far.close()


async def test_what_was_sent_before_the_end_is_received_and_then_the_link_is_closed() -> None:
    left, right = socket.socketpair()
    near, far = SocketLink(left, FRAME_BYTES_MAX), SocketLink(right, FRAME_BYTES_MAX)
    near.queue(outcome(1))
    near.flush()
    near.close()
    with trio.fail_after(SECONDS_MAX):
        assert await far.receive() == [outcome(1)]
        with pytest.raises(LinkClosed):
            await far.receive()
    far.close()


async def test_sending_into_an_ended_link_is_dropped() -> None:
    left, right = socket.socketpair()
    near = SocketLink(left, FRAME_BYTES_MAX)
    right.close()
    near.queue(answer(1))
    near.flush()
    near.queue(answer(2))
    near.flush()
    with pytest.raises(LinkClosed):
        await near.receive()
    near.close()


def test_a_blocking_end_talks_to_another() -> None:
    left, right = socket.socketpair()
    near, far = BlockingLink(left, FRAME_BYTES_MAX), BlockingLink(right, FRAME_BYTES_MAX)
    big = answer(7, 3_000_000)
    sender = threading.Thread(target=near.send, args=([outcome(1), big],))
    sender.start()
    received = far.receive()
    sender.join()
    assert received == [outcome(1), big]
    assert far.receive_until(0.0) == []
    near.close()
    with pytest.raises(LinkClosed):
        far.receive()
    far.close()


async def test_the_memory_twin_behaves_like_a_socket_pair() -> None:
    near, far = open_memory_link_pair()
    near.send_nowait(answer(1))
    near.send_nowait(outcome(2))
    assert await far.receive() == [answer(1), outcome(2)]
    near.close()
    with pytest.raises(LinkClosed):
        await far.receive()
    far.close()


async def test_what_was_sent_before_the_end_is_received_before_the_end_is_known() -> None:
    here, there = open_memory_link_pair()
    there.send_nowait(frames.Stale(1))
    there.send_nowait(frames.Stale(2))
    there.close()
    assert await here.receive() == [frames.Stale(1), frames.Stale(2)]
    with pytest.raises(LinkClosed):
        await here.receive()


def test_messages_do_not_share_a_frame_that_would_be_large() -> None:
    """What a gateway is told at once may be more than a frame may hold, although no message is."""
    messages = [answer(number, 10 << 20) for number in range(3)]
    reader = _FrameReader(frame_bytes_max=21 << 20)
    assert reader.feed(_encode(messages)) == messages
    with pytest.raises(LinkGarbledError, match="frame of"):
        _FrameReader(frame_bytes_max=5 << 20).feed(_encode(messages))


def test_no_frame_of_the_hub_is_too_large_for_its_children() -> None:
    """However large `frame_bytes_max` was made: a frame that a header can announce is waited for."""
    assert _FrameReader(FROM_HUB_BYTES_MAX).feed(b"\xff" * HEADER_BYTES) == []


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x90\x90", b"\x91\x92\xa7unknown\x01", b"\x91\x92\xa6cancel\xa1x"])
def test_what_is_no_message_is_named(body: bytes) -> None:
    with pytest.raises(LinkGarbledError):
        _FrameReader(FRAME_BYTES_MAX).feed(len(body).to_bytes(4, "big") + body)


async def test_everything_is_sent_when_it_was_waited_for() -> None:
    left, right = socket.socketpair()
    near, far = SocketLink(left, FRAME_BYTES_MAX), BlockingLink(right, FRAME_BYTES_MAX)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.run)
        large = answer(1, 8_000_000)
        near.send_nowait(large)
        received: list[object] = []

        async def read() -> None:
            received.extend(await trio.to_thread.run_sync(far.receive))

        nursery.start_soon(read)
        with trio.fail_after(SECONDS_MAX):
            await near.wait_sent()
        nursery.cancel_scope.cancel()
    near.close()
    far.close()
    assert received == [large]


async def test_nobody_waits_for_what_the_other_end_will_never_take() -> None:
    left, right = socket.socketpair()
    near = SocketLink(left, FRAME_BYTES_MAX)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.run)
        near.send_nowait(answer(1, 8_000_000))
        near.flush()
        assert near.unsent_bytes
        right.close()
        with trio.fail_after(SECONDS_MAX):
            await near.wait_sent()
        nursery.cancel_scope.cancel()
    near.close()
