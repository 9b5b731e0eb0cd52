"""How long does a server with a database of 1 GB take until it answers?

Workload: a database is filled with documents of 10 KB until its file is ``gigabytes`` large. Then the server is started
on it, in each run: after a clean stop, after a ``kill -9`` in the middle of writes, and, where we may empty the
system's page cache, with nothing of it in memory. Taken are the seconds from the start of the process until it says
that it is ready, and until a first query that reads 50 documents has been answered.

Floor: a Python process that imports the server's libraries, opens the same database and reads one document.
Good: ready within 1 s.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import fresh_directory, start_server

DOCUMENT_BYTES = 10_000
INSERT_AT_ONCE = 200
GROUP = 50
FLOOR = "floor: open and read"
OPEN_AND_READ = """
import sys, starlette, trio, hypercorn, wsproto, cryptography, msgspec
from pathlib import Path
from rtdb.config import Limits
from rtdb.storage.environment import open_environment
with open_environment(Path(sys.argv[1]), readonly=True, limits=Limits()) as environment, environment.read() as txn:
    assert next(iter(txn.cursor(txn.documents)))
"""


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--gigabytes", type=float, default=1.0)


def run(options: Namespace, record: Recorder) -> None:
    """Fill once; then start again and again."""
    with fresh_directory() as directory:
        with start_server(directory) as server:
            first, body = 0, "x" * DOCUMENT_BYTES
            while _file_bytes(directory) < options.gigabytes * 1e9:
                server.mutation("records:insert", first=first, count=INSERT_AT_ONCE, body=body)
                first += INSERT_AT_ONCE
        record.note(f"{first} documents, {_file_bytes(directory) / 1e9:.2f} GB")
        for _ in record.runs():
            _start("after a clean stop", directory, record, how=signal.SIGKILL)
            _start("after kill -9", directory, record, how=signal.SIGTERM)
            if not options.quick and _forget_pages():
                _start("nothing in memory", directory, record, how=signal.SIGTERM)
            elif not options.quick:
                record.note("not measured with nothing in memory: only root may empty the page cache")
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", OPEN_AND_READ, str(directory)], check=True)
            record.add("after a clean stop", FLOOR, {"ready": time.perf_counter() - started})


def _start(variant: str, directory: Path, record: Recorder, *, how: signal.Signals) -> None:
    """Start on what there is; end as the next start wants it."""
    started = time.perf_counter()
    with start_server(directory) as server:
        read = server.query("records:of_group", group="group1")
        answered = time.perf_counter() - started
        assert len(read) == GROUP, f"{len(read)} documents were read"
        record.add(variant, "rtdb", {"ready": server.ready_seconds, "first answer": answered})
        if how is signal.SIGKILL:
            server.mutation("records:insert", first=10**9, count=INSERT_AT_ONCE, body="x")
        server.stop(how)


def _file_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in (directory / "db").iterdir())


def _forget_pages() -> bool:
    os.sync()
    try:
        Path("/proc/sys/vm/drop_caches").write_text("1")
    except OSError:
        return False
    return True


BENCHMARK = Benchmark(
    name="coldstart",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"gigabytes": 0.01},
    metrics=(Metric("ready", "s", "lower"), Metric("first answer", "s", "lower")),
    goals=(
        Goal(variant="after a clean stop", metric="ready", at_most=1),
        Goal(variant="after kill -9", metric="ready", at_most=1),
    ),
)
