"""One write, N sessions on one query: when has the last one heard?

Workload: N WebSocket sessions watch ``messages:list`` of one channel; a message is posted; the time from the start of
the POST to the first, the median and the last session's transition is taken. ``writes`` times in each run. Deliveries a
second are N by the time of the last.

Floors, on one process: trio-websocket sending N connections a message as long as our transitions, when one of them says
so; and the same with nothing but sockets (a frame made once, a ``send`` for each). Both save what a write to a database
takes.
Peer: the ``ws`` package of npm doing the same, and Parse Server's LiveQuery; see ``peers``.
Good: the last of 3,000 within 1.3 times the trio-websocket floor, and 0.8 of its deliveries a second. (Convex spreads
1,000 over 5 s by design.)
"""

from __future__ import annotations

import itertools
import statistics
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.floors import run_floor
from benchmarks.harness.audience import Audience, sync_opening
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import run_server
from benchmarks.load.connection import open_websocket, text_frame

WARM_UP_WRITES = 2
LISTED = 20
BODY_BYTES = 60
FLOORS = (("floor: trio-websocket", "broadcast"), ("floor: sockets", "sockets"))

METRICS = (
    Metric("first", "ms", "lower"),
    Metric("median", "ms", "lower"),
    Metric("last", "ms", "lower"),
    Metric("deliveries", "1/s", "higher"),
)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, nargs="+", default=[100, 1000, 3000, 10_000])
    parser.add_argument("--writes", type=int, default=10, help="in each run")


def run(options: Namespace, record: Recorder) -> None:
    """For each N, the server and the floors in turns."""
    for count in options.sessions:
        variant = f"{count} sessions"
        for _ in record.runs():
            size = _measure_server(variant, count, options.writes, record)
            for subject, kind in FLOORS:
                with run_floor(kind) as floor:
                    measure_broadcast(variant, subject, floor.address, count, size, options.writes, record)


def _measure_server(variant: str, count: int, writes: int, record: Recorder) -> int:
    """Return how large the transitions were."""
    with run_server() as server:
        for number in range(LISTED):
            server.mutation("messages:send", channel="all", body=f"message {number} " + "x" * BODY_BYTES)
        opening = sync_opening([{"path": "messages:list", "args": {"channel": "all", "count": LISTED}}])
        with Audience(server.address, count, opening) as audience:
            before = server.costs()

            def write(marker: str) -> None:
                server.mutation("messages:send", channel="all", body=marker + "x" * BODY_BYTES)

            with record.flames(server, variant):
                size = measure_writes(variant, "rtdb", audience, count, write, writes, record)
            record.add_costs(variant, before, server.costs(), count * (writes + WARM_UP_WRITES))
    return size


def measure_broadcast(
    variant: str, subject: str, address: dict[str, Any], count: int, size: int, writes: int, record: Recorder
) -> None:
    """Measure a server that sends everybody what one client says."""
    speaker = open_websocket(address["host"], address["port"], "/")
    with Audience(address, count, [], path="/") as audience:

        def speak(marker: str) -> None:
            speaker.send(text_frame(marker.encode().ljust(size, b"x")))

        measure_writes(variant, subject, audience, count, speak, writes, record)
    speaker.socket.close()


def measure_writes(
    variant: str,
    subject: str,
    audience: Audience,
    count: int,
    write: Callable[[str], None],
    writes: int,
    record: Recorder,
) -> int:
    """Record the delays of ``writes`` writes after a few that warm up; returns how large a message was."""
    delays = []
    for number in range(WARM_UP_WRITES + writes):
        marker = f"marker-{number:06d}-"
        delays.append(audience.delays(marker, count, partial(write, marker)))
    measured = list(itertools.islice(delays, WARM_UP_WRITES, None))
    figures = {name: statistics.median(delay[name] for delay in measured) for name in ("first", "median", "last")}
    record.add(variant, subject, figures | {"deliveries": 1000 * count / figures["last"]})
    return int(measured[-1]["bytes"])


BENCHMARK = Benchmark(
    name="fanout",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"sessions": [50], "writes": 2},
    metrics=METRICS,
    goals=(
        Goal(variant="3000 sessions", metric="last", at_most=1.3, of_subject=FLOORS[0][0]),
        Goal(variant="3000 sessions", metric="deliveries", at_least=0.8, of_subject=FLOORS[0][0]),
        Goal(variant="10000 sessions", metric="deliveries", at_least=0.8, of_subject=FLOORS[0][0]),
    ),
)
