"""The newest block, and the recent ones: which position a timestamp belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

from rtdb.clock import Clock
from rtdb.link import frames

__all__ = ["POSITIONS_MAX", "Positions"]

POSITIONS_MAX = 200_000
"""Recent positions remembered to answer queries at a timestamp; at most those of the last ``undo_seconds``."""


class Positions:
    """``seq`` and ``ts`` are those of the newest block that the hub has been told of."""

    def __init__(self, clock: Clock, undo_seconds: float, opened: frames.CommitterReady) -> None:
        self._clock = clock
        self._undo_seconds = undo_seconds
        self.seq = opened.seq
        self.ts = opened.ts
        self._recent_seq: deque[int] = deque([*(seq for seq, _ in opened.past), opened.seq], maxlen=POSITIONS_MAX)
        self._recent_ts: deque[int] = deque([*(ts for _, ts in opened.past), opened.ts], maxlen=POSITIONS_MAX)

    def advance(self, seq: int, ts: int) -> None:
        """Go on to the next block."""
        assert seq == self.seq + 1, "blocks arrive densely"
        assert ts > self.ts, "timestamps increase"
        self.seq, self.ts = seq, ts
        self._recent_seq.append(seq)
        self._recent_ts.append(ts)
        self._forget()

    def seq_at(self, ts: int) -> int | frames.ExecutionError:
        """Return the position a timestamp belongs to: that of the newest block at or before it."""
        if ts >= self.ts:
            return self.seq
        index = bisect_right(self._recent_ts, ts) - 1
        if index < 0 or ts < self._horizon:
            return frames.ExecutionError(
                code="SnapshotTooOld",
                message=(
                    f"The timestamp {ts} is too old: queries can read the last {self._undo_seconds:g} s "
                    "(undo_seconds). Ask /api/query_ts for a newer one."
                ),
                system=503,
            )
        return self._recent_seq[index]

    def _forget(self) -> None:
        """Forget positions that are too old, except the newest of them: the oldest timestamps belong to it."""
        horizon = self._horizon
        while len(self._recent_ts) > 1 and self._recent_ts[1] <= horizon:
            self._recent_ts.popleft()
            self._recent_seq.popleft()

    @property
    def _horizon(self) -> int:
        """The oldest timestamp that can be read at; while nothing is written it moves on too."""
        return max(self.ts, self._clock.now_ns()) - int(self._undo_seconds * 1e9)
