"""From a history to the anomalies in it, each with what proves it.

::

    each transaction    what it read against what it did itself                         internal
    each list           one order of its numbers that all reads agree with             incompatible-order, duplicate,
                                                                                        garbage, G1a, G1b
    all together        a graph of dependencies without a cycle                         G0, G1c, G-single, G2

A cycle is named after the worst that is in it, in the terms of Adya and of Elle:

========  ==============================================================================================================
G0        writes only: two transactions have overwritten each other
G1a       something was read that a failed transaction had written
G1b       something was read that its transaction went on to change
G1c       writes and reads: two transactions have seen each other
G-single  one anti-dependency: a transaction has seen a part of another, or the past (a lost update, a torn snapshot)
G2        several anti-dependencies: write skew
========  ==============================================================================================================

``G…-session`` needs what a client was shown in which order: a subscription that steps back, or does not show the
client's own write. ``G…-realtime`` needs what ended before what began: an acknowledged write that a later reader does
not find.

A history without an anomaly is strictly serializable as far as it shows; that takes time linear in its length, but for
the sorting of instants. It is no proof about what nobody has read: end a history with a read of all lists.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from rtdb.testing.histories.dependencies import Edge, Graph, Kind
from rtdb.testing.histories.history import Append, Read, Transaction

__all__ = ["Anomaly", "Step", "check_history"]

_ORDERS: Final = (
    ("", Kind(0)),
    ("-session", Kind.SESSION),
    ("-realtime", Kind.SESSION | Kind.REALTIME),
)


class Step(msgspec.Struct, frozen=True):
    """One dependency of a cycle, between the names of two transactions."""

    source: str
    target: str
    kind: Kind
    reason: str

    def __str__(self) -> str:
        return f"{self.source} is before {self.target}, {self.reason}"


class Anomaly(msgspec.Struct, frozen=True):
    """Something that cannot have happened in a serial order. ``cycle`` is empty where a single read proves it."""

    name: str
    detail: str
    cycle: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return "\n  ".join([f"{self.name}: {self.detail}", *map(str, self.cycle)])


def check_history(history: Sequence[Transaction]) -> list[Anomaly]:
    """Return the anomalies of a history, in which every append to a list has a number of its own.

    One is reported of each group of transactions that hang together in cycles, the worst of those that need the least
    knowledge of order.
    """
    check = _Check(history)
    return [*check.reads(), *check.cycles()]


class _Key:
    """One list: the order of its numbers, and who has appended which."""

    def __init__(self) -> None:
        self.writers: dict[int, int] = {}
        """By number, the transaction that appended it."""
        self.followed: set[int] = set()
        """Numbers after which their own transaction appended more: nobody else may have seen them last."""
        self.order: tuple[int, ...] = ()
        self.readers: dict[int, list[int]] = {}
        """By the length of what they read, the transactions that have read this list."""


class _Check:
    def __init__(self, history: Sequence[Transaction]) -> None:
        self._history = history
        self._keys: dict[str, _Key] = {}
        self._committed = [transaction.status == "committed" for transaction in history]
        self._note_appends()

    # --- what one read proves -----------------------------------------------------------------------------------------

    def reads(self) -> list[Anomaly]:
        """Compare each read with its own transaction and with the other reads, and settle the order of each list."""
        anomalies: list[Anomaly] = []
        versions: dict[str, dict[tuple[int, ...], int]] = {}
        external: list[tuple[int, str, tuple[int, ...]]] = []
        for number, transaction in enumerate(self._history):
            if transaction.status != "committed":
                continue
            for key, version in _external_reads(transaction, anomalies):
                external.append((number, key, version))
                versions.setdefault(key, {}).setdefault(version, number)
        for key, found in versions.items():
            anomalies += self._settle(key, found)
        for number, name, version in external:
            key_ = self._keys[name]
            if key_.order[: len(version)] == version:
                key_.readers.setdefault(len(version), []).append(number)
        return anomalies

    def _note_appends(self) -> None:
        for number, transaction in enumerate(self._history):
            assert transaction.begin is None or transaction.end is None or transaction.begin <= transaction.end
            last: dict[str, int] = {}
            for operation in transaction.operations:
                key = self._keys.setdefault(operation.key, _Key())
                if isinstance(operation, Append):
                    assert operation.value not in key.writers, f"{operation} is in the history twice"
                    key.writers[operation.value] = number
                    if operation.key in last:
                        key.followed.add(last[operation.key])
                    last[operation.key] = operation.value

    def _settle(self, name: str, versions: dict[tuple[int, ...], int]) -> Iterator[Anomaly]:
        """Take the longest version of a list as its order, and compare the others with it."""
        key = self._keys[name]
        key.order = max(versions, key=len)
        for version, reader in versions.items():
            if version == key.order[: len(version)]:
                continue
            other = self._name(versions[key.order])
            yield Anomaly(
                "incompatible-order",
                f"{self._name(reader)} read {name} as {list(version)}, {other} read it as {list(key.order)}",
            )
        for version, reader in versions.items():
            if version == key.order or version != key.order[: len(version)]:
                yield from self._check_numbers(name, version, reader)
            if version and version[-1] in key.followed and key.writers[version[-1]] != reader:
                yield Anomaly(
                    "G1b",
                    f"{self._name(reader)} read {name} up to {version[-1]}, after which "
                    f"{self._name(key.writers[version[-1]])}, which appended it, appended more",
                )

    def _check_numbers(self, name: str, version: tuple[int, ...], reader: int) -> Iterator[Anomaly]:
        key = self._keys[name]
        for value, count in Counter(version).items():
            if count > 1:
                yield Anomaly("duplicate", f"{self._name(reader)} read {value} {count} times in {name}")
            writer = key.writers.get(value)
            if writer is None:
                yield Anomaly("garbage", f"{self._name(reader)} read {value} in {name}, which nobody has appended")
            elif self._history[writer].status == "failed":
                yield Anomaly(
                    "G1a",
                    f"{self._name(reader)} read {value} in {name}, which {self._name(writer)} appended and failed",
                )
            else:
                # Of one whose end is unknown this is the proof that it happened.
                self._committed[writer] = True

    # --- what all of them together prove ------------------------------------------------------------------------------

    def cycles(self) -> Iterator[Anomaly]:
        """Build the graph and look for cycles, those first that need the least knowledge of order."""
        graph = Graph(len(self._history))
        for name, key in self._keys.items():
            self._add_key(graph, name, key)
        self._add_sessions(graph)
        self._add_time(graph)
        explained: set[int] = set()
        for suffix, orders in _ORDERS:
            for component in graph.components(Kind.WW | Kind.WR | Kind.RW | orders):
                if explained.isdisjoint(component):
                    explained |= {node for node in component if graph.is_transaction(node)}
                    yield self._classify(graph, component, orders, suffix)

    def _classify(self, graph: Graph, component: set[int], orders: Kind, suffix: str) -> Anomaly:
        for name, kind, kinds in (("G0", Kind.WW, Kind.WW), ("G1c", Kind.WR, Kind.WW | Kind.WR)):
            for part in graph.components(kinds | orders, component):
                cycle = graph.cycle_through(kind, kinds | orders, part)
                if cycle is not None:
                    return self._cycle(graph, name + suffix, cycle)
        cycle = graph.cycle_with_one(Kind.RW, Kind.WW | Kind.WR | orders, component)
        if cycle is not None:
            return self._cycle(graph, "G-single" + suffix, cycle)
        cycle = graph.cycle_through(Kind.RW, Kind.WW | Kind.WR | Kind.RW | orders, component)
        assert cycle is not None, "instants are ordered, so a cycle has a dependency between reads and writes"
        return self._cycle(graph, "G2" + suffix, cycle)

    def _add_key(self, graph: Graph, name: str, key: _Key) -> None:
        """Add what follows from the order of one list."""
        order = key.order
        writers = [key.writers.get(value) for value in order]
        for (earlier, later), value in zip(pairwise(writers), order[1:], strict=True):
            if earlier is not None and later is not None:
                graph.add(Edge(earlier, later, Kind.WW, name, value))
        for length, readers in key.readers.items():
            before = writers[length - 1] if length else None
            after = writers[length] if length < len(order) else None
            for reader in readers:
                if before is not None:
                    graph.add(Edge(before, reader, Kind.WR, name, order[length - 1]))
                if after is not None:
                    graph.add(Edge(reader, after, Kind.RW, name, order[length]))
        self._add_unread(graph, name, key, writers[-1] if writers else None)

    def _add_unread(self, graph: Graph, name: str, key: _Key, last: int | None) -> None:
        """Add what is known of committed appends that nobody has read: they follow everything that was read.

        Everybody at the end of the list is before each of them. Two rows of junctions, one leading to those from a
        place on and one to those up to it, say so in few edges and leave out who is on both sides.
        """
        read = set(key.order)
        unread = sorted(
            {writer for value, writer in key.writers.items() if value not in read and self._committed[writer]}
        )
        if not unread:
            return
        onward, backward = ([graph.junction() for _ in unread] for _ in range(2))
        for place, writer in enumerate(unread):
            graph.lead_on(onward[place], writer)
            graph.lead_on(backward[place], writer)
            if place:
                graph.lead_on(onward[place - 1], onward[place])
                graph.lead_on(backward[place], backward[place - 1])
        places = {writer: place for place, writer in enumerate(unread)}

        def add(source: int, kind: Kind) -> None:
            place = places.get(source)
            if place is None:
                graph.add(Edge(source, onward[0], kind, name))
                return
            if place + 1 < len(unread):
                graph.add(Edge(source, onward[place + 1], kind, name))
            if place:
                graph.add(Edge(source, backward[place - 1], kind, name))

        if last is not None:
            add(last, Kind.WW)
        for reader in key.readers.get(len(key.order), ()):
            add(reader, Kind.RW)

    def _add_sessions(self, graph: Graph) -> None:
        """What a client was shown or told is before what a subscription shows it afterwards."""
        sessions: dict[str, list[tuple[int, int]]] = {}
        for number, transaction in enumerate(self._history):
            if transaction.session and transaction.status == "committed" and transaction.end is not None:
                sessions.setdefault(transaction.session, []).append((transaction.end, number))
        for noted in sessions.values():
            earlier: list[int] = []
            for _, number in sorted(noted):
                if self._history[number].begin is None:
                    for before in earlier:
                        graph.add(Edge(before, number, Kind.SESSION))
                    earlier.clear()
                earlier.append(number)

    def _add_time(self, graph: Graph) -> None:
        """What has ended is before what begins then. The instants are a row of junctions, so this takes few edges."""
        instants: list[tuple[int, bool, int]] = []
        for number, transaction in enumerate(self._history):
            if self._committed[number]:
                if transaction.begin is not None:
                    instants.append((transaction.begin, False, number))
                if transaction.end is not None:
                    instants.append((transaction.end, True, number))
        latest: int | None = None
        some_began = True
        for _, is_end, number in sorted(instants):
            if not is_end:
                if latest is not None:
                    graph.lead_on(latest, number)
                some_began = True
                continue
            if some_began:
                junction = graph.junction()
                if latest is not None:
                    graph.lead_on(latest, junction)
                latest = junction
                some_began = False
            assert latest is not None
            graph.add(Edge(number, latest, Kind.REALTIME))

    # --- telling ------------------------------------------------------------------------------------------------------

    def _name(self, number: int) -> str:
        return self._history[number].name

    def _cycle(self, graph: Graph, name: str, cycle: list[Edge]) -> Anomaly:
        steps = tuple(
            Step(self._name(edge.source), self._name(edge.target), edge.kind, _reason(edge))
            for edge in graph.told(cycle)
        )
        return Anomaly(name, f"a cycle of {len(steps)} transactions", steps)


def _external_reads(transaction: Transaction, anomalies: list[Anomaly]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield each list that a transaction has read, as it was without its own appends.

    What contradicts what it has done or read itself is an anomaly by itself.
    """
    base: dict[str, tuple[int, ...]] = {}
    own: dict[str, tuple[int, ...]] = {}
    for operation in transaction.operations:
        key = operation.key
        mine = own.get(key, ())
        if isinstance(operation, Append):
            own[key] = (*mine, operation.value)
            continue
        assert isinstance(operation, Read)
        values = operation.values
        known = base.get(key)
        if known is None and values[len(values) - len(mine) :] == mine:
            base[key] = values[: len(values) - len(mine)]
            yield key, base[key]
        elif known is None or known + mine != values:
            expected = f"{[*known, *mine]}" if known is not None else f"something that ends with {list(mine)}"
            anomalies.append(
                Anomaly("internal", f"{transaction.name} read {key} as {list(values)}, and had to read {expected}")
            )


def _reason(edge: Edge) -> str:
    match edge.kind:
        case Kind.WW if edge.value is None:
            return f"which appended to {edge.key} later"
        case Kind.WW:
            return f"which appended {edge.value} to {edge.key} right behind it"
        case Kind.WR:
            return f"which read {edge.value}, its last append to {edge.key}"
        case Kind.RW if edge.value is None:
            return f"whose append to {edge.key} it did not read"
        case Kind.RW:
            return f"which appended {edge.value} to {edge.key} behind what it read"
        case Kind.SESSION:
            return "which its session was shown later"
        case _:
            return "which began after its end"
