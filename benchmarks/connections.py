"""What do 10,000 live sessions cost, how fast do they come, and come back, and what do others notice of them?

Workload: N WebSocket sessions with two subscriptions each: one that all share (``messages:list`` of one channel), one
of their own (the same of a channel for each). Measured, in this order:

* connecting them, at most ``at-once`` under way: sessions a second until each has its first transition
* memory: private bytes of all server processes together, for each session; also of the gateways alone
* idle CPU: with all connected and nothing to do
* under load (open loop, times count from when a request was due): ``queries`` a second over HTTP, not cached, and
  ``mutations`` a second, each of which wakes one session
* reconnect storm: all connections drop at once and all come back at once; the time until every session is served again,
  and how many connections failed on the way

Floor: trio-websocket with N connections that do nothing: connects a second.
Good: 45 KB a session, 800 connects a second, the storm served within 15 s without a failure, idle at most 5 % of a
core; under load p50 below 50 ms for queries and 100 ms for mutations, errors below 0.1 %.

10,000 sessions need as many open files in the load process and half as many in each gateway: ``ulimit -Hn 20000``.
"""

from __future__ import annotations

import resource
import time
from argparse import ArgumentParser, Namespace

from benchmarks.floors import run_floor
from benchmarks.harness.audience import Audience, sync_opening
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import latencies_ms, run_load
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import ServerProcess, run_server

LISTED = 20
SHARED = {"path": "messages:list", "args": {"channel": "all", "count": LISTED}}
OWN = {"path": "messages:list", "args": {"channel": "own-{number}", "count": LISTED}}
BODY = "x" * 80
HTTP_CLIENTS = 32
FILES_SPARE = 1000
KB = 1000


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=128, help="connections under way while they come")
    parser.add_argument("--storm-at-once", type=int, default=2000, help="and while they come back")
    parser.add_argument("--idle", type=float, default=20.0, help="seconds in which nothing happens")
    parser.add_argument("--seconds", type=float, default=20.0, help="of load")
    parser.add_argument("--queries", type=float, default=200.0, help="a second, under load")
    parser.add_argument("--mutations", type=float, default=100.0, help="a second, under load")


def run(options: Namespace, record: Recorder) -> None:
    """The server and the floor in turns."""
    count = _possible(options.sessions, record)
    variant = f"{count} sessions"
    for number in record.runs():
        with run_server() as server:
            for _ in range(LISTED):
                server.mutation("messages:send", channel="all", body=BODY)
            for first in range(0, count, 1000):
                channels = [f"own-{each}" for each in range(first, min(first + 1000, count))]
                server.mutation("messages:send_to_all", channels=channels, body=BODY)
            _measure(variant, count, server, options, number, record)
        with run_floor("broadcast") as floor:
            with Audience(floor.address, 1, [], path="/"):
                pass  # it has started
            with Audience(floor.address, count, [], path="/", at_once=options.at_once) as audience:
                record.add(variant, "floor: trio-websocket", {"connects": count / audience.connected["seconds"]})


