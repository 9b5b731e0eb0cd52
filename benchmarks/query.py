"""What does a query cost: 50 documents through an index, the same from the cache, a long scan, all pages of a table?

Workload: ``records`` documents of about 250 bytes in groups of 50, over HTTP, closed loop:

* ``50 by index``: a group chosen at random, ``clients`` connections; nobody watches it, so every call is executed
* ``50 cached``: a group that a session watches, so no call is executed
* ``scan``: one query that reads 10,000 documents; one client
* ``pages``: a client goes through all documents, 1,000 a page

Measured are calls a second, latency, CPU time of the runners for a call, and of the whole server.

Floors: py-lmdb reading as many documents in the same order and decoding their JSON, in this process; for the cached
query an empty Starlette POST that answers as many bytes, whose CPU time is subtracted ("beyond socket").
Good: runner CPU at most 4 times the raw scan's; a cached query 60 µs of CPU beyond the floor's.
"""

from __future__ import annotations

import http.client
import json
import random
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.floors import run_floor
from benchmarks.harness.audience import Audience, sync_opening
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import latencies_ms, run_load
from benchmarks.harness.process_costs import ProcessCosts
from benchmarks.harness.raw_lmdb import scan_raw
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import ServerProcess, run_server
from rtdb.config import Config, Limits
from rtdb.storage.environment import Environment, open_environment
from rtdb.values.ordering import encode_key

GROUP = 50
INSERT_AT_ONCE = 1000
PAGE = 1000
STARTING_CLIENTS = 32
"""So many that none of a floor's processes goes without."""
BODY = "lorem ipsum " * 10
RAW_FLOOR = "floor: raw LMDB"
POST_FLOOR = "floor: empty POST"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--scanned", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=8.0, help="of measuring, for each kind of query and run")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds before that")


def run(options: Namespace, record: Recorder) -> None:
    """Each kind of query in turns with its floor."""
    with run_server() as server, open_environment(server.data_dir, readonly=True, limits=Limits()) as environment:
        for first in range(0, options.records, INSERT_AT_ONCE):
            server.mutation("records:insert", first=first, count=min(INSERT_AT_ONCE, options.records), body=BODY)
        for number in record.runs():
            _by_index(server, environment, options, number, record)
            _cached(server, options, number, record)
            _scan(server, environment, options, record)
            _pages(server, environment, options, record)


def _by_index(
    server: ServerProcess, environment: Environment, options: Namespace, number: int, record: Recorder
) -> None:
    groups = options.records // GROUP
    choices = [{"group": f"group{group}"} for group in range(groups)]
    _load(server, "50 by index", choices, options, number, record)
    chance = random.Random(number)

    def read_group() -> None:
        start = encode_key(f"group{chance.randrange(groups)}")
        assert scan_raw(environment, "records", "by_group", start, GROUP) == GROUP

    record.add("50 by index", RAW_FLOOR, {"runner CPU": _cpu_micros(read_group, options.seconds / 8)})


def _cached(server: ServerProcess, options: Namespace, number: int, record: Recorder) -> None:
    watched = {"path": "records:of_group", "args": {"group": "group7"}}
    size = len(json.dumps(server.query("records:of_group", group="group7"), separators=(",", ":")))
    with Audience(server.address, 1, sync_opening([watched])):
        beyond = _load(server, "50 cached", [watched["args"]], options, number, record)
    with run_floor("http", Config(data_dir=server.data_dir).gateways) as floor:
        work = {"kind": "choice", "path": "x:y", "choices": [watched["args"]]}
        job = {**_job(options, number), **floor.address, "work": work, "route": f"/bytes/{size}"}
        # What its processes take to start is not the socket's own cost.
        run_load({**job, "clients": STARTING_CLIENTS, "seconds": 0.1, "warm_up": 0.0})
        before = floor.cpu_seconds()
        result = run_load(job)
        micros = 1e6 * (floor.cpu_seconds() - before) / result["answered"]
    record.add("50 cached", POST_FLOOR, {"rate": result["per_second"], "server CPU": micros, **_tail(result)})
    record.add("50 cached", "rtdb", {"beyond socket": beyond - micros})


def _scan(server: ServerProcess, environment: Environment, options: Namespace, record: Recorder) -> None:
    variant = f"scan of {options.scanned}"

    def scan_once() -> None:
        server.query("records:count_read", count=options.scanned)

    def scan_raw_once() -> None:
        assert scan_raw(environment, "records", "by_number", b"", options.scanned) == options.scanned

    _one_client(server, variant, scan_once, options.seconds, record)
    record.add(variant, RAW_FLOOR, {"runner CPU": _cpu_micros(scan_raw_once, options.seconds / 8)})


