"""The HTTP actions that answer requests of this gateway's clients."""

from __future__ import annotations

import msgspec
import trio

from rtdb.http.facade import ActionFailed
from rtdb.link.body_stream import BodyReceiver, BodySender
from rtdb.link.call_table import CallTable, ToHub
from rtdb.link.frames import Answer, BodyChunk, BodyCredit, ExecutionError, HttpActionHead, HttpActionRequest

__all__ = ["HttpActionTable"]

_NO_HEAD = ExecutionError("InternalServerError", "the action has ended without an answer", system=500)


class HttpActionTable:
    """Sends requests to the hub, and hands what comes of each to who waits for it.

    They are numbered with the calls, so that answers and cancellations need not say which of the two they are about.
    """

    def __init__(self, link: ToHub, calls: CallTable, window_bytes: int) -> None:
        self._link = link
        self._calls = calls
        self._window_bytes = window_bytes
        self._exchanges: dict[int, _Exchange] = {}

    def __len__(self) -> int:
        return len(self._exchanges)

    def open(self, request: HttpActionRequest) -> _Exchange:
        """Begin to have a request answered; its number is given to it here. Close what is returned."""
        exchange = _Exchange(self._link, self._window_bytes, self._exchanges, self._calls)
        self._link.send_nowait(msgspec.structs.replace(request, call=exchange.number))
        return exchange

    def head(self, head: HttpActionHead) -> None:
        exchange = self._exchanges.get(head.call)
        # What still comes after the client has gone is for nobody.
        if exchange is not None:
            exchange.take_head(head)

    def chunk(self, chunk: BodyChunk) -> None:
        exchange = self._exchanges.get(chunk.call)
        if exchange is not None:
            exchange.response.take(chunk)

    def credit(self, credit: BodyCredit) -> None:
        exchange = self._exchanges.get(credit.call)
        if exchange is not None:
            exchange.request.grant(credit)


class _Exchange:
    """One request and its answer: a :class:`rtdb.http.facade.HttpActionExchange`."""

    def __init__(self, link: ToHub, window_bytes: int, exchanges: dict[int, _Exchange], calls: CallTable) -> None:
        self._exchanges = exchanges
        self._calls = calls
        self._head: HttpActionHead | None = None
        self._failure: ExecutionError | None = None
        self._begun = trio.Event()
        self.number = calls.expect(self._end)
        self.request = BodySender(self.number, link.send_nowait)
        self.response = BodyReceiver(self.number, link.send_nowait, window_bytes)
        exchanges[self.number] = self

    def take_head(self, head: HttpActionHead) -> None:
        self._head = head
        self._begun.set()

    def _end(self, answer: Answer) -> None:
        self._failure = answer.error or _NO_HEAD
        self._begun.set()
        # Does nothing to a body that has come to its end.
        self.response.fail(ActionFailed(self._failure))

    async def head(self) -> HttpActionHead:
        await self._begun.wait()
        if self._head is None:
            assert self._failure is not None
            raise ActionFailed(self._failure)
        return self._head

    async def receive(self) -> bytes | None:
        return await self.response.receive()

    async def send(self, data: bytes, *, last: bool) -> None:
        await self.request.send(data, last=last)

    def close(self) -> None:
        self._calls.cancel(self.number)
        self._exchanges.pop(self.number, None)
