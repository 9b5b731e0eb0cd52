"""What does a written key cost the hub, with up to a million ranges that queries have read?

Workload, in :class:`~rtdb.reactivity.interval_map.IntervalMap` alone and in this process, N ranges of N queries in one
index, CPU time for each of many written keys:

* ``equality``: each query one value of the first field (``user = "u17"``), a hash look-up
* ``window``: each query one value and the values from some point on (``user = "u17" and time > t``)
* ``disjoint``: intervals of numbers beside each other
* ``overlapping``: intervals of numbers of which about four hold any one key

Floor: a look-up in a dict of that size.
Good: at a million ranges 5 µs for equalities and 25 µs for true ranges, and at most 8 times what 10,000 take.
"""

from __future__ import annotations

import random
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from rtdb.link.child import calm_collector
from rtdb.link.frames import KeyChange, ReadRange
from rtdb.reactivity.interval_map import IntervalMap
from rtdb.values.ordering import encode_key

INDEX = 1
SPACING = 1000
REMOVALS_MAX = 20_000
FLOOR = "floor: dict"

MakeRange = Callable[[random.Random, int, int], tuple[bytes, bytes]]
"""Returns the range of query ``number`` of ``count``."""
MakeKey = Callable[[random.Random, int], list[bytes]]
"""Returns the key of a write, when there are ``count`` queries."""


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--ranges", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--writes", type=int, default=20_000)


def _number(value: float) -> bytes:
    return encode_key(float(value))


def _user(number: int) -> bytes:
    return encode_key(f"u{number}")


def _equality(_chance: random.Random, number: int, _count: int) -> tuple[bytes, bytes]:
    return _user(number), _user(number) + b"\xff"


def _window(chance: random.Random, number: int, _count: int) -> tuple[bytes, bytes]:
    return _user(number) + _number(chance.randrange(1 << 40)), _user(number) + b"\xff"


def _disjoint(_chance: random.Random, number: int, _count: int) -> tuple[bytes, bytes]:
    return _number(number * SPACING), _number(number * SPACING + SPACING - 1)


def _overlapping(chance: random.Random, _number_of_it: int, count: int) -> tuple[bytes, bytes]:
    start = chance.randrange(count * SPACING)
    return _number(start), _number(start + 1 + int(chance.expovariate(1 / (4 * SPACING))))


def _by_user(chance: random.Random, count: int) -> list[bytes]:
    return [_user(chance.randrange(count)), _number(chance.randrange(1 << 40)), chance.randbytes(20)]


def _by_number(chance: random.Random, count: int) -> list[bytes]:
    return [_number(chance.randrange(count * SPACING)), chance.randbytes(20)]


WORKLOADS: dict[str, tuple[MakeRange, MakeKey]] = {
    "equality": (_equality, _by_user),
    "window": (_window, _by_user),
    "disjoint": (_disjoint, _by_number),
    "overlapping": (_overlapping, _by_number),
}


def run(options: Namespace, record: Recorder) -> None:
    """Fill a map for each N and kind of range; then match, run after run, in turns with the floor."""
    calm_collector()  # as the hub does
    for count in options.ranges:
        for name, (make_range, make_key) in WORKLOADS.items():
            variant = f"{name} {count:,}"
            chance = random.Random(1)
            ranges = [ReadRange(INDEX, *make_range(chance, number, count)) for number in range(count)]
            found: IntervalMap[int] = IntervalMap()
            order = chance.sample(range(count), count)
            added = _seconds(lambda: _each(found.add, order, ranges))  # noqa: B023  # called at once
            slots = {_user(number): number for number in range(count)}
            for _ in record.runs():
                changes = [[KeyChange(INDEX, None, make_key(chance, count))] for _ in range(options.writes)]
                matched = _seconds(lambda: [found.affected(change) for change in changes])  # noqa: B023  # called at once
                hits = sum(len(found.affected(change)) for change in changes)
                figures = {"per key": 1e6 * matched / options.writes, "queries found": hits / options.writes}
                record.add(variant, "rtdb", figures)
                keys = [_user(chance.randrange(count)) for _ in range(options.writes)]
                looked_up = _seconds(lambda: [slots.get(key) for key in keys])  # noqa: B023  # called at once
                record.add(variant, FLOOR, {"per key": 1e6 * looked_up / options.writes})
            leaving = order[: min(REMOVALS_MAX, count // 2)]
            removed = _seconds(lambda: _each(found.remove, leaving, ranges))  # noqa: B023  # called at once
            record.add(variant, "rtdb", {"add": 1e6 * added / count, "remove": 1e6 * removed / len(leaving)})


def _each(work: Callable[[int, list[ReadRange]], None], numbers: list[int], ranges: list[ReadRange]) -> None:
    for number in numbers:
        work(number, [ranges[number]])


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


BENCHMARK = Benchmark(
    name="matching",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"ranges": [1000], "writes": 500},
    metrics=(
        Metric("per key", "µs", "lower"),
        Metric("queries found", "", "neither"),
        Metric("add", "µs", "lower"),
        Metric("remove", "µs", "lower"),
    ),
    goals=(
        Goal(variant="equality 1,000,000", metric="per key", at_most=5),
        *(Goal(variant=f"{name} 1,000,000", metric="per key", at_most=25) for name in WORKLOADS if name != "equality"),
        *(
            Goal(variant=f"{name} 1,000,000", metric="per key", at_most=8, of_variant=f"{name} 10,000")
            for name in WORKLOADS
        ),
    ),
)
