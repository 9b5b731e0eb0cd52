"""What does a function written in TypeScript cost: no-op, list of 50, heartbeat, dashboard, and transfers a second?

Workload: ``benchmarks/app_typescript``, bundled as the official CLI does. In this process, with the Deno process that a
runner has, over a real data directory with a warm cache: one call after the other from snapshot to outcome, each with a
pause before it, as on a server with something to spare; the next context is made ready meanwhile. ``nothing`` only
returns; ``list`` reads 50 documents through an index, newest first; ``heartbeat`` looks one up and patches it;
``dashboard`` reads three tables at once. ``without pauses`` is how many of them a second the same two processes do.

``transfer`` is the benchmark of that name in TypeScript: a real server, ``clients`` connections over HTTP, uniform
accounts, and the balances added up at the end. In ``transfer reused`` the module says ``experimental_reuseContext``, so
that calls share a context. ``killed`` is ``heartbeat`` when the Deno process has been killed just
before it, and another one has to be started.

Floor: the smallest function that has the same shape, without the library, in a process that does nothing else: what
JavaScript, its frames and its context cost.
Good: at the median at most 1 ms for ``nothing``, 2.5 ms for ``list``, 1.5 ms for ``heartbeat``, 2.5 ms for
``dashboard``, 200 ms for ``killed``; 900 transfers a second.
"""

from __future__ import annotations

import os
import signal
import statistics
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.executor import Bench
from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.load_process import run_load
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import ServerProcess, fresh_directory, start_server
from benchmarks.transfer import create_accounts, verify_total
from rtdb.config import Limits
from rtdb.link.child import calm_collector
from rtdb.typescript.host import Host
from rtdb.typescript.module_set import ModuleSet, TypeScriptModule
from rtdb.typescript.steps import Invocation, Returned
from tests.e2e.pushes import Push
from tests.typescript.bundling import bundle_typescript

APP = Path(__file__).parent / "app_typescript"
CHANNELS = 20
MESSAGES_EACH = 100
LISTED = 50
USERS = 50
FLOOR = "floor: bare function"
CALLS: dict[str, Callable[[int], dict[str, Any]]] = {
    "nothing": lambda _: {},
    "list": lambda number: {"channel": f"channel{number % CHANNELS}", "count": LISTED},
    "heartbeat": lambda number: {"user": f"user{number % USERS}"},
    "dashboard": lambda _: {},
}
TRANSFERS = {"transfer": "transfer:transfer", "transfer reused": "reused:transfer"}
BARE = """
export const nothing = Object.assign(() => null, {
  isQuery: true, isPublic: true, exportArgs: () => '{"type":"any"}', exportReturns: () => "null",
  invokeQuery: async () => "null",
});
"""


class _Address(NamedTuple):
    url: str
    admin_key: str


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=400, help="of each function, in each run")
    parser.add_argument("--pause-ms", type=float, default=4.0, help="before each of them")
    parser.add_argument("--kills", type=int, default=20, help="of the Deno process, in each run")
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0, help="of transfers, each run")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before that")


def modules() -> ModuleSet:
    """Return the app as it is pushed."""
    return bundle_typescript({path.stem: path.read_text() for path in APP.glob("*.ts")})


def run(options: Namespace, record: Recorder) -> None:
    """Call the functions in turns with the floor, then transfer."""
    with tempfile.TemporaryDirectory() as directory:
        app = Path(directory) / "app"
        for path, content in modules().files().items():
            (app / path).parent.mkdir(parents=True, exist_ok=True)
            (app / path).write_bytes(content)
        bench = Bench(Path(directory) / "data", app)
        host = Host(Limits())
        try:
            _fill(bench)
            host.load(_bare())
            calm_collector()  # as the runner does
            for _ in record.runs():
                _call(bench, host, options, record)
                record.add("killed", "rtdb", {"latency": _median_killed_ms(bench, options.kills)})
        finally:
            host.close()
            if bench.app.host is not None:
                bench.app.host.close()
            bench.committer.environment.close()
    with fresh_directory() as data, start_server(data, None) as server:
        _push(server)
        accounts = create_accounts(server, options.accounts)
        for number in record.runs():
            for variant, path in TRANSFERS.items():
                _transfer(server, accounts, options, number, record, variant, path)


def _bare() -> ModuleSet:
    module = TypeScriptModule("bench.js", BARE, None, "isolate")
    return ModuleSet(modules=(module,), server_version="1.48.0", import_seed="00" * 32, import_ns=0)


