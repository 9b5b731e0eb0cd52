"""The readers of the function log who wait in this gateway."""

from __future__ import annotations

import trio

from rtdb.errors import OverloadedError
from rtdb.link.frames import LogPage, LogPoll, LogPollCancel
from rtdb.link.link import Link

__all__ = ["LogPollTable"]


class _Poll:
    """A reader who waits; ``page`` stays None when there will be none, because the server is being shut down."""

    def __init__(self) -> None:
        self.answered = trio.Event()
        self.page: LogPage | None = None


class LogPollTable:
    """Numbers polls, sends them to the hub, and hands each page to who asked."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._last_number = 0
        self._polls: dict[int, _Poll] = {}
        self._draining = False

    async def poll(self, after: int, newest_max: int | None) -> LogPage:
        """Return the page after a cursor. If cancelled, the hub is told. Raises ``OverloadedError`` during a drain."""
        if self._draining:
            raise _shutting_down()
        self._last_number += 1
        number = self._last_number
        poll = self._polls[number] = _Poll()
        self._link.send_nowait(LogPoll(number, after, newest_max))
        try:
            await poll.answered.wait()
        finally:
            if self._polls.pop(number, None) is not None:
                self._link.send_nowait(LogPollCancel(number))
        if poll.page is None:
            raise _shutting_down()
        return poll.page

    def page(self, page: LogPage) -> None:
        """Hand a page to who asked for it; nobody may wait for it any more."""
        poll = self._polls.pop(page.poll, None)
        if poll is not None:
            poll.page = page
            poll.answered.set()

    def drain(self) -> None:
        """Let nobody wait any more."""
        self._draining = True
        polls, self._polls = self._polls, {}
        for poll in polls.values():
            poll.answered.set()


def _shutting_down() -> OverloadedError:
    return OverloadedError("The server is shutting down; try again in a moment.", code="ServerShuttingDown")
