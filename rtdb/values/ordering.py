"""The total order of values, and the bytes that sort the same way (data-model §1.6, §2).

::

    undefined  01                            false / true  0E / 0F
    null       03                            string        10 UTF-8, 00 → 00 FF          00
    int64      04…0C  (width, sign), bytes   bytes         11 content, 00 → 00 FF        00
    float64    0D  8 bytes, sign folded      array         12 elements                   00
                                             object        15 (name 00, value)*          00
                                                           the empty name is written 00 FF

Invariants: ``encode_key(a) < encode_key(b)`` exactly when ``a < b`` in the order of values, and the encoding delimits
itself, so that concatenated encodings compare like tuples. ``FF`` begins no value; therefore ``00 FF`` after a
terminator is unambiguous, and everything that begins with the encoded values ``p`` and nothing else lies in
``[p, prefix_stop(p))``.

What it does not know: indexes and their fields.
"""

from __future__ import annotations

from collections.abc import Callable
from math import copysign
from struct import Struct, pack
from typing import Any, Final, TypeAlias

from rtdb.errors import BadRequestError
from rtdb.values.value import UNDEFINED, Int64, Undefined, Value, coerce
from rtdb.values.violations import too_nested, unpaired_surrogate

__all__ = ["compare", "decode_key", "encode_key", "prefix_stop"]

_INVERTED: Final = bytes(255 - byte for byte in range(256))
_pack_float: Final = Struct(">cd").pack
_decode_levels_max: Final = 256


def prefix_stop(prefix: bytes) -> bytes:
    """Return the exclusive end of the keys that begin with the encoded values ``prefix``.

    Exact, unlike the byte successor of ``prefix``: the key of ``"a\\0b"`` continues the bytes of ``"a"`` with ``FF``,
    and is left out.
    """
    return prefix + b"\xff"


# --- encoding ---------------------------------------------------------------------------------------------------------


def encode_key(value: Value | Undefined) -> bytes:
    """Return the bytes that sort like ``value``."""
    # Strings and floats are nearly all of what is indexed: they skip the dispatch.
    kind = type(value)
    try:
        if kind is str:
            data: bytes = value.encode()  # type: ignore[union-attr]  # `kind` says that it is a str
            if 0 in data:
                data = data.replace(b"\0", b"\0\xff")
            return b"\x10%b\0" % data
        return _ENCODERS[kind](value)
    except KeyError:
        return encode_key(coerce(value))
    except UnicodeEncodeError:
        raise unpaired_surrogate() from None
    except RecursionError:
        raise too_nested(64) from None


def _encode_string(value: str) -> bytes:
    return b"\x10%b\0" % value.encode().replace(b"\0", b"\0\xff")


def _encode_float(value: float) -> bytes:
    # Packing −x sets the sign bit of a positive x, which is its place above the negative ones.
    if value > 0.0:
        return _pack_float(b"\x0d", -value)
    if value < 0.0 or copysign(1.0, value) < 0.0:
        return b"\x0d" + pack(">d", value).translate(_INVERTED)
    data = pack(">d", value)  # +0 or a positive NaN, of which arithmetic need not keep the bits
    return b"\x0d%c%b" % (data[0] | 0x80, data[1:])


def _encode_int64(value: Int64) -> bytes:
    number = value.value
    if number == 0:
        return b"\x08"
    if -128 <= number <= 127:
        width, distance = 1, 1
    elif -(2**15) <= number < 2**15:
        width, distance = 2, 2
    elif -(2**31) <= number < 2**31:
        width, distance = 4, 3
    else:
        width, distance = 8, 4
    tag = 8 - distance if number < 0 else 8 + distance
    return b"%c%b" % (tag, number.to_bytes(width, "big", signed=True))


def _encode_array(value: list[Value]) -> bytes:
    return b"\x12%b\0" % b"".join(map(encode_key, value))


def _encode_object(value: dict[str, Value]) -> bytes:
    parts = [b"\x15"]
    for name in sorted(value):
        parts += (b"%b\0" % name.encode() if name else b"\0\xff", encode_key(value[name]))
    parts.append(b"\0")
    return b"".join(parts)


