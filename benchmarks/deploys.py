"""Does memory grow from deploy to deploy?

Workload: a watched query, and ``deploys`` deploys of an app that differs from the one before; after each, a mutation
wakes the query and both are checked to be answered by the new code. Private memory of the server's processes together
is taken after each deploy; compared are the means of the second tenth, when everything has been loaded once, and of the
last.

Floor: none; a server that kept nothing of earlier code would not grow.
Good: at most 10 % more at the end of 100 deploys.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from benchmarks.harness.audience import Audience, sync_opening
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.recorder import MIB, Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import APP, run_server


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--deploys", type=int, default=100)


def run(options: Namespace, record: Recorder) -> None:
    """Deploy again and again."""
    variant = f"{options.deploys} deploys"
    for _ in record.runs():
        with tempfile.TemporaryDirectory() as name, run_server() as server:
            app = Path(name) / "app"
            shutil.copytree(APP, app, ignore=shutil.ignore_patterns("__pycache__"))
            watched = {"path": "messages:list", "args": {"channel": "all", "count": 20}}
            bytes_after: list[int] = []
            seconds: list[float] = []
            with Audience(server.address, 1, sync_opening([watched])) as audience:
                for number in range(options.deploys):
                    marker = f"deploy-{number:04d}"
                    (app / "release.py").write_text(_release(marker))
                    started = time.perf_counter()
                    server.deploy(app)
                    seconds.append(time.perf_counter() - started)
                    assert server.query("release:name") == marker
                    audience.delays(marker, 1, partial(server.mutation, "messages:send", channel="all", body=marker))
                    bytes_after.append(server.private_bytes())
            tenth = max(1, options.deploys // 10)
            early, late = statistics.fmean(bytes_after[tenth : 2 * tenth]), statistics.fmean(bytes_after[-tenth:])
            figures = {"growth": 100 * (late / early - 1), "memory": late / MIB, "deploy": statistics.median(seconds)}
            record.add(variant, "rtdb", figures)


def _release(marker: str) -> str:
    return f'from rtdb import query\n\n\n@query\ndef name(ctx):\n    return "{marker}"\n'


BENCHMARK = Benchmark(
    name="deploys",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"deploys": 2},
    metrics=(Metric("growth", "%", "lower"), Metric("memory", "MiB", "lower"), Metric("deploy", "s", "lower")),
    goals=(Goal(variant="100 deploys", metric="growth", at_most=10),),
    runs=2,
)
