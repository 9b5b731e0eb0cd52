"""How many durable mutations a second, of 1, 10 and 100 documents each?

Workload: ``clients`` WebSocket sessions in a closed loop; each mutation inserts documents of about 200 bytes into a
table with two declared indexes, and is answered when it is fsynced. The first case also with a single client, whose
median latency is that of one durable write.

Floor: py-lmdb alone writing the same keys and values (documents, index entries, session records, log, before-images) in
the same groups: a write transaction and an fsync for each block that the server has made. It runs no function, checks
nothing and encodes nothing.
Good: half of the floor at 100 documents; 3,000 a second of one document with 64 clients; p50 of 4 ms with one client.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import latencies_ms, run_load
from benchmarks.harness.raw_lmdb import newest_seq, rewrite, stored_blocks
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import fresh_directory, run_server
from rtdb.config import Limits
from rtdb.storage.environment import open_environment

BODY = "lorem ipsum " * 10
FLOOR = "floor: py-lmdb"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--documents", type=int, nargs="+", default=[1, 10, 100])
    parser.add_argument("--seconds", type=float, default=8.0, help="of measuring, each run")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before that")


def run(options: Namespace, record: Recorder) -> None:
    """For each size, the server and then the floor on what the server has written."""
    cases = [(1, 1), *((documents, options.clients) for documents in options.documents)]
    for number in record.runs():
        for documents, clients in cases:
            variant = f"{documents} × {clients} client{'s' * (clients > 1)}"
            _measure(variant, documents, clients, number, options, record)


def _measure(variant: str, documents: int, clients: int, number: int, options: Namespace, record: Recorder) -> None:
    args = {"count": documents, "body": BODY}
    work = {"kind": "numbered", "path": "records:insert", "step": documents, "args": args}
    job = {"kind": "closed", "transport": "websocket", "clients": clients, "seed": number, "work": work}
    with run_server() as server, open_environment(server.data_dir, readonly=True, limits=Limits()) as environment:
        after_start = newest_seq(environment)
        before = server.costs()
        with record.flames(server, variant):
            result = run_load({**job, **server.address, "seconds": options.seconds, "warm_up": options.warm_up})
        record.add_costs(variant, before, server.costs(), result["answered"])
        blocks = list(stored_blocks(environment, after_start))
    with fresh_directory() as directory:
        seconds, cpu_seconds = rewrite(directory, blocks)
    if result["errors"]:
        raise RuntimeError(f"{variant}: {result['errors']}")
    latencies = latencies_ms(result["latency"])
    figures = {"rate": result["per_second"], "p50": latencies["p50"], "p99": latencies["p99"]}
    record.add(variant, "rtdb", figures | {"group": result["answered"] / len(blocks)})
    record.add_histogram(variant, "rtdb", "closed loop", result["latency"])
    floor = {"rate": result["answered"] / seconds, "floor CPU": 1e6 * cpu_seconds / result["answered"]}
    record.add(variant, FLOOR, floor | {"p50": 1000 * seconds / len(blocks)})


BENCHMARK = Benchmark(
    name="commit",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"clients": 4, "documents": [1, 10], "seconds": 0.4, "warm_up": 0.0},
    metrics=(
        Metric("rate", "1/s", "higher"),
        Metric("p50", "ms", "lower"),
        Metric("p99", "ms", "lower"),
        Metric("group", "mutations", "neither"),
        Metric("floor CPU", "µs/op", "lower"),
    ),
    goals=(
        Goal(variant="100 × 64 clients", metric="rate", at_least=0.5, of_subject=FLOOR),
        Goal(variant="1 × 64 clients", metric="rate", at_least=3000),
        Goal(variant="1 × 1 client", metric="p50", at_most=4),
    ),
)
