"""What a transaction has read, exactly: the keys whose change would have changed its result.

Three kinds of reads:

* a *point*: one document through ``by_id`` (whether or not it exists), a name looked up, or the active deployment;
* a *scan*: an interval of one index, from where the scan began to the last row it **consumed**; all of its range once
  it is exhausted (data-model §5.7). Descending scans grow from the other end;
* nothing else. What a mutation wrote itself is read like anything else: the interval covers it either way.

A point is written as the range of a prefix, which holds nothing but the key itself since a full key ends itself, and
which the invalidator files by hash.

A scan is registered before its first row and updated as rows are consumed, so the set is right at any moment, also
when an exception ends the function in the middle of a loop: a failed query is still subscribed through what it read.
"""

from __future__ import annotations

from rtdb.errors import LimitError
from rtdb.index.index_range import RangeSet, prefix_range
from rtdb.index.scan import by_id_key
from rtdb.link.frames import ReadRange
from rtdb.storage.keys import BY_ID, index_number
from rtdb.transaction.near_limit import is_near, near_limit
from rtdb.values.ordering import prefix_stop

__all__ = ["ADVICE", "ReadSet", "ScanRead"]

ADVICE = (
    "Consider using smaller limits in your queries, paginating your queries, or using indexed queries with a selective "
    "index range expressions."
)


class ScanRead:
    """The part of ``[start, stop)`` of one index that a scan has consumed so far."""

    __slots__ = ("_start", "_stop", "descending", "exhausted", "failure", "index", "last_key")

    def __init__(self, index: int, start: bytes, stop: bytes, descending: bool) -> None:
        self.index = index
        self._start = start
        self._stop = stop
        self.descending = descending
        self.last_key: bytes | None = None
        """Set by the scan at every row it consumes."""
        self.exhausted = False
        """Set by the scan when the range holds no further row."""
        self.failure: Exception | None = None
        """Set by the scan when the server failed to read: whatever the app makes of it, its call cannot succeed."""

    @property
    def has_rest(self) -> bool:
        """Whether there are keys in the range that the scan has not come to, be there rows or not."""
        if self.exhausted:
            return False
        if self.last_key is None:
            return self._start < self._stop
        return self._start < self.last_key if self.descending else prefix_stop(self.last_key) < self._stop

    def range(self) -> ReadRange | None:
        """Return the interval read, None while nothing was consumed."""
        if self.exhausted:
            return ReadRange(self.index, self._start, self._stop)
        if self.last_key is None:
            return None
        if self.descending:
            return ReadRange(self.index, self.last_key, self._stop)
        return ReadRange(self.index, self._start, prefix_stop(self.last_key))


class ReadSet:
    """The reads of one transaction, bounded by ``ranges_max`` intervals after merging."""

    __slots__ = ("_check_at", "_documents", "_points", "_ranges_max", "_scans")

    def __init__(self, ranges_max: int) -> None:
        self._ranges_max = ranges_max
        self._documents: set[tuple[int, bytes]] = set()
        """Points of `by_id`, by table and internal id: a document is often read again, and its key is needed once."""
        self._points: set[tuple[int, bytes]] = set()
        """All other points, by index and key."""
        self._scans: list[ScanRead] = []
        self._check_at = ranges_max
        """Number of unmerged reads above which merging is tried; between two tries at most that many can be added."""

    def add_document(self, table: int, internal: bytes) -> None:
        """Record the read of a document, be it there or not. Raises :class:`LimitError`."""
        self._documents.add((table, internal))
        if len(self._documents) + len(self._points) + len(self._scans) > self._check_at:
            self._check_limit()

    def add_point(self, index: int, key: bytes) -> None:
        """Record the read of exactly the full key ``key``. Raises :class:`LimitError`."""
        self._points.add((index, key))
        if len(self._documents) + len(self._points) + len(self._scans) > self._check_at:
            self._check_limit()

    def open_scan(self, index: int, start: bytes, stop: bytes, *, descending: bool) -> ScanRead:
        """Register a scan; its caller reports what it consumes on the result. Raises :class:`LimitError`."""
        scan = ScanRead(index, start, stop, descending)
        self._scans.append(scan)
        if len(self._documents) + len(self._points) + len(self._scans) > self._check_at:
            self._check_limit()
        return scan

    def ranges(self) -> list[ReadRange]:
        """Return everything read, merged, ordered by index and start."""
        points = [*self._points]
        for table, internal in self._documents:
            points.append((index_number(table, BY_ID), by_id_key(table, internal)))
        if not self._scans:
            points.sort()
            return [prefix_range(index, key) for index, key in points]
        merged = RangeSet()
        for index, key in points:
            point = prefix_range(index, key)
            merged.add(index, point.start, point.stop)
        for scan in self._scans:
            read = scan.range()
            if read is not None:
                merged.add(read.index, read.start, read.stop)
        return merged.ranges()

    def failure(self) -> Exception | None:
        """Return what made a scan fail through no fault of the app."""
        return next((scan.failure for scan in self._scans if scan.failure is not None), None)

    @property
    def ranges_max(self) -> int:
        """How many intervals there may be."""
        return self._ranges_max

    @ranges_max.setter
    def ranges_max(self, ranges_max: int) -> None:
        self._ranges_max = ranges_max
        self._check_at = 0  # the next read finds out how many there are

    def near_limits(self) -> list[str]:
        """Return the warning of a read set that is nearly full."""
        if not is_near(len(self._documents) + len(self._points) + len(self._scans), self._ranges_max):
            return []  # merging makes no more of them
        return near_limit("Many reads in a single function execution", len(self.ranges()), self._ranges_max)

    def _check_limit(self) -> None:
        # Merging is linear, so it happens only when the unmerged number allows for a violation. Each further read adds
        # at most one interval: with m intervals now, the next ranges_max - m reads cannot cross the limit.
        # A scan that has read nothing yet is about to.
        merged = len(self.ranges()) + sum(scan.range() is None for scan in self._scans)
        if merged > self._ranges_max:
            raise LimitError(
                f"Too many reads in a single function execution (limit: {self._ranges_max}). {ADVICE}",
                code="TooManyReads",
            )
        self._check_at = len(self._documents) + len(self._points) + len(self._scans) + self._ranges_max - merged
