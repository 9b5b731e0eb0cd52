"""Execution of one described query: rows of a scan, through filters and limits, one at a time.

Rows come as the caller asks for them, so a query that is left early has read less: the scan's entry in the read set
ends at the last row consumed, rows that a filter rejected included.

It does not know tables by name, ids or limits: the transaction resolves the index and its bounds, and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import msgspec

from rtdb.errors import DeveloperError
from rtdb.index.definition import IndexDefinition
from rtdb.transaction.filter_expression import Filter, compile_filter
from rtdb.transaction.read_set import ScanRead
from rtdb.transaction.snapshot import ScanRow
from rtdb.values.json_codec import decode_document

__all__ = [
    "Document",
    "Operator",
    "PreparedQuery",
    "ScanStopped",
    "Stage",
    "compile_operators",
    "limits_of",
    "run_stages",
    "run_stages_encoded",
]

Document = dict[str, Any]
Operator = tuple[Literal["filter"], dict[str, Any]] | tuple[Literal["limit"], int]
Stage = Filter | int
"""A compiled operator: a predicate, or the number of rows that may pass here."""


class ScanStopped(Exception):
    """Raised by a source of rows that ends before its range does."""


class PreparedQuery(msgspec.Struct, frozen=True):
    """A query whose names were looked up: the interval of the index to scan, and what its rows go through."""

    definition: IndexDefinition | None
    """None: the table does not exist, so there are no rows."""
    start: bytes
    stop: bytes
    descending: bool
    stages: list[Stage]


def compile_operators(operators: Iterable[Operator]) -> list[Stage]:
    """Compile the operators of a query, to be applied left to right."""
    return [operand if isinstance(operand, int) else compile_filter(operand) for _, operand in operators]


def limits_of(stages: list[Stage]) -> list[int]:
    """Return how many rows may still pass each stage: -1 for a filter, which lets any number pass."""
    return [stage if type(stage) is int else -1 for stage in stages]


def run_stages(
    rows: Iterator[ScanRow], read: ScanRead, stages: list[Stage], count_row: Callable[[int], None]
) -> Iterator[Document]:
    """Yield the documents that pass every stage, reporting each row consumed to ``read`` and ``count_row``.

    Stops without asking for another row as soon as a limit is used up: whether one follows was then not read.
    """
    return _run_stages(rows, read, stages, limits_of(stages), count_row, encoded=False)


def run_stages_encoded(
    rows: Iterator[ScanRow],
    read: ScanRead,
    stages: list[Stage],
    remaining: list[int],
    count_row: Callable[[int], None],
) -> Iterator[bytes]:
    """Like :func:`run_stages`, but yield the bytes of the documents, which are decoded only for filters.

    ``remaining`` are the :func:`limits_of` the stages, or what an earlier run has left of them; they are counted down.
    """
    return _run_stages(rows, read, stages, remaining, count_row, encoded=True)


def _run_stages(
    rows: Iterator[ScanRow],
    read: ScanRead,
    stages: list[Stage],
    remaining: list[int],
    count_row: Callable[[int], None],
    *,
    encoded: bool,
) -> Iterator[Any]:
    if 0 in remaining:
        return
    needs_document = not encoded or -1 in remaining
    try:
        for row in rows:
            read.last_key = row.key
            data = row.document.data
            count_row(len(data))
            document = decode_document(data) if needs_document else {}
            finished = False
            for position, stage in enumerate(stages):
                if type(stage) is int:
                    remaining[position] -= 1
                    finished = finished or remaining[position] == 0
                elif not stage(document):  # type: ignore[operator]  # what is no limit is a filter
                    break
            else:
                yield data if encoded else document
            if finished:
                return
    except (DeveloperError, ScanStopped, RecursionError, MemoryError):
        raise  # the app's doing, or the reader's
    except Exception as error:
        read.failure = error
        raise
    read.exhausted = True
