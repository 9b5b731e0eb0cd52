"""Calls that wait for a runner, oldest first.

A call's age (``order``) is that of its submission, so one that is sent back does not lose its place. It may stop
waiting while it is in the queue (its outcome came, or a runner that had it all along has begun with it): such entries
are skipped.
"""

from __future__ import annotations

from heapq import heappop, heappush

from rtdb.functions.execution import Execution

__all__ = ["CallQueue"]


class CallQueue:
    """``execution.waiting`` says whether a call is in it; the pool unsets that when it dispatches one."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Execution]] = []
        self._pushed = 0

    def push(self, execution: Execution, now: float) -> None:
        """Let a call wait from now on; one that waits already goes on waiting."""
        if execution.waiting or execution.done:
            return
        execution.waiting = True
        execution.waiting_since = now
        self._pushed += 1
        heappush(self._heap, (execution.order, self._pushed, execution))

    def oldest(self) -> Execution | None:
        """Return the call that has been there longest."""
        heap = self._heap
        while heap:
            execution = heap[0][2]
            if execution.waiting and not execution.done:
                return execution
            heappop(heap)
        return None

    def __bool__(self) -> bool:
        return self.oldest() is not None

    def __len__(self) -> int:
        """The number of calls that wait; it counts them."""
        return len({execution for _, _, execution in self._heap if execution.waiting and not execution.done})
