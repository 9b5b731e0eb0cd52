"""What does a written key cost the hub, with up to a million ranges that queries have read?

Workload, in :class:`~rtdb.reactivity.interval_map.IntervalMap` alone, N ranges of N queries in one index:

* ``equality``: each query one value of the first field (``user = "u17"``), a hash look-up
* ``window``: each query one value and the values from some point on (``user = "u17" and time > t``)
* ``disjoint``: intervals of numbers beside each other
* ``overlapping``: intervals of numbers of which about four hold any one key

Good: microseconds that hardly grow from 10,000 to 1,000,000 ranges. The floor is a look-up in a dict of that size.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness import report
from rtdb.link.frames import KeyChange, ReadRange
from rtdb.reactivity.interval_map import IntervalMap
from rtdb.values.ordering import encode_key

INDEX = 1
SPACING = 1000
WRITES = 5000
REMOVALS_MAX = 20_000

_random = random.Random(1)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks matching", description=__doc__)
    parser.add_argument("--ranges", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for count in options.ranges:
        rows += [_measure(name, make, written, count) for name, make, written in WORKLOADS]
        rows.append(_floor(count))
    report("matching", rows)


def _number(value: float) -> bytes:
    return encode_key(float(value))


def _user(number: int) -> bytes:
    return encode_key(f"u{number}")


def _equality(number: int, count: int) -> tuple[bytes, bytes]:
    return _user(number), _user(number) + b"\xff"


def _window(number: int, count: int) -> tuple[bytes, bytes]:
    return _user(number) + _number(_random.randrange(1 << 40)), _user(number) + b"\xff"


def _disjoint(number: int, count: int) -> tuple[bytes, bytes]:
    return _number(number * SPACING), _number(number * SPACING + SPACING - 1)


def _overlapping(number: int, count: int) -> tuple[bytes, bytes]:
    start = _random.randrange(count * SPACING)
    return _number(start), _number(start + 1 + int(_random.expovariate(1 / (4 * SPACING))))


def _by_user(count: int) -> list[bytes]:
    return [_user(_random.randrange(count)), _number(_random.randrange(1 << 40)), _random.randbytes(20)]


def _by_number(count: int) -> list[bytes]:
    return [_number(_random.randrange(count * SPACING)), _random.randbytes(20)]


WORKLOADS: list[tuple[str, Callable[[int, int], tuple[bytes, bytes]], Callable[[int], list[bytes]]]] = [
    ("equality", _equality, _by_user),
    ("window", _window, _by_user),
    ("disjoint", _disjoint, _by_number),
    ("overlapping", _overlapping, _by_number),
]


def _measure(
    name: str, make: Callable[[int, int], tuple[bytes, bytes]], written: Callable[[int], list[bytes]], count: int
) -> dict[str, Any]:
    ranges = [ReadRange(INDEX, *make(number, count)) for number in range(count)]
    changes = [[KeyChange(INDEX, None, written(count))] for _ in range(WRITES)]
    order = _random.sample(range(count), count)
    found: IntervalMap[int] = IntervalMap()
    added = _seconds(lambda: _each(found.add, order, ranges))
    hits = sum(len(found.affected(change)) for change in changes)
    matched = _seconds(lambda: [found.affected(change) for change in changes])
    leaving = order[: min(REMOVALS_MAX, count // 2)]
    removed = _seconds(lambda: _each(found.remove, leaving, ranges))
    return {
        "ranges": name,
        "count": count,
        "µs per written key": 1e6 * matched / WRITES,
        "queries found": hits / WRITES,
        "µs to add": 1e6 * added / count,
        "µs to remove": 1e6 * removed / len(leaving),
    }


def _each(work: Callable[[int, list[ReadRange]], None], numbers: list[int], ranges: list[ReadRange]) -> None:
    for number in numbers:
        work(number, [ranges[number]])


def _floor(count: int) -> dict[str, Any]:
    slots = {_user(number): number for number in range(count)}
    keys = [_user(_random.randrange(count)) for _ in range(WRITES)]
    seconds = _seconds(lambda: [slots.get(key) for key in keys])
    return {"ranges": "floor: dict", "count": count, "µs per written key": 1e6 * seconds / WRITES}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
