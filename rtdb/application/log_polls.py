"""Readers of the function log who wait for what comes next.

A reader who begins is answered at once. One who has read everything waits: whether there is something for those is
looked at a few times a second and not at every execution, so that readers cost the same however much goes on.
"""

from __future__ import annotations

from typing import NamedTuple

import trio

from rtdb.application.caller import OutgoingLink
from rtdb.application.function_log import FunctionLog
from rtdb.config import Limits
from rtdb.link import frames

__all__ = ["LogPolls"]


class _Poll(NamedTuple):
    link: OutgoingLink
    asked: frames.LogPoll
    deadline: float


class LogPolls:
    """The polls that wait, by gateway and the gateway's number."""

    def __init__(self, limits: Limits, log: FunctionLog) -> None:
        self._seconds_max = limits.log_poll_seconds_max
        self._log = log
        self._waiting: dict[tuple[int, int], _Poll] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def poll(self, gateway: int, link: OutgoingLink, asked: frames.LogPoll) -> None:
        """Answer a reader now, or when there is something, or when waiting has taken long enough."""
        poll = _Poll(link, asked, trio.current_time() + self._seconds_max)
        if asked.after == 0 or self._log.is_ahead(asked.after):
            self._answer(poll)
        else:
            self._waiting[gateway, asked.poll] = poll

    def cancel(self, gateway: int, number: int) -> None:
        """Forget a reader who has gone away."""
        self._waiting.pop((gateway, number), None)

    def remove_gateway(self, gateway: int) -> None:
        """Forget a gateway's readers."""
        for key in [key for key in self._waiting if key[0] == gateway]:
            del self._waiting[key]

    def answer_due(self) -> None:
        """Answer those for whom there is something, and those who have waited long enough. Called now and then."""
        now = trio.current_time()
        for key, poll in list(self._waiting.items()):
            if self._log.newest > poll.asked.after or poll.deadline <= now:
                del self._waiting[key]
                self._answer(poll)

    def _answer(self, poll: _Poll) -> None:
        page = self._log.page(poll.asked.after, poll.asked.newest_max)
        poll.link.queue(frames.LogPage(poll.asked.poll, page.records, page.cursor, page.incomplete, self._log.server))
