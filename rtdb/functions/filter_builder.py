"""The filters of a query: ``.filter(lambda q: q.eq(q.field("read"), False))`` as the app's author writes them.

They leave here as plain data, the reference's query JSON with decoded values.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from rtdb.functions.literal import literal
from rtdb.values.value import Undefined, Value

__all__ = ["FILTER_BUILDER", "Expression", "FilterBuilder", "Operand", "Path", "filter_node"]


class Expression:
    """A node of a filter. Build with ``q.eq``, ``q.field`` and so on; Python's own operators do not apply."""

    __slots__ = ("node",)

    def __init__(self, node: dict[str, Any]) -> None:
        self.node = node

    def __bool__(self) -> bool:
        raise TypeError("A filter expression has no truth value. Use `q.and_(…)`, `q.or_(…)` and `q.not_(…)`.")

    def __eq__(self, other: object) -> bool:
        raise TypeError("A filter expression cannot be compared with `==`. Use `q.eq(…)`.")

    __hash__ = None  # type: ignore[assignment]  # how Python is told that it cannot be hashed


Operand = Expression | Value | Undefined

Path = TypeVar("Path", bound=str)
"""The field paths of a table's documents, any text for an app without generated types."""


class FilterBuilder(Generic[Path]):
    """The ``q`` of ``.filter(lambda q: …)``. Operands are expressions or plain values."""

    __slots__ = ()

    def field(self, path: Path) -> Expression:
        """The field at a dotted path; absent fields are undefined."""
        if not isinstance(path, str):
            raise TypeError(f"`q.field` takes a field path, got {type(path).__name__}")
        return Expression({"$field": path})

    def eq(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$eq": [filter_node(left), filter_node(right)]})

    def neq(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$neq": [filter_node(left), filter_node(right)]})

    def lt(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$lt": [filter_node(left), filter_node(right)]})

    def lte(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$lte": [filter_node(left), filter_node(right)]})

    def gt(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$gt": [filter_node(left), filter_node(right)]})

    def gte(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$gte": [filter_node(left), filter_node(right)]})

    def add(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$add": [filter_node(left), filter_node(right)]})

    def sub(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$sub": [filter_node(left), filter_node(right)]})

    def mul(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$mul": [filter_node(left), filter_node(right)]})

    def div(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$div": [filter_node(left), filter_node(right)]})

    def mod(self, left: Operand, right: Operand) -> Expression:
        return Expression({"$mod": [filter_node(left), filter_node(right)]})

    def neg(self, operand: Operand) -> Expression:
        return Expression({"$neg": filter_node(operand)})

    def not_(self, operand: Operand) -> Expression:
        return Expression({"$not": filter_node(operand)})

    def and_(self, *operands: Operand) -> Expression:
        return Expression({"$and": [filter_node(operand) for operand in operands]})

    def or_(self, *operands: Operand) -> Expression:
        return Expression({"$or": [filter_node(operand) for operand in operands]})


FILTER_BUILDER: FilterBuilder[Any] = FilterBuilder()  # it holds nothing, so one serves every query


def filter_node(operand: object) -> dict[str, Any]:
    """Return the node of an operand; a plain value becomes a literal, detached from the caller's object."""
    if type(operand) is Expression:
        return operand.node
    return {"$literal": literal(operand)}
