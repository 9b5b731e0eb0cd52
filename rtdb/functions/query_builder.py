"""The chainable query of ``ctx.db.query(...)``, as the app's author sees it.

::

    ctx.db.query("notifications")
        .with_index("by_user", lambda q: q.eq("userId", userId))
        .filter(lambda q: q.eq(q.field("read"), False))
        .order("desc").take(50)

Chaining only describes; reading starts with the first row asked for. A query object is used once: every chained call
consumes the one it was called on, and rows can be asked for once (data-model §5.5, whose texts are kept).

Filters (:mod:`~rtdb.functions.filter_builder`) and ranges (:mod:`~rtdb.functions.index_range_builder`) leave here as
plain data. It does not know how a query is executed: that is :class:`QueryRunner`, given by the transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from rtdb.errors import DeveloperError
from rtdb.functions.filter_builder import FILTER_BUILDER, FilterBuilder, Operand, Path, filter_node
from rtdb.functions.index_range_builder import IndexRangeBuilder, RangeExpression
from rtdb.functions.pagination_validators import PaginationResult

__all__ = ["Operator", "Order", "Paginator", "Query", "QueryRunner", "TableQuery"]

Document = dict[str, Any]
Order = Literal["asc", "desc"]
Operator = tuple[Literal["filter"], dict[str, Any]] | tuple[Literal["limit"], int]

Row = TypeVar("Row", bound=Mapping[str, Any])
"""A document as an app's generated types know it, ``dict[str, Any]`` for an app that does without them."""


class QueryRunner(Protocol):
    """Whatever executes a described query; ``index`` None is the whole table in order of creation."""

    def run_query(
        self,
        table: str,
        index: str | None,
        expressions: list[RangeExpression],
        order: Order,
        operators: list[Operator],
        *,
        system: bool,
    ) -> Iterator[Document]: ...


class Paginator(Protocol):
    """Whatever reads a page of a described query."""

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
    ) -> dict[str, Any]: ...


FilterFunction = Callable[[FilterBuilder[Path]], Operand]
RangeFunction = Callable[[IndexRangeBuilder], IndexRangeBuilder]


class Query(Generic[Row, Path]):
    """A described query that can be refined once more or read once."""

    __slots__ = ("_expressions", "_index", "_operators", "_order", "_source", "_state")

    def __init__(self, source: TableQuery[Row, Path], index: str | None, expressions: list[RangeExpression]) -> None:
        self._source = source
        self._index = index
        self._expressions = expressions
        self._order: Order | None = None
        self._operators: list[Operator] = []
        self._state: Literal["preparing", "executing", "closed", "consumed"] = "preparing"
        """``closed``: chained with another operator; ``consumed``: every row was given out, or the loop was left."""

    def filter(self, predicate: FilterFunction[Path]) -> Query[Row, Path]:
        """Keep the rows for which the expression is true."""
        if not callable(predicate):
            raise TypeError(
                '`filter` takes a function of a filter builder, as in `lambda q: q.eq(q.field("name"), value)`, '
                f"got {type(predicate).__name__}"
            )
        query = self._take_over()
        query._operators.append(("filter", filter_node(predicate(FILTER_BUILDER))))
        return query

    def order(self, order: Order) -> Query[Row, Path]:
        """Read ``"asc"`` (the default) or ``"desc"`` in the order of the index."""
        query = self._take_over()
        if order not in ("asc", "desc"):
            raise DeveloperError(f'Order must be "asc" or "desc", got {order!r}', code="InvalidQuery")
        if query._order is not None:
            raise DeveloperError("Queries may only specify order at most once", code="InvalidQuery")
        query._order = order
        return query

    def limit(self, n: float) -> Query[Row, Path]:
        """Stop after ``n`` rows; operators after it see the limited rows."""
        count = _row_count(n, "limit")
        query = self._take_over()
        query._operators.append(("limit", count))
        return query

    def collect(self) -> list[Row]:
        """Return all rows."""
        return list(self)

    def take(self, n: float) -> list[Row]:
        """Return the first ``n`` rows."""
        count = _row_count(n, "take")
        return list(self.limit(count))

    def first(self) -> Row | None:
        """Return the first row, None when there is none."""
        rows = self.take(1)
        return rows[0] if rows else None

    def unique(self) -> Row | None:
        """Return the only row, None when there is none. Raises when there are several."""
        table = self._source.table
        rows = self.take(2)
        if len(rows) > 1:
            ids = ", ".join(row["_id"] for row in rows)
            raise DeveloperError(
                f"unique() query returned more than one result from table {table}:\n [{ids}, ...]", code="NotUnique"
            )
        return rows[0] if rows else None

    def paginate(self, options: Mapping[str, Any]) -> PaginationResult[Row]:
        """Return one page: ``{"page", "isDone", "continueCursor", "splitCursor", "pageStatus"}``.

        ``options`` are what a client's paginated query sends: ``numItems``, ``cursor`` (None for the first page, else
        the ``continueCursor`` of the page before), and optionally ``endCursor``, ``maximumRowsRead``,
        ``maximumBytesRead``.
        """
        if not isinstance(options, dict):
            raise TypeError(f"Arg 1 `options` to `paginate` must be an object, got {type(options).__name__}")
        query = self._take_over()
        page = self._source.pages.paginate(
            self._source.table,
            query._index,
            query._expressions,
            query._order or "asc",
            query._operators,
            options,
            system=self._source.system,
        )
        return cast(PaginationResult[Row], page)

    def __iter__(self) -> Iterator[Row]:
        if self._state == "executing":
            raise DeveloperError("Iteration can only begin on a query once.", code="InvalidQuery")
        if self._state != "preparing":
            raise self._closed_error()
        self._state = "executing"
        return self._iterate()

    def _iterate(self) -> Iterator[Row]:
        try:
            rows = self._source.runner.run_query(
                self._source.table,
                self._index,
                self._expressions,
                self._order or "asc",
                self._operators,
                system=self._source.system,
            )
            yield from cast(Iterator[Row], rows)
        finally:
            self._state = "consumed"

    def _take_over(self) -> Query[Row, Path]:
        """Return a copy to refine, and close this one."""
        if self._state != "preparing":
            raise DeveloperError(
                "A query can only be chained once and can't be chained after iteration begins.", code="InvalidQuery"
            )
        self._state = "closed"
        query: Query[Row, Path] = Query(self._source, self._index, self._expressions)
        query._order = self._order
        query._operators = self._operators
        return query

    def _closed_error(self) -> DeveloperError:
        return DeveloperError(
            "This query is closed and can't emit any more values."
            if self._state == "consumed"
            else "This query has been chained with another operator and can't be reused.",
            code="InvalidQuery",
        )


