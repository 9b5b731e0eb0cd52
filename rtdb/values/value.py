"""Values: what a document, an argument or a result is made of, and the limits on them (data-model §1).

=========  ====================  ===========================================================
type       in Python             remark
=========  ====================  ===========================================================
null       ``None``
int64      :class:`Int64`        −2^63 … 2^63−1
float64    ``float`` or ``int``  a plain ``int`` *is* a float64, as in the official client
boolean    ``bool``
string     ``str``               no unpaired surrogates
bytes      ``bytes``
array      ``list``              a ``tuple`` is accepted wherever a list is
object     ``dict``              ``str`` keys of printable ASCII, not starting with ``$``
=========  ====================  ===========================================================

:data:`UNDEFINED` is not a value: it stands for "field absent" in ordering, filters, index ranges and patches.

Invariant: code that walks values looks at exact types, which is what makes it fast. Values of other types (subclasses,
mappings, buffers) become exact ones through :func:`coerce`, which the walkers call when they meet one.

What it does not know: JSON, key bytes, tables.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, Union, final

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.values.field_name import check_field_name, known_field_names
from rtdb.values.violations import (
    document_too_nested,
    float64_out_of_range,
    int64_out_of_range,
    too_large,
    too_long_array,
    too_many_fields,
    too_nested,
    undefined_value,
    unpaired_surrogate,
    unsupported_type,
)

__all__ = [
    "DEFAULT_LIMITS",
    "INT64_MAX",
    "INT64_MIN",
    "SAFE_INTEGER_MAX",
    "UNDEFINED",
    "Int64",
    "Undefined",
    "Value",
    "check",
    "check_document",
    "coerce",
    "display",
    "display_float",
    "nesting",
    "size",
]

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
SAFE_INTEGER_MAX: Final = 2**53
"""The magnitude up to which every integer is a float64."""

DEFAULT_LIMITS: Final = Limits()

ORIGINAL_CHARACTERS_MAX: Final = 16384
"""Of a value shown in an error; the official library cuts there too."""


@final
class Int64:
    """A 64-bit signed integer (JavaScript's ``bigint``); never equal to a float64 of the same number."""

    __slots__ = ("value",)

    value: int

    def __init__(self, value: int) -> None:
        number = int(value)
        if not INT64_MIN <= number <= INT64_MAX:
            raise int64_out_of_range(number)
        object.__setattr__(self, "value", number)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an Int64 cannot be changed")

    def __reduce__(self) -> tuple[type[Int64], tuple[int]]:
        return (Int64, (self.value,))

    def __int__(self) -> int:
        return self.value

    def __index__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, Int64) else NotImplemented

    def __hash__(self) -> int:
        return hash((Int64, self.value))

    def __lt__(self, other: Int64) -> bool:
        return self.value < other.value if isinstance(other, Int64) else NotImplemented

    def __le__(self, other: Int64) -> bool:
        return self.value <= other.value if isinstance(other, Int64) else NotImplemented

    def __gt__(self, other: Int64) -> bool:
        return self.value > other.value if isinstance(other, Int64) else NotImplemented

    def __ge__(self, other: Int64) -> bool:
        return self.value >= other.value if isinstance(other, Int64) else NotImplemented

    def __repr__(self) -> str:
        return f"Int64({self.value})"


