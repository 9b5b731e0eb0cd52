"""An hour of mixed load: do memory, disk and open files stay flat?

Workload: ``sessions`` WebSocket sessions watch one query each of ``sessions // 10`` channels; requests arrive when they
are due (open loop): transfers, posts that wake sessions, queries of 20 documents. A tenth of the sessions reconnects
every minute. The log is kept for a twentieth of the time, so that it is trimmed many times over. Private memory, size
of the data directory and open files are taken every ``sample`` seconds; compared are the means of the second quarter,
when all caches have filled, and of the last. Nothing is inserted: posts replace the newest message of their channel.

Floor: none.
Good: no more than 5 % growth of any of the three, and no error.
"""

from __future__ import annotations

import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.harness.audience import Audience, sync_opening
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import LoadProcess, latencies_ms
from benchmarks.harness.recorder import MIB, Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import ServerProcess, run_server
from benchmarks.transfer import create_accounts

ACCOUNTS = 1000
CHANNEL_SHARE = 10


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--sample", type=float, default=10.0, help="seconds between looks at the server")
    parser.add_argument("--transfers", type=float, default=100.0, help="a second")
    parser.add_argument("--posts", type=float, default=20.0, help="a second")
    parser.add_argument("--queries", type=float, default=50.0, help="a second")


def run(options: Namespace, record: Recorder) -> None:
    """Load it, and look."""
    seconds = 60 * options.minutes
    limits = {"log_retention_seconds": seconds / 20, "undo_seconds": min(60.0, seconds / 20)}
    channels = [f"channel{number}" for number in range(max(1, options.sessions // CHANNEL_SHARE))]
    for number in record.runs():
        with run_server(limits=limits) as server:
            for channel in channels:
                server.mutation("messages:send", channel=channel, body="first")
            accounts = create_accounts(server, ACCOUNTS)
            job = {"kind": "paced", "clients": 32, "seed": number, "streams": _streams(options, channels, accounts)}
            watched = {"path": "messages:list", "args": {"channel": "channel{number}", "count": 20}}
            with ExitStack() as stack:
                groups = [
                    stack.enter_context(
                        Audience(server.address, len(channels), sync_opening([watched]), seed=10 + group)
                    )
                    for group in range(CHANNEL_SHARE)
                ]
                load = stack.enter_context(LoadProcess({**job, **server.address, "seconds": seconds, "warm_up": 0.0}))
                samples = _watch(server, groups, seconds, options.sample)
                result = load.hear()
        variant = f"{options.minutes:g} minutes"
        figures = {f"{name} growth": _growth([sample[index] for sample in samples]) for index, name in enumerate(LOOKS)}
        figures |= {f"{name} at the end": samples[-1][index] for index, name in enumerate(LOOKS)}
        figures["errors"] = float(sum(sum(errors.values()) for errors in result["errors"].values()))
        record.add(variant, "rtdb", figures)
        for name, encoded in result["latency"].items():
            record.add(f"{variant}, {name}", "rtdb", latencies_ms(encoded))
            record.add_histogram(variant, "rtdb", name, encoded)


LOOKS = ("memory", "disk", "files")


def _watch(
    server: ServerProcess, groups: Sequence[Audience], seconds: float, every: float
) -> list[tuple[float, float, float]]:
    """Look at the server until the time is over; returns MiB of memory, MiB of disk and open files of each look."""
    samples = []
    began = time.monotonic()
    reconnected = 0
    while (passed := time.monotonic() - began) < seconds:
        if passed >= 60 * reconnected:
            group = groups[reconnected % len(groups)]
            group.ask("drop")
            group.ask("connect")
            reconnected += 1
        for group in groups:
            group.ask("alive")
        costs = server.costs().values()
        memory, files = sum(cost.private_bytes for cost in costs), sum(cost.descriptors for cost in costs)
        samples.append((memory / MIB, _disk_bytes(server.data_dir) / MIB, float(files)))
        time.sleep(min(every, max(0.0, seconds - (time.monotonic() - began))))
    return samples


def _disk_bytes(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def _growth(values: Sequence[float]) -> float:
    """Return by how many percent the last quarter is above the second."""
    quarter = max(1, len(values) // 4)
    return 100 * (statistics.fmean(values[-quarter:]) / statistics.fmean(values[quarter : 2 * quarter] or values) - 1)


def _streams(options: Namespace, channels: list[str], accounts: list[str]) -> list[dict[str, object]]:
    listed = [{"channel": channel, "count": 20} for channel in channels]
    posted = [{"channel": channel, "body": "x" * 80} for channel in channels]
    transfers = {"kind": "transfers", "path": "transfer:transfer", "zipf": 0.0, "accounts": accounts}
    return [
        {"name": "transfers", "rate": options.transfers, "route": "/api/mutation", "work": transfers},
        {
            "name": "posts",
            "rate": options.posts,
            "route": "/api/mutation",
            "work": {"kind": "choice", "path": "messages:replace", "choices": posted},
        },
        {
            "name": "queries",
            "rate": options.queries,
            "route": "/api/query",
            "work": {"kind": "choice", "path": "messages:list", "choices": listed},
        },
    ]


BENCHMARK = Benchmark(
    name="soak",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"minutes": 0.03, "sessions": 20, "sample": 0.2},
    metrics=(
        *(Metric(f"{name} growth", "%", "lower") for name in LOOKS),
        Metric("memory at the end", "MiB", "lower"),
        Metric("disk at the end", "MiB", "lower"),
        Metric("files at the end", "", "lower"),
        Metric("errors", "", "lower"),
        Metric("p50", "ms", "lower"),
        Metric("p99", "ms", "lower"),
        Metric("p99.9", "ms", "lower"),
    ),
    goals=(
        *(Goal(variant="60 minutes", metric=f"{name} growth", at_most=5) for name in LOOKS),
        Goal(variant="60 minutes", metric="errors", at_most=0),
    ),
    runs=1,
)
