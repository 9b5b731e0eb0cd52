"""Every commit log keeps the same promises: dense slots, compare-and-append, no other history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from rtdb.config import Limits
from rtdb.errors import LogDivergedError, LogTrimmedError, StorageError
from rtdb.storage.block import Block, TransactionRecord, WriteRecord, next_block
from rtdb.storage.commit_log import START, CommitLog, Position
from rtdb.storage.environment import Environment, WriteTransaction, open_environment
from rtdb.storage.local_log import LocalLog
from rtdb.testing.shared_log import Fault, FaultyLog, SharedLog


def block_after(at: Position, name: str = "own") -> Block:
    write = WriteRecord(10001, b"i" * 16, 0, name.encode())
    return next_block(
        at,
        [TransactionRecord(at.ts + 10, name, [write])],
        log_id=b"l" * 16,
        epoch=1,
        block_id=name.encode().ljust(16, b"-"),
        node=b"n" * 16,
    )


class Log:
    """A log under test and how to write to it."""

    def __init__(self, log: CommitLog, writing: Callable[[], AbstractContextManager[object]]) -> None:
        self.log = log
        self.writing = writing

    def append(self, at: Position, block: Block) -> bool:
        with self.writing():
            return self.log.append(at, block)

    def trim(self, through: int) -> None:
        with self.writing():
            self.log.trim(through)

    def fill(self, count: int) -> list[Block]:
        blocks = []
        for number in range(count):
            at = self.log.head()
            blocks.append(block_after(at, f"b{number}"))
            assert self.append(at, blocks[-1])
        return blocks


class LendingTransaction:
    """A write transaction lent to a local log for the length of a ``with`` block."""

    def __init__(self, environment: Environment, log: LocalLog) -> None:
        self._environment = environment
        self._log = log

    def __enter__(self) -> WriteTransaction:
        self._txn = self._environment.write()
        self._lent = self._log.within(self._txn)
        self._lent.__enter__()
        return self._txn

    def __exit__(self, *_: object) -> None:
        self._lent.__exit__(None, None, None)
        self._txn.commit()


@pytest.fixture(params=["local", "shared", "faulty"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    if request.param == "shared":
        yield Log(SharedLog(), nullcontext)
    elif request.param == "faulty":
        yield Log(FaultyLog(SharedLog(), [Fault.REPEAT] * 100), nullcontext)
    else:
        with open_environment(tmp_path, readonly=False, limits=Limits()) as environment:
            local = LocalLog(environment)
            yield Log(local, lambda: LendingTransaction(environment, local))


def test_an_empty_log_is_at_the_start(log: Log) -> None:
    assert log.log.head() == START
    assert log.log.read(START, 1000) == []


def test_blocks_come_back_in_order_with_their_bytes(log: Log) -> None:
    blocks = log.fill(3)
    assert [block.header.seq for block in blocks] == [1, 2, 3]
    assert log.log.head() == blocks[-1].position
    assert log.log.read(START, 10**9) == blocks
    assert log.log.read(blocks[1].position, 10**9) == blocks[2:]
    assert log.log.read(blocks[2].position, 10**9) == []


def test_reading_gives_one_block_at_least_and_no_more_than_fits(log: Log) -> None:
    blocks = log.fill(3)
    assert log.log.read(START, 1) == blocks[:1]
    assert len(log.log.read(START, 2 * len(blocks[0].data) + 100)) == 2


def test_appending_behind_the_head_loses_and_changes_nothing(log: Log) -> None:
    (first,) = log.fill(1)
    assert not log.append(START, block_after(START, "rival"))
    assert log.log.read(START, 10**9) == [first]


def test_appending_to_another_history_loses(log: Log) -> None:
    log.fill(1)
    stranger = block_after(START, "stranger").position
    assert not log.append(stranger, block_after(stranger))
    assert log.log.head().seq == 1


def test_the_same_bytes_in_the_same_slot_win_again(log: Log) -> None:
    (first,) = log.fill(1)
    assert log.append(START, first)
    log.fill(1)
    assert log.append(START, first)
    assert len(log.log.read(START, 10**9)) == 2


def test_trimming_spares_the_head(log: Log) -> None:
    blocks = log.fill(3)
    log.trim(10)
    assert log.log.head() == blocks[-1].position
    assert log.append(blocks[-1].position, block_after(blocks[-1].position))


def test_reading_what_was_trimmed_is_refused(log: Log) -> None:
    blocks = log.fill(4)
    log.trim(2)
    assert log.log.read(blocks[2].position, 10**9) == blocks[3:]
    for after in (START, blocks[0].position):
        with pytest.raises(LogTrimmedError):
            log.log.read(after, 10**9)


def test_reading_after_a_position_of_another_history_is_refused(log: Log) -> None:
    with pytest.raises(LogDivergedError):
        log.log.read(block_after(START).position, 1000)
    log.fill(2)
    for stranger in (block_after(START, "stranger").position, Position(7, 70, bytes(32))):
        with pytest.raises(LogDivergedError):
            log.log.read(stranger, 1000)


def test_waiting_ends_at_once_when_the_head_is_past_and_at_the_deadline_when_not(log: Log) -> None:
    log.fill(1)
    log.log.wait(START, timeout_seconds=60.0)
    log.log.wait(log.log.head(), timeout_seconds=0.001)


def test_a_rival_takes_the_slot_of_a_faulty_log() -> None:
    log = FaultyLog(SharedLog(), [Fault.LOSE], rival=lambda at: block_after(at, "rival"))
    assert not log.append(START, block_after(START))
    (winner,) = log.read(START, 1000)
    assert winner.transactions[0].source == "rival"
    assert log.append(winner.position, block_after(winner.position))


def test_a_log_that_fails_holds_nothing_of_the_block() -> None:
    log = FaultyLog(SharedLog(), [Fault.FAIL])
    with pytest.raises(StorageError, match="as the test asked"):
        log.append(START, block_after(START))
    assert log.head() == START
