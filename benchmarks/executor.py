"""What does one execution cost in a runner, without processes around it?

Workload: the benchmark app over a real data directory with a warm cache, one call after the other in this process:
``transfer`` (two gets, two patches) and ``list`` of 50 rows of one channel through an index, newest first, snapshot
included, in microseconds of CPU time, which others on the machine disturb least.

Floor: py-lmdb reading the same 50 rows and decoding their JSON; for a transfer two point reads (see
``snapshot_reads``).
Good: ``transfer`` at most 60 µs and ``list`` at most 250 µs.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.raw_lmdb import scan_raw
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from rtdb.blobstore.addresses import FileAddresses, UploadTokens
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Config, Limits
from rtdb.functions.app_loader import load_app
from rtdb.functions.description import encode_description
from rtdb.functions.environment_variables import EnvironmentVariables
from rtdb.functions.executor import execute
from rtdb.functions.services import Services
from rtdb.link.child import calm_collector
from rtdb.link.frames import Call, Commit, Outcome
from rtdb.transaction.cursor import CursorCodec
from rtdb.transaction.group_commit import open_committer
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from rtdb.values.json_codec import decode, encode
from rtdb.values.ordering import encode_key

APP = Path(__file__).parent / "app"
CHANNELS = 20
MESSAGES_EACH = 100
LISTED = 50
FLOOR = "floor: raw LMDB"


class Bench:
    """An app on a committer in this process."""

    def __init__(self, directory: Path, app: Path = APP) -> None:
        self.limits = Limits()
        self.app = load_app(app, self.limits)
        self.committer = open_committer(
            Config(data_dir=directory, limits=self.limits), clock=SystemClock(), random=SystemRandom()
        )
        self.services = Services(
            "bench",
            CursorCodec(bytes(16), "bench"),
            EnvironmentVariables(bytes(16), {}, self.limits),
            FileAddresses("http://bench", UploadTokens(bytes(16), "bench")),
        )
        self.cache = SnapshotCache()

    def call(self, path: str, args: Any) -> Outcome:
        call = Call(
            call=1,
            kind="any",
            path=path,
            args=encode(args),
            identity=None,
            internal=True,
            at=None,
            session=None,
            journal=None,
            by_server=True,
        )
        with Snapshot(self.committer.environment, self.cache) as snapshot:
            return execute(
                self.app,
                call,
                snapshot,
                limits=self.limits,
                clock=SystemClock(),
                random=SystemRandom(),
                services=self.services,
            )

    def deploy(self) -> None:
        """Make the app that of the database, with its tables and indexes."""
        deploy = {"bundle": "bench", "description": encode_description(self.app.description).decode(), "since": 0}
        for step in ("prepare", "push"):
            self.commit(f"_system/deployments:{step}", deploy)

    def commit(self, path: str, args: Any) -> Any:
        outcome = self.call(path, args)
        assert outcome.result is not None, outcome.error
        self.committer.commit([Commit(1, outcome.seq, 0, 0, path, outcome.reads, outcome.writes)])
        return decode(outcome.result)


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=2000, help="in each run")


def run(options: Namespace, record: Recorder) -> None:
    """Call one after the other."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory))
        bench.deploy()
        ids = bench.commit("transfer:create", {"first": 0, "count": 1000, "balance": 1000})
        for number in range(CHANNELS * MESSAGES_EACH):
            bench.commit("messages:send", {"channel": f"channel{number % CHANNELS}", "body": "b" * 80})
        calm_collector()  # as the runner does
        transfers = [
            {"amount": 1, "from_id": ids[number % 1000], "to_id": ids[(number * 7 + 1) % 1000]}
            for number in range(options.calls)
        ]
        lists = [
            {"channel": f"channel{number % CHANNELS}", "count": LISTED} for number in range(max(options.calls // 10, 1))
        ]
        environment = bench.committer.environment
        for _ in record.runs():
            record.add("transfer", "rtdb", {"CPU time": mean_micros(bench, "transfer:transfer", transfers)})
            record.add("list of 50", "rtdb", {"CPU time": mean_micros(bench, "messages:list", lists)})
            started = time.process_time()
            for args in lists:
                assert (
                    scan_raw(environment, "messages", "by_channel", encode_key(str(args["channel"])), LISTED) == LISTED
                )
            record.add("list of 50", FLOOR, {"CPU time": 1e6 * (time.process_time() - started) / len(lists)})
        environment.close()


def mean_micros(bench: Bench, path: str, arguments: list[dict[str, Any]]) -> float:
    """Return the mean CPU time of a call."""
    started = time.process_time()
    for args in arguments:
        assert bench.call(path, args).error is None
    return 1e6 * (time.process_time() - started) / len(arguments)


BENCHMARK = Benchmark(
    name="executor",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"calls": 50},
    metrics=(Metric("CPU time", "µs", "lower"),),
    goals=(
        Goal(variant="transfer", metric="CPU time", at_most=60),
        Goal(variant="list of 50", metric="CPU time", at_most=250),
    ),
    runs=7,
)
