"""Ranges of index keys: how a query's bounds become one, how a transaction collects them, and what lies in one.

Ranges are half-open intervals of full keys. All keys that begin with encoded values ``p`` are ``[p, p +
ff)``, because no value's encoding starts with ``ff`` (see ReadRange). An empty range is allowed and contains
nothing.

:func:`key_in_range` is *the* predicate: whether a written key falls into a read range decides both "may this
transaction commit?" and "must this query run again?".
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from rtdb.errors import DeveloperError
from rtdb.index.definition import IndexDefinition
from rtdb.link.frames import ReadRange
from rtdb.values.field_name import field_steps
from rtdb.values.ordering import encode_key, prefix_stop
from rtdb.values.value import UNDEFINED, display

__all__ = [
    "RangeExpression",
    "RangeOperator",
    "RangeSet",
    "bounds_from_expressions",
    "key_in_range",
    "point_range",
    "prefix_range",
]


def key_in_range(key: bytes, read: ReadRange) -> bool:
    """Whether a full key (of the range's index) lies in the range."""
    return read.start <= key < read.stop


def prefix_range(index: int, prefix: bytes) -> ReadRange:
    """Return the range of all keys that begin with these encoded values; ``b""`` is the whole index."""
    return ReadRange(index, prefix, prefix_stop(prefix))


def point_range(index: int, key: bytes) -> ReadRange:
    """Return the range that holds this full key and nothing else."""
    return ReadRange(index, key, key + b"\x00")


class RangeSet:
    """A set of ranges, merged where they overlap or touch: never more ranges than were added, never another
    set of keys.

    Per index the starts and stops are two sorted lists of disjoint ranges.
    """

    __slots__ = ("_count", "_indexes")

    def __init__(self) -> None:
        self._indexes: dict[int, tuple[list[bytes], list[bytes]]] = {}
        self._count = 0

    def __len__(self) -> int:
        """The number of merged ranges."""
        return self._count

    def add(self, index: int, start: bytes, stop: bytes) -> None:
        """Add the keys ``[start, stop)`` of an index; an empty range adds nothing."""
        if start >= stop:
            return
        bounds = self._indexes.get(index)
        if bounds is None:
            self._indexes[index] = ([start], [stop])
            self._count += 1
            return
        starts, stops = bounds
        # Ranges [first, last) overlap or touch the new one and are replaced by the union.
        first = bisect_left(stops, start)
        last = bisect_right(starts, stop)
        if first < last:
            start = min(start, starts[first])
            stop = max(stop, stops[last - 1])
        starts[first:last] = [start]
        stops[first:last] = [stop]
        self._count += 1 - (last - first)

    def contains(self, index: int, key: bytes) -> bool:
        """Whether a full key of an index is in the set."""
        bounds = self._indexes.get(index)
        if bounds is None:
            return False
        starts, stops = bounds
        position = bisect_right(starts, key) - 1
        return position >= 0 and key_in_range(key, ReadRange(index, starts[position], stops[position]))

    def ranges(self) -> list[ReadRange]:
        """Return the merged ranges, by index and start."""
        return [
            ReadRange(index, start, stop)
            for index, (starts, stops) in sorted(self._indexes.items())
            for start, stop in zip(starts, stops, strict=True)
        ]


RangeOperator = Literal["Eq", "Gt", "Gte", "Lt", "Lte"]
_SYMBOLS: Final[dict[RangeOperator, str]] = {"Eq": "==", "Gt": ">", "Gte": ">=", "Lt": "<", "Lte": "<="}
_MORE_INFORMATION: Final = "https://docs.convex.dev/using/indexes"


class RangeExpression(msgspec.Struct, frozen=True):
    """One condition of ``with_index``; ``value`` may be UNDEFINED (the field is absent)."""

    operator: RangeOperator
    field: str
    value: Any


def bounds_from_expressions(
    definition: IndexDefinition, expressions: Sequence[RangeExpression], table_name: str
) -> tuple[bytes, bytes]:
    """Return the interval of full keys that satisfy all expressions (empty where they contradict each other).

    Raises DeveloperError with the codes and texts of data-model §5.3 when they do not fit the index.
    """
    expressions = [msgspec.structs.replace(one, field=".".join(field_steps(one.field))) for one in expressions]
    equalities, lower, upper = _split(expressions, f"{table_name}.{definition.name}")
    bound = lower or upper
    _check_order(definition, table_name, equalities, None if bound is None else bound.field)
    prefix = b"".join([encode_key(equalities[field]) for field in definition.key_fields if field in equalities])
    start, stop = prefix, prefix_stop(prefix)
    if lower is not None:
        start = prefix + encode_key(lower.value)
        if lower.operator == "Gt":
            start = prefix_stop(start)
    if upper is not None:
        stop = prefix + encode_key(upper.value)
        if upper.operator == "Lte":
            stop = prefix_stop(stop)
    return start, max(start, stop)


def _split(
    expressions: Sequence[RangeExpression], index: str
) -> tuple[dict[str, Any], RangeExpression | None, RangeExpression | None]:
    """Sort the expressions into equalities, lower and upper bound, refusing a second one of a kind."""
    equalities: dict[str, Any] = {}
    lower: RangeExpression | None = None
    upper: RangeExpression | None = None
    for expression in expressions:
        if expression.operator == "Eq":
            if expression.field in equalities:
                # The reference prints the value that was there first.
                raise _already_defined("equality", expression.field, "==", equalities[expression.field])
            equalities[expression.field] = expression.value
            continue
        is_lower = expression.operator in ("Gt", "Gte")
        same, other = (lower, upper) if is_lower else (upper, lower)
        if same is not None:
            kind = "lower" if is_lower else "upper"
            raise _already_defined(kind, expression.field, _SYMBOLS[expression.operator], expression.value)
        if other is not None and other.field != expression.field:
            raise DeveloperError(
                "Upper and lower bounds in `range` can only be applied to a single index field. "
                f"This query against index {index} attempted to set a range bound on both "
                f'"{other.field}" and "{expression.field}". '
                f"Consider using `filter` instead. See {_MORE_INFORMATION} for more info.",
                code="BoundsOnMultipleFields",
            )
        if is_lower:
            lower = expression
        else:
            upper = expression
    bound = lower or upper
    if bound is not None and bound.field in equalities:
        raise _already_defined("inequality", bound.field, "==", equalities[bound.field])
    return equalities, lower, upper


def _check_order(definition: IndexDefinition, table_name: str, equalities: dict[str, Any], bound: str | None) -> None:
    """Require that the equality fields, then the bounded one, are the first fields of the index."""
    ranks = {field: rank for rank, field in enumerate(definition.key_fields)}
    index = f"{table_name}.{definition.name}"
    fields = _print_fields(definition.key_fields[:-1])
    for field in [*sorted(equalities), *([] if bound is None else [bound])]:
        if field not in ranks:
            raise DeveloperError(
                f'The index range included a comparison with "{field}", but {index} with fields {fields} '
                f"doesn't index this field. For more information see {_MORE_INFORMATION}.",
                code="FieldNotInIndex",
            )
    used = sorted(equalities, key=ranks.__getitem__)
    if bound is not None:
        used.append(bound)
    for rank, field in enumerate(used):
        if definition.key_fields[rank] != field:
            raise DeveloperError(
                f"Tried to query index {index} but the query didn't use the index fields in order.\n"
                f"Index fields: {fields}\n"
                f"Query fields: {_print_fields(used)}\n"
                f'First incorrect field: "{field}"\n'
                f"For more information see {_MORE_INFORMATION}.",
                code="InvalidIndexRange",
            )


def _print_fields(fields: Sequence[str]) -> str:
    return "[" + ", ".join(f'"{field}"' for field in fields) + "]"


def _already_defined(kind: str, field: str, symbol: str, value: Any) -> DeveloperError:
    printed = "undefined" if value is UNDEFINED else display(value)
    return DeveloperError(
        f'Already defined {kind} bound in index range. Can\'t add "{field}" {symbol} {printed}.',
        code="AlreadyDefinedBound",
    )
