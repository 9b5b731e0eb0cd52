"""How long does a write take until its writer and another client know, on an idle server and under load?

Workload: ``channels`` channels; of each, one WebSocket session posts and watches ``messages:list``, another only
watches. Posts are sent when they are due (open loop, Poisson arrivals) and timed from then, so that a stall is charged
with everybody's wait. Taken are the times until the poster has its answer, until its own transition shows the post, and
until the other session's does. First on an idle server, ``idle-rate`` posts a second; then at 25, 50 and 75 % of the
capacity, which a closed loop of the same sessions finds first, in every run. How late the generator itself was
("generator") is part of all of them. Idle cost: CPU of the server with all sessions connected and nothing to do.

Floors: trio-websocket passing a message from one client to another; one fsync of 4 KiB, which no answer can come
before.
Good: idle, another client knows after 3 ms in the median and 10 ms at p99; at half the capacity after 8 ms and 40 ms;
an idle server takes at most 5 % of a core.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from typing import Any

from benchmarks.floors import run_floor
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import LoadProcess, latencies_ms
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import ROOT, Goal, Metric
from benchmarks.harness.server import ServerProcess, run_server
from benchmarks.load.connection import Connection, open_websocket, take_websocket, text_frame

SHARES = (0.25, 0.5, 0.75)
LISTED = 5
BODY_BYTES = 60
KINDS = {"answer": "answer", "own transition": "own", "other client": "other"}
FSYNC_BYTES = 4096


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring, at each rate")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before that")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds in which nothing happens")
    parser.add_argument("--idle-rate", type=float, default=20.0, help="posts a second on an otherwise idle server")
    parser.add_argument("--rate", type=float, help="take this as the capacity instead of finding it")
    parser.add_argument("--shares", type=float, nargs="*", default=SHARES, help="of the capacity; none: only idle")


def run(options: Namespace, record: Recorder) -> None:
    """Idle and the three rates, in turns with the floors."""
    job = {"kind": "posts", "body_bytes": BODY_BYTES, "listed": LISTED, "warm_up": options.warm_up}
    for number in record.runs():
        with run_server() as server:
            _post("idle", server, {**job, "channels": 1, "rate": options.idle_rate, "seconds": options.seconds}, record)
            record.add("nothing happens", "rtdb", {"idle CPU": _idle_share(server, job, options)})
            if options.shares:
                _under_load(server, {**job, "channels": options.channels}, options, number, record)
        with run_floor("broadcast") as floor:
            record.add(
                "idle", "floor: trio-websocket", {"other p50": _relay(floor.address, 50 if options.quick else 300)}
            )
        record.add("idle", "floor: fsync", {"answer p50": _fsync(50 if options.quick else 300)})


def _under_load(server: ServerProcess, job: dict[str, Any], options: Namespace, number: int, record: Recorder) -> None:
    """Find the capacity, then post at shares of it."""
    closed = {**job, **server.address, "rate": None, "seconds": min(options.seconds, 10.0), "seed": 90}
    with LoadProcess(closed) as load:
        load.hear()
        capacity = load.hear()["per_second"]
    record.add("closed loop", "rtdb", {"capacity": capacity})
    for index, share in enumerate(options.shares):
        rate = share * (options.rate or capacity)
        work = {**job, "rate": rate, "seconds": options.seconds, "seed": 100 * number + index}
        _post(f"{share:.0%} of capacity", server, work, record)


def _post(variant: str, server: ServerProcess, job: dict[str, Any], record: Recorder) -> None:
    with LoadProcess({"seed": 1, **job, **server.address}) as load:
        load.hear()
        before = server.costs()
        with record.flames(server, variant):
            result = load.hear(3600.0)
        record.add_costs(variant, before, server.costs(), result["posts"])
    figures = {"generator p99": latencies_ms(result["late"])["p99"], "errors": float(sum(result["errors"].values()))}
    for kind, name in KINDS.items():
        figures |= latencies_ms(result["latency"][kind], f"{name} ")
        record.add_histogram(variant, "rtdb", kind, result["latency"][kind])
    record.add(variant, "rtdb", figures)


def _idle_share(server: ServerProcess, job: dict[str, Any], options: Namespace) -> float:
    """Return how much of a core the server takes, in percent, with all sessions connected."""
    with LoadProcess(
        {**job, **server.address, "channels": options.channels, "rate": 1e-6, "seconds": 3600, "seed": 2}
    ) as load:
        load.hear()
        time.sleep(min(1.0, options.idle))
        before, started = server.costs(), time.perf_counter()
        time.sleep(options.idle)
        after, seconds = server.costs(), time.perf_counter() - started
    used = sum(after[role].cpu_seconds - before[role].cpu_seconds for role in after if role in before)
    return 100 * used / seconds


def _relay(address: dict[str, Any], count: int) -> float:
    """Return the median milliseconds from one client's message until another has it, with pauses between them."""
    speaker, listener = (open_websocket(address["host"], address["port"]) for _ in range(2))
    times = []
    for number in range(count):
        time.sleep(0.02)
        started = time.perf_counter()
        speaker.send(text_frame(b"message %d " % number + b"x" * 500))
        for connection in (listener, speaker):
            _take_one(connection)
            if connection is listener:
                times.append(time.perf_counter() - started)
    speaker.socket.close()
    listener.socket.close()
    return 1000 * statistics.median(times)


def _take_one(connection: Connection) -> None:
    while take_websocket(connection) is None:
        assert connection.fill(), "the floor closed the connection"


def _fsync(count: int) -> float:
    """Return the median milliseconds that a write and its way to the disk take."""
    times = []
    with tempfile.TemporaryFile(dir=ROOT / "benchmarks") as file:
        for _ in range(count):
            started = time.perf_counter()
            file.write(bytes(FSYNC_BYTES))
            file.flush()
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - started))
            time.sleep(0.005)
    return statistics.median(times)


BENCHMARK = Benchmark(
    name="latency",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"channels": 4, "seconds": 0.4, "warm_up": 0.1, "idle": 0.2},
    metrics=(
        *(Metric(f"{kind} {share}", "ms", "lower") for kind in KINDS.values() for share in ("p50", "p99", "p99.9")),
        Metric("generator p99", "ms", "neither"),
        Metric("capacity", "1/s", "higher"),
        Metric("idle CPU", "% of a core", "lower"),
        Metric("errors", "", "lower"),
    ),
    goals=(
        Goal(variant="idle", metric="other p50", at_most=3),
        Goal(variant="idle", metric="other p99", at_most=10),
        Goal(variant="50% of capacity", metric="other p50", at_most=8),
        Goal(variant="50% of capacity", metric="other p99", at_most=40),
        Goal(variant="nothing happens", metric="idle CPU", at_most=5),
    ),
)
