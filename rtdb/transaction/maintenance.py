"""What the committer does between blocks: indexes built and erased, old records deleted, history trimmed while idle.

Every step is small (a few milliseconds) and leaves the database consistent; where it has got to is in the database, so
a restart goes on from there. What changes documents is a transaction like any other, with a block and an answer to the
hub; what does not (entries of an index nobody reads yet, or any more) is a write transaction of its own.

    backfilling ──(entries of all documents added)──▶ backfilled; the deploy it is for makes it ready
    dropped     ──(no position before the drop can be read, entries erased)──▶ its document is deleted
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from rtdb.clock import Clock
from rtdb.config import Limits
from rtdb.errors import WriteFailedError
from rtdb.index.backfill import backfill_chunk, erase_chunk
from rtdb.index.definition import IndexDefinition, IndexState
from rtdb.index.scan import scan
from rtdb.link.frames import BlockApplied, Commit, Write
from rtdb.storage.documents import read_document
from rtdb.storage.environment import ReadTransaction
from rtdb.storage.meta import delete_backfill_cursor
from rtdb.storage.system_tables import INDEXES_TABLE, SCHEDULED_FUNCTIONS_TABLE, SESSION_REQUESTS_TABLE
from rtdb.storage.undo import oldest_undo_seq
from rtdb.transaction.group_commit import INTERNAL_CALL, Committer
from rtdb.values.json_codec import decode_canonical, encode
from rtdb.values.ordering import encode_key

__all__ = ["Maintenance"]

CHUNK_SECONDS: Final = 0.02
"""What a step that builds or erases an index may take: a client may have to wait for it."""

CHUNK_DOCUMENTS_MIN: Final = 100
"""Fewer save no time: a step costs an fsync however small it is."""

CHUNK_DOCUMENTS_MAX: Final = 2000

DELETIONS_MAX: Final = 200
DELETED_BYTES: Final = 1024 * 1024
"""What a step deletes before it leaves the rest to the next. Results and arguments in records may be large, and each
record is decoded for its index keys and kept for `undo`."""

SWEEP_SECONDS: Final = 10.0
"""How often old records are looked for. They are days old, so it hardly matters."""

_DAY_MS: Final = 86_400_000
_BEFORE_ALL_NUMBERS: Final = encode_key(-math.inf)


class _Chunk:
    """How many documents a step takes: as many as there is time for.

    What one costs is not known beforehand. Where the order of an index has nothing to do with that of the ids, each
    entry changes a page of its own once the index is large: 1000 documents took 5 ms at first and 90 ms among 200,000,
    nearly all of it in the commit.
    """

    def __init__(self, stopwatch: Callable[[], int]) -> None:
        self._stopwatch = stopwatch
        self.documents = CHUNK_DOCUMENTS_MIN

    @contextmanager
    def timed(self) -> Iterator[int]:
        """Give the number of documents for one step, and learn from how long it takes."""
        began = self._stopwatch()
        yield self.documents
        seconds = (self._stopwatch() - began) / 1e9
        if seconds > CHUNK_SECONDS:
            self.documents = max(self.documents // 2, CHUNK_DOCUMENTS_MIN)
        elif seconds < CHUNK_SECONDS / 2:
            self.documents = min(self.documents * 2, CHUNK_DOCUMENTS_MAX)


class Maintenance:
    """The work that is nobody's request. ``stopwatch`` counts nanoseconds."""

    def __init__(
        self,
        committer: Committer,
        *,
        limits: Limits,
        clock: Clock,
        stopwatch: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._committer = committer
        self._limits = limits
        self._clock = clock
        self._sweep_at_ns = 0
        self._rests = False
        """Whether the last step could not be written: the next one waits for the sweep."""
        self._waits_for_undo = False
        self._building = _Chunk(stopwatch)
        self._erasing = _Chunk(stopwatch)

    def pause_seconds(self) -> float:
        """Return how long the committer may wait for the hub before the next step."""
        registry = self._committer.registry
        if self._rests:
            return self._seconds_to_sweep()
        if registry.indexes_in_state("backfilling"):
            return 0.0
        if registry.indexes_in_state("dropped") and not self._waits_for_undo:
            return 0.0
        return self._seconds_to_sweep()

    def _seconds_to_sweep(self) -> float:
        seconds = (self._sweep_at_ns - self._clock.now_ns()) / 1e9
        # Further away than it was ever set: the clock has gone back.
        return seconds if 0.0 < seconds <= SWEEP_SECONDS else 0.0

    def step(self) -> BlockApplied | None:
        """Do one small piece of what there is to do; return the block to tell the hub of, if there is one.

        A step that cannot be written has changed nothing; the next one is due with the next sweep.
        """
        self._rests = False
        try:
            return self._next_step()
        except WriteFailedError:
            self._rests = True
            self._sweep_at_ns = self._clock.now_ns() + int(SWEEP_SECONDS * 1e9)
            return None

    def _next_step(self) -> BlockApplied | None:
        registry = self._committer.registry
        backfilling = registry.indexes_in_state("backfilling")
        if backfilling:
            return self._backfill(backfilling[0])
        dropped = registry.indexes_in_state("dropped")
        if dropped and not self._waits_for_undo:
            return self._erase(dropped[0])
        if self._seconds_to_sweep() == 0.0:
            return self._sweep()
        return None

    def _backfill(self, definition: IndexDefinition) -> BlockApplied | None:
        with self._building.timed() as documents_max, self._committer.writing() as txn:
            if not backfill_chunk(txn, definition, documents_max=documents_max):
                return None
            delete_backfill_cursor(txn, definition.number)
            write = self._write_state(txn, definition, "backfilled")
            return self._committer.decide(txn, [self._transaction("_system/indexBackfilled", [write])])

    def _erase(self, definition: IndexDefinition) -> BlockApplied | None:
        internal = self._committer.registry.index_document(definition.number)
        assert internal is not None
        with self._erasing.timed() as entries_max, self._committer.writing() as txn:
            document = read_document(txn, INDEXES_TABLE, internal)
            assert document is not None
            oldest = oldest_undo_seq(txn)
            if oldest is not None and oldest <= document.seq:
                # A read may still go back to before the drop, and uses these entries there. Look again after a sweep.
                self._waits_for_undo = True
                return None
            if not erase_chunk(txn, definition, entries_max=entries_max):
                return None
            deletion = Write(INDEXES_TABLE, internal, None)
            return self._committer.decide(txn, [self._transaction("_system/indexErased", [deletion])])

    def _sweep(self) -> BlockApplied | None:
        """Trim history and delete one batch of expired records; come back at once if there may be more."""
        self._waits_for_undo = False
        now_ns = self._clock.now_ns()
        with self._committer.writing() as txn:
            writes, are_all = self._expired(txn, now_ns)
            if are_all:
                self._sweep_at_ns = now_ns + int(SWEEP_SECONDS * 1e9)
            if self._committer.trim(txn, now_ns):
                self._sweep_at_ns = now_ns
            if not writes:
                return None
            return self._committer.decide(txn, [self._transaction("_system/expired", writes)])

    def _expired(self, txn: ReadTransaction, now_ns: int) -> tuple[list[Write], bool]:
        """Return deletions of session requests and of scheduled functions that have ended, so many at most, and whether
        those are all."""
        limits = self._limits
        requests = (SESSION_REQUESTS_TABLE, "by_creation_time", limits.session_request_days)
        functions = (SCHEDULED_FUNCTIONS_TABLE, "by_completed_time", limits.scheduled_result_days)
        writes: list[Write] = []
        deleted_bytes = 0
        for number, name, days in (requests, functions):
            table = self._committer.registry.table_by_number(number)
            assert table is not None
            before = encode_key(now_ns / 1_000_000 - days * _DAY_MS)
            # What has not ended has no such time, which comes before all times.
            for _key, internal in scan(txn, table.indexes[name], _BEFORE_ALL_NUMBERS, before, descending=False):
                if len(writes) == DELETIONS_MAX or deleted_bytes >= DELETED_BYTES:
                    return writes, False
                document = read_document(txn, number, internal)
                assert document is not None, "an entry has its document"
                writes.append(Write(number, internal, None))
                deleted_bytes += len(document.data)
        return writes, True

    def _write_state(self, txn: ReadTransaction, definition: IndexDefinition, state: IndexState) -> Write:
        internal = self._committer.registry.index_document(definition.number)
        assert internal is not None
        document = read_document(txn, INDEXES_TABLE, internal)
        assert document is not None
        content: Any = decode_canonical(document.data)
        return Write(INDEXES_TABLE, internal, encode({**content, "state": state}))

    def _transaction(self, source: str, writes: list[Write]) -> Commit:
        # Decided in the write transaction it was computed in: nothing comes between, there is nothing to validate.
        begin = self._committer.position.seq
        return Commit(INTERNAL_CALL, begin, 0, 0, source, [], writes)
