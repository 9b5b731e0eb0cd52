"""Queries as the npm library describes them (typescript-runtime §8), read into what a transaction runs."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from rtdb.errors import DeveloperError
from rtdb.functions.index_range_builder import RangeExpression
from rtdb.functions.query_builder import Operator, Order
from rtdb.functions.typescript.syscall_arguments import literal_of

__all__ = ["DescribedQuery", "QueryJson", "describe_query"]

_METHOD = "db.query"


class _RangeExpression(msgspec.Struct):
    type: Literal["Eq", "Gt", "Gte", "Lt", "Lte"]
    fieldPath: str
    value: Any


class _FullTableScan(msgspec.Struct, tag="FullTableScan"):
    tableName: str
    order: Order | None = None


class _IndexRange(msgspec.Struct, tag="IndexRange"):
    indexName: str
    range: list[_RangeExpression]
    order: Order | None = None


class _Search(msgspec.Struct, tag="Search"):
    indexName: str


class _Operator(msgspec.Struct, forbid_unknown_fields=True):
    filter: Any = msgspec.UNSET
    limit: int | msgspec.UnsetType = msgspec.UNSET


class QueryJson(msgspec.Struct):
    """A query as it is sent."""

    source: _FullTableScan | _IndexRange | _Search
    operators: list[_Operator] = []


class DescribedQuery(NamedTuple):
    """The arguments of :meth:`~rtdb.transaction.transaction.Transaction.prepare_query`."""

    table: str
    index_name: str | None
    expressions: list[RangeExpression]
    order: Order
    operators: list[Operator]
    system: bool


def describe_query(query: QueryJson) -> DescribedQuery:
    """Return what a query says. Raises DeveloperError."""
    operators = [_operator(operator) for operator in query.operators]
    match query.source:
        case _FullTableScan(table, order):
            return DescribedQuery(table, None, [], order or "asc", operators, table.startswith("_"))
        case _IndexRange(name, expressions, order):
            table, _, index = name.partition(".")
            bounds: list[RangeExpression] = [
                (each.type, each.fieldPath, literal_of(each.value, "range", "db.query.withIndex"))
                for each in expressions
            ]
            return DescribedQuery(table, index, bounds, order or "asc", operators, table.startswith("_"))
        case _Search(name):
            raise DeveloperError(
                f"Search indexes are not supported by this server, so {name} cannot be queried with "
                "`withSearchIndex`. Read by an index and filter, or keep the texts in a search engine.",
                code="SearchUnsupported",
            )


def _operator(operator: _Operator) -> Operator:
    if operator.filter is not msgspec.UNSET and operator.limit is msgspec.UNSET:
        return ("filter", _filter(operator.filter))
    if isinstance(operator.limit, int) and operator.filter is msgspec.UNSET:
        if operator.limit < 0:
            raise DeveloperError(
                f"Invalid arguments for `{_METHOD}`: limit {operator.limit} is negative", code="InvalidArgument"
            )
        return ("limit", operator.limit)
    raise DeveloperError(
        f"Invalid arguments for `{_METHOD}`: an operator is a filter or a limit", code="InvalidArgument"
    )


def _filter(node: Any) -> Any:
    """Return a filter's tree with its literals decoded."""
    if isinstance(node, dict):
        return {
            name: literal_of(part, "filter", _METHOD) if name == "$literal" else _filter(part)
            for name, part in node.items()
        }
    return [_filter(part) for part in node] if isinstance(node, list) else node
