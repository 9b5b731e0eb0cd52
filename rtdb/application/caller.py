"""Who is answered when a call has ended."""

from __future__ import annotations

from typing import Protocol

from rtdb.link import frames
from rtdb.link.link import Message

__all__ = ["Caller", "LinkCaller", "OutgoingLink", "SessionCaller"]


class OutgoingLink(Protocol):
    """The sending half of a link."""

    def queue(self, message: Message) -> None: ...

    def flush(self) -> None: ...

    @property
    def unsent_bytes(self) -> int: ...


class Caller(Protocol):
    """Whoever waits for the outcome of a call."""

    def answer(
        self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int
    ) -> None: ...


class LinkCaller:
    """A call that a gateway or an action asked for. Its link may be gone by then: the answer is dropped."""

    __slots__ = ("_link", "_number")

    def __init__(self, link: OutgoingLink, number: int) -> None:
        self._link = link
        self._number = number

    def answer(self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int) -> None:
        self._link.queue(frames.Answer(call=self._number, result=result, error=error, log_lines=log_lines, ts=ts))


class SessionCaller:
    """Everybody who waits for one mutation of a session: its client, and the same client come back before the answer.

    ``under_way`` is the table of these; the entry ends with the answer.
    """

    __slots__ = ("_callers", "_request", "_under_way")

    def __init__(
        self, under_way: dict[frames.SessionRequest, SessionCaller], request: frames.SessionRequest, caller: Caller
    ) -> None:
        self._under_way = under_way
        self._request = request
        self._callers = [caller]
        under_way[request] = self

    def join(self, caller: Caller) -> None:
        self._callers.append(caller)

    @property
    def is_alone(self) -> bool:
        """Whether only the client that sent it first has asked for it."""
        return len(self._callers) == 1

    def forget(self) -> None:
        """There will be no answer: who sends the mutation again begins anew."""
        del self._under_way[self._request]

    def answer(self, result: bytes | None, error: frames.ExecutionError | None, log_lines: list[str], ts: int) -> None:
        del self._under_way[self._request]
        for caller in self._callers:
            caller.answer(result, error, log_lines, ts)