def _pages(server: ServerProcess, environment: Environment, options: Namespace, record: Recorder) -> None:
    variant = f"pages through {options.records}"
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60.0)

    def page_through() -> None:
        seen, cursor = 0, None
        while True:
            args = {"paginationOpts": {"numItems": PAGE, "cursor": cursor}}
            body = json.dumps({"path": "records:pages", "args": args, "format": "json"})
            connection.request("POST", "/api/query", body, {"Content-Type": "application/json"})
            page = json.loads(connection.getresponse().read())["value"]
            seen += len(page["page"])
            cursor = page["continueCursor"]
            if page["isDone"]:
                break
        assert seen == options.records, f"{seen} of {options.records} documents seen"

    def read_all() -> None:
        assert scan_raw(environment, "records", "by_number", b"", options.records) == options.records

    _one_client(server, variant, page_through, options.seconds, record)
    connection.close()
    record.add(variant, RAW_FLOOR, {"runner CPU": _cpu_micros(read_all, 0.0)})


def _job(options: Namespace, number: int) -> dict[str, Any]:
    job = {"kind": "closed", "transport": "http", "clients": options.clients, "seed": number}
    return {**job, "seconds": options.seconds, "warm_up": options.warm_up}


def _load(
    server: ServerProcess, variant: str, choices: list[Any], options: Namespace, number: int, record: Recorder
) -> float:
    """Have a group asked for from all clients; returns the server's CPU microseconds for a call."""
    work = {"kind": "choice", "path": "records:of_group", "choices": choices}
    before = server.costs()
    with record.flames(server, variant):
        result = run_load({**_job(options, number), **server.address, "work": work, "route": "/api/query"})
    after = server.costs()
    if result["errors"]:
        raise RuntimeError(f"{variant}: {result['errors']}")
    record.add_costs(variant, before, after, result["answered"])
    record.add(variant, "rtdb", {"rate": result["per_second"], **_tail(result)})
    return _add_cpu(variant, before, after, result["answered"], record)


def _one_client(
    server: ServerProcess, variant: str, work: Callable[[], None], seconds: float, record: Recorder
) -> None:
    work()
    before, started, times = server.costs(), time.perf_counter(), 0
    with record.flames(server, variant):
        while not times or time.perf_counter() - started < seconds:
            work()
            times += 1
    took = time.perf_counter() - started
    after = server.costs()
    record.add_costs(variant, before, after, times)
    record.add(variant, "rtdb", {"rate": times / took})
    _add_cpu(variant, before, after, times, record)


def _add_cpu(
    variant: str,
    before: Mapping[str, ProcessCosts],
    after: Mapping[str, ProcessCosts],
    calls: int,
    record: Recorder,
) -> float:
    micros = {role: 1e6 * (after[role].cpu_seconds - before[role].cpu_seconds) / calls for role in before}
    record.add(variant, "rtdb", {"runner CPU": micros["runner"], "server CPU": sum(micros.values())})
    return sum(micros.values())


def _cpu_micros(work: Callable[[], None], seconds: float) -> float:
    """Return the CPU time of one time of ``work``, done again and again for so many seconds."""
    work()
    started, times = time.process_time(), 0
    while not times or time.process_time() - started < seconds:
        work()
        times += 1
    return 1e6 * (time.process_time() - started) / times


def _tail(result: Mapping[str, Any]) -> dict[str, float]:
    latencies = latencies_ms(result["latency"])
    return {"p50": latencies["p50"], "p99": latencies["p99"]}


BENCHMARK = Benchmark(
    name="query",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"records": 2000, "scanned": 1000, "clients": 2, "seconds": 0.3, "warm_up": 0.0},
    metrics=(
        Metric("rate", "1/s", "higher"),
        Metric("p50", "ms", "lower"),
        Metric("p99", "ms", "lower"),
        Metric("runner CPU", "µs", "lower"),
        Metric("server CPU", "µs", "lower"),
        Metric("beyond socket", "µs", "lower"),
    ),
    goals=(
        *(
            Goal(variant=variant, metric="runner CPU", at_most=4, of_subject=RAW_FLOOR)
            for variant in ("50 by index", "scan of 10000", "pages through 100000")
        ),
        Goal(variant="50 cached", metric="beyond socket", at_most=60),
    ),
)
