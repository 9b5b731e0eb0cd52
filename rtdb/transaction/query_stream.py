"""The rows of one query, handed to a reader that is too far away to be asked for each of them.

Rows are given in batches, of which the first is wanted and the others are given **ahead**. What the transaction has
read is what the reader has **taken**, so a row that was given ahead and never looked at is neither in the read set nor
counted::

    scanned              |■ ■ □ ■|■ □ ■ ■ ■|          □ rejected by a filter
    given                 1 2   3 4   5 6 7
    taken: 5              ────────────▶               in the read set, and counted: seven rows

Whatever stops the reading ahead is forgotten, and met again when the row is asked for. A write of the reader's own
makes what was given ahead worthless: the reader forgets it and asks again, and the stream goes back to the last row
taken. To a reader that keeps doing so few rows are given ahead, else each write would cost a batch.

It does not know who the reader is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from rtdb.errors import DeveloperError
from rtdb.index.definition import IndexDefinition
from rtdb.transaction.query import PreparedQuery, ScanStopped, limits_of, run_stages_encoded
from rtdb.transaction.read_set import ScanRead
from rtdb.transaction.snapshot import ScanRow
from rtdb.transaction.usage import Usage

__all__ = ["QueryStream", "Scan"]

ROWS_AHEAD: Final = 128
"""Rows of the scan that are read for one batch: a round trip costs about as much as reading 40 of them."""
BYTES_AHEAD: Final = 1024 * 1024
"""Bytes of documents with which a batch is full."""

Scan = Callable[[IndexDefinition, bytes, bytes, bool], Iterator[ScanRow]]
"""``scan(index, start, stop, descending)``: the rows as the transaction sees them when it is called, and later."""


class _Place(NamedTuple):
    """How far a scan had come: the last row's key, all that was scanned until then, what is left of the limits."""

    key: bytes | None
    documents: int
    bytes: int
    remaining: list[int]


class QueryStream:
    """One query being read. ``read`` is its entry in the read set, None if there is no table to be read."""

    __slots__ = (
        "_ahead",
        "_bytes",
        "_documents",
        "_documents_stop",
        "_ended",
        "_probe",
        "_query",
        "_read",
        "_remaining",
        "_rows",
        "_rows_ahead",
        "_scan",
        "_taken",
        "_taken_rows",
        "_took_end",
        "_usage",
    )

    def __init__(self, query: PreparedQuery, scan: Scan, read: ScanRead | None, usage: Usage) -> None:
        self._query = query
        self._scan = scan
        self._read = read
        self._usage = usage
        self._rows_ahead = ROWS_AHEAD
        self._taken = _Place(None, 0, 0, limits_of(query.stages))
        """Where the last row taken was."""
        self._ahead: deque[_Place] = deque()
        """Where the rows were that are given and not taken."""
        self._ended = False
        """Whether there is no row behind those given."""
        self._taken_rows = 0
        self._took_end = False
        self._documents_stop = 0
        """Documents scanned, since the beginning, after which no more are read ahead; 0: not reading ahead."""
        self._begin(self._taken)

    def next_batch(self) -> tuple[list[bytes], bool]:
        """Return the documents that follow the last row taken, and whether those are all.

        The first of them, or that there is none, is taken by this. Raises DeveloperError where reading that one does.
        """
        if self._took_end:
            return [], True
        if self._ahead or self._ended:
            self._ahead.clear()
            self._begin(self._taken)
            self._rows_ahead = 1
        rows: list[bytes] = []
        size = 0
        stop = self._documents + self._rows_ahead
        self._documents_stop = 0
        try:
            while not self._ended and self._documents < stop and size < BYTES_AHEAD:
                row = next(self._rows, None)
                if row is None:
                    self._ended = True
                    break
                self._ahead.append(_Place(self._probe.last_key, self._documents, self._bytes, self._remaining.copy()))
                rows.append(row)
                size += len(row)
                self._documents_stop = stop
        except (DeveloperError, ScanStopped, RecursionError, MemoryError):
            if not rows:
                self._take_scanned()  # which raises, if a limit was met
                raise
            self._begin(self._ahead[-1])
        except Exception as error:
            if self._read is not None:
                self._read.failure = error
            raise
        self._rows_ahead = min(self._rows_ahead * 4, ROWS_AHEAD)
        if rows:
            self.take_through(self._taken_rows + 1)
        else:
            self.take_end()
        return rows, self._ended

    @property
    def given_rows(self) -> int:
        """How many rows the reader has been given that it may have taken: all but those it forgot."""
        return self._taken_rows + len(self._ahead)

    def take_through(self, rows: int) -> None:
        """Note that so many rows have been taken since the beginning. Raises LimitError."""
        if rows <= self._taken_rows:
            return
        for _ in range(rows - self._taken_rows):
            place = self._ahead.popleft()
        self._taken_rows = rows
        self._count(place)

    def take_end(self) -> None:
        """Note that every row given has been taken, and that there is none behind them. Raises LimitError."""
        if self._took_end:
            return
        self._took_end = True
        self._take_scanned()
        if self._read is not None:
            self._read.exhausted = self._probe.exhausted

    def _begin(self, place: _Place) -> None:
        """Scan from behind a place."""
        self._documents = place.documents
        self._bytes = place.bytes
        self._remaining = place.remaining.copy()
        query = self._query
        if self._read is None or query.definition is None:
            self._ended = True
            return
        self._ended = False
        start, stop = query.start, query.stop
        if place.key is not None:
            # Full keys are distinct, so the next one is beyond this one.
            if query.descending:
                stop = place.key
            else:
                start = place.key + b"\0"
        self._probe = ScanRead(query.definition.number, start, stop, query.descending)
        rows = self._scan(query.definition, start, stop, query.descending)
        self._rows: Iterator[bytes] = run_stages_encoded(
            rows, self._probe, query.stages, self._remaining, self._count_scanned
        )

    def _count_scanned(self, data_bytes: int) -> None:
        if self._documents_stop and self._documents >= self._documents_stop:
            raise ScanStopped
        self._documents += 1
        self._bytes += data_bytes
        if not self._usage.may_read(self._documents - self._taken.documents, self._bytes - self._taken.bytes):
            raise ScanStopped

    def _take_scanned(self) -> None:
        if self._read is None:
            return
        self._ahead.clear()
        key = self._taken.key if self._probe.last_key is None else self._probe.last_key
        self._count(_Place(key, self._documents, self._bytes, self._remaining.copy()))

    def _count(self, place: _Place) -> None:
        before, self._taken = self._taken, place
        assert self._read is not None, "there are rows"
        self._read.last_key = place.key
        if place.documents > before.documents:
            self._usage.count_reads(place.documents - before.documents, place.bytes - before.bytes)
