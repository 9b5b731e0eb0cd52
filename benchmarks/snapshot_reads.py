"""What a point read, a scanned row and a snapshot cost, in microseconds.

Workload: 50,000 documents of about 200 bytes in one table with one declared index; warm cache. Baseline to
keep in mind: py-lmdb itself takes about 0.5 µs for a get and 0.2 µs for a step of a cursor.

Run: ``python -m benchmarks.snapshot_reads``
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from rtdb.index.backfill import backfill_chunk
from rtdb.index.definition import IndexDefinition
from rtdb.index.scan import scan
from rtdb.storage.documents import StoredDocument, put_document
from rtdb.testing.database import Database, document_bytes
from rtdb.transaction.overlay import Overlay
from rtdb.transaction.snapshot import Snapshot, SnapshotCache

DOCUMENTS = 50_000
BLOCK = 5_000


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


def report(name: str, count: int, work: Callable[[], object]) -> None:
    best = min(timed(work) for _ in range(5))
    print(f"{name:45} {best / count * 1e6:8.2f} µs")


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def drain(rows: Iterator[object]) -> None:
    for _ in rows:
        pass


def report_reads(where: str, snapshot: Snapshot, index: IndexDefinition, ids: list[bytes]) -> None:
    report(f"get{where}", len(ids), lambda: [snapshot.get(index.table, internal) for internal in ids])
    report(
        f"row of a scan{where}",
        10_000,
        lambda: drain(islice(snapshot.scan(index, b"", b"\xff"), 10_000)),
    )
    report(
        f"row of a scan{where} descending",
        10_000,
        lambda: drain(islice(snapshot.scan(index, b"", b"\xff", descending=True), 10_000)),
    )
    report(
        f"take(1) of a scan{where}",
        1_000,
        lambda: [next(snapshot.scan(index, b"\x10user1", b"\xff")) for _ in range(1_000)],
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, Database(Path(directory)) as database:
        index = fill(database)
        environment, cache = database.environment, SnapshotCache()
        chosen = random.Random(1).sample(range(DOCUMENTS), 5_000)
        ids = [internal(number) for number in chosen]

        def open_and_close() -> None:
            for _ in range(1_000):
                Snapshot(environment, cache).close()

        report("open and close a snapshot", 1_000, open_and_close)
        with Snapshot(environment, cache) as base:
            own = Overlay()
            own.put(index.table, internal(DOCUMENTS), None)
            report_reads("", base, index, ids)
            report_reads(" under two overlays", base.with_overlay(Overlay()).with_overlay(own), index, ids)
        with environment.read() as txn:
            report(
                "entry of a scan, without its document", DOCUMENTS, lambda: drain(scan(txn, index, b"", b"\xff", False))
            )


if __name__ == "__main__":
    main()
