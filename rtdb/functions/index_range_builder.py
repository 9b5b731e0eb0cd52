"""The range of an index: ``.with_index("by_user", lambda q: q.eq("userId", id))`` as the app's author writes it."""

from __future__ import annotations

from typing import Any, Literal

from rtdb.errors import DeveloperError
from rtdb.functions.literal import literal
from rtdb.values.value import Undefined, Value

__all__ = ["IndexRangeBuilder", "RangeExpression"]

RangeOperator = Literal["Eq", "Gt", "Gte", "Lt", "Lte"]
RangeExpression = tuple[RangeOperator, str, Any]
"""``(operator, field path, value)``."""


class IndexRangeBuilder:
    """The ``q`` of ``.with_index(name, lambda q: …)``: equalities on the first fields, then bounds on the next one."""

    __slots__ = ("_expressions", "_used")

    def __init__(self, expressions: list[RangeExpression]) -> None:
        self._expressions = expressions
        self._used = False

    def eq(self, field: str, value: Value | Undefined) -> IndexRangeBuilder:
        return self._add("Eq", field, value)

    def gt(self, field: str, value: Value | Undefined) -> IndexRangeBuilder:
        return self._add("Gt", field, value)

    def gte(self, field: str, value: Value | Undefined) -> IndexRangeBuilder:
        return self._add("Gte", field, value)

    def lt(self, field: str, value: Value | Undefined) -> IndexRangeBuilder:
        return self._add("Lt", field, value)

    def lte(self, field: str, value: Value | Undefined) -> IndexRangeBuilder:
        return self._add("Lte", field, value)

    def expressions(self) -> list[RangeExpression]:
        """Return what was asked for; the builder is used up."""
        self._use()
        return self._expressions

    def _add(self, operator: RangeOperator, field: str, value: Value | Undefined) -> IndexRangeBuilder:
        if not isinstance(field, str):
            raise TypeError(f"An index range takes a field path, got {type(field).__name__}")
        self._use()
        return IndexRangeBuilder([*self._expressions, (operator, field, literal(value))])

    def _use(self) -> None:
        if self._used:
            raise DeveloperError(
                "IndexRangeBuilder has already been used! Chain your method calls like `q => q.eq(...).eq(...)`. "
                "See https://docs.convex.dev/using/indexes",
                code="InvalidQuery",
            )
        self._used = True
