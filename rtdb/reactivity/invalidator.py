"""Follows the blocks and says which query entries each of them invalidates.

Two ways lead from writes to reads, and both apply the one rule ``key_in_range``:

* a *block* meets the reads of all entries in the interval map (few writes, many reads);
* a *result* that arrives after newer blocks meets their changes in a bounded log (few reads, some writes), because its
  reads were not in the map when those blocks passed. An entry that read the same as before its re-run need not be
  looked up: its ranges were in the map all the time.

Invariants:

* An entry that is not dirty is exact at ``seq``/``ts``, the position of the last block.
* ``dirty_ts`` is the start of the *first* block that changed what was read, or earlier where the log no longer tells.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from rtdb.link.frames import BlockApplied, KeyChange, ReadRange
from rtdb.reactivity.interval_map import IntervalMap
from rtdb.reactivity.query_entry import QueryEntry

__all__ = ["Invalidator"]


class _RecentBlock:
    """A block's changes; sorted keys by index are made when a result is first compared with it."""

    def __init__(self, block: BlockApplied) -> None:
        self.seq = block.seq
        self.ts_first = block.ts_first
        self.changes: list[KeyChange] = block.changes

    @cached_property
    def keys(self) -> dict[int, list[bytes]]:
        keys: dict[int, set[bytes]] = {}
        for change in self.changes:
            of_index = keys.setdefault(change.index, set())
            if change.old is not None:
                of_index.add(b"".join(change.old))
            if change.new is not None:
                of_index.add(b"".join(change.new))
        return {index: sorted(of_index) for index, of_index in keys.items()}

    def touches(self, reads: Iterable[ReadRange]) -> bool:
        keys = self.keys
        for read in reads:
            of_index = keys.get(read.index)
            if of_index is not None:
                # The first key at or above the start decides: `key_in_range` for all keys of the block at once.
                at = bisect_left(of_index, read.start)
                if at < len(of_index) and of_index[at] < read.stop:
                    return True
        return False


class Invalidator:
    """The reads of all entries, and the recent changes. ``seq`` and ``ts``: the position it has followed to."""

    def __init__(self, seq: int, ts: int, *, recent_changes_max: int) -> None:
        self.seq = seq
        self.ts = ts
        self._map: IntervalMap[QueryEntry] = IntervalMap()
        self._recent: deque[_RecentBlock] = deque()
        # Invariant: `_recent` holds exactly the blocks in (_covers_after, seq].
        self._covers_after = seq
        self._recent_changes = 0
        self._recent_changes_max = recent_changes_max

    def apply(self, block: BlockApplied) -> Collection[QueryEntry]:
        """Follow to this block; return the entries it changed what they read, marked as dirty."""
        assert block.seq == self.seq + 1, "blocks arrive in order and without gaps"
        self.seq = block.seq
        self.ts = block.ts
        self._remember(block)
        affected = self._map.affected(block.changes)
        for entry in affected:
            if entry.dirty_ts == 0:
                entry.dirty_ts = block.ts_first
            if entry.run is not None and entry.run.touched_ts == 0:
                entry.run.touched_ts = block.ts_first
        return affected

    def register(self, entry: QueryEntry, reads: list[ReadRange], *, read_seq: int, read_ts: int) -> int:
        """Replace the entry's reads by those of a version read at that position.

        Return the timestamp from which the version is no longer exact, or 0.
        """
        run = entry.run
        if run is not None and run.started_seq == read_seq and entry.reads == reads:
            return run.touched_ts
        self._map.replace(entry, entry.reads, reads)
        entry.reads = reads
        return self._first_change(reads, read_seq, read_ts)

    def forget(self, entry: QueryEntry) -> None:
        """Remove the entry's reads."""
        self._map.remove(entry, entry.reads)
        entry.reads = []

    def range_statistics(self) -> dict[str, int]:
        """Return the number of distinct registered ranges by form."""
        return self._map.statistics()

    def _first_change(self, reads: Sequence[ReadRange], read_seq: int, read_ts: int) -> int:
        if read_seq >= self.seq:
            return 0
        if read_seq < self._covers_after:
            # Unknown counts as changed, from the earliest timestamp that a later block can have.
            return read_ts + 1
        later: list[_RecentBlock] = []
        for block in reversed(self._recent):
            if block.seq <= read_seq:
                break
            later.append(block)
        for block in reversed(later):
            if block.touches(reads):
                return block.ts_first
        return 0

    def _remember(self, block: BlockApplied) -> None:
        recent = self._recent
        recent.append(_RecentBlock(block))
        # A block without changes weighs something too.
        self._recent_changes += len(block.changes) + 1
        while self._recent_changes > self._recent_changes_max:
            oldest = recent.popleft()
            self._recent_changes -= len(oldest.changes) + 1
            self._covers_after = oldest.seq
