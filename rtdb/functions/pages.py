"""``paginate`` of one function call: its options and cursors checked, one page read, the journal kept.

Only one paginated query is allowed in a function, because the journal of an execution holds one position: where its
page ended. A subscription's next execution is given that journal, so its page goes on ending there, whatever is
inserted or deleted; the pages of a list then meet exactly. A call of another function inside has an allowance of its
own and begins without a journal.
"""

from __future__ import annotations

import sys
from typing import Any

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.convex_error import ConvexError
from rtdb.functions.index_range_builder import RangeExpression
from rtdb.functions.query_builder import Operator, Order
from rtdb.transaction.cursor import CursorCodec, Position, Purpose
from rtdb.transaction.pagination import PageSize, query_fingerprint
from rtdb.transaction.transaction import Transaction
from rtdb.values.json_codec import decode_document

__all__ = ["Pages"]


class Pages:
    """The paginated queries of one call."""

    __slots__ = ("_begun_with", "_cursors", "_limits", "_pages", "_transaction", "journal")

    def __init__(self, transaction: Transaction, cursors: CursorCodec, limits: Limits, journal: str | None) -> None:
        self._transaction = transaction
        self._cursors = cursors
        self._limits = limits
        self._begun_with = journal
        self._pages = 0
        self.journal: str | None = None
        """The end of the page read, None while there is none."""

    def paginate(
        self,
        table: str,
        index: str | None,
        expressions: list[RangeExpression],
        order: Order,
        operators: list[Operator],
        options: dict[str, Any],
        *,
        system: bool,
    ) -> dict[str, Any]:
        """Read the page that ``options`` ask for, as ``paginate`` returns it to an app in Python."""
        page, described = self.read(table, index, expressions, order, operators, options, system=system)
        return {"page": [decode_document(document) for document in page], **described}

    def read(
        self,
        table: str,
        index: str | None,
        expressions: list[RangeExpression],
        order: Order,
        operators: list[Operator],
        options: dict[str, Any],
        *,
        system: bool,
    ) -> tuple[list[bytes], dict[str, Any]]:
        """Read the page that ``options`` ask for (data-model §5.6): the JSON of its documents, and the rest of it."""
        size = self._size(options)
        start = self._parse("cursor", options.get("cursor"))
        end = self._parse("cursor", options.get("endCursor"))
        if end is None:
            end = self._parse("journal", self._begun_with)
        query = self._transaction.prepare_query(table, index, expressions, order, operators, system=system)
        fields = () if query.definition is None else query.definition.fields
        fingerprint = query_fingerprint(table, index, fields, expressions, order, operators)
        page = self._transaction.read_page(
            query, start=_of_query(start, fingerprint), end=_of_query(end, fingerprint), size=size
        )
        self._pages += 1
        if self._pages > 1:
            raise DeveloperError(
                "This query or mutation function ran multiple paginated queries. Convex only supports a single "
                "paginated query in each function.",
                code="MultiplePaginatedDatabaseQueries",
            )
        self.journal = self._cursors.seal("journal", fingerprint, page.end)
        return page.documents, {
            "isDone": page.end.after is None,
            "continueCursor": self._cursors.seal("cursor", fingerprint, page.end),
            "splitCursor": None if page.split is None else self._cursors.seal("cursor", fingerprint, page.split),
            "pageStatus": page.status,
        }

    def _size(self, options: dict[str, Any]) -> PageSize:
        rows = _whole(options.get("numItems"))
        if rows is None or rows < 0:
            raise DeveloperError(
                f"`options.numItems` must be a positive number. Received `{options.get('numItems')}`.",
                code="InvalidPaginationLimit",
            )
        if rows == 0:
            raise DeveloperError("Must request at least 1 document while paginating", code="NoDocumentsForPagination")
        if rows > self._limits.documents_read_max:
            raise DeveloperError(f"Requested too many items: {rows}", code="PageSizeTooLarge")
        return PageSize(rows, _maximum(options, "maximumRowsRead"), _maximum(options, "maximumBytesRead"))

    def _parse(self, purpose: Purpose, text: object) -> tuple[bytes, Position] | None:
        if text is None:
            return None
        return self._cursors.open(purpose, text if isinstance(text, str) else "")


def _of_query(cursor: tuple[bytes, Position] | None, fingerprint: bytes) -> Position | None:
    """Return the cursor's position if it is one of this query."""
    if cursor is None:
        return None
    if cursor[0] != fingerprint:
        raise ConvexError(
            {"isConvexSystemError": True, "paginationError": "InvalidCursor"},
            message="InvalidCursor: Tried to run a query starting from a cursor, but it looks like this cursor is from "
            "a different query.",
        )
    return cursor[1]


def _maximum(options: dict[str, Any], name: str) -> int:
    value = options.get(name)
    if value is None:
        return sys.maxsize
    maximum = _whole(value)
    if maximum is None or maximum <= 0:
        raise DeveloperError(
            "maximumRowsRead and maximumBytesRead must be greater than 0", code="InvalidPaginationLimit"
        )
    return maximum


def _whole(value: object) -> int | None:
    """Return a number without a fraction as an integer: those of a client are floats."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else None
