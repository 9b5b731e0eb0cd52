"""Values as JSON: the encoded form that is stored and sent, and the two readable ones (data-model §1.2, §1.9).

*Canonical* encoded JSON is what :func:`encode` writes: keys sorted, no white space, every float64 with a point or an
exponent, ``{"$integer"}``, ``{"$float"}`` and ``{"$bytes"}`` for what JSON lacks. Equal values have equal canonical
bytes, so results and arguments are compared and filed as bytes.

Invariants: ``decode(encode(v))`` equals ``v`` with ints as floats; whatever the input, :func:`decode` and
:func:`canonicalize` raise nothing but :class:`BadRequestError`, and :func:`encode` nothing but :class:`DeveloperError`.

How it is fast: msgspec writes and reads the JSON, and one walk over the Python value does everything msgspec does not
(it writes NaN as null, sets as arrays, dates as strings, and stops at deep input with RecursionError). The walk copies
nothing unless something has to be replaced. Canonical bytes without a ``$`` need no walk to be read.
"""

from __future__ import annotations

from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from math import copysign, isfinite
from struct import Struct
from typing import Any, Final

import msgspec

from rtdb.errors import BadRequestError, DeveloperError
from rtdb.values.field_name import known_field_names
from rtdb.values.value import (
    DEFAULT_LIMITS,
    SAFE_INTEGER_MAX,
    Int64,
    Value,
    coerce,
    display_float,
    size,
)
from rtdb.values.violations import (
    float64_out_of_range,
    too_large,
    too_long_array,
    too_many_fields,
    too_nested,
    unpaired_surrogate,
)

__all__ = [
    "canonical_form",
    "canonicalize",
    "decode",
    "decode_canonical",
    "encode",
    "encode_exact",
    "to_clean",
    "to_export",
    "value_of",
]

# These limits are part of the format, the same for every server, and so are not configurable here.
_LEVELS_MAX: Final = DEFAULT_LIMITS.value_nesting_max
_FIELDS_MAX: Final = DEFAULT_LIMITS.object_fields_max
_ELEMENTS_MAX: Final = DEFAULT_LIMITS.array_elements_max
_BYTES_MAX: Final = DEFAULT_LIMITS.value_bytes_max

_DOLLAR: Final = ord("$")
_MINUS: Final = ord("-")

_write: Final = msgspec.json.Encoder(order="sorted").encode
_read: Final = msgspec.json.Decoder().decode
_float_bits: Final = Struct("<d")


# --- encoding ---------------------------------------------------------------------------------------------------------


class _Inexact(Exception):
    """There is a value of a type that only :func:`coerce` can make something of."""


def encode(value: Value) -> bytes:
    """Return the canonical encoded JSON of ``value``. A field of an object that is UNDEFINED is left out.

    Raises :class:`DeveloperError` when it is no value, saying where, or breaks a limit of data-model §1.4.
    """
    return encode_exact(value)[1]


def encode_exact(value: Value) -> tuple[Value, bytes]:
    """Return ``value`` made of exact types only, which is what validators look at, and its canonical encoded JSON.

    It is ``value`` itself if nothing had to be replaced. Raises what :func:`encode` raises.
    """
    try:
        try:
            data = _write(_jsonable(value, _LEVELS_MAX))
        except _Inexact:
            value = coerce(value)
            data = _write(_jsonable(value, _LEVELS_MAX))
    except UnicodeEncodeError:
        raise unpaired_surrogate() from None
    _check_size(value, len(data))
    return value, data


def _check_size(value: Value, json_bytes: int) -> None:
    # No value is more than three times as large as its JSON, so nearly all need not be measured.
    if json_bytes * 3 > _BYTES_MAX:
        total = size(value)
        if total > _BYTES_MAX:
            raise too_large(total, _BYTES_MAX)


