"""Medians, spreads, and whether two short series differ by more than chance.

Runs are few and their noise is no normal distribution, so two series are compared by ranks (Mann–Whitney), exactly: all
ways in which the values could have been dealt to the two are counted.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

__all__ = ["deals", "probability_by_chance", "spread_text"]

EXACT_DEALS_MAX = 200_000


def deals(first: int, second: int) -> int:
    """In how many ways values can be dealt to two series of these lengths."""
    return math.comb(first + second, first)


def probability_by_chance(
    first: Sequence[float], second: Sequence[float], *, deals_max: int = EXACT_DEALS_MAX
) -> float:
    """Return how likely ranks at least this far apart are if both series come from the same distribution.

    Beyond ``deals_max`` ways of dealing the values, it is taken from a normal distribution.
    """
    ranks = _ranks([*first, *second])
    expected = len(first) * (len(ranks) + 1) / 2
    distance = abs(sum(ranks[: len(first)]) - expected)
    if deals(len(first), len(second)) > deals_max:
        deviation = math.sqrt(len(first) * len(second) * (len(ranks) + 1) / 12)
        return math.erfc(distance / deviation / math.sqrt(2))
    # Ranks are halves at least: what differs by less is the same number.
    as_far = sum(abs(sum(dealt) - expected) >= distance - 0.25 for dealt in itertools.combinations(ranks, len(first)))
    return as_far / deals(len(first), len(second))


def _ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, from 1; equal ones share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    for _, group in itertools.groupby(enumerate(order, start=1), key=lambda place: values[place[1]]):
        places = list(group)
        mean = statistics.fmean(rank for rank, _ in places)
        for _, index in places:
            ranks[index] = mean
    return ranks


def spread_text(values: Sequence[float]) -> str:
    """Return the median and, if there are several values, the lowest and highest."""
    median = number_text(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({number_text(min(values))}–{number_text(max(values))})"


def number_text(value: float) -> str:
    """Return a number with three significant digits or all before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"
