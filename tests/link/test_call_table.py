"""Calls and their answers."""

from __future__ import annotations

import trio
import trio.testing

from rtdb.link.call_table import CallTable
from rtdb.link.frames import BY_SERVER, Answer, CallRequest, Cancel
from rtdb.link.link import open_memory_link_pair


async def test_each_answer_goes_to_who_asked_whatever_the_order() -> None:
    here, there = open_memory_link_pair()
    table = CallTable(here)
    results: dict[str, bytes | None] = {}

    async def ask(path: str) -> None:
        answer = await table.call("query", path, b"{}", None, internal=False, origin=BY_SERVER)
        results[path] = answer.result

    async with trio.open_nursery() as nursery:
        for path in ("a", "b", "c"):
            nursery.start_soon(ask, path)
        await trio.testing.wait_all_tasks_blocked()
        asked = [message for message in await there.receive() if isinstance(message, CallRequest)]
        assert len(table) == 3
        for request in reversed(asked):
            table.answer(Answer(request.call, request.path.encode(), None, [], 0))
    assert results == {"a": b"a", "b": b"b", "c": b"c"}
    assert len(table) == 0


async def test_a_cancelled_call_is_cancelled_at_the_hub_and_its_answer_is_for_nobody() -> None:
    here, there = open_memory_link_pair()
    table = CallTable(here)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: table.call("action", "a", b"{}", None, internal=False, origin=BY_SERVER))
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    request, cancel = await there.receive()
    assert isinstance(request, CallRequest)
    assert cancel == Cancel(request.call)
    table.answer(Answer(request.call, b"null", None, [], 0))
    table.cancel(request.call)
    assert len(table) == 0
