"""How many one-document transactions a second become durable, in groups as a busy committer forms them?

Workload: inserts of a 200-byte document into a table with one declared index, each with the two reads a mutation makes;
a group of transactions is one block and one fsync. The committer runs in this process, without links around it.

Floor: py-lmdb alone writing the same keys and values (documents, index entries, block, before-images), a write
transaction per group. Good: half of the floor with groups of 64.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.harness import report
from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Config, Limits
from rtdb.index.definition import IndexDefinition
from rtdb.index.index_range import prefix_range
from rtdb.link.child import calm_collector
from rtdb.link.frames import Commit, Write
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.keys import BY_ID, index_number, pack_seq
from rtdb.storage.system_tables import INDEXES_TABLE, TABLES_TABLE, index_document_id, table_document_id
from rtdb.transaction.group_commit import Committer, open_committer
from rtdb.values.document_id import encode_id
from rtdb.values.json_codec import encode
from rtdb.values.ordering import encode_key

TABLE = 10001
BY_USER = index_number(TABLE, 2)

Entry = tuple[bytes, bytes]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks commit", description=__doc__)
    parser.add_argument("--groups", type=int, default=200)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 64, 256])
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    for size in options.sizes:
        with TemporaryDirectory() as directory:
            rows += _measure(Path(directory), size, options.groups)
    report("commit", rows)


def _measure(directory: Path, size: int, groups: int) -> list[dict[str, Any]]:
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
    blocks = _stored(committer, begin + 1)
    committer.environment.close()
    floor_seconds, floor_cpu = _floor(directory / "floor", blocks)
    count = size * groups
    return [
        {
            "who": who,
            "group": size,
            "commits/s": count / wall,
            "ms per group": 1e3 * wall / groups,
            "µs CPU per commit": 1e6 * busy / count,
            "of the floor": floor_seconds / wall,
        }
        for who, wall, busy in (("rtdb", seconds, cpu), ("floor: py-lmdb", floor_seconds, floor_cpu))
    ]


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


def _stored(committer: Committer, first: int) -> list[list[tuple[str, Entry]]]:
    """Return, per block from ``first`` on, what it put where."""
    environment: Environment = committer.environment
    blocks: list[list[tuple[str, Entry]]] = []
    with environment.read() as txn:
        by_id: dict[bytes, list[tuple[str, Entry]]] = {}
        for key, value in txn.cursor(txn.documents):
            by_id[key[4:]] = [("documents", (key, value))]
        for key, value in txn.cursor(txn.indexes):
            by_id[value].append(("indexes", (key, value)))
        by_block: dict[int, list[tuple[str, Entry]]] = {}
        for entries in by_id.values():
            document = entries[0][1][1]
            by_block.setdefault(int.from_bytes(document[:8], "big"), []).extend(entries)
        for seq in range(first, committer.position.seq + 1):
            key = pack_seq(seq)
            kept = [(name, (key, txn.get(getattr(txn, name), key) or b"")) for name in ("log", "undo")]
            blocks.append(sorted(by_block[seq]) + kept)
    return blocks


def _floor(data_dir: Path, blocks: list[list[tuple[str, Entry]]]) -> tuple[float, float]:
    with open_environment(data_dir, readonly=False, limits=Limits()) as environment:
        started, started_cpu = time.perf_counter(), time.process_time()
        for block in blocks:
            with environment.write() as txn:
                put = txn.raw.put
                databases = {name: getattr(txn, name) for name in ("documents", "indexes", "log", "undo")}
                for name, (key, value) in block:
                    put(key, value, db=databases[name])
        return time.perf_counter() - started, time.process_time() - started_cpu
