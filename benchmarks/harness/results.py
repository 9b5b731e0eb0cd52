"""The file a benchmark writes: everything needed to judge the numbers, and to compare them with others later."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from rtdb.config import Config

__all__ = ["RESULTS", "ROOT", "Goal", "Histogram", "Machine", "Metric", "Result", "Series", "load_results"]

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "benchmarks" / "results"

Better = Literal["higher", "lower", "neither"]


class Metric(msgspec.Struct, frozen=True):
    """Something that is measured, and which direction is an improvement."""

    name: str
    unit: str
    better: Better


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A good answer: a bound on the median of a series, or on its ratio to that of another subject or metric."""

    variant: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    subject: str = "rtdb"
    of_subject: str | None = None
    of_variant: str | None = None


class Judgement(msgspec.Struct, frozen=True):
    """A goal and what became of it; ``measured`` is None when the benchmark was run without what it is about."""

    goal: Goal
    measured: float | None
    met: bool | None


class Series(msgspec.Struct):
    """One metric of one subject (the server, a floor, a peer) in one variant of the workload: a value for each run."""

    variant: str
    subject: str
    metric: Metric
    values: list[float]
    role: str | None = None
    """Whose it is, when it is what the processes of a role cost and not what the benchmark is about."""


class Histogram(msgspec.Struct):
    """All latencies of a metric over all runs, in microseconds, as HdrHistogram encodes them."""

    variant: str
    subject: str
    name: str
    encoded: str


class Machine(msgspec.Struct, frozen=True):
    """Where the numbers come from."""

    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str
    gateways: int
    commit: str


class Result(msgspec.Struct, kw_only=True):
    """One execution of one benchmark."""

    format: int = 1
    benchmark: str
    question: str
    quick: bool
    profiled: bool
    options: dict[str, Any]
    machine: Machine
    began: str
    seconds: float
    load_averages: list[float]
    """Of the last minute, before the first run and after each."""
    series: list[Series]
    histograms: list[Histogram]
    judgements: list[Judgement]
    notes: list[str]


def this_machine() -> Machine:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.processor())
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return Machine(
        cpu=model,
        cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=platform.release(),
        python=f"{sys.implementation.name} {platform.python_version()}",
        gateways=Config(data_dir=Path()).gateways,
        commit=described.stdout.strip() or "unknown",
    )


def now_text() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def save_result(result: Result, directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result.benchmark}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def load_results(path: Path) -> Iterator[Result]:
    """Yield the results in a file or, in order of their names, in a directory.

    Raises ``msgspec.ValidationError`` for a file that is none, ``OSError`` for one that is not there.
    """
    for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
        yield msgspec.json.decode(file.read_bytes(), type=Result)
