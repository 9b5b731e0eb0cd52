"""A value written into a query: a filter's or an index range's."""

from __future__ import annotations

from typing import Any

from rtdb.values.json_codec import decode_canonical, encode
from rtdb.values.value import SAFE_INTEGER_MAX, UNDEFINED, Undefined, Value

__all__ = ["literal"]


def literal(value: Any) -> Value | Undefined:
    """Return a value as it is now: changing the caller's object later does not change the query."""
    kind = type(value)
    if value is None or value is UNDEFINED or kind is str or kind is bool or kind is float:
        plain: Value | Undefined = value
        return plain
    if kind is int and -SAFE_INTEGER_MAX <= value <= SAFE_INTEGER_MAX:
        return float(value)
    return decode_canonical(encode(value))
