"""Bodies between an action process and its hosts: what a host says of them is not believed blindly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
import trio.testing

from rtdb.typescript.host_bodies import Bodies, BodyBrokenError
from rtdb.typescript.host_channel import Frame, HostGarbledError

WINDOW = 100


class Sent:
    """What was said to the host."""

    def __init__(self) -> None:
        self.frames: list[tuple[Mapping[str, Any], bytes]] = []

    def __call__(self, header: Mapping[str, Any], payload: bytes = b"") -> None:
        self.frames.append((header, payload))

    @property
    def types(self) -> list[str]:
        return [header["type"] for header, _ in self.frames]


def chunk(body: int, *, last: bool = False) -> Frame:
    return Frame("chunk", body=body, last=last)


async def test_a_body_is_read_as_it_comes() -> None:
    sent = Sent()
    bodies = Bodies(sent, WINDOW)
    read = bodies.receive_from_host(3)
    assert sent.frames == [({"type": "credit", "body": 3, "bytes": WINDOW}, b"")]
    bodies.take(chunk(3), b"a" * 60)
    assert await read() == b"a" * 60
    bodies.take(chunk(3, last=True), b"b")
    assert [await read(), await read()] == [b"b", None]


async def test_more_than_there_is_room_for_is_not_taken() -> None:
    bodies = Bodies(Sent(), WINDOW)
    bodies.receive_from_host(1)
    bodies.take(chunk(1), bytes(WINDOW))
    with pytest.raises(HostGarbledError):
        bodies.take(chunk(1), b"a")


async def test_a_body_that_breaks_off_is_no_whole_one() -> None:
    bodies = Bodies(Sent(), WINDOW)
    read = bodies.receive_from_host(1)
    bodies.take(Frame("broken", body=1, message="no more"), b"")
    with pytest.raises(BodyBrokenError, match="no more"):
        await read()


async def test_a_number_stands_for_one_body() -> None:
    bodies = Bodies(Sent(), WINDOW)
    bodies.receive_from_host(1)
    with pytest.raises(HostGarbledError):
        bodies.receive_from_host(1)


@pytest.mark.parametrize("room", [0, -1])
async def test_room_is_more_than_nothing(room: int) -> None:
    bodies = Bodies(Sent(), WINDOW)

    async def read() -> bytes | None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        body = bodies.send_to_host(nursery, read)
        with pytest.raises(HostGarbledError):
            bodies.take(Frame("credit", body=body, bytes=room), b"")
        nursery.cancel_scope.cancel()


async def test_what_nobody_wants_is_not_sent_on() -> None:
    sent = Sent()
    bodies = Bodies(sent, WINDOW)

    async def read() -> bytes | None:
        return b"a" * WINDOW

    async with trio.open_nursery() as nursery:
        body = bodies.send_to_host(nursery, read)
        bodies.take(Frame("credit", body=body, bytes=WINDOW), b"")
        await trio.testing.wait_all_tasks_blocked()
        bodies.take(Frame("cancelBody", body=body), b"")
    assert sent.types == ["chunk"]


async def test_what_is_dropped_is_told_to_the_host_once() -> None:
    sent = Sent()
    bodies = Bodies(sent, WINDOW)
    bodies.receive_from_host(1)
    bodies.drop(1)
    bodies.drop(1)
    bodies.take(chunk(1, last=True), b"late")
    assert sent.types == ["credit", "cancelBody"]