def _possible(wanted: int, record: Recorder) -> int:
    """Return how many sessions the limit on open files lets us have, and say so when they are fewer."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - FILES_SPARE)
    if possible < wanted:
        record.note(
            f"only {possible} sessions: a process may have {hard} open files here. For {wanted}: "
            f"ulimit -Hn {wanted + FILES_SPARE}, as root"
        )
    return possible


def _measure(
    variant: str, count: int, server: ServerProcess, options: Namespace, number: int, record: Recorder
) -> None:
    before = server.costs()
    opening = sync_opening([SHARED, OWN])
    with Audience(server.address, count, opening, at_once=options.at_once) as audience:
        connected = server.costs()
        grown = {role: connected[role].private_bytes - before[role].private_bytes for role in before}
        record.add(
            variant,
            "rtdb",
            {
                "connects": count / audience.connected["seconds"],
                "connect failures": audience.connected["failures"],
                "memory": sum(grown.values()) / count / KB,
                "memory gateways": grown["gateway"] / count / KB,
                "memory hub": grown["hub"] / count / KB,
            },
        )
        record.add_costs(f"{variant} connecting", before, connected, count)

        started, before = time.perf_counter(), server.costs()
        time.sleep(options.idle)
        after, seconds = server.costs(), time.perf_counter() - started
        used = sum(after[role].cpu_seconds - before[role].cpu_seconds for role in before)
        record.add(variant, "rtdb", {"idle CPU": 100 * used / seconds})

        with record.flames(server, "under-load"):
            _under_load(variant, count, server, options, number, record)
        alive = audience.ask("alive")
        if alive["closed"]:
            record.note(f"{alive['closed']} of {count} sessions were closed by the server")

        audience.ask("drop")
        with_none = server.costs()
        audience.tell({"do": "limit", "at_once": options.storm_at_once})
        audience.hear()
        with record.flames(server, "storm"):
            storm = audience.ask("connect")
        record.add_costs(f"{variant} storm", with_none, server.costs(), count)
        figures = {"storm": storm["seconds"], "storm failures": storm["failures"], "storm slowest": storm["slowest"]}
        record.add(variant, "rtdb", figures)


def _under_load(
    variant: str, count: int, server: ServerProcess, options: Namespace, number: int, record: Recorder
) -> None:
    # Not cached: of channels that nobody watches.
    listed = [{"channel": f"nobody-{each}", "count": 20} for each in range(10_000)]
    posted = [{"channel": f"own-{each}", "body": BODY} for each in range(count)]
    streams = [
        {
            "name": "query",
            "rate": options.queries,
            "route": "/api/query",
            "work": {"kind": "choice", "path": "messages:list", "choices": listed},
        },
        {
            "name": "mutation",
            "rate": options.mutations,
            "route": "/api/mutation",
            "work": {"kind": "choice", "path": "messages:send", "choices": posted},
        },
    ]
    job = {"kind": "paced", "clients": HTTP_CLIENTS, "streams": streams, "seed": number}
    result = run_load({**job, **server.address, "seconds": options.seconds, "warm_up": min(1.0, options.seconds)})
    figures: dict[str, float] = {}
    for name, encoded in result["latency"].items():
        figures |= latencies_ms(encoded, f"{name} ")
        record.add_histogram(variant, "rtdb", f"{name} under load", encoded)
    failed = sum(sum(errors.values()) for errors in result["errors"].values())
    record.add(variant, "rtdb", figures | {"errors": 100 * failed / max(1, sum(result["sent"].values()))})


BENCHMARK = Benchmark(
    name="connections",
    docstring=__doc__,
    run=run,
    options=options,
    quick={
        "sessions": 100,
        "at_once": 20,
        "storm_at_once": 100,
        "idle": 0.2,
        "seconds": 0.5,
        "queries": 40.0,
        "mutations": 20.0,
    },
    metrics=(
        Metric("connects", "1/s", "higher"),
        Metric("connect failures", "", "lower"),
        Metric("memory", "kB/session", "lower"),
        Metric("memory gateways", "kB/session", "lower"),
        Metric("memory hub", "kB/session", "lower"),
        Metric("idle CPU", "% of a core", "lower"),
        *(
            Metric(f"{what} {share}", "ms", "lower")
            for what in ("query", "mutation")
            for share in ("p50", "p99", "p99.9")
        ),
        Metric("errors", "%", "lower"),
        Metric("storm", "s", "lower"),
        Metric("storm slowest", "s", "lower"),
        Metric("storm failures", "", "lower"),
    ),
    goals=(
        Goal(variant="10000 sessions", metric="memory", at_most=45),
        Goal(variant="10000 sessions", metric="connects", at_least=800),
        Goal(variant="10000 sessions", metric="idle CPU", at_most=5),
        Goal(variant="10000 sessions", metric="query p50", at_most=50),
        Goal(variant="10000 sessions", metric="mutation p50", at_most=100),
        Goal(variant="10000 sessions", metric="errors", at_most=0.1),
        Goal(variant="10000 sessions", metric="storm", at_most=15),
        Goal(variant="10000 sessions", metric="storm failures", at_most=0),
    ),
    runs=4,
)