_ENCODERS: Final[dict[type, Callable[[Any], bytes]]] = {
    Undefined: lambda _: b"\x01",
    type(None): lambda _: b"\x03",
    Int64: _encode_int64,
    float: _encode_float,
    int: lambda number: _encode_float(float(number)),
    bool: lambda flag: b"\x0f" if flag else b"\x0e",
    str: _encode_string,
    bytes: lambda data: b"\x11%b\0" % data.replace(b"\0", b"\0\xff"),
    list: _encode_array,
    tuple: _encode_array,
    dict: _encode_object,
}


# --- decoding ---------------------------------------------------------------------------------------------------------

_Decoded: TypeAlias = tuple[Any, int]


def decode_key(data: bytes) -> list[Value | Undefined]:
    """Return the values whose concatenated encoding is ``data``. Raises :class:`BadRequestError` for other bytes."""
    values: list[Value | Undefined] = []
    at = 0
    try:
        while at < len(data):
            value, at = _decode(data, at, _decode_levels_max)
            values.append(value)
    except (IndexError, ValueError) as error:
        raise BadRequestError(f"Not an encoded key: {error}.", code="BadKey") from error
    return values


def _decode(data: bytes, at: int, levels: int) -> _Decoded:
    tag = data[at]
    at += 1
    match tag:
        case 0x01:
            return UNDEFINED, at
        case 0x03:
            return None, at
        case 0x08:
            return Int64(0), at
        case 0x04 | 0x05 | 0x06 | 0x07 | 0x09 | 0x0A | 0x0B | 0x0C:
            stop = at + (1 << (abs(tag - 8) - 1))
            return Int64(int.from_bytes(_take(data, at, stop), "big", signed=True)), stop
        case 0x0D:
            return _decode_float(_take(data, at, at + 8)), at + 8
        case 0x0E | 0x0F:
            return tag == 0x0F, at
        case 0x10:
            content, at = _decode_escaped(data, at)
            return content.decode(), at
        case 0x11:
            return _decode_escaped(data, at)
        case 0x12 if levels:
            return _decode_array(data, at, levels - 1)
        case 0x15 if levels:
            return _decode_object(data, at, levels - 1)
        case _:
            raise ValueError(f"byte {tag:02x} at {at - 1} begins no value")


def _take(data: bytes, start: int, stop: int) -> bytes:
    if stop > len(data):
        raise ValueError("the last value is cut off")
    return data[start:stop]


def _decode_float(folded: bytes) -> float:
    bits = int.from_bytes(folded)
    bits = bits ^ (1 << 63) if bits >> 63 else bits ^ ((1 << 64) - 1)
    return float(Struct(">d").unpack(bits.to_bytes(8))[0])


def _decode_escaped(data: bytes, at: int) -> tuple[bytes, int]:
    start = at
    while True:
        stop = data.index(0, at)
        if data[stop + 1 : stop + 2] != b"\xff":
            return data[start:stop].replace(b"\0\xff", b"\0"), stop + 1
        at = stop + 2


def _decode_array(data: bytes, at: int, levels: int) -> _Decoded:
    items = []
    while data[at]:
        item, at = _decode(data, at, levels)
        items.append(item)
    return items, at + 1


def _decode_object(data: bytes, at: int, levels: int) -> _Decoded:
    fields = {}
    while data[at] or data[at + 1 : at + 2] == b"\xff":
        if data[at]:
            stop = data.index(0, at)
            name, at = data[at:stop].decode("ascii"), stop + 1
        else:
            name, at = "", at + 2
        fields[name], at = _decode(data, at, levels)
    return fields, at + 1


# --- comparing --------------------------------------------------------------------------------------------------------


def compare(a: Value | Undefined, b: Value | Undefined) -> int:
    """Return −1, 0 or 1 as ``a`` sorts before, with or after ``b``."""
    kind = type(a)
    if kind is type(b):
        if kind is str:
            # Python compares strings by code point, which is the order of their UTF-8 bytes.
            return (a > b) - (a < b)  # type: ignore[operator]  # both are of this kind
        if kind is float and (a or b) and a == a and b == b:  # noqa: PLR0124  # NaN and 0 have their own order
            return (a > b) - (a < b)  # type: ignore[operator]  # both are of this kind
    key_a, key_b = encode_key(a), encode_key(b)
    return (key_a > key_b) - (key_a < key_b)