class TableQuery(Generic[Row, Path]):
    """What ``ctx.db.query(table)`` returns: a table that has not been asked anything yet, usable repeatedly."""

    __slots__ = ("pages", "runner", "system", "table")

    def __init__(self, runner: QueryRunner, pages: Paginator, table: str, *, system: bool = False) -> None:
        if not isinstance(table, str):
            raise TypeError(f"`ctx.db.query` takes the name of a table, got {type(table).__name__}")
        self.runner = runner
        self.pages = pages
        self.table = table
        self.system = system

    def with_index(self, index: str, index_range: RangeFunction | None = None) -> Query[Row, Path]:
        """Read through an index, optionally only a range of it."""
        if not isinstance(index, str):
            raise TypeError(f"`with_index` takes the name of an index, got {type(index).__name__}")
        if index_range is None:
            return Query(self, index, [])
        if not callable(index_range):
            raise TypeError(
                '`with_index` takes a function of a range builder, as in `lambda q: q.eq("field", value)`, '
                f"got {type(index_range).__name__}"
            )
        built = index_range(IndexRangeBuilder([]))
        if not isinstance(built, IndexRangeBuilder):
            raise TypeError(
                "The range function of `with_index` must return what its builder returned, as in "
                f'`lambda q: q.eq("field", value)`; it returned {type(built).__name__}'
            )
        return Query(self, index, built.expressions())

    def full_table_scan(self) -> Query[Row, Path]:
        """Read the whole table in order of creation."""
        return Query(self, None, [])

    def filter(self, predicate: FilterFunction[Path]) -> Query[Row, Path]:
        return self.full_table_scan().filter(predicate)

    def order(self, order: Order) -> Query[Row, Path]:
        return self.full_table_scan().order(order)

    def limit(self, n: float) -> Query[Row, Path]:
        return self.full_table_scan().limit(n)

    def collect(self) -> list[Row]:
        return self.full_table_scan().collect()

    def take(self, n: float) -> list[Row]:
        return self.full_table_scan().take(n)

    def first(self) -> Row | None:
        return self.full_table_scan().first()

    def unique(self) -> Row | None:
        return self.full_table_scan().unique()

    def paginate(self, options: Mapping[str, Any]) -> PaginationResult[Row]:
        return self.full_table_scan().paginate(options)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.full_table_scan())


def _row_count(n: object, method: str) -> int:
    """Return ``n`` as a count. A number from a client is a float, and 50.0 is a fine count."""
    if type(n) is int and n >= 0:
        return n
    if type(n) is float and n >= 0 and n.is_integer():
        return int(n)
    raise TypeError(f"Arg 1 `n` to `{method}` must be a non-negative integer")
