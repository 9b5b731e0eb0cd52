"""Who must come before whom, as a graph, and the cycles in it.

Nodes are numbers. Those of transactions come first; the others are *junctions*, which save edges where many depend on
many: an edge into a junction says what kind of dependency it is, and those out of it only lead on. A cycle is told
without its junctions.

Everything looks at the part of the graph that some kinds of dependency make up. Components are found in linear time
(Tarjan); a witness is sought within one component only, by breadth first, so that it is short.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from enum import IntFlag
from heapq import heapify, heappop, heappush
from typing import Final

import msgspec

__all__ = ["Edge", "Graph", "Kind"]

EDGES_TRIED_MAX: Final = 32
"""Edges of the wanted kind that a short cycle is sought through; the shortest found is the witness."""

STEPS_MAX: Final = 3_000_000
"""Steps after which the search for a cycle with a single edge of some kind gives up, in one component."""


class Kind(IntFlag):
    """What makes one transaction come before another."""

    LEADS_ON = 0
    """Out of a junction: there whatever kinds are looked at."""
    WW = 1
    """The other one's write follows its own."""
    WR = 2
    """The other one has read its write."""
    RW = 4
    """The other one has written what comes after its read: an anti-dependency."""
    SESSION = 8
    """The other one was shown to the same client later."""
    REALTIME = 16
    """The other one began after its end."""


class Edge(msgspec.Struct, frozen=True, gc=False):
    """A dependency, with the list and the number appended to it that it is about, where it is about one."""

    source: int
    target: int
    kind: Kind
    key: str = ""
    value: int | None = None


class Graph:
    """The dependencies among ``transactions`` transactions, numbered from 0."""

    def __init__(self, transactions: int) -> None:
        self._transactions = transactions
        self._edges: list[list[Edge]] = [[] for _ in range(transactions)]

    def add(self, edge: Edge) -> None:
        if edge.source != edge.target:
            self._edges[edge.source].append(edge)

    def junction(self) -> int:
        """Return a new node that leads on to others."""
        self._edges.append([])
        return len(self._edges) - 1

    def lead_on(self, junction: int, target: int) -> None:
        self._edges[junction].append(Edge(junction, target, Kind.LEADS_ON))

    def is_transaction(self, node: int) -> bool:
        return node < self._transactions

    def components(self, kinds: Kind, within: Collection[int] | None = None) -> Iterator[set[int]]:
        """Yield the sets of nodes that all reach each other over edges of these kinds, single nodes left out."""
        nodes = range(len(self._edges)) if within is None else within
        order: dict[int, int] = {}
        lowest: dict[int, int] = {}
        open_: dict[int, None] = {}
        for root in nodes:
            if root in order:
                continue
            order[root] = lowest[root] = len(order)
            open_[root] = None
            path = [(root, self._from(root, kinds, within))]
            while path:
                node, edges = path[-1]
                for edge in edges:
                    target = edge.target
                    if target not in order:
                        order[target] = lowest[target] = len(order)
                        open_[target] = None
                        path.append((target, self._from(target, kinds, within)))
                        break
                    if target in open_:
                        lowest[node] = min(lowest[node], order[target])
                else:
                    path.pop()
                    if path:
                        lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                    if lowest[node] == order[node]:
                        component = {node}
                        while (member := open_.popitem()[0]) != node:
                            component.add(member)
                        if len(component) > 1:
                            yield component

    def cycle_through(self, kind: Kind, kinds: Kind, component: set[int]) -> list[Edge] | None:
        """Return a short cycle within a component of ``kinds`` that has an edge of ``kind``, if there is one."""
        shortest: list[Edge] | None = None
        for tried, edge in enumerate(self._edges_of(kind, component)):
            if tried == EDGES_TRIED_MAX:
                break
            back, _ = self._path(edge.target, edge.source, kinds, component, STEPS_MAX)
            if back is not None and (shortest is None or len(back) + 1 < len(shortest)):
                shortest = [edge, *back]
        return shortest

    def cycle_with_one(self, kind: Kind, others: Kind, component: set[int]) -> list[Edge] | None:
        """Return a cycle with one edge of ``kind`` and any number of ``others``; None when none is found in time.

        There must be no cycle of ``others`` alone. So they have an order, and only an edge that goes back in it can
        close a cycle: in a history that is nearly right these are few.
        """
        place = self._in_order(others, component)
        steps = STEPS_MAX
        for edge in self._edges_of(kind, component):
            if place[edge.target] > place[edge.source]:
                continue
            back, taken = self._path(edge.target, edge.source, others, component, steps)
            if back is not None:
                return [edge, *back]
            steps -= taken
            if steps <= 0:
                return None
        return None

    def _in_order(self, kinds: Kind, component: set[int]) -> dict[int, int]:
        """Return each node's place in an order that these edges agree with; where they are silent, as numbered."""
        waits_for: dict[int, int] = dict.fromkeys(component, 0)
        for node in component:
            for edge in self._from(node, kinds, component):
                waits_for[edge.target] += 1
        # A junction comes as soon as it can: what it leads to has a number of its own.
        ready = [node if self.is_transaction(node) else -node for node, count in waits_for.items() if count == 0]
        heapify(ready)
        place: dict[int, int] = {}
        while ready:
            node = abs(heappop(ready))
            place[node] = len(place)
            for edge in self._from(node, kinds, component):
                waits_for[edge.target] -= 1
                if waits_for[edge.target] == 0:
                    heappush(ready, edge.target if self.is_transaction(edge.target) else -edge.target)
        assert len(place) == len(component), "these edges have no cycle"
        return place

    def told(self, cycle: list[Edge]) -> list[Edge]:
        """Return the cycle without its junctions, beginning with a transaction."""
        first = next(place for place, edge in enumerate(cycle) if self.is_transaction(edge.source))
        told: list[Edge] = []
        for edge in cycle[first:] + cycle[:first]:
            if self.is_transaction(edge.source):
                told.append(edge)
            else:
                before = told.pop()
                told.append(Edge(before.source, edge.target, before.kind, before.key, before.value))
        return told

    def _from(self, node: int, kinds: Kind, within: Collection[int] | None) -> Iterator[Edge]:
        for edge in self._edges[node]:
            if (not edge.kind or edge.kind & kinds) and (within is None or edge.target in within):
                yield edge

    def _edges_of(self, kind: Kind, component: set[int]) -> Iterable[Edge]:
        return (
            edge
            for node in sorted(component)
            for edge in self._edges[node]
            if edge.kind == kind and edge.target in component
        )

    def _path(
        self, source: int, target: int, kinds: Kind, component: set[int], steps_max: int
    ) -> tuple[list[Edge] | None, int]:
        """Return a shortest path, and how many edges were looked at for it."""
        came_by: dict[int, Edge | None] = {source: None}
        waiting = deque([source])
        steps = 0
        while waiting and steps < steps_max and target not in came_by:
            for edge in self._from(waiting.popleft(), kinds, component):
                steps += 1
                if edge.target not in came_by:
                    came_by[edge.target] = edge
                    waiting.append(edge.target)
        if target not in came_by:
            return None, steps
        path: list[Edge] = []
        at = target
        while (edge_here := came_by[at]) is not None:
            path.append(edge_here)
            at = edge_here.source
        return path[::-1], steps
