"""Blocks made one write at a time and replayed by ``apply`` into an empty database give the same bytes everywhere."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.index.registry import Registry
from rtdb.storage import meta
from rtdb.storage.check import check_environment
from rtdb.storage.commit_log import START
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.local_log import LocalLog
from rtdb.testing.database import LOG_ID, Database
from rtdb.transaction.apply import apply

ids = st.integers(0, 5).map(lambda number: (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16))
texts = st.sampled_from(["", "a", "x" * 440, "x" * 480 + "a", "x" * 480 + "b", "x" * 900 + "a", "x" * 900 + "b"])
fields = st.fixed_dictionaries({"a": texts}, optional={"b": texts})
transactions = st.lists(st.lists(st.tuples(ids, st.none() | fields), max_size=4), min_size=1, max_size=3)


def everything(environment: Environment) -> dict[str, list[tuple[bytes, bytes]]]:
    with environment.read() as txn:
        return {name: list(txn.cursor(getattr(txn, name))) for name in ("meta", "documents", "indexes", "log", "undo")}


@pytest.mark.slow
@settings(max_examples=20)
@given(st.lists(transactions, max_size=5))
def test_replay_gives_the_same_bytes_as_writing_did(
    blocks: list[list[list[tuple[bytes, dict[str, Any] | None]]]],
) -> None:
    with tempfile.TemporaryDirectory() as directory, Database(Path(directory) / "a") as written:
        index = written.index("things", "by_a_b", ("a", "b"))
        for block in blocks:
            existing = {key[4:] for key, _ in everything(written.environment)["documents"]}
            written.write(*[list(known(index.table, changes, existing)) for changes in block])
        with open_environment(Path(directory) / "b", readonly=False, limits=Limits()) as replayed:
            replay(written, replayed)
            assert everything(replayed) == everything(written.environment)
            report = check_environment(replayed)
            assert report.is_clean, report.problems


def known(table: int, changes: list[tuple[bytes, dict[str, Any] | None]], existing: set[bytes]) -> Any:
    """Leave out deletions of what does not exist: a transaction never records one."""
    for internal, new in changes:
        if new is not None or internal in existing:
            (existing.discard if new is None else existing.add)(internal)
            yield table, internal, new


def replay(source: Database, target: Environment) -> None:
    registry = Registry()
    log = LocalLog(target)
    with target.write() as txn:
        meta.write_log_id(txn, LOG_ID)
        meta.write_instance(txn, "test")
    for block in source.log.read(START, 10**9):
        with target.write() as txn, log.within(txn):
            at = meta.read_position(txn)
            registry = apply(txn, block, registry).registry
            assert log.append(at, block)
