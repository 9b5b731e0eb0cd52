"""``python -m benchmarks compare A B``: what is different in B, beyond chance and beyond a margin.

Series are compared by ranks (`statistics.py`). A difference counts when chance would produce it in less than 5 % of
comparisons and the medians are further apart than the margin. Since many series are compared, a few differences by
chance are to be expected in results of the same code: look for several metrics that tell one story.

Exit code: 0 when nothing is worse, 1 when something is, 2 when the two cannot be compared.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.harness.recorder import print_table
from benchmarks.harness.results import Result, Series, load_results
from benchmarks.harness.statistics import deals, probability_by_chance, spread_text

__all__ = ["Difference", "compare", "differences"]

CHANCE_MAX = 0.05

Verdict = Literal["better", "worse", "different", "same", "too few runs"]


@dataclass(frozen=True)
class Difference:
    """One series before and after."""

    before: Series
    after: Series
    ratio: float
    chance: float
    verdict: Verdict


def differences(before: Result, after: Result, margin: float) -> Iterator[Difference]:
    """Yield a judgement on every series that both results have."""
    earlier = {(series.variant, series.subject, series.metric.name): series for series in before.series}
    for series in after.series:
        old = earlier.get((series.variant, series.subject, series.metric.name))
        if old is not None:
            yield _judge(old, series, margin)


def _judge(before: Series, after: Series, margin: float) -> Difference:
    old, new = statistics.median(before.values), statistics.median(after.values)
    ratio = new / old if old else (1.0 if new == old else float("inf"))
    chance = probability_by_chance(before.values, after.values)
    verdict: Verdict = "same"
    if 2 / deals(len(before.values), len(after.values)) > CHANCE_MAX:
        # Not even all of one below all of the other would be beyond chance.
        verdict = "too few runs"
    elif chance < CHANCE_MAX and abs(ratio - 1) > margin:
        better = before.metric.better
        verdict = "different" if better == "neither" else "better" if (ratio > 1) == (better == "higher") else "worse"
    return Difference(before, after, ratio, chance, verdict)


def compare(arguments: Sequence[str]) -> int:
    """Print what differs between two results; see the module for the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("before", type=Path, metavar="A", help="a result file or a directory of them")
    parser.add_argument("after", type=Path, metavar="B")
    parser.add_argument("--margin", type=float, default=0.03, help="smaller differences are nothing (%(default)s)")
    parser.add_argument("--all", action="store_true", help="also show what is the same")
    options = parser.parse_args(arguments)
    try:
        before = {result.benchmark: result for result in load_results(options.before)}
        after = {result.benchmark: result for result in load_results(options.after)}
    except (OSError, msgspec.DecodeError) as error:
        print(f"Cannot read the results: {error}", file=sys.stderr)
        return 2
    common = [name for name in after if name in before]
    if not common:
        print(f"{options.before} and {options.after} have no benchmark in common.", file=sys.stderr)
        return 2
    worst = 0
    for name in common:
        worst = max(worst, _compare_one(before[name], after[name], options.margin, options.all))
    return worst


def _compare_one(before: Result, after: Result, margin: float, show_all: bool) -> int:
    print(f"{after.benchmark}: {before.machine.commit} ({before.began}) → {after.machine.commit} ({after.began})")
    for result in (before, after):
        if result.quick or result.profiled:
            kind = "a quick run, which measures nothing" if result.quick else "profiled, which costs what it measures"
            print(f"  cannot compare: the result of {result.began} is of {kind}", file=sys.stderr)
            return 2
    if (before.machine.cpu, before.machine.cores) != (after.machine.cpu, after.machine.cores):
        print(f"  different machines: {before.machine.cpu} × {before.machine.cores} → {after.machine.cpu} × "
              f"{after.machine.cores}: only ratios to floors mean anything")  # fmt: skip
    if before.options != after.options:
        print(f"  different options: {before.options} → {after.options}")
    found = list(differences(before, after, margin))
    if found and all(difference.verdict == "too few runs" for difference in found):
        print("  cannot compare: too few runs; with 4 of each a difference can be told from chance", file=sys.stderr)
        return 2
    moved = [each for each in found if each.after.subject.startswith("floor") and each.verdict in ("better", "worse")]
    if moved:
        print("  the floors moved too: the machine was not the same, look at ratios to them")
    table = [["verdict", "variant", "subject", "metric", "before", "after", "ratio", "by chance"]]
    table += [
        [
            each.verdict,
            each.after.variant,
            each.after.subject,
            f"{each.after.metric.name} [{each.after.metric.unit}]",
            spread_text(each.before.values),
            spread_text(each.after.values),
            f"{each.ratio:.2f}",
            f"{each.chance:.3f}",
        ]
        for each in found
        if show_all or each.verdict != "same"
    ]
    if len(table) > 1:
        print_table(table)
    else:
        print(f"  no difference beyond chance and {margin:.0%} in {len(found)} series\n")
    return int(any(each.verdict == "worse" for each in found if not each.after.subject.startswith("floor")))
