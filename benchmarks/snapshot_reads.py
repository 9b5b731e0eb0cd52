"""What do a snapshot, a point read and a scanned row cost, in microseconds of CPU time?

Workload: 50,000 documents of about 200 bytes in one table with one declared index; warm cache; in this process.

Floor: py-lmdb's own get and step of a cursor.
Good: a point read of 2 µs, a scanned row of 3 µs.
"""

from __future__ import annotations

import random
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Metric
from rtdb.index.backfill import backfill_chunk
from rtdb.index.definition import IndexDefinition
from rtdb.index.scan import scan
from rtdb.storage.documents import StoredDocument, put_document
from rtdb.storage.keys import document_key
from rtdb.testing.database import Database, document_bytes
from rtdb.transaction.overlay import Overlay
from rtdb.transaction.snapshot import Snapshot, SnapshotCache

DOCUMENTS = 50_000
BLOCK = 5_000
FLOOR = "floor: py-lmdb"


def internal(number: int) -> bytes:
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16)


def fill(database: Database) -> IndexDefinition:
    """Write the documents through the index's backfill: the test database's own writes are slow on purpose."""
    table = database.table("notes")
    index = database.index("notes", "by_user", ("user",), "backfilling")
    with database.environment.write() as txn:
        for number in range(DOCUMENTS):
            fields = {"user": f"user{number % 500}", "text": "t" * 120, "read": False}
            data = document_bytes(table.number, internal(number), fields, float(number))
            put_document(txn, table.number, internal(number), StoredDocument(3, 3000, data))
        while not backfill_chunk(txn, index, documents_max=BLOCK):
            pass
    return index


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--reads", type=int, default=5000, help="of each kind, in each run")


def run(options: Namespace, record: Recorder) -> None:
    """Time each kind of read."""
    with tempfile.TemporaryDirectory() as directory, Database(Path(directory)) as database:
        index = fill(database)
        environment, cache = database.environment, SnapshotCache()
        chosen = random.Random(1).sample(range(DOCUMENTS), min(options.reads, DOCUMENTS))
        keys = [document_key(index.table, internal(number)) for number in chosen]
        for _ in record.runs():
            record.add("snapshot", "rtdb", _micros(options.reads, lambda: Snapshot(environment, cache).close()))
            with Snapshot(environment, cache) as base:
                own = Overlay()
                own.put(index.table, internal(DOCUMENTS), None)
                _reads("", base, index, chosen, record)
                overlaid = base.with_overlay(Overlay()).with_overlay(own)
                _reads(" under two overlays", overlaid, index, chosen, record)
            with environment.read() as txn:
                entries = scan(txn, index, b"", b"\xff", False)
                record.add("entry of a scan", "rtdb", _micros(len(chosen), lambda: next(entries)))  # noqa: B023  # called at once
                taken = iter(keys)
                record.add("get", FLOOR, _micros(len(keys), lambda: txn.get(txn.documents, next(taken))))  # noqa: B023  # called at once
                cursor = txn.cursor(txn.indexes)
                cursor.first()
                record.add("entry of a scan", FLOOR, _micros(len(chosen), lambda: (cursor.next(), cursor.item())))  # noqa: B023  # called at once


def _reads(where: str, snapshot: Snapshot, index: IndexDefinition, chosen: list[int], record: Recorder) -> None:
    ids = iter([internal(number) for number in chosen])
    record.add(f"get{where}", "rtdb", _micros(len(chosen), lambda: snapshot.get(index.table, next(ids))))
    for name, descending in (("row of a scan", False), ("row of a scan descending", True)):
        rows = snapshot.scan(index, b"", b"\xff", descending=descending)
        record.add(f"{name}{where}", "rtdb", _micros(len(chosen), partial(next, rows)))
    record.add(
        f"take(1) of a scan{where}",
        "rtdb",
        _micros(max(1, len(chosen) // 5), lambda: next(snapshot.scan(index, b"\x10user1", b"\xff"))),
    )


def _micros(times: int, work: Callable[[], object]) -> dict[str, float]:
    """Return the mean CPU time of one time of ``work``."""
    started = time.process_time()
    for _ in range(times):
        work()
    return {"CPU time": 1e6 * (time.process_time() - started) / times}


BENCHMARK = Benchmark(
    name="snapshot_reads",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"reads": 100},
    metrics=(Metric("CPU time", "µs", "lower"),),
)