def _jsonable(value: Any, levels: int) -> Any:
    """Check ``value`` and return what msgspec writes correctly: ``value`` itself, or a copy where something differs.

    The scalars inside a container are looked at in its loop: a call for each would double the time.
    """
    kind = type(value)
    if kind is dict:
        if levels == 0:
            raise too_nested(_LEVELS_MAX)
        if len(value) > _FIELDS_MAX:
            raise too_many_fields(len(value), _FIELDS_MAX)
        fields = value
        for name, item in value.items():
            if name not in known_field_names:
                known_field_names[name]
            kind = type(item)
            if kind is str or item is None or kind is bool:
                continue
            # A finite float other than zero, the only ones that are written as they are without a further look.
            if kind is float and item and item - item == 0.0:
                continue
            written = _jsonable(item, levels - 1)
            if written is not item:
                if fields is value:
                    fields = value.copy()
                fields[name] = written
        return fields
    if kind is list or kind is tuple:
        if levels == 0:
            raise too_nested(_LEVELS_MAX)
        if len(value) > _ELEMENTS_MAX:
            raise too_long_array(len(value), _ELEMENTS_MAX)
        items = value
        for index, item in enumerate(value):
            if type(item) is str:
                continue
            written = _jsonable(item, levels - 1)
            if written is not item:
                if items is value:
                    items = list(value)
                items[index] = written
        return items
    write = _SCALARS.get(kind)
    if write is None:
        raise _Inexact
    return write(value)


def _jsonable_float(value: float) -> Any:
    if isfinite(value) and (value or copysign(1.0, value) > 0.0):
        return value
    return {"$float": _base64(_float_bits.pack(value))}


def _jsonable_int(value: int) -> float:
    if not -SAFE_INTEGER_MAX <= value <= SAFE_INTEGER_MAX:
        raise float64_out_of_range(value)
    return float(value)


def _same(value: Any) -> Any:
    return value


_SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
    type(None): _same,
    bool: _same,
    str: _same,
    float: _jsonable_float,
    int: _jsonable_int,
    Int64: lambda value: {"$integer": _base64(value.value.to_bytes(8, "little", signed=True))},
    bytes: lambda value: {"$bytes": _base64(value)},
}


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode()


# --- decoding ---------------------------------------------------------------------------------------------------------


def decode(data: bytes) -> Value:
    """Return the value of encoded JSON from anywhere. Raises :class:`BadRequestError` when it is none."""
    try:
        value: Value = _value(_parse(data), _LEVELS_MAX)
        _check_size(value, len(data))
    except DeveloperError as error:
        raise BadRequestError(error.message, code=error.code) from error
    return value


def canonicalize(data: bytes) -> bytes:
    """Return the canonical form of encoded JSON from anywhere. Raises what :func:`decode` raises."""
    return canonical_form(data)[1]


def canonical_form(data: bytes) -> tuple[Value, bytes]:
    """Return the value of encoded JSON from anywhere, and its canonical form. Raises what :func:`decode` raises."""
    value = decode(data)
    if _DOLLAR in data or _MINUS in data:
        # There may be a special form, or a bare -0.0, which is a special form when canonical.
        return value, encode(value)
    return value, _write(value)


def value_of(parsed: Any) -> Value:
    """Return the value of encoded JSON from anywhere that msgspec has parsed, which is changed by that.

    Raises what :func:`decode` raises. Whoever holds the JSON checks how large it is.
    """
    try:
        value: Value = _value(parsed, _LEVELS_MAX)
    except DeveloperError as error:
        raise BadRequestError(error.message, code=error.code) from error
    return value


def decode_canonical(data: bytes) -> Value:
    """Return the value of bytes that :func:`encode` wrote; they are trusted."""
    value: Value = _read(data)
    return _restored(value) if _DOLLAR in data else value


decode_document: Callable[[bytes], dict[str, Any]] = decode_canonical  # type: ignore[assignment]  # see below
"""Return the fields of a stored document, whose bytes are those of an object."""


def _parse(data: bytes) -> Any:
    try:
        return _read(data)
    except RecursionError:
        raise too_nested(_LEVELS_MAX) from None
    except ValueError as error:  # also what msgspec and the UTF-8 decoder raise
        raise BadRequestError(f"Invalid JSON: {error}", code="BadJsonBody") from error


def _value(parsed: Any, levels: int) -> Any:
    """Turn parsed JSON into a value, in place where possible, checking it on the way."""
    kind = type(parsed)
    if kind is dict:
        if levels == 0:
            raise too_nested(_LEVELS_MAX)
        if len(parsed) > _FIELDS_MAX:
            raise too_many_fields(len(parsed), _FIELDS_MAX)
        for name, item in parsed.items():
            if name not in known_field_names:
                if len(parsed) == 1 and name in _FORMS:
                    return _FORMS[name](item)
                known_field_names[name]
            kind = type(item)
            if kind is str or kind is float or item is None or kind is bool:
                continue
            parsed[name] = _value(item, levels - 1)
        return parsed
    if kind is list:
        if levels == 0:
            raise too_nested(_LEVELS_MAX)
        if len(parsed) > _ELEMENTS_MAX:
            raise too_long_array(len(parsed), _ELEMENTS_MAX)
        for index, item in enumerate(parsed):
            kind = type(item)
            if kind is not str and kind is not float:
                parsed[index] = _value(item, levels - 1)
        return parsed
    if kind is int:
        try:
            return float(parsed)
        except OverflowError:
            raise BadRequestError("Invalid JSON: number out of range", code="BadJsonBody") from None
    return parsed


