"""One process that runs an app's code, from its start to its end, as the hub sees it."""

from __future__ import annotations

import trio

from rtdb.functions.runner_handle import RunnerHandle
from rtdb.link import frames

__all__ = ["AppProcess"]


class AppProcess:
    """A process of a fleet. What it is given to do is its subclass's business.

    ``start``           what it was started with: its code
    ``is_next``         its code is not deployed yet: it gets nothing before it is
    ``ready``           it has described its app
    ``retiring_since``  it gets nothing more, and ends when it has finished what it has
    ``killed``          it was killed
    ``idle_since``      when it last had nothing to do
    ``following``       cancel this to have it taken for ended, whatever its link says
    """

    def __init__(self, handle: RunnerHandle, start: frames.RunnerStart, now: float, *, is_next: bool) -> None:
        self.handle = handle
        self.link = handle.link
        self.start = start
        self.is_next = is_next
        self.started_at = now
        self.following = trio.CancelScope()
        self.ready = False
        self.retiring_since: float | None = None
        self.killed = False
        self.idle_since = now
        self._was_found_ended = False

    @property
    def unheard_since(self) -> float | None:
        """Since when it has been at work without a word; None while it has nothing to do."""
        raise NotImplementedError

    def kill(self) -> None:
        """Kill it. It is still there until its link has ended."""
        if not self.killed:
            self.killed = True
            self.handle.kill()

    def has_ended_unheard(self) -> bool:
        """Whether it ended although its link is open: a process that app code forked may hold the other end.

        Asked at intervals; it takes two, so that what it said last has been heard.
        """
        if not self.handle.has_ended():
            return False
        found_before, self._was_found_ended = self._was_found_ended, True
        return found_before
