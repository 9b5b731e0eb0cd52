"""What the runs of a benchmark measured, by variant, subject and metric; and the tables and result they become."""

from __future__ import annotations

import os
import statistics
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hdrh.histogram import HdrHistogram

from benchmarks.harness.flames import flames
from benchmarks.harness.process_costs import ProcessCosts
from benchmarks.harness.results import (
    Goal,
    Histogram,
    Judgement,
    Metric,
    Result,
    Series,
    now_text,
    this_machine,
)
from benchmarks.harness.server import ServerProcess
from benchmarks.harness.statistics import number_text, spread_text

__all__ = ["Recorder"]

RTDB = "rtdb"
MIB = 1024 * 1024
COLUMNS_MAX = 8
"""More metrics than this are listed below each other."""


class Recorder:
    """Collects. The metrics of a benchmark are declared; those of processes' costs are made here."""

    def __init__(self, name: str, metrics: Sequence[Metric], options: Namespace) -> None:
        self._name = name
        self._metrics = {metric.name: metric for metric in metrics}
        self._options = options
        self._began, self._began_at = now_text(), time.monotonic()
        self._loads = [os.getloadavg()[0]]
        self._series: dict[tuple[str, str, str], Series] = {}
        self._histograms: dict[tuple[str, str, str], HdrHistogram] = {}
        self._notes: list[str] = []

    def runs(self) -> Iterator[int]:
        """Yield the number of each run. Within one the subjects take turns: a machine's minutes differ."""
        for number in range(self._options.runs):
            yield number
            self._loads.append(os.getloadavg()[0])

    def add(self, variant: str, subject: str, figures: Mapping[str, float]) -> None:
        """Take what one run measured, by the names of declared metrics."""
        for name, value in figures.items():
            self._append(variant, subject, self._metrics[name], value)

    def add_histogram(self, variant: str, subject: str, name: str, encoded: str) -> None:
        """Take the latencies of one run, to be kept whole."""
        key = (variant, subject, name)
        if key in self._histograms:
            self._histograms[key].decode_and_add(encoded)
        else:
            self._histograms[key] = HdrHistogram.decode(encoded)

    def add_costs(
        self,
        variant: str,
        before: Mapping[str, ProcessCosts],
        after: Mapping[str, ProcessCosts],
        operations: int,
        subject: str = RTDB,
    ) -> None:
        """Take what the processes of a server did between two looks, for each of ``operations``."""
        total = 0.0
        for role, now in after.items():
            then = before.get(role, ProcessCosts())
            micros = 1e6 * (now.cpu_seconds - then.cpu_seconds) / max(operations, 1)
            total += micros
            faults = (now.minor_faults + now.major_faults - then.minor_faults - then.major_faults) / max(operations, 1)
            self._append_cost(variant, subject, role, ("CPU", "µs/op"), micros)
            self._append_cost(variant, subject, role, ("RSS", "MiB"), now.resident_bytes / MIB)
            self._append_cost(variant, subject, role, ("faults", "1/op"), max(faults, 0.0))
        self._append_cost(variant, subject, "all", ("CPU", "µs/op"), total)

    def note(self, text: str) -> None:
        """Say something that a reader of the numbers must know."""
        if text not in self._notes:
            self._notes.append(text)
            print(f"  note: {text}")

    def flames(self, server: ServerProcess, label: str) -> AbstractContextManager[None]:
        """Draw flame graphs of what the server does within the block, if they were asked for."""
        if not self._options.flames:
            return nullcontext()
        return flames(server.processes(), self._options.out / "flames", f"{self._name}-{label}")

    def _append_cost(self, variant: str, subject: str, role: str, kind: tuple[str, str], value: float) -> None:
        metric = Metric(f"{kind[0]} {role}", kind[1], "lower")
        self._append(variant, subject, metric, value, role)

    def _append(self, variant: str, subject: str, metric: Metric, value: float, role: str | None = None) -> None:
        key = (variant, subject, metric.name)
        if key not in self._series:
            self._series[key] = Series(variant, subject, metric, [], role)
        self._series[key].values.append(value)

    # --- afterwards ---------------------------------------------------------------------------------------------------

    def result(self, question: str, goals: Sequence[Goal]) -> Result:
        options = {name: value for name, value in vars(self._options).items() if _is_plain(value)}
        return Result(
            benchmark=self._name,
            question=question,
            quick=self._options.quick,
            profiled=self._options.flames,
            options=options,
            machine=this_machine(),
            began=self._began,
            seconds=time.monotonic() - self._began_at,
            load_averages=self._loads,
            series=list(self._series.values()),
            histograms=[Histogram(*key, _encoded(histogram)) for key, histogram in self._histograms.items()],
            judgements=[self._judge(goal) for goal in goals],
            notes=self._notes,
        )

    def _judge(self, goal: Goal) -> Judgement:
        measured = self._median(goal.variant, goal.subject, goal.metric)
        if goal.of_subject or goal.of_variant:
            base = self._median(goal.of_variant or goal.variant, goal.of_subject or goal.subject, goal.metric)
            measured = measured / base if measured is not None and base else None
        if measured is None:
            return Judgement(goal, None, None)
        met = (goal.at_least is None or measured >= goal.at_least) and (
            goal.at_most is None or measured <= goal.at_most
        )
        return Judgement(goal, measured, met)

    def _median(self, variant: str, subject: str, metric: str) -> float | None:
        series = self._series.get((variant, subject, metric))
        return statistics.median(series.values) if series else None


