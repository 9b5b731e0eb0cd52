"""Group commit: which of the queued transactions happen, and in which block.

For each transaction of a group, in order:

    lane        outcomes of one lane epoch have seen each other in order; after the first that fails, the rest of that
                epoch are losses, until the hub begins a new one
    conflict    a commit after its begin position (earlier ones of the group included) touched a key it read → Loss
    quota       the database is full and it would add to it → Rejection
    otherwise   it gets a timestamp and is applied to the open block

Then the block is sealed, appended to the log, and everything commits with one fsync. A transaction that wrote nothing
outside the lane is answered with the timestamp of its begin position: it happened there, whatever came after.

Invariants:

* Nothing may be answered before the write transaction it was decided in is durable.
* Commit timestamps strictly increase, across restarts too; blocks are dense and chained.
* A committed history equals a serial one in timestamp order.
* What could not be written has not happened: everybody of its group is told so, and everything is as it was before.

It does not know what documents mean, who waits for an answer, or how often a loser is run again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rtdb.clock import Clock, Random, Timestamp, next_timestamp
from rtdb.config import Config, Limits
from rtdb.errors import StorageError, WriteFailedError
from rtdb.index.registry import Registry, load_registry
from rtdb.link.frames import BlockApplied, Commit, ExecutionError, KeyChange, Loss, Rejection, Write
from rtdb.storage.block import TransactionRecord, next_block
from rtdb.storage.environment import Environment, ReadTransaction, WriteTransaction
from rtdb.storage.keys import BY_CREATION_TIME, BY_ID, document_key, index_number, table_of_index
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import Position, read_log_id, read_position
from rtdb.storage.system_tables import FIRST_USER_TABLE, SCHEDULED_JOBS_TABLE, SESSION_REQUESTS_TABLE
from rtdb.storage.undo import read_undo
from rtdb.transaction.apply import OpenBlock
from rtdb.transaction.genesis import open_database
from rtdb.transaction.history import TRIM_INTERVAL_BLOCKS, trim_history
from rtdb.transaction.write_log import Conflict, TooOld, WriteLog

__all__ = ["INTERNAL_CALL", "Committer", "open_committer"]

INTERNAL_CALL: Final = -1
"""The call number of the committer's own transactions: committed like others, answered to nobody."""

FIRST_USER_INDEX: Final = index_number(FIRST_USER_TABLE, BY_ID)
UNREAD_INDEXES: Final = frozenset(
    index_number(SESSION_REQUESTS_TABLE, position) for position in (BY_ID, BY_CREATION_TIME)
)


class _Group:
    """What has been decided of one group so far."""

    def __init__(self, block: OpenBlock, position: Position) -> None:
        self.block = block
        self.seq = position.seq + 1
        self.last_ts = Timestamp(position.ts)
        self.records: list[TransactionRecord] = []
        self.committed: list[tuple[int, int]] = []
        self.losses: list[Loss] = []
        self.rejections: list[Rejection] = []
        self.changes: list[KeyChange] = []
        self.full = False


