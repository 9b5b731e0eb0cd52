"""How many two-account transfers a second, and how fast the slow ones are?

Workload: ``accounts`` accounts, ``clients`` connections, each sending ``transfer:transfer {amount, from_id, to_id}``
again as soon as the last is answered (closed loop: its latencies are those of a full queue). Accounts are drawn
uniformly, or Zipf 1.5: then nearly every transfer touches the same few. Over ``POST /api/mutation`` and over the sync
protocol. After every run the balances are added up; a total that is wrong is an error, and so is any answer but
success. ``retried`` is how many of a hundred had to run again inside the server because another had changed what they
had read (of the newest thousands, which the function log has kept). Every transfer is durable (fsynced) when answered.
The CPU time a transfer costs each kind of process stays comparable when something else uses the machine; the rates do
not.

Floor: an empty Starlette POST under Hypercorn on as many processes as there are gateways, same load generator.
Peer, published: self-hosted Convex on 24 cores: 1,140/s uniform (p50 53 ms, p99 62 ms), 126/s at Zipf 1.5 (p99 1,081
ms).
Good, on two cores shared with the load generator: over HTTP 1,500/s uniform, 1,300/s at Zipf 1.5, 0.45 of the floor
with a p99 of at most twice its; over WebSocket 4,000/s; and no error a client sees.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from benchmarks.floors import run_floor
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import latencies_ms, run_load
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import ServerProcess, run_server
from rtdb.config import Config

BALANCE = 1000
CREATE_AT_ONCE = 1000
ADD_AT_ONCE = 10_000
FLOOR = "floor: empty POST"
HTTP = ("http uniform", "http zipf 1.5")
VARIANTS = (
    ("http uniform", "http", 0.0),
    ("http zipf 1.5", "http", 1.5),
    ("websocket uniform", "websocket", 0.0),
    ("websocket zipf 1.5", "websocket", 1.5),
)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0, help="of measuring, each run")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before that")
    parser.add_argument("--only", default="", help="only variants whose name contains this")


def run(options: Namespace, record: Recorder) -> None:
    """Transfer over both ways, in turns with the floor."""
    variants = [variant for variant in VARIANTS if options.only in variant[0]]
    job = {"kind": "closed", "clients": options.clients, "seconds": options.seconds, "warm_up": options.warm_up}
    with run_server() as server:
        accounts = create_accounts(server, options.accounts)
        for number in record.runs():
            if any(transport == "http" for _, transport, _ in variants):
                with run_floor("http", Config(data_dir=server.data_dir).gateways) as floor:
                    target = {**floor.address, "transport": "http", "seed": number}
                    choices = [{"amount": 1, "from_id": "a", "to_id": "b"}]
                    result = run_load({**job, **target, "work": {"kind": "choice", "path": "x:y", "choices": choices}})
                for name in HTTP:
                    record.add(name, FLOOR, _figures(result))
            for index, (name, transport, zipf) in enumerate(variants):
                work = {"kind": "transfers", "path": "transfer:transfer", "zipf": zipf, "accounts": accounts}
                target = {**server.address, "transport": transport, "seed": 1 + number * len(variants) + index}
                before = server.costs()
                with record.flames(server, name):
                    result = run_load({**job, **target, "work": work})
                record.add(name, "rtdb", _figures(result))
                record.add_histogram(name, "rtdb", "closed loop", result["latency"])
                record.add_costs(name, before, server.costs(), result["answered"])
                record.add(name, "rtdb", {"retried": _retried(server)})
                for error, count in result["errors"].items():
                    record.note(f"{name}: {count} times {error}")
                verify_total(server, options.accounts)


def create_accounts(server: ServerProcess, count: int) -> list[str]:
    """Open so many accounts and return their ids."""
    accounts: list[str] = []
    for first in range(0, count, CREATE_AT_ONCE):
        at_once = min(CREATE_AT_ONCE, count - first)
        accounts += server.mutation("transfer:create", first=first, count=at_once, balance=BALANCE)
    return accounts


def verify_total(server: ServerProcess, count: int) -> None:
    """Add up the balances of so many accounts. Raises if the total is wrong."""
    firsts = range(0, count, ADD_AT_ONCE)
    total = sum(server.query("transfer:total", first=first, count=ADD_AT_ONCE) for first in firsts)
    if total != count * BALANCE:
        raise RuntimeError(f"money was made or lost: {total} instead of {count * BALANCE}")


def _retried(server: ServerProcess) -> float:
    """Return how many percent of the transfers in the function log ran more than once."""
    entries = [entry for entry in server.function_log() if entry["identifier"] == "transfer:transfer"]
    return 100 * sum(entry["occInfo"] is not None for entry in entries) / max(len(entries), 1)


def _figures(result: dict[str, Any]) -> dict[str, float]:
    latencies = latencies_ms(result["latency"])
    return {"rate": result["per_second"], **latencies, "errors": float(sum(result["errors"].values()))}


BENCHMARK = Benchmark(
    name="transfer",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"accounts": 1000, "clients": 8, "seconds": 0.4, "warm_up": 0.1},
    metrics=(
        Metric("rate", "1/s", "higher"),
        Metric("p50", "ms", "lower"),
        Metric("p99", "ms", "lower"),
        Metric("p99.9", "ms", "lower"),
        Metric("errors", "", "lower"),
        Metric("retried", "%", "lower"),
    ),
    goals=(
        Goal(variant="http uniform", metric="rate", at_least=1500),
        Goal(variant="http zipf 1.5", metric="rate", at_least=1300),
        *(Goal(variant=name, metric="rate", at_least=0.45, of_subject=FLOOR) for name in HTTP),
        *(Goal(variant=name, metric="p99", at_most=2.0, of_subject=FLOOR) for name in HTTP),
        Goal(variant="websocket uniform", metric="rate", at_least=4000),
        Goal(variant="websocket zipf 1.5", metric="rate", at_least=4000),
        *(Goal(variant=name, metric="errors", at_most=0) for name, _, _ in VARIANTS),
    ),
)
