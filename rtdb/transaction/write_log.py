"""The index keys that recent commits touched, kept to answer one question: was anything I read changed since I began?

The log is a row of *segments*, oldest first. A segment covers a run of transactions and holds, per index, every old and
new key they touched, sorted, with the commits that touched each key in order:

    segment ── index ──▶ keys      [k1, k2, k3 …]                 sorted, distinct
                     └─▶ writers   {k1: commit, k2: [commit, …], …}   in commit order

A read interval is looked up by bisection, so a check costs O(reads x segments since the begin position) however many
keys there are; a recent begin position has one segment to look at. Old segments are dropped whole.

Invariants:

* ``covers_from`` is the oldest begin position that can still be judged: every commit after it is in the log.
* Whether a key counts as read is decided by ``key_in_range`` alone, the predicate that invalidation uses too.

Not known here: what a commit wrote, documents, disk. Transactions of a block are entered before the block is durable; a
committer whose block fails stops, so nobody can be judged against commits that never happened.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence

import msgspec

from rtdb.index.index_range import key_in_range
from rtdb.link.frames import KeyChange, ReadRange

__all__ = ["Conflict", "TooOld", "WriteLog"]

SEGMENT_KEYS_MAX = 4096
"""Keys in a segment, all indexes together. Insertion into a sorted list of this length costs about 0.3 µs."""

KEY_OVERHEAD_BYTES = 150
"""What a key costs beside its bytes: object headers, a place in the list and in the dict (CPython 3.11)."""

COMMIT_OVERHEAD_BYTES = 250


class Conflict(msgspec.Struct, frozen=True):
    """A commit that touched something which was read."""

    index: int
    key: bytes
    seq: int
    source: str


class TooOld(msgspec.Struct, frozen=True):
    """The begin position is before ``covers_from``: nobody can tell any more."""

    covers_from: int


class _Commit(msgspec.Struct, frozen=True, gc=False):
    seq: int
    lane_epoch: int
    source: str


class _IndexKeys:
    """The keys of one index in one segment."""

    __slots__ = ("is_sorted", "keys", "writers")

    def __init__(self) -> None:
        self.keys: list[bytes] = []
        self.writers: dict[bytes, _Commit | list[_Commit]] = {}
        """A key's only writer is held bare: most keys have one, and a list for each would cost more than the key."""
        self.is_sorted = True

    def add(self, key: bytes, commit: _Commit) -> int:
        """Enter a key and return the memory it took, bytes."""
        writers = self.writers.get(key)
        if writers is not None:
            if type(writers) is list:
                if writers[-1] is not commit:
                    writers.append(commit)
            elif writers is not commit:
                self.writers[key] = [writers, commit]  # type: ignore[list-item]  # a commit is no list
            return 0
        self.writers[key] = commit
        if len(self.keys) < SEGMENT_KEYS_MAX:
            insort(self.keys, key)
        else:
            # A huge transaction: sorting its keys when somebody asks beats moving a long list for each of them.
            self.keys.append(key)
            self.is_sorted = False
        return len(key) + KEY_OVERHEAD_BYTES

    def conflict(self, read: ReadRange, begin: int, lane_epoch: int) -> Conflict | None:
        keys = self.keys
        if not self.is_sorted:
            keys.sort()
            self.is_sorted = True
        place = bisect_left(keys, read.start)
        while place < len(keys) and key_in_range(keys[place], read):
            writers = self.writers[keys[place]]
            for commit in reversed(writers) if isinstance(writers, list) else (writers,):
                if commit.seq <= begin:
                    break
                if lane_epoch == 0 or commit.lane_epoch != lane_epoch:
                    return Conflict(read.index, keys[place], commit.seq, commit.source)
            place += 1
        return None


class _Segment:
    __slots__ = ("bytes", "indexes", "keys", "seq_last", "ts_last")

    def __init__(self) -> None:
        self.indexes: dict[int, _IndexKeys] = {}
        self.keys = 0
        self.bytes = 0
        self.seq_last = 0
        self.ts_last = 0


class WriteLog:
    """Recent commits' index keys, bounded in bytes and in age.

    ``nanoseconds_max`` is the longest a mutation may run: an older commit can no longer beat anybody.
    """

    def __init__(self, seq: int, *, bytes_max: int, nanoseconds_max: int) -> None:
        self._covers_from = seq
        self._bytes_max = bytes_max
        self._nanoseconds_max = nanoseconds_max
        self._segments: deque[_Segment] = deque()
        self._bytes = 0

    @property
    def covers_from(self) -> int:
        """The oldest begin position that can be judged."""
        return self._covers_from

    @property
    def bytes(self) -> int:
        """Estimated memory in use."""
        return self._bytes

    def append(self, seq: int, ts: int, lane_epoch: int, source: str, changes: Sequence[KeyChange]) -> None:
        """Enter one transaction's changes. ``seq`` is its block's, and never below the one before."""
        segment = self._open_segment(seq)
        commit = _Commit(seq, lane_epoch, source)
        indexes = segment.indexes
        taken = COMMIT_OVERHEAD_BYTES
        for change in changes:
            index_keys = indexes.get(change.index)
            if index_keys is None:
                index_keys = indexes[change.index] = _IndexKeys()
            old, new = change.old, change.new
            if old is not None:
                taken += index_keys.add(b"".join(old), commit)
            if new is not None and new != old:
                taken += index_keys.add(b"".join(new), commit)
        segment.keys += len(changes)
        segment.seq_last = seq
        segment.ts_last = ts
        segment.bytes += taken
        self._bytes += taken

    def _open_segment(self, seq: int) -> _Segment:
        # A segment ends between two blocks: dropping one then leaves a whole number of blocks covered.
        if self._segments:
            newest = self._segments[-1]
            assert seq >= newest.seq_last
            if newest.keys < SEGMENT_KEYS_MAX or seq == newest.seq_last:
                return newest
        assert seq > self._covers_from
        self._segments.append(_Segment())
        return self._segments[-1]

    def trim(self, now_ns: int) -> None:
        """Drop what is too old at ``now_ns`` or more than the bytes allow; the newest segment always stays."""
        segments = self._segments
        while len(segments) > 1 and (
            self._bytes > self._bytes_max or segments[0].ts_last < now_ns - self._nanoseconds_max
        ):
            dropped = segments.popleft()
            self._bytes -= dropped.bytes
            self._covers_from = dropped.seq_last

    def conflict(self, reads: Sequence[ReadRange], begin: int, lane_epoch: int) -> Conflict | TooOld | None:
        """Return a commit after ``begin`` that touched one of ``reads``, or None when there is none.

        Commits of the same lane epoch are not counted (unless it is 0, no lane): the reader has seen them.
        """
        if begin < self._covers_from:
            return TooOld(self._covers_from)
        # Newest first: a conflict, if there is one, is most likely with the latest, and old segments end the walk.
        for segment in reversed(self._segments):
            if segment.seq_last <= begin:
                break
            indexes = segment.indexes
            for read in reads:
                index_keys = indexes.get(read.index)
                if index_keys is not None:
                    found = index_keys.conflict(read, begin, lane_epoch)
                    if found is not None:
                        return found
        return None
