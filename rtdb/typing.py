"""What the generated ``server.pyi`` of an app is made of; nothing here does anything when it runs.

An index's range is typed field by field: each step of ``q.eq("userId", userId).gt("_creationTime", 0)`` is an object
whose methods take only the name and the values of the field that comes next in the index::

    IndexFields[Literal["userId"], str, IndexFields[Literal["_creationTime"], float, IndexRange]]
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.filter_builder import FilterBuilder
from rtdb.functions.index_range_builder import RangeExpression
from rtdb.functions.pagination_validators import PaginationResult
from rtdb.functions.query_builder import Query, TableQuery

__all__ = [
    "FilterBuilder",
    "FunctionDefinition",
    "IndexFields",
    "IndexRange",
    "PaginationResult",
    "Query",
    "TableQuery",
    "UpperBound",
]

_Field_contra = TypeVar("_Field_contra", bound=str, contravariant=True)
_Type_contra = TypeVar("_Type_contra", contravariant=True)
_Next_co = TypeVar("_Next_co", covariant=True)


class IndexRange(Protocol):
    """A range to which nothing can be added."""

    def expressions(self) -> list[RangeExpression]: ...


class UpperBound(IndexRange, Protocol[_Field_contra, _Type_contra]):
    """A range that has its lower bound on a field and may be given an upper one."""

    def lt(self, field: _Field_contra, value: _Type_contra) -> IndexRange:
        """Only values below this one."""

    def lte(self, field: _Field_contra, value: _Type_contra) -> IndexRange:
        """Only this value and those below."""


class IndexFields(UpperBound[_Field_contra, _Type_contra], Protocol[_Field_contra, _Type_contra, _Next_co]):
    """The rest of an index, from a field on."""

    def eq(self, field: _Field_contra, value: _Type_contra) -> _Next_co:
        """Only this value; then the next field may be narrowed down."""

    def gt(self, field: _Field_contra, value: _Type_contra) -> UpperBound[_Field_contra, _Type_contra]:
        """Only values above this one."""

    def gte(self, field: _Field_contra, value: _Type_contra) -> UpperBound[_Field_contra, _Type_contra]:
        """Only this value and those above."""
