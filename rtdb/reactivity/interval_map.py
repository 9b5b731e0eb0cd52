"""From a written key to the entries that have read it: ranges of index keys, each with its holders.

A range has one of three forms, each with a structure of its own for every index:

* *points* ``[k, k 00)`` hold the key ``k`` and nothing else: a hash map looked up once for a written key.
* *prefix ranges* ``[p, p ff)``, where ``p`` is the encoding of whole values: equality on the first fields, or the whole
  index (``p`` empty). A hash map looked up once for each of the key's prefixes of 0, 1, 2, … parts.
* all others: an :class:`~rtdb.reactivity.interval_tree.IntervalTree`.

Entries that read the same range share one slot, and a range goes when its last entry lets go of it. The cost of a
written key is O(parts + log ranges + matches), whatever the number of entries.

Invariants:

* An entry is found by a key exactly if one of its ranges contains the key, as ``key_in_range`` in
  ``rtdb/index/index_range.py`` says; a property test holds the two equal.
* The order in which entries are found depends only on the order of calls, so that a simulation can be replayed.

The map does not know what an entry is, only that it can be hashed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from rtdb.link.frames import KeyChange, ReadRange
from rtdb.reactivity.interval_tree import Interval, IntervalTree

__all__ = ["IntervalMap"]

EntryT = TypeVar("EntryT", bound=Hashable)

Holders = dict[EntryT, None]
"""An insertion-ordered set of the entries that read one range."""


class _IndexRanges(Generic[EntryT]):
    """The ranges of one index with their holders. Invariant: ``tree`` holds exactly the keys of ``intervals``.

    A range's only holder is held bare: a dict for each would cost 232 bytes.
    """

    __slots__ = ("intervals", "points", "prefixes", "tree")

    def __init__(self) -> None:
        self.points: dict[bytes, EntryT | Holders[EntryT]] = {}
        self.prefixes: dict[bytes, EntryT | Holders[EntryT]] = {}
        self.intervals: dict[Interval, EntryT | Holders[EntryT]] = {}
        self.tree = IntervalTree()

    def add(self, entry: EntryT, start: bytes, stop: bytes) -> None:
        if len(stop) == len(start) + 1 and stop.startswith(start):
            if stop[-1] == 0xFF:
                _hold(self.prefixes, start, entry)
                return
            if stop[-1] == 0x00:
                _hold(self.points, start, entry)
                return
        if _hold(self.intervals, (start, stop), entry):
            self.tree.add((start, stop))

    def remove(self, entry: EntryT, start: bytes, stop: bytes) -> None:
        if len(stop) == len(start) + 1 and stop.startswith(start):
            if stop[-1] == 0xFF:
                _release(self.prefixes, start, entry)
                return
            if stop[-1] == 0x00:
                _release(self.points, start, entry)
                return
        if _release(self.intervals, (start, stop), entry):
            self.tree.remove((start, stop))

    def find(self, parts: list[bytes], found: Holders[EntryT]) -> None:
        prefixes = self.prefixes
        if prefixes:
            key = b""
            if (holders := prefixes.get(key)) is not None:
                _collect(holders, found)
            for part in parts:
                key += part
                if (holders := prefixes.get(key)) is not None:
                    _collect(holders, found)
        else:
            key = b"".join(parts)
        if (holders := self.points.get(key)) is not None:
            _collect(holders, found)
        intervals = self.intervals
        if intervals:
            for interval in self.tree.stab(key):
                _collect(intervals[interval], found)

    def empty(self) -> bool:
        return not self.points and not self.prefixes and not self.intervals


class IntervalMap(Generic[EntryT]):
    """Ranges of all indexes with the entries that hold them. An entry may be anything hashable but a ``dict``."""

    def __init__(self) -> None:
        self._indexes: dict[int, _IndexRanges[EntryT]] = {}

    def add(self, entry: EntryT, ranges: Iterable[ReadRange]) -> None:
        """Have the entry hold these ranges too; those it holds already stay as they are. Empty ones are ignored."""
        for read_range in ranges:
            if read_range.start >= read_range.stop:
                continue
            index_ranges = self._indexes.get(read_range.index)
            if index_ranges is None:
                index_ranges = self._indexes[read_range.index] = _IndexRanges()
            index_ranges.add(entry, read_range.start, read_range.stop)

    def remove(self, entry: EntryT, ranges: Iterable[ReadRange]) -> None:
        """Have the entry let go of these ranges; those it does not hold are ignored."""
        for read_range in ranges:
            index_ranges = self._indexes.get(read_range.index)
            if index_ranges is None:
                continue
            index_ranges.remove(entry, read_range.start, read_range.stop)
            if index_ranges.empty():
                del self._indexes[read_range.index]

    def replace(self, entry: EntryT, before: Sequence[ReadRange], after: Sequence[ReadRange]) -> None:
        """Change what the entry holds from ``before`` to ``after``, touching only what differs."""
        if before == after:
            return
        kept = set(before).intersection(after)
        self.remove(entry, [read_range for read_range in before if read_range not in kept])
        self.add(entry, [read_range for read_range in after if read_range not in kept])

    def affected(self, changes: Iterable[KeyChange]) -> Holders[EntryT]:
        """Return the entries that hold a range with an old or new key of these changes in it, each once."""
        found: Holders[EntryT] = {}
        indexes = self._indexes
        for change in changes:
            index_ranges = indexes.get(change.index)
            if index_ranges is None:
                continue
            old, new = change.old, change.new
            if old is not None:
                index_ranges.find(old, found)
            # Most updates leave most index keys as they are.
            if new is not None and new != old:
                index_ranges.find(new, found)
        return found

    def statistics(self) -> dict[str, int]:
        """Return the number of distinct ranges by form."""
        indexes = self._indexes.values()
        return {
            "point_ranges": sum(len(ranges.points) for ranges in indexes),
            "prefix_ranges": sum(len(ranges.prefixes) for ranges in indexes),
            "interval_ranges": sum(len(ranges.intervals) for ranges in indexes),
        }


def _collect(holders: EntryT | Holders[EntryT], found: Holders[EntryT]) -> None:
    if type(holders) is dict:
        found.update(holders)
    else:
        found[holders] = None  # type: ignore[index]  # an entry is no dict


SlotT = TypeVar("SlotT", bound=Hashable)


def _hold(slots: dict[SlotT, EntryT | Holders[EntryT]], slot: SlotT, entry: EntryT) -> bool:
    """Add a holder; return whether it is the slot's first."""
    holders = slots.get(slot)
    if holders is None:
        slots[slot] = entry
        return True
    if type(holders) is dict:
        holders[entry] = None
    elif holders != entry:
        slots[slot] = {holders: None, entry: None}  # type: ignore[dict-item]  # an entry is no dict
    return False


def _release(slots: dict[SlotT, EntryT | Holders[EntryT]], slot: SlotT, entry: EntryT) -> bool:
    """Remove a holder; return whether it was the slot's last."""
    holders = slots.get(slot)
    if holders is None:
        return False
    if type(holders) is dict:
        holders.pop(entry, None)
        if len(holders) == 1:
            slots[slot] = next(iter(holders))
        return False
    if holders != entry:
        return False
    del slots[slot]
    return True
