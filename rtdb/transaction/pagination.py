"""Reading one page of a query (data-model §5.6).

A page covers the keys strictly after its start, up to and including its end, in the query's order. An end that is given
fixes the page: everything in between belongs to it, however much that has become. Without one the page ends after the
row that filled it, or where a limit stopped it, or at the end of the range.

::

    range of the query    [------------------------------------------)
    start, end                 |after a            |after b
    what is scanned             (a                 b]

Pages that meet at a position neither overlap nor leave a gap, because both compare whole index keys with it, and keys
are distinct. Descending queries are the mirror image.

It does not know cursors' texts, journals or the app's options.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import msgspec
from blake3 import blake3

from rtdb.config import Limits
from rtdb.errors import LimitError
from rtdb.transaction.cursor import Position
from rtdb.transaction.query import Operator, ScanStopped, Stage, limits_of, run_stages_encoded
from rtdb.transaction.read_set import ScanRead
from rtdb.transaction.snapshot import ScanRow
from rtdb.values.ordering import encode_key, prefix_stop

__all__ = ["Page", "PageSize", "PageStatus", "query_fingerprint", "read_page", "restrict"]

FINGERPRINT_BYTES = 16

PageStatus = Literal["SplitRecommended", "SplitRequired"]


class PageSize(msgspec.Struct, frozen=True):
    """Where a page without a given end stops: after ``rows`` results, or when this much was scanned."""

    rows: int
    rows_read_max: int
    bytes_read_max: int


class Page(msgspec.Struct, frozen=True):
    """What was read: the documents' canonical JSON, where the next page begins, and for a large page a position in the
    middle of it."""

    documents: list[bytes]
    end: Position
    split: Position | None
    status: PageStatus | None


def restrict(
    start: bytes, stop: bytes, after: Position | None, through: Position | None, *, descending: bool
) -> tuple[bytes, bytes]:
    """Return the part of ``[start, stop)`` that lies behind ``after`` and not behind ``through``, in query order."""
    if after is not None:
        if after.after is None:
            return stop, stop
        if descending:
            stop = min(stop, after.after)
        else:
            start = max(start, prefix_stop(after.after))
    if through is not None and through.after is not None:
        if descending:
            start = max(start, through.after)
        else:
            stop = min(stop, prefix_stop(through.after))
    return start, max(start, stop)


def read_page(
    rows: Iterator[ScanRow],
    read: ScanRead,
    stages: list[Stage],
    count_row: Callable[[int], None],
    limits: Limits,
    *,
    size: PageSize,
    end: Position | None,
) -> Page:
    """Read a page from the rows of a scan that is restricted to it. ``size`` counts only where ``end`` is not given.

    A limit of the transaction ends the page like one of its own, unless it lets no row through: then it is raised.
    """
    if end is not None:
        size = PageSize(sys.maxsize, sys.maxsize, sys.maxsize)
    keys: list[bytes] = []
    scanned_bytes = 0

    def count(data_bytes: int) -> None:
        nonlocal scanned_bytes
        count_row(data_bytes)
        assert read.last_key is not None, "a row that is counted was consumed"
        keys.append(read.last_key)
        scanned_bytes += data_bytes

    def bounded() -> Iterator[ScanRow]:
        for row in rows:
            yield row
            full = len(keys) >= size.rows_read_max or scanned_bytes >= size.bytes_read_max
            if full and read.has_rest:
                raise ScanStopped

    documents: list[bytes] = []
    stopped = False
    try:
        for document in run_stages_encoded(bounded(), read, stages, limits_of(stages), count):
            documents.append(document)
            if len(documents) == size.rows:
                break
    except ScanStopped:
        stopped = True
    except LimitError as error:
        if error.code not in ("TooManyDocumentsRead", "TooManyBytesRead") or not keys:
            raise
        stopped = True
    status: PageStatus | None = None
    if stopped:
        status = "SplitRequired"
    elif (
        4 * len(keys) > 3 * min(size.rows_read_max, limits.documents_read_max)
        or 4 * scanned_bytes > 3 * min(size.bytes_read_max, limits.bytes_read_max)
        or 4 * len(documents) > 3 * limits.array_elements_max
    ):
        status = "SplitRecommended"
    if end is None:
        # A query that is limited to no row at all has come to its end too.
        end = Position(None if read.exhausted or not keys else keys[-1])
    split = Position(keys[len(keys) // 2]) if len(keys) > 2 else None
    return Page(documents, end, split, status)


def query_fingerprint(
    table: str,
    index: str | None,
    fields: Sequence[str],
    expressions: Sequence[tuple[str, str, Any]],
    order: str,
    operators: Sequence[Operator],
) -> bytes:
    """Return a hash of all that decides which rows a query has and in which order; ``fields`` are the index's."""
    described = [
        table,
        index,
        list(fields),
        [[operator, field, encode_key(value)] for operator, field, value in expressions],
        order,
        [[name, operand if name == "limit" else _plain(operand)] for name, operand in operators],
    ]
    return blake3(msgspec.msgpack.encode(described)).digest(FINGERPRINT_BYTES)


def _plain(node: Any) -> Any:
    """Return a filter's tree with literals as the bytes that tell all values apart."""
    if isinstance(node, dict):
        return {name: encode_key(part) if name == "$literal" else _plain(part) for name, part in node.items()}
    return [_plain(part) for part in node] if isinstance(node, list) else node
