"""N sessions, each on a range of its own: how many re-executions a second reach their sessions?

The opposite of ``fanout``: nothing can be shared. Workload: N WebSocket sessions watch ``messages:list`` of a channel
each; one mutation posts to ``woken`` of the channels at once, chosen at random, so that as many different queries must
run again and as many different transitions be sent. The next write follows when all have heard. Deliveries a second are
``woken`` by the time from the start of the POST to the last.

Floor: trio-websocket sending as many connections a message of the same length; it executes nothing.
Good: 2,500 deliveries a second when a write of 100 documents wakes 100 sessions.
"""

from __future__ import annotations

import random
from argparse import ArgumentParser, Namespace

from benchmarks.fanout import METRICS, WARM_UP_WRITES, measure_broadcast, measure_writes
from benchmarks.floors import run_floor
from benchmarks.harness.audience import Audience, sync_opening
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal
from benchmarks.harness.server import run_server

LISTED = 20
BODY_BYTES = 60
FLOOR = "floor: trio-websocket"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--woken", type=int, default=100, help="documents a write inserts, and sessions it wakes")
    parser.add_argument("--writes", type=int, default=30, help="in each run")


def run(options: Namespace, record: Recorder) -> None:
    """For each N, the server and the floor in turns."""
    for count in options.sessions:
        variant = f"{options.woken} of {count} sessions"
        for number in record.runs():
            size = _measure_server(variant, count, options, number, record)
            with run_floor("broadcast") as floor:
                measure_broadcast(variant, FLOOR, floor.address, options.woken, size, options.writes, record)


def _measure_server(variant: str, count: int, options: Namespace, number: int, record: Recorder) -> int:
    chance = random.Random(number)
    with run_server() as server:
        for _ in range(LISTED // 4):
            for first in range(0, count, 1000):
                channels = [f"own-{each}" for each in range(first, min(first + 1000, count))]
                server.mutation("messages:send_to_all", channels=channels, body="x" * BODY_BYTES)
        opening = sync_opening([{"path": "messages:list", "args": {"channel": "own-{number}", "count": LISTED}}])
        with Audience(server.address, count, opening) as audience:
            before = server.costs()

            def write(marker: str) -> None:
                channels = [f"own-{each}" for each in chance.sample(range(count), options.woken)]
                server.mutation("messages:send_to_all", channels=channels, body=marker + "x" * BODY_BYTES)

            with record.flames(server, variant):
                size = measure_writes(variant, "rtdb", audience, options.woken, write, options.writes, record)
            record.add_costs(variant, before, server.costs(), options.woken * (options.writes + WARM_UP_WRITES))
    return size


BENCHMARK = Benchmark(
    name="distinct",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"sessions": [40], "woken": 10, "writes": 3},
    metrics=METRICS,
    goals=tuple(Goal(variant=f"100 of {count} sessions", metric="deliveries", at_least=2500) for count in (1000, 5000)),
)