def _fill(bench: Bench) -> None:
    bench.deploy()
    for number in range(CHANNELS * MESSAGES_EACH):
        bench.commit("bench:send", {"channel": f"channel{number % CHANNELS}", "body": "b" * 80})
    for number in range(USERS):
        bench.commit("bench:heartbeat", CALLS["heartbeat"](number))
    bench.commit("transfer:create", {"first": 0, "count": 100, "balance": 1000})


def _call(bench: Bench, host: Host, options: Namespace, record: Recorder) -> None:
    for name, arguments in CALLS.items():
        path = f"bench:{name}"

        def once(number: int, path: str = path, arguments: Callable[[int], dict[str, Any]] = arguments) -> None:
            outcome = bench.call(path, arguments(number))
            assert outcome.error is None, outcome.error

        record.add(name, "rtdb", {"latency": _median_ms(once, options)})
        begun = time.perf_counter()
        for number in range(options.calls):
            once(number)
        record.add(name, "rtdb", {"without pauses": options.calls / (time.perf_counter() - begun)})
    record.add("nothing", FLOOR, {"latency": _median_ms(lambda _: _call_bare(host), options)})


def _call_bare(host: Host) -> None:
    step = host.begin(
        Invocation(module="bench.js", export="nothing", kind="query", args=b"[{}]", now_ms=0, seed=bytes(16))
    )
    assert isinstance(step, Returned), step


def _median_killed_ms(bench: Bench, kills: int) -> float:
    """Return the median time of calls that find their process dead."""
    taken = []
    for number in range(kills):
        assert bench.app.host is not None
        killed = bench.app.host.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)
        begun = time.perf_counter()
        outcome = bench.call("bench:heartbeat", CALLS["heartbeat"](number))
        taken.append(time.perf_counter() - begun)
        assert outcome.error is None, outcome.error
        assert bench.app.host.pid != killed
    return 1000 * statistics.median(taken)


def _median_ms(call: Callable[[int], None], options: Namespace) -> float:
    """Return the median time of calls that have a pause before them."""
    taken = []
    for number in range(options.calls):
        time.sleep(options.pause_ms / 1000)
        begun = time.perf_counter()
        call(number)
        taken.append(time.perf_counter() - begun)
    return 1000 * statistics.median(taken)


def _push(server: ServerProcess) -> None:
    sources = {module.path: module.source for module in modules().modules}
    with Push(_Address(f"http://{server.host}:{server.port}", server.admin_key())) as push:
        push.push(
            {path: source for path, source in sources.items() if path != "schema.js"}, schema=sources["schema.js"]
        )


def _transfer(
    server: ServerProcess,
    accounts: list[str],
    options: Namespace,
    number: int,
    record: Recorder,
    variant: str,
    path: str,
) -> None:
    job = {"kind": "closed", "clients": options.clients, "seconds": options.seconds, "warm_up": options.warm_up}
    work = {"kind": "transfers", "path": path, "zipf": 0.0, "accounts": accounts}
    before = server.costs()
    with record.flames(server, variant):
        result = run_load({**job, **server.address, "transport": "http", "seed": number, "work": work})
    record.add(variant, "rtdb", {"rate": result["per_second"]})
    record.add_histogram(variant, "rtdb", "closed loop", result["latency"])
    record.add_costs(variant, before, server.costs(), result["answered"])
    for error, count in result["errors"].items():
        record.note(f"{variant}: {count} times {error}")
    verify_total(server, options.accounts)


BENCHMARK = Benchmark(
    name="typescript",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"calls": 10, "kills": 2, "accounts": 100, "clients": 8, "seconds": 0.4, "warm_up": 0.1},
    metrics=(
        Metric("latency", "ms", "lower"),
        Metric("without pauses", "1/s", "higher"),
        Metric("rate", "1/s", "higher"),
    ),
    goals=(
        Goal(variant="nothing", metric="latency", at_most=1.0),
        Goal(variant="list", metric="latency", at_most=2.5),
        Goal(variant="heartbeat", metric="latency", at_most=1.5),
        Goal(variant="dashboard", metric="latency", at_most=2.5),
        Goal(variant="killed", metric="latency", at_most=200),
        Goal(variant="transfer", metric="rate", at_least=900),
        Goal(variant="transfer reused", metric="rate", at_least=900),
    ),
)
