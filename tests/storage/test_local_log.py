"""What only the local log has: its transaction is the caller's, and it says how much may be trimmed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from rtdb.config import Limits
from rtdb.storage.block import Block, TransactionRecord, next_block
from rtdb.storage.commit_log import START, Position
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.local_log import LocalLog, retained_from

SECOND = 10**9
LIMITS = Limits(log_retention_seconds=100.0, log_retention_bytes=10**9)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    with open_environment(tmp_path, readonly=False, limits=Limits()) as opened:
        yield opened


def block_after(at: Position, size: int = 10) -> Block:
    record = TransactionRecord(at.ts + SECOND, "s" * size, [])
    return next_block(at, [record], log_id=b"l" * 16, epoch=0, block_id=b"b" * 16, node=b"n" * 16)


def fill(environment: Environment, count: int, size: int = 10) -> LocalLog:
    log = LocalLog(environment)
    with environment.write() as txn, log.within(txn):
        for _ in range(count):
            assert log.append(log.head(), block_after(log.head(), size))
    return log


def test_a_block_is_in_the_log_when_its_transaction_commits(environment: Environment) -> None:
    log = LocalLog(environment)
    with contextlib.suppress(KeyError), environment.write() as txn, log.within(txn):
        assert log.append(START, block_after(START))
        assert log.head().seq == 1
        raise KeyError
    assert log.head() == START


def test_the_head_is_read_without_decoding_the_block(environment: Environment) -> None:
    log = fill(environment, 2)
    assert log.head() == log.read(START, 10**9)[-1].position


def test_blocks_older_than_the_retention_may_go(environment: Environment) -> None:
    fill(environment, 10)
    with environment.read() as txn:
        assert retained_from(txn, now_ns=104 * SECOND, limits=LIMITS, blocks_max=100) == 3
        assert retained_from(txn, now_ns=104 * SECOND, limits=LIMITS, blocks_max=2) == 2
        assert retained_from(txn, now_ns=50 * SECOND, limits=LIMITS, blocks_max=100) == 0


def test_blocks_beyond_the_size_of_the_log_may_go_however_new(environment: Environment) -> None:
    fill(environment, 10, size=20_000)
    with environment.read() as txn:
        small = msgspec.structs.replace(LIMITS, log_retention_bytes=txn.bytes_of(txn.log) - 30_000)
        assert retained_from(txn, now_ns=0, limits=small, blocks_max=100) == 2


def test_an_empty_log_has_nothing_to_trim(environment: Environment) -> None:
    with environment.read() as txn:
        assert retained_from(txn, now_ns=10**18, limits=LIMITS, blocks_max=100) == 0
