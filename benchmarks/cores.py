"""How many gateways and runners pay on two cores, and what would bound a server on 4, 8, 16 and 32?

Workload: transfers over HTTP and over WebSocket, and a query of 50 documents over HTTP that nobody watches, each by
``clients`` connections in a closed loop; with one, two and four gateways in turns. ``one core`` is the server with two
gateways on one core and the load on the others.

Model: what a request costs each kind of process (measured with two gateways) bounds how many a second there can be.
Hub, committer and the lane's runner are one process each and have one core at most; gateways, and the runners of
queries, can be many; all of them share the cores. No process works for more than ``SHARE`` of a core. The model's rates
leave the load to other machines. So does its bound for one core, which is the check: it has to be what was measured
there.
Floor: none; the model is what the numbers are held against.
Good: the rate on one core is 0.8 to 1.25 of the model's, and two gateways, the default here, are the best of the three
numbers or within 5 % of it.
"""

from __future__ import annotations

import math
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import run_load
from benchmarks.harness.process_costs import ProcessCosts
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import ServerProcess, run_server
from benchmarks.transfer import create_accounts, verify_total

GATEWAYS = (1, 2, 4)
MEASURED = 2
"""Gateways of the server whose costs the model is made of."""
CORES = (2, 4, 8, 16, 32)
SHARE = 0.9
MODEL = "model"
GROUP = 50
WORKLOADS = ("transfer http", "transfer websocket", "query http")
ALONE = {"transfer http": ("hub", "committer", "runner"), "query http": ("hub",)}
ALONE["transfer websocket"] = ALONE["transfer http"]
"""Roles of which only one process can do the work."""

Costs = dict[str, float]
"""Microseconds of CPU a request, by role."""


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=6.0, help="of measuring, each run")
    parser.add_argument("--warm-up", type=float, default=2.0, help="seconds before that")


def run(options: Namespace, record: Recorder) -> None:
    """Load servers with different numbers of gateways, in turns; then one that has only one core."""
    with ExitStack() as servers:
        numbered = {number: servers.enter_context(run_server(settings={"gateways": number})) for number in GATEWAYS}
        works = {number: _fill(server, options) for number, server in numbered.items()}
        for turn in record.runs():
            costs: dict[str, Costs] = {}
            for number, server in numbered.items():
                for workload in WORKLOADS:
                    subject = f"{number} gateway{'s' if number > 1 else ''}"
                    cost = _load(server, works[number], workload, subject, turn, options, record)
                    if number == MEASURED:
                        costs[workload] = cost
            _model(costs, record)
            _on_one_core(numbered[MEASURED], works[MEASURED], costs, turn, options, record)
        for server in numbered.values():
            verify_total(server, options.accounts)


def _fill(server: ServerProcess, options: Namespace) -> dict[str, dict[str, Any]]:
    """Return the work of each workload."""
    accounts = create_accounts(server, options.accounts)
    for first in range(0, options.records, 1000):
        server.mutation("records:insert", first=first, count=min(1000, options.records), body="b" * 100)
    transfers = {"kind": "transfers", "path": "transfer:transfer", "zipf": 0.0, "accounts": accounts}
    choices = [{"group": f"group{group}"} for group in range(options.records // GROUP)]
    query = {"kind": "choice", "path": "records:of_group", "choices": choices}
    return {"transfer http": transfers, "transfer websocket": transfers, "query http": query}


def _load(
    server: ServerProcess,
    works: Mapping[str, dict[str, Any]],
    workload: str,
    subject: str,
    turn: int,
    options: Namespace,
    record: Recorder,
) -> Costs:
    kind, transport = workload.split()
    job = {"kind": "closed", "clients": options.clients, "seconds": options.seconds, "warm_up": options.warm_up}
    route = {"route": "/api/query"} if kind == "query" else {}
    target = {**server.address, "transport": transport, "seed": turn + 1, **route}
    before = server.costs()
    result = run_load({**job, **target, "work": works[workload]})
    after = server.costs()
    if result["errors"]:
        raise RuntimeError(f"{workload}: {result['errors']}")
    record.add(workload, subject, {"rate": result["per_second"]})
    record.add_costs(workload, before, after, result["answered"], subject)
    return {
        role: 1e6 * (costs.cpu_seconds - before.get(role, ProcessCosts()).cpu_seconds) / result["answered"]
        for role, costs in after.items()
    }


def bound(costs: Costs, alone: tuple[str, ...], cores: float) -> float:
    """Return how many requests a second so many cores are enough for."""
    slowest = max((costs.get(role, 0.0) for role in alone), default=0.0)
    return SHARE * 1e6 / max(sum(costs.values()) / cores, slowest)


def _model(costs: Mapping[str, Costs], record: Recorder) -> None:
    for workload, cost in costs.items():
        alone = ALONE[workload]
        for cores in CORES:
            rate = bound(cost, alone, cores)
            figures = {"rate": rate, "gateways": math.ceil(rate * cost["gateway"] / (SHARE * 1e6))}
            if "runner" not in alone:
                figures["runners"] = math.ceil(rate * cost["runner"] / (SHARE * 1e6))
            record.add(f"{workload}, {cores} cores", MODEL, figures)


def _on_one_core(
    server: ServerProcess,
    works: Mapping[str, dict[str, Any]],
    costs: Mapping[str, Costs],
    turn: int,
    options: Namespace,
    record: Recorder,
) -> None:
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        record.note("one core: there is no other one for the load")
        return
    for pid in server.processes():
        _pin(pid, {first})
    # The load is a child of this process.
    os.sched_setaffinity(0, others)
    try:
        for workload in WORKLOADS:
            # With another seed: sessions of the same one would be given what they were answered before.
            _load(server, works, workload, "one core", turn + options.runs, options, record)
            # A core of its own is worked to its end.
            record.add(workload, MODEL, {"rate": bound(costs[workload], (), 1) / SHARE})
    finally:
        for pid in (0, *server.processes()):
            _pin(pid, {first, *others})


def _pin(pid: int, cores: set[int]) -> None:
    """Have all threads of a process on these cores; 0 is this one."""
    for task in os.listdir(f"/proc/{pid or 'self'}/task"):
        os.sched_setaffinity(int(task), cores)


def _check(workload: str) -> tuple[Goal, ...]:
    return (
        Goal(variant=workload, metric="rate", subject="one core", of_subject=MODEL, at_least=0.8),
        Goal(variant=workload, metric="rate", subject="one core", of_subject=MODEL, at_most=1.25),
        Goal(variant=workload, metric="rate", subject="2 gateways", of_subject="1 gateway", at_least=0.95),
        Goal(variant=workload, metric="rate", subject="2 gateways", of_subject="4 gateways", at_least=0.95),
    )


BENCHMARK = Benchmark(
    name="cores",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"accounts": 1000, "records": 1000, "clients": 8, "seconds": 0.4, "warm_up": 0.1},
    metrics=(
        Metric("rate", "1/s", "higher"),
        Metric("gateways", "", "neither"),
        Metric("runners", "", "neither"),
    ),
    goals=tuple(goal for workload in WORKLOADS for goal in _check(workload)),
)