@final
class Undefined:
    """The type of :data:`UNDEFINED`, its only instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False

    def __reduce__(self) -> str:
        # Copying and pickling keep the identity that comparisons rely on.
        return "UNDEFINED"


UNDEFINED: Final = Undefined()

Value: TypeAlias = Union[  # noqa: UP007  # Python 3.11 has no `type` statement, and `|` takes no forward references
    bool, int, float, Int64, str, bytes, list["Value"], dict[str, "Value"], None
]


# --- size and nesting -------------------------------------------------------------------------------------------------


def size(value: object) -> int:
    """Return the size in bytes that limits speak of (data-model §1.5); it is not the length of any encoding."""
    if isinstance(value, dict):
        total = 2
        for name, item in value.items():
            kind = type(item)
            if kind is str:
                total += len(name) + 3 + _utf8_length(item)
            elif kind is float or kind is int:
                total += len(name) + 10
            elif item is None or kind is bool:
                total += len(name) + 2
            else:
                total += len(name) + 1 + size(item)
        return total
    if isinstance(value, str):
        return 2 + _utf8_length(value)
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, int | float | Int64):
        return 9
    if isinstance(value, bytes):
        return 2 + len(value)
    if isinstance(value, list | tuple):
        return 2 + sum(map(size, value))
    return size(coerce(value))


def _utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def nesting(value: object) -> int:
    """Return how many levels of arrays and objects there are: 0 for a scalar, 1 for an empty container."""
    if isinstance(value, dict):
        items: Iterable[object] = value.values()
    elif isinstance(value, list | tuple):
        items = value
    else:
        return 0
    deepest = 0
    for item in items:
        kind = type(item)
        if kind is dict or kind is list or kind is tuple:
            deepest = max(deepest, nesting(item))
    return deepest + 1


# --- checks -----------------------------------------------------------------------------------------------------------


def check(value: Value, limits: Limits = DEFAULT_LIMITS) -> None:
    """Raise unless ``value`` is one: types, ranges, field names and the structural limits of data-model §1.4.

    :func:`rtdb.values.json_codec.encode` makes the same checks on its way; this is for values that are not encoded.
    """
    _check(coerce(value, limits.value_nesting_max), limits)


def _check(value: Value, limits: Limits) -> int:
    """Check an exact value of bounded depth and return its size."""
    if isinstance(value, dict):
        if len(value) > limits.object_fields_max:
            raise too_many_fields(len(value), limits.object_fields_max)
        total = 2
        for name, item in value.items():
            total += known_field_names[name] + _check(item, limits)
    elif isinstance(value, list):
        if len(value) > limits.array_elements_max:
            raise too_long_array(len(value), limits.array_elements_max)
        total = 2
        for item in value:
            total += _check(item, limits)
    else:
        if type(value) is int and not -SAFE_INTEGER_MAX <= value <= SAFE_INTEGER_MAX:
            raise float64_out_of_range(value)
        try:
            total = size(value)
        except UnicodeEncodeError:
            raise unpaired_surrogate() from None
    if total > limits.value_bytes_max:
        raise too_large(total, limits.value_bytes_max)
    return total


def check_document(document: dict[str, Value], encoded_bytes: int, limits: Limits = DEFAULT_LIMITS) -> tuple[int, int]:
    """Raise when a document to be stored, its system fields included, is too large or too nested (data-model §1.4).

    Return its size and nesting. ``encoded_bytes`` is the length of its encoded JSON. No value is more than three times
    as large as its JSON (``0.0`` counts 9), so only documents over a quarter of the limit are measured; the size
    returned for others is 0.
    """
    total = 0
    if encoded_bytes * 4 > limits.document_bytes_max:
        total = size(document)
        if total > limits.document_bytes_max:
            raise too_large(total, limits.document_bytes_max)
    levels = nesting(document)
    if levels > limits.document_nesting_max:
        raise document_too_nested(levels, limits.document_nesting_max)
    return total, levels


# --- values of other Python types -------------------------------------------------------------------------------------

_EXACT_SCALARS: Final = frozenset({type(None), bool, int, float, Int64, str, bytes})


def coerce(value: object, levels_max: int = DEFAULT_LIMITS.value_nesting_max) -> Value:
    """Return ``value`` made of exact types only: subclasses, tuples, mappings, sequences and buffers are copied.

    Fields that are UNDEFINED are left out. Raises for anything else, with the path at which it was found, and for more
    than ``levels_max`` levels.
    """
    try:
        return _coerce(value, "", levels_max)
    except _TooDeep:
        raise too_nested(levels_max) from None
    except _FoundUndefined as found:
        raise undefined_value(found.path, _display_original(value)) from None


class _TooDeep(Exception):
    pass


class _FoundUndefined(Exception):
    def __init__(self, path: str) -> None:
        self.path = path


def _display_original(value: object) -> str:
    try:
        return display(value)[:ORIGINAL_CHARACTERS_MAX]
    except (DeveloperError, RecursionError):
        return "(which has more that is no value)"


def _coerce(value: Any, path: str, levels: int) -> Value:
    if type(value) in _EXACT_SCALARS:
        exact: Value = value
        return exact
    if isinstance(value, Mapping):
        if levels <= 0:
            raise _TooDeep
        return {
            _exact_name(name): _coerce(item, f"{path}.{name}", levels - 1)
            for name, item in value.items()
            if item is not UNDEFINED  # an absent field (data-model §1.7)
        }
    # The unbound conversions ignore what a subclass (an enumeration, say) made of them.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, Sequence):
        if levels <= 0:
            raise _TooDeep
        return [_coerce(item, f"{path}[{index}]", levels - 1) for index, item in enumerate(value)]
    if isinstance(value, Undefined):
        raise _FoundUndefined(path)
    raise unsupported_type(type(value).__name__, path)


def _exact_name(name: object) -> str:
    check_field_name(name)
    assert isinstance(name, str)
    return str.__str__(name)


# --- printing ---------------------------------------------------------------------------------------------------------


def display(value: object) -> str:
    """Return ``value`` as messages print it (data-model §1.10)."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Int64):
        return str(value.value)
    if isinstance(value, int | float):
        return display_float(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bytes):
        return f'b"{b64encode(value).decode()}"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(display, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {display(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, Undefined):
        return "undefined"
    return display(coerce(value))


def display_float(value: float) -> str:
    """Return a float as messages print it: always with a point or an exponent, which has no plus sign."""
    text = repr(float(value))
    if text == "nan":
        return "NaN"
    mantissa, exponent_mark, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent_mark else text
