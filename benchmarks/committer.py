"""What does the committer take to make one-document transactions durable, in groups as they form when it is busy?

Workload: inserts of a 200-byte document into a table with one declared index, each with the two reads a mutation makes;
a group of transactions is one block and one fsync. The committer runs in this process, without links around it. (The
whole way of a mutation is ``commit``.)

Floor: py-lmdb alone writing the same keys and values (documents, index entries, block, before-images), a write
transaction per group. Good: half of the floor with groups of 64.
"""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from benchmarks.harness.benchmark import Benchmark
from benchmarks.harness.raw_lmdb import rewrite, stored_blocks
from benchmarks.harness.recorder import Recorder
from benchmarks.harness.results import Goal, Metric
from benchmarks.harness.server import fresh_directory
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Config, Limits
from rtdb.index.definition import IndexDefinition
from rtdb.index.index_range import prefix_range
from rtdb.link.child import calm_collector
from rtdb.link.frames import Commit, Write
from rtdb.storage.keys import BY_ID, index_number
from rtdb.storage.system_tables import INDEXES_TABLE, TABLES_TABLE, index_document_id, table_document_id
from rtdb.transaction.group_commit import open_committer
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import encode
from rtdb.values.ordering import encode_key

TABLE = 10001
BY_USER = index_number(TABLE, 2)
FLOOR = "floor: py-lmdb"


def options(parser: ArgumentParser) -> None:
    parser.add_argument("--groups", type=int, default=200, help="in each run")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 64, 256])


def run(options: Namespace, record: Recorder) -> None:
    """For each size, the committer and then the floor on what it has written."""
    for _ in record.runs():
        for size in options.sizes:
            with fresh_directory() as directory:
                _measure(directory, size, options.groups, record)


def _measure(directory: Path, size: int, groups: int, record: Recorder) -> None:
    config = Config(data_dir=directory / "rtdb", limits=Limits(log_retention_seconds=1e9, undo_seconds=1e9))
    committer = open_committer(config, clock=SystemClock(), random=SystemRandom())
    committer.commit([Commit(0, committer.position.seq, 0, 0, "schema", [], _schema())])
    begin = committer.position.seq
    calm_collector()  # as the committer's process does
    seconds = cpu = 0.0
    for _ in range(groups):
        # Begun a few blocks ago, as with a few mutations under way.
        seen = max(begin, committer.position.seq - 3)
        group = [_insert(number, seen) for number in range(size)]
        started, started_cpu = time.perf_counter(), time.process_time()
        applied = committer.commit(group)
        seconds += time.perf_counter() - started
        cpu += time.process_time() - started_cpu
        assert len(applied.committed) == size
    blocks = list(stored_blocks(committer.environment, begin))
    committer.environment.close()
    floor_seconds, floor_cpu = rewrite(directory / "floor", blocks)
    count = size * groups
    for subject, wall, busy in (("rtdb", seconds, cpu), (FLOOR, floor_seconds, floor_cpu)):
        figures = {"rate": count / wall, "group time": 1e3 * wall / groups, "CPU time": 1e6 * busy / count}
        record.add(f"groups of {size}", subject, figures)


def _schema() -> list[Write]:
    table, index = table_document_id("notifications"), index_document_id("notifications", "by_user", BY_USER)
    definition = IndexDefinition(BY_USER, TABLE, "by_user", ("userId",))
    described = {
        "table": float(TABLE),
        "name": definition.name,
        "number": float(BY_USER),
        "fields": list(definition.fields),
        "state": definition.state,
    }
    return [
        _write(TABLES_TABLE, table, {"name": "notifications", "number": float(TABLE)}),
        _write(INDEXES_TABLE, index, described),
    ]


def _write(table: int, internal: bytes, fields: dict[str, Any]) -> Write:
    content = {"_creationTime": time.time_ns() / 1e6, "_id": encode_id(table, internal), **fields}
    return Write(table, internal, encode(content))


def _insert(number: int, begin: int) -> Commit:
    reads = [
        prefix_range(index_number(TABLE, BY_ID), encode_key(encode_id(TABLE, os.urandom(16)))),
        prefix_range(BY_USER, encode_key(f"nobody-{number}")),
    ]
    fields = {"userId": f"user-{number % 100}", "title": "Notification", "body": "lorem ipsum " * 8, "read": False}
    write = _write(TABLE, os.urandom(16), fields)
    return Commit(number, begin, 0, 0, "notifications:create", reads, [write])


BENCHMARK = Benchmark(
    name="committer",
    docstring=__doc__,
    run=run,
    options=options,
    quick={"groups": 3, "sizes": [1, 8]},
    metrics=(
        Metric("rate", "1/s", "higher"),
        Metric("group time", "ms", "lower"),
        Metric("CPU time", "µs", "lower"),
    ),
    goals=(Goal(variant="groups of 64", metric="rate", at_least=0.5, of_subject=FLOOR),),
)