class Committer:
    """The decisions, over an environment that is this process's to write. Made by :func:`open_committer`."""

    def __init__(
        self,
        environment: Environment,
        log: LocalLog,
        *,
        limits: Limits,
        clock: Clock,
        random: Random,
        node: bytes,
    ) -> None:
        self._environment = environment
        self._log = log
        self._limits = limits
        self._clock = clock
        self._random = random
        self._node = node
        with environment.read() as txn:
            log_id = read_log_id(txn)
        assert log_id is not None, "a database that can be written has an identity"
        self._log_id = log_id
        self._load()
        self._lane_epoch = 0
        """Newest lane epoch seen; outcomes of older ones come too late."""
        self._lane_failed = 0
        """Newest lane epoch of which an outcome was not committed: the rest of it has seen what never happened."""
        self._lane_pending = 0

    def _load(self) -> None:
        """Begin, or begin again, with what is durable. The write log knows of no commit before that."""
        with self._environment.read() as txn:
            self._position = read_position(txn)
            self._registry = load_registry(txn)
        self._write_log = WriteLog(
            self._position.seq,
            bytes_max=self._limits.write_log_bytes_max,
            nanoseconds_max=int(self._limits.mutation_seconds_max * 1e9),
        )

    @property
    def position(self) -> Position:
        """The last durable block."""
        return self._position

    @property
    def registry(self) -> Registry:
        """Tables and indexes as of :attr:`position`."""
        return self._registry

    @property
    def covers_from(self) -> int:
        """The oldest begin position that a transaction with reads may have."""
        return self._write_log.covers_from

    @property
    def environment(self) -> Environment:
        return self._environment

    def commit(self, commits: Sequence[Commit]) -> BlockApplied:
        """Decide about a group and make what is accepted durable, as one block.

        When it cannot be written, all of it is rejected. Raises StorageError when it is not known whether it was.
        """
        try:
            with self.writing() as txn:
                answer = self.decide(txn, commits)
        except WriteFailedError as failure:
            return self._reject(commits, failure)
        # Only here is the block durable.
        return answer

    @contextmanager
    def writing(self) -> Iterator[WriteTransaction]:
        """Open the write transaction, lent to the log; leaving makes it durable.

        Raises WriteFailedError when that failed and nothing has changed, StorageError when it is not known.
        """
        lane_pending = self._lane_pending
        try:
            with self._environment.write() as txn, self._log.within(txn):
                yield txn
        except WriteFailedError:
            self._environment.recover()
            self._lane_pending = lane_pending
            self._load()
            raise

    def _reject(self, commits: Sequence[Commit], failure: WriteFailedError) -> BlockApplied:
        error = ExecutionError(code=failure.code, message=failure.message, system=failure.http_status)
        self._lane_failed = max([self._lane_failed, *(commit.lane for commit in commits)])
        return BlockApplied(
            seq=0,
            ts_first=self._position.ts,
            ts=self._position.ts,
            committed=[],
            losses=[],
            rejections=[Rejection(commit.call, error) for commit in commits],
            changes=[],
            lane_pending=0,
            registry_changed=False,
        )

    def decide(self, txn: WriteTransaction, commits: Sequence[Commit]) -> BlockApplied:
        """Decide about a group and write what is accepted into ``txn``; the answer holds once ``txn`` is committed."""
        group = _Group(OpenBlock(txn, self._registry), self._position)
        group.full = used_bytes(txn) > self._limits.data_bytes_max
        for commit in commits:
            if self._is_acceptable(txn, commit, group):
                self._accept(commit, group)
            elif commit.lane:
                self._lane_failed = max(self._lane_failed, commit.lane)
        ts_first = group.records[0].ts if group.records else self._position.ts
        if group.records:
            self._seal(txn, group)
        return BlockApplied(
            seq=group.seq if group.records else 0,
            ts_first=ts_first,
            ts=self._position.ts,
            committed=group.committed,
            losses=group.losses,
            rejections=group.rejections,
            changes=_news(group.changes),
            lane_pending=self._lane_pending,
            registry_changed=group.block.registry_changed,
        )

    def trim(self, txn: WriteTransaction, now_ns: int) -> bool:
        """Forget some of what is older than it need be kept; return whether there may be more."""
        self._write_log.trim(now_ns)
        return trim_history(txn, self._log, now_ns=now_ns, limits=self._limits)

    def _is_acceptable(self, txn: WriteTransaction, commit: Commit, group: _Group) -> bool:
        """Whether the transaction may happen now; if not, the answer is noted."""
        assert commit.begin <= self._position.seq, "nobody can have read what is not durable"
        if commit.lane:
            if commit.lane <= self._lane_failed or commit.lane < self._lane_epoch:
                group.losses.append(Loss(commit.call, "lane", 0, "", self._position.seq))
                return False
            self._lane_epoch = commit.lane
        elif not commit.writes:
            return self._answer_read_only(txn, commit, group)
        found = self._write_log.conflict(commit.reads, commit.begin, commit.lane)
        if isinstance(found, Conflict):
            group.losses.append(self._conflict(commit, found))
            return False
        if isinstance(found, TooOld):
            group.losses.append(_too_old(commit, self._position.seq))
            return False
        if group.full and any(_adds(txn, write) for write in commit.writes):
            group.rejections.append(Rejection(commit.call, _quota_exceeded(self._limits.data_bytes_max)))
            return False
        return True

    def _conflict(self, commit: Commit, found: Conflict) -> Loss:
        table = self._registry.table_by_number(table_of_index(found.index))
        return Loss(commit.call, "conflict", found.index, found.source, found.seq, "" if table is None else table.name)

    def _answer_read_only(self, txn: WriteTransaction, commit: Commit, group: _Group) -> bool:
        """Answer a transaction that changes nothing: it happened at its begin position, whatever came after."""
        ts: int | None = self._position.ts
        if commit.begin < self._position.seq:
            record = read_undo(txn, commit.begin + 1)
            ts = None if record is None else record.ts
        if ts is None:
            group.losses.append(_too_old(commit, self._position.seq))
        else:
            group.committed.append((commit.call, ts))
        return False

    def _accept(self, commit: Commit, group: _Group) -> None:
        if commit.lane:
            assert commit.pending > self._lane_pending, "lane numbers rise"
            self._lane_pending = commit.pending
        if commit.writes:
            ts = next_timestamp(group.last_ts, self._clock)
            added = group.block.add(ts, commit.writes)
            group.last_ts = ts
            group.records.append(TransactionRecord(ts, commit.source, added.records))
            group.changes += added.changes
            self._write_log.append(group.seq, ts, commit.lane, commit.source, added.changes)
        # A lane outcome without writes has read what its predecessors wrote: it happened right after the last of them.
        if commit.call != INTERNAL_CALL:
            group.committed.append((commit.call, group.last_ts))

    def _seal(self, txn: WriteTransaction, group: _Group) -> None:
        block = next_block(
            self._position,
            group.records,
            log_id=self._log_id,
            epoch=1,
            block_id=self._random.bytes(16),
            node=self._node,
        )
        group.block.close(block.position)
        if not self._log.append(self._position, block):
            raise StorageError(f"Block {block.header.seq} was written by another process. Only one server may run.")
        if block.header.seq % TRIM_INTERVAL_BLOCKS == 0:
            self.trim(txn, block.header.ts_last)
        self._position = block.position
        self._registry = group.block.registry