def _encoded(histogram: HdrHistogram) -> str:
    text: bytes = histogram.encode()
    return text.decode()


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | list | None)


def print_result(result: Result) -> None:
    """Print the tables of a result: what was measured, what the processes cost, which goals were met."""
    for table in result_tables(result):
        print_table(table)
    for judgement in result.judgements:
        print(f"  {judgement_text(judgement)}")


def result_tables(result: Result) -> Iterator[list[list[str]]]:
    """Yield what was measured and what the processes cost as rows of cells, the first of each a head."""
    figures = [series for series in result.series if series.role is None]
    metrics = {series.metric.name: series.metric for series in figures}
    if len(metrics) > COLUMNS_MAX:
        yield [
            ["variant", "subject", "metric", "median (lowest–highest)"],
            *([each.variant, each.subject, _head(each.metric), spread_text(each.values)] for each in figures),
        ]
    else:
        rows: dict[tuple[str, ...], dict[str, str]] = {}
        for each in figures:
            rows.setdefault((each.variant, each.subject), {})[each.metric.name] = spread_text(each.values)
        yield [["variant", "subject", *map(_head, metrics.values())], *_cells(rows, list(metrics))]
    costs: dict[tuple[str, ...], dict[str, str]] = {}
    for each in result.series:
        if each.role is not None:
            kind = each.metric.name.removesuffix(f" {each.role}")
            costs.setdefault((each.variant, each.subject, each.role), {})[kind] = spread_text(each.values)
    if costs:
        head = ["variant", "subject", "processes", "CPU [µs/op]", "RSS [MiB]", "page faults [1/op]"]
        yield [head, *_cells(costs, ["CPU", "RSS", "faults"])]


def _head(metric: Metric) -> str:
    return f"{metric.name} [{metric.unit}]" if metric.unit else metric.name


def _cells(rows: Mapping[tuple[str, ...], Mapping[str, str]], columns: Sequence[str]) -> list[list[str]]:
    return [[*key, *(cells.get(column, "") for column in columns)] for key, cells in rows.items()]


def print_table(table: Sequence[Sequence[str]]) -> None:
    """Print rows of cells, the first of them a head."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()


def judgement_text(judgement: Judgement) -> str:
    """Return a goal as a sentence: what is wanted, what was measured."""
    goal = judgement.goal
    wanted = f"≥ {number_text(goal.at_least)}" if goal.at_least is not None else f"≤ {number_text(goal.at_most or 0.0)}"
    base = f" × {goal.of_subject or goal.of_variant}" if goal.of_subject or goal.of_variant else ""
    measured = "not measured" if judgement.measured is None else number_text(judgement.measured)
    verdict = {None: "open  ", True: "met   ", False: "missed"}[judgement.met]
    return f"{verdict} {goal.variant}: {goal.metric} {wanted}{base}; measured {measured}"