def _int64(content: Any) -> Int64:
    data = _from_base64("$integer", content)
    if len(data) != 8:
        raise _bad_value("Int64 must be exactly eight bytes")
    return Int64(int.from_bytes(data, "little", signed=True))


def _float64(content: Any) -> float:
    data = _from_base64("$float", content)
    if len(data) != 8:
        raise _bad_value("Float64 must be exactly eight bytes")
    (value,) = _float_bits.unpack(data)
    # +0 has a plain form too, but the reference lets it pass.
    if isfinite(value) and value != 0.0:
        raise _bad_value(f"Float64 {display_float(value)} should be encoded as a number")
    return float(value)


def _bytes(content: Any) -> bytes:
    return _from_base64("$bytes", content)


def _set(content: Any) -> Value:
    raise _bad_value("Received a Set which is no longer supported as a Convex type.")


def _map(content: Any) -> Value:
    raise _bad_value("Received a Map which is no longer supported as a Convex type.")


_FORMS: Final[dict[str, Callable[[Any], Value]]] = {
    "$integer": _int64,
    "$float": _float64,
    "$bytes": _bytes,
    "$set": _set,
    "$map": _map,
}


def _from_base64(form: str, content: Any) -> bytes:
    if type(content) is not str:
        raise _bad_value(f"{form} must hold a base64 string")
    try:
        return a2b_base64(content, strict_mode=True) if content else b""
    except (Base64Error, ValueError) as error:
        raise _bad_value(f"{form} must hold a base64 string: {error}") from None


def _bad_value(message: str) -> BadRequestError:
    return BadRequestError(message, code="BadConvexValue")


def _restored(parsed: Any) -> Any:
    """Replace the special forms in a parsed canonical array or object by their values, in place."""
    if type(parsed) is dict:
        if len(parsed) == 1:
            (name,) = parsed
            if name in _FORMS:
                return _FORMS[name](parsed[name])
        for name, item in parsed.items():
            kind = type(item)
            if kind is dict or kind is list:
                parsed[name] = _restored(item)
    elif type(parsed) is list:
        for index, item in enumerate(parsed):
            kind = type(item)
            if kind is dict or kind is list:
                parsed[index] = _restored(item)
    return parsed


# --- readable forms ---------------------------------------------------------------------------------------------------


def to_clean(data: bytes) -> bytes:
    """Return canonical bytes in the format ``json``: int64 and bytes as strings, non-finite floats as their names."""
    return _write(_reformed(_read(data), _CLEAN)) if _DOLLAR in data else data


def to_export(data: bytes) -> bytes:
    """Return canonical bytes in the format ``export_json``: int64 as integers, only non-finite floats as ``$float``."""
    return _write(_reformed(_read(data), _EXPORT)) if _DOLLAR in data else data


def _clean_float(content: Any) -> Any:
    value = _float64(content)
    if isfinite(value):
        return value
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124  # NaN


def _export_float(content: Any) -> Any:
    return _float64(content) if _float64(content) == 0.0 else {"$float": content}


_CLEAN: Final[dict[str, Callable[[Any], Any]]] = {
    "$integer": lambda content: str(_int64(content).value),
    "$float": _clean_float,
    "$bytes": _same,
}
_EXPORT: Final[dict[str, Callable[[Any], Any]]] = {
    "$integer": lambda content: _int64(content).value,
    "$float": _export_float,
    "$bytes": lambda content: {"$bytes": content},
}


def _reformed(parsed: Any, forms: dict[str, Callable[[Any], Any]]) -> Any:
    if type(parsed) is dict:
        for name, item in parsed.items():
            if name in forms:
                return forms[name](item)
            parsed[name] = _reformed(item, forms)
    elif type(parsed) is list:
        for index, item in enumerate(parsed):
            parsed[index] = _reformed(item, forms)
    return parsed