def open_committer(config: Config, *, clock: Clock, random: Random) -> Committer:
    """Open the data directory for writing, beginning a new database in an empty one.

    Raises DataDirectoryError when it cannot be used as it is.
    """
    node = random.bytes(16)
    environment = open_database(config, clock=clock, random=random, node=node)
    return Committer(environment, LocalLog(environment), limits=config.limits, clock=clock, random=random, node=node)


def used_bytes(txn: ReadTransaction) -> int:
    """Return the bytes of the pages in use. The file is larger: LMDB never shrinks it but uses freed pages again."""
    return sum(txn.bytes_of(database) for database in (txn.meta, txn.documents, txn.indexes, txn.log, txn.undo))


def _news(changes: list[KeyChange]) -> list[KeyChange]:
    """Return what the hub has to hear of, who looks for queries that have read the keys.

    A key that a document still has is said once, as if it were new: a document is often written several times in one
    block, and what matters is who has read the key. Of session records, which no query can read, nothing is said.
    """
    news: list[KeyChange] = []
    seen: set[tuple[int, bytes]] = set()
    for change in changes:
        index, new = change.index, change.new
        if new is not None and change.old == new and index >= FIRST_USER_INDEX:
            place = (index, b"".join(new))
            if place not in seen:
                seen.add(place)
                news.append(KeyChange(index, None, new))
        elif index not in UNREAD_INDEXES:
            news.append(change)
    return news


def _too_old(commit: Commit, seq: int) -> Loss:
    return Loss(commit.call, "too_old", 0, "", seq)


def _adds(txn: ReadTransaction, write: Write) -> bool:
    """Whether a write adds to what the app keeps. Scheduling a function does; running one that is scheduled does not,
    because it may be the one that deletes."""
    if write.value is None or write.table >= FIRST_USER_TABLE:
        return write.value is not None
    if write.table != SCHEDULED_JOBS_TABLE:
        return False
    return txn.get(txn.documents, document_key(write.table, write.id)) is None


def _quota_exceeded(data_bytes_max: int) -> ExecutionError:
    return ExecutionError(
        code="DataQuotaExceeded",
        message=(
            f"The database has reached its quota of {data_bytes_max} bytes (data_bytes_max). "
            "Delete documents or raise the limit."
        ),
        system=503,
    )
