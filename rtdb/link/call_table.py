"""The calls that a gateway or an action runner has asked the hub to run and not been answered yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import trio

from rtdb.link.frames import (
    Answer,
    CallRequest,
    Cancel,
    FileStep,
    FileStepRequest,
    Origin,
    PushStep,
    PushStepRequest,
    RequestKind,
    SessionRequest,
)
from rtdb.link.link import Message

__all__ = ["CallTable"]

Deliver = Callable[[Answer], None]


class ToHub(Protocol):
    """The sending half of the link to the hub."""

    def send_nowait(self, message: Message) -> None: ...


class CallTable:
    """Numbers calls, sends them, and hands each answer to who asked.

    Numbers are never used twice, so an answer that comes after its call was cancelled is for nobody and is dropped.
    """

    def __init__(self, link: ToHub) -> None:
        self._link = link
        self._next_number = 0
        self._waiting: dict[int, Deliver] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def start(
        self,
        kind: RequestKind,
        path: str,
        args: bytes,
        identity: bytes | None,
        deliver: Deliver,
        *,
        internal: bool,
        origin: Origin,
        session: SessionRequest | None = None,
        at_ts: int | None = None,
    ) -> int:
        """Send a call and return its number; ``deliver`` is called with the answer, once, unless it is cancelled."""
        number = self.expect(deliver)
        self._link.send_nowait(CallRequest(number, kind, path, args, identity, internal, session, at_ts, origin))
        return number

    def expect(self, deliver: Deliver) -> int:
        """Return the number of something that the caller sends itself, and that is answered as a call is."""
        self._next_number += 1
        self._waiting[self._next_number] = deliver
        return self._next_number

    def cancel(self, number: int) -> None:
        """Forget a call and tell the hub. The function may still take effect."""
        if self._waiting.pop(number, None) is not None:
            self._link.send_nowait(Cancel(number))

    def answer(self, answer: Answer) -> None:
        """Hand an answer to who asked for it."""
        deliver = self._waiting.pop(answer.call, None)
        if deliver is not None:
            deliver(answer)

    async def call(
        self,
        kind: RequestKind,
        path: str,
        args: bytes,
        identity: bytes | None,
        *,
        internal: bool,
        origin: Origin,
        at_ts: int | None = None,
    ) -> Answer:
        """Run a function and wait for its answer. If cancelled, the hub is told."""
        return await self._wait(
            lambda number: CallRequest(number, kind, path, args, identity, internal, None, at_ts, origin),
        )

    async def file_step(self, step: FileStep, args: bytes) -> Answer:
        """Take a step of file storage and wait for its answer. If cancelled, the hub is told."""
        return await self._wait(lambda number: FileStepRequest(number, step, args))

    async def push_step(self, step: PushStep, body: bytes) -> Answer:
        """Take a step of a push and wait for its answer. If cancelled, the hub is told."""
        return await self._wait(lambda number: PushStepRequest(number, step, body))

    async def _wait(self, request: Callable[[int], Message]) -> Answer:
        """Send the request that is made for a number, and wait for its answer."""
        task = trio.lowlevel.current_task()
        answered: list[Answer] = []

        def deliver(answer: Answer) -> None:
            answered.append(answer)
            trio.lowlevel.reschedule(task)

        number = self.expect(deliver)
        self._link.send_nowait(request(number))

        def abort(_raise_cancel: object) -> trio.lowlevel.Abort:
            self.cancel(number)
            return trio.lowlevel.Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)
        return answered[0]
