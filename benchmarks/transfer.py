"""How many two-account transfers a second, and how fast the slow ones are?

Workload: ``accounts`` accounts, ``clients`` connections, each sending ``transfer:transfer {amount, from_id, to_id}``
again as soon as the last is answered (closed loop: its latencies are those of a full queue). Accounts are drawn
uniformly, or Zipf 1.5: then nearly every transfer touches the same few. Over ``POST /api/mutation`` and over the sync
protocol. At the end the balances are added up; a run whose total is wrong is an error. Every transfer is durable
(fsynced) when answered. The last columns are the CPU time a transfer costs per kind of process: they stay comparable
when something else uses the machine, the rates do not.

Floor: an empty Starlette POST under Hypercorn on the same number of processes with the same load generator.
Peer, published: self-hosted Convex on 24 cores, 1,140/s uniform (p50 53 ms, p99 62 ms), 126/s at Zipf 1.5 (p99 1,081
ms). Good: above 1,000/s over HTTP for both on two cores shared with the load generator, and no error a client sees.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.floors import run_floor
from benchmarks.harness import ServerProcess, post, report, run_server

BALANCE = 1000
CREATE_AT_ONCE = 1000
PROCESSES = ("gateway", "hub", "runner", "committer")


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks transfer", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--warm-up", type=float, default=3.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="run only the variants whose name contains this")
    options = parser.parse_args(arguments)
    variants = [
        ("http uniform", "http", 0.0),
        ("http zipf 1.5", "http", 1.5),
        ("websocket uniform", "websocket", 0.0),
        ("websocket zipf 1.5", "websocket", 1.5),
    ]
    variants = [variant for variant in variants if not options.only or options.only in variant[0]]
    results: dict[str, list[dict[str, Any]]] = {name: [] for name, _, _ in variants}
    floors: list[dict[str, Any]] = []
    job = {"kind": "closed", "clients": options.clients, "seconds": options.seconds, "warm_up": options.warm_up}
    with run_server() as server:
        accounts = _create(server, options.accounts)
        for run in range(options.runs):
            with run_floor("http", 2) as port:
                target = {"host": "127.0.0.1", "port": port, "transport": "http", "path": "x:y"}
                floors.append(_load({**job, **target, "seed": run}))
            for name, transport, zipf in variants:
                before = server.cpu_seconds()
                target = {"host": server.host, "port": server.port, "transport": transport}
                work = {"path": "transfer:transfer", "zipf": zipf, "accounts": accounts}
                result = _load({**job, **target, **work, "seed": run * 10 + len(name)})
                after = server.cpu_seconds()
                result["cpu"] = {key: after[key] - before.get(key, 0.0) for key in after}
                results[name].append(result)
                _verify(server, options.accounts)
    rows = [_row("floor: empty POST", floors, None)]
    floor = statistics.median(result["per_second"] for result in floors)
    rows += [_row(name, runs, floor if "http" in name else None) for name, runs in results.items()]
    report("transfer", rows)
    for name, runs in results.items():
        for error, count in runs[-1]["errors"].items():
            print(f"  {name}: {count} times {error}")


def _create(server: ServerProcess, count: int) -> list[str]:
    accounts: list[str] = []
    for first in range(0, count, CREATE_AT_ONCE):
        args = {"first": first, "count": min(CREATE_AT_ONCE, count - first), "balance": BALANCE}
        accounts += post(server, "/api/mutation", {"path": "transfer:create", "args": args, "format": "json"})
    return accounts


def _verify(server: ServerProcess, count: int) -> None:
    total = 0.0
    for first in range(0, count, 10_000):
        args = {"first": first, "count": 10_000}
        total += post(server, "/api/query", {"path": "transfer:total", "args": args, "format": "json"})
    if total != count * BALANCE:
        raise RuntimeError(f"money was made or lost: {total} instead of {count * BALANCE}")


def _load(job: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"], input=json.dumps(job), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _row(name: str, runs: list[dict[str, Any]], floor: float | None) -> dict[str, Any]:
    cpu = {process: _micros(runs, process) for process in PROCESSES} if "cpu" in runs[0] else {}
    rates = [run["per_second"] for run in runs]
    median = statistics.median(rates)
    return {
        "variant": name,
        "per second": median,
        "lowest": min(rates),
        "highest": max(rates),
        "of the floor": median / floor if floor else None,
        "p50 ms": statistics.median(run["p50_ms"] for run in runs),
        "p99 ms": statistics.median(run["p99_ms"] for run in runs),
        "errors": sum(sum(run["errors"].values()) for run in runs),
        **{f"{process} µs": micros for process, micros in cpu.items()},
        **({"all µs": sum(cpu.values())} if cpu else {}),
    }


def _micros(runs: list[dict[str, Any]], process: str) -> float:
    """CPU microseconds a transfer costs in the server's processes of that name."""
    costs: list[float] = [1e6 * run["cpu"].get(f"rtdb-{process}", 0.0) / run["all"] for run in runs]
    return statistics.median(costs)
