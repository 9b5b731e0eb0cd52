"""A set of half-open intervals of byte strings that answers "which of them contain this key?".

A B+ tree ordered by ``(start, stop)``; every slot of a node also knows the greatest ``stop`` below it. A stabbing query
goes down only where that is above the key:

                    intervals  [("", …)            ("m", …)        ]      lower bound of each child
        branch      stops      [greatest stop      greatest stop   ]
                    children   [   │                   │           ]
                                   ▼                   ▼
        leaf        intervals  [("a", "c"), ("b", "z")]
                    stops      ["c",        "z"       ]

To the left of the key's place every start is at or below the key, so a greater stop there *is* a match: a query visits
at most ``depth × (matches + 1)`` nodes. Nodes are small lists, so that the work inside one runs in C.

Why not something lazier: a sorted array with a buffer of recent insertions answers about as fast, but merging the
buffer stalls the whole hub for a second at a million intervals. Here the dearest operation splits ``depth`` nodes.

Invariants: all leaves are at the same depth; a branch's interval is a lower bound of its child's; a slot's stop is
exact. The tree does not know what the intervals stand for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

__all__ = ["Interval", "IntervalTree"]

Interval = tuple[bytes, bytes]
"""``(start, stop)``: contains the keys with ``start ≤ key < stop``."""

NODE_SLOTS_MAX = 48
"""Slots of a node before it is split. From 24 to 96 the difference is small (measured); more makes insertion dearer."""

NODE_SLOTS_MIN = NODE_SLOTS_MAX // 4
"""Slots below which a node is joined with a neighbour or takes slots from it."""


class _Node:
    """A leaf (``children`` is None) or a branch; the lists are parallel."""

    __slots__ = ("children", "intervals", "stops")

    def __init__(self, intervals: list[Interval], stops: list[bytes], children: list[_Node] | None) -> None:
        self.intervals = intervals
        self.stops = stops
        self.children = children

    def split(self) -> _Node:
        """Move the upper half into a new node and return it."""
        middle = len(self.intervals) // 2
        children = self.children
        upper = _Node(self.intervals[middle:], self.stops[middle:], None if children is None else children[middle:])
        del self.intervals[middle:], self.stops[middle:]
        if children is not None:
            del children[middle:]
        return upper

    def extend(self, upper: _Node) -> None:
        """Take in the slots of the node to the right."""
        self.intervals += upper.intervals
        self.stops += upper.stops
        if self.children is not None and upper.children is not None:
            self.children += upper.children


class IntervalTree:
    """A dynamic set of intervals. Each may be added once; adding is the caller's promise to remove."""

    __slots__ = ("_count", "_root")

    def __init__(self) -> None:
        self._root = _Node([], [], None)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, interval: Interval) -> None:
        """Add an interval that is not there yet."""
        root = self._root
        self._add(root, interval)
        self._count += 1
        if len(root.intervals) > NODE_SLOTS_MAX:
            upper = root.split()
            self._root = _Node(
                [root.intervals[0], upper.intervals[0]], [max(root.stops), max(upper.stops)], [root, upper]
            )

    def _add(self, node: _Node, interval: Interval) -> None:
        children = node.children
        at = bisect_right(node.intervals, interval)
        if children is None:
            node.intervals.insert(at, interval)
            node.stops.insert(at, interval[1])
            return
        if at:
            at -= 1
        else:
            node.intervals[0] = interval
        child = children[at]
        self._add(child, interval)
        if len(child.intervals) > NODE_SLOTS_MAX:
            upper = child.split()
            node.stops[at] = max(child.stops)
            node.intervals.insert(at + 1, upper.intervals[0])
            node.stops.insert(at + 1, max(upper.stops))
            children.insert(at + 1, upper)
        elif node.stops[at] < interval[1]:
            node.stops[at] = interval[1]

    def remove(self, interval: Interval) -> None:
        """Remove an interval that is there."""
        self._remove(self._root, interval)
        self._count -= 1
        children = self._root.children
        if children is not None and len(children) == 1:
            self._root = children[0]

    def _remove(self, node: _Node, interval: Interval) -> None:
        children = node.children
        if children is None:
            at = bisect_left(node.intervals, interval)
            assert node.intervals[at] == interval, "the interval to remove is in the tree"
            del node.intervals[at], node.stops[at]
            return
        at = bisect_right(node.intervals, interval) - 1
        child = children[at]
        self._remove(child, interval)
        if len(child.intervals) < NODE_SLOTS_MIN and len(children) > 1:
            _even_out(node, children, at - 1 if at else 0)
        elif node.stops[at] == interval[1]:
            node.stops[at] = max(child.stops)

    def stab(self, key: bytes) -> list[Interval]:
        """Return the intervals that contain the key, in order."""
        # A start equal to the key lies to the left of it whatever its stop is, hence the key's successor.
        after = (key + b"\x00",)
        nodes = [self._root]
        while nodes:
            if nodes[0].children is None:
                found: list[Interval] = []
                for node in nodes:
                    intervals = node.intervals
                    stops = node.stops
                    found += [intervals[at] for at in range(bisect_left(intervals, after)) if stops[at] > key]
                return found
            below: list[_Node] = []
            for node in nodes:
                children = node.children
                assert children is not None
                stops = node.stops
                below += [children[at] for at in range(bisect_left(node.intervals, after)) if stops[at] > key]
            nodes = below
        return []


def _even_out(node: _Node, children: list[_Node], left: int) -> None:
    """Make one node of the child at ``left`` and its right neighbour, or two of equal size if it would be too full."""
    child = children[left]
    child.extend(children[left + 1])
    if len(child.intervals) <= NODE_SLOTS_MAX:
        del node.intervals[left + 1], node.stops[left + 1], children[left + 1]
    else:
        upper = child.split()
        children[left + 1] = upper
        node.intervals[left + 1] = upper.intervals[0]
        node.stops[left + 1] = max(upper.stops)
    node.stops[left] = max(child.stops)
