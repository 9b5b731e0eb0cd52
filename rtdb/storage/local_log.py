"""The commit log of a single node: blocks in the same LMDB transaction as their effects.

::

    log    seq u64  →  chain 32 | block

The chain hash is stored beside the block so that the head is known without hashing the last block again; `rtdb check`
recomputes it.

The committer lends its write transaction (:meth:`LocalLog.within`); ``append`` and ``trim`` happen in it and
are durable when it commits. Reads outside of it see committed blocks only.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from rtdb.config import Limits
from rtdb.errors import LogDivergedError, LogTrimmedError
from rtdb.storage.block import Block, decode_block
from rtdb.storage.commit_log import START, Position
from rtdb.storage.environment import Environment, ReadTransaction, WriteTransaction
from rtdb.storage.keys import pack_seq, unpack_seq

__all__ = ["LocalLog", "pack_log_entry", "retained_from", "unpack_log_entry"]

CHAIN_BYTES: Final = 32
# Looking again this often makes `wait` right even for a block committed by another process; nobody relies on it.
_WAIT_STEP_SECONDS: Final = 0.05


def pack_log_entry(block: Block) -> bytes:
    """Return the value in `log`."""
    return block.chain + block.data


def unpack_log_entry(value: bytes) -> tuple[bytes, bytes]:
    """Return the stored chain hash and the block's bytes."""
    return value[:CHAIN_BYTES], value[CHAIN_BYTES:]


class LocalLog:
    """A :class:`~rtdb.storage.commit_log.CommitLog` in the environment's own `log` database."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._lent: WriteTransaction | None = None
        self._appended = threading.Condition()

    @property
    def commit_point(self) -> Literal["append", "apply"]:
        return "apply"

    @contextmanager
    def within(self, txn: WriteTransaction) -> Iterator[None]:
        """Lend the write transaction in which blocks are appended and trimmed."""
        assert self._lent is None, "a log has one writer"
        self._lent = txn
        try:
            yield
        finally:
            self._lent = None
            with self._appended:
                self._appended.notify_all()

    def head(self) -> Position:
        with self._reading() as txn:
            return _head(txn)

    def read(self, after: Position, max_bytes: int) -> list[Block]:
        with self._reading() as txn:
            _require_past(txn, after)
            blocks: list[Block] = []
            used = 0
            cursor = txn.cursor(txn.log)
            if not cursor.set_range(pack_seq(after.seq + 1)):
                return blocks
            for value in cursor.iternext(keys=False):
                used += len(value)
                if blocks and used > max_bytes:
                    break
                blocks.append(decode_block(unpack_log_entry(value)[1]))
            return blocks

    def append(self, at: Position, block: Block) -> bool:
        txn = self._lent
        assert txn is not None, "append happens within a lent write transaction"
        assert block.header.seq == at.seq + 1, "a block names its own slot"
        assert block.header.previous_chain == at.chain, "a block continues the position it is appended at"
        if _head(txn) != at:
            return txn.get(txn.log, pack_seq(block.header.seq)) == pack_log_entry(block)
        txn.put(txn.log, pack_seq(block.header.seq), pack_log_entry(block))
        return True

    def wait(self, after: Position, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        while self.head().seq <= after.seq and (left := deadline - time.monotonic()) > 0:
            with self._appended:
                self._appended.wait(min(left, _WAIT_STEP_SECONDS))

    def trim(self, through: int) -> None:
        txn = self._lent
        assert txn is not None, "trim happens within a lent write transaction"
        through = min(through, _head(txn).seq - 1)
        cursor = txn.cursor(txn.log)
        expired: list[bytes] = []
        if cursor.first():
            for key in cursor.iternext(values=False):
                if unpack_seq(key) > through:
                    break
                expired.append(key)
        for key in expired:
            txn.delete(txn.log, key)

    @contextmanager
    def _reading(self) -> Iterator[ReadTransaction]:
        if self._lent is not None:
            yield self._lent
            return
        with self._environment.read() as txn:
            yield txn


def retained_from(txn: ReadTransaction, *, now_ns: int, limits: Limits, blocks_max: int) -> int:
    """Return the block up to which the log may be trimmed now (0: nothing), by the age and size it may have.

    At most ``blocks_max`` are given up at a time, because trimming happens in front of waiting clients. What
    backups and undo still need is for the caller to respect.
    """
    oldest_kept_ts = now_ns - int(limits.log_retention_seconds * 1e9)
    surplus = txn.bytes_of(txn.log) - limits.log_retention_bytes
    through = 0
    cursor = txn.cursor(txn.log)
    if cursor.first():
        for count, (key, value) in enumerate(cursor.iternext()):
            data = unpack_log_entry(value)[1]
            if count == blocks_max or (surplus <= 0 and _ts_last(data) >= oldest_kept_ts):
                break
            surplus -= len(value)
            through = unpack_seq(key)
    return through


def _head(txn: ReadTransaction) -> Position:
    cursor = txn.cursor(txn.log)
    if not cursor.last():
        return START
    return _position(cursor.key(), cursor.value())


def _position(key: bytes, value: bytes) -> Position:
    chain, data = unpack_log_entry(value)
    return Position(unpack_seq(key), _ts_last(data), chain)


def _ts_last(data: bytes) -> int:
    # Field "last timestamp" of the header (block.py). Decoding the whole block for it would make every commit pay.
    return int.from_bytes(data[108:116], "big")


def _require_past(txn: ReadTransaction, after: Position) -> None:
    """Refuse a position that this log cannot continue."""
    cursor = txn.cursor(txn.log)
    if not cursor.first():
        if after != START:
            raise LogDivergedError(f"The commit log is empty, and position {after.seq} was asked for.")
        return
    oldest = unpack_seq(cursor.key())
    if after == START and oldest == 1:
        return
    value = txn.get(txn.log, pack_seq(after.seq))
    if value is not None:
        if _position(pack_seq(after.seq), value) != after:
            raise LogDivergedError(f"Block {after.seq} of the commit log is another one than the one asked about.")
    elif after.seq < oldest:
        raise LogTrimmedError(f"The commit log starts at block {oldest}; what followed block {after.seq} is gone.")
    else:
        raise LogDivergedError(f"The commit log has no block {after.seq} yet.")
