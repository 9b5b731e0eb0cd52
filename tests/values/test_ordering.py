from __future__ import annotations

import struct
from contextlib import suppress
from functools import cmp_to_key
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtdb.errors import BadRequestError, DeveloperError
from rtdb.testing.strategies import values
from rtdb.values.ordering import compare, decode_key, encode_key, prefix_stop
from rtdb.values.value import UNDEFINED, Int64, Undefined, Value

AnyValue = Value | Undefined
any_values = st.one_of(values(), st.just(UNDEFINED))

VECTORS: list[tuple[AnyValue, str]] = [
    (UNDEFINED, "01"),
    (None, "03"),
    (Int64(-(2**63)), "04 80 00 00 00 00 00 00 00"),
    (Int64(-(2**31)), "05 80 00 00 00"),
    (Int64(-129), "06 ff 7f"),
    (Int64(-128), "07 80"),
    (Int64(-1), "07 ff"),
    (Int64(0), "08"),
    (Int64(1), "09 01"),
    (Int64(127), "09 7f"),
    (Int64(128), "0a 00 80"),
    (Int64(2**31 - 1), "0b 7f ff ff ff"),
    (Int64(2**63 - 1), "0c 7f ff ff ff ff ff ff ff"),
    (float("-inf"), "0d 00 0f ff ff ff ff ff ff"),
    (-1.0, "0d 40 0f ff ff ff ff ff ff"),
    (-0.0, "0d 7f ff ff ff ff ff ff ff"),
    (0.0, "0d 80 00 00 00 00 00 00 00"),
    (0, "0d 80 00 00 00 00 00 00 00"),
    (1.0, "0d bf f0 00 00 00 00 00 00"),
    (1, "0d bf f0 00 00 00 00 00 00"),
    (struct.unpack(">d", bytes.fromhex("7ff8000000000000"))[0], "0d ff f8 00 00 00 00 00 00"),
    (struct.unpack(">d", bytes.fromhex("fff8000000000001"))[0], "0d 00 07 ff ff ff ff ff fe"),
    (False, "0e"),
    (True, "0f"),
    ("", "10 00"),
    ("a", "10 61 00"),
    ("a\0b", "10 61 00 ff 62 00"),
    (b"\x00\x01", "11 00 ff 01 00"),
    ([], "12 00"),
    ([None], "12 03 00"),
    ({}, "15 00"),
    ({"a": 1.0}, "15 61 00 0d bf f0 00 00 00 00 00 00 00"),
    ({"": None}, "15 00 ff 03 00"),
]


@pytest.mark.parametrize(("value", "key"), VECTORS)
def test_keys_are_those_of_the_reference(value: AnyValue, key: str) -> None:
    assert encode_key(value) == bytes.fromhex(key)


def rank(value: AnyValue) -> int:
    kinds: list[type | tuple[type, ...]] = [
        Undefined, type(None), Int64, float, bool, str, bytes, list, dict,
    ]  # fmt: skip
    return next(index for index, kind in enumerate(kinds) if type(value) is kind)


def order_by_the_rules(a: AnyValue, b: AnyValue) -> int:
    """The order as data-model §1.6 words it, to hold the encoding against."""
    if rank(a) != rank(b):
        return -1 if rank(a) < rank(b) else 1
    if isinstance(a, list) and isinstance(b, list):
        return order_of_sequences(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        flat_a = [part for name in sorted(a) for part in (name, a[name])]
        flat_b = [part for name in sorted(b) for part in (name, b[name])]
        return order_of_sequences(flat_a, flat_b)
    if isinstance(a, float):
        a, b = total_order(a), total_order(b)  # type: ignore[arg-type]  # of the same kind
    elif isinstance(a, str):
        a, b = a.encode(), b.encode()  # type: ignore[union-attr]  # of the same kind
    if a is None or isinstance(a, Undefined):
        return 0
    return (a > b) - (a < b)  # type: ignore[operator]  # of the same kind


def order_of_sequences(a: list[Value], b: list[Value]) -> int:
    for one, other in zip(a, b, strict=False):
        order = order_by_the_rules(one, other)
        if order:
            return order
    return (len(a) > len(b)) - (len(a) < len(b))


def total_order(value: float) -> int:
    (bits,) = struct.unpack(">q", struct.pack(">d", value))
    return int(bits) if bits >= 0 else -(bits & (2**63 - 1)) - 1


@given(any_values, any_values)
@example("\uffff", "\U00010000")
@example(-0.0, 0.0)
@example({"": 1.0}, {})
@example({"a": 1.0}, {"": 1.0, "a": 1.0})
def test_keys_compare_like_values(a: AnyValue, b: AnyValue) -> None:
    order = order_by_the_rules(a, b)
    key_a, key_b = encode_key(a), encode_key(b)
    assert (key_a > key_b) - (key_a < key_b) == order
    assert compare(a, b) == order


@given(st.lists(values(), max_size=8))
def test_sorting_by_key_is_sorting_by_value(items: list[Value]) -> None:
    by_key = sorted(items, key=encode_key)
    by_value = sorted(items, key=cmp_to_key(order_by_the_rules))
    assert list(map(encode_key, by_key)) == list(map(encode_key, by_value))


@given(st.lists(any_values, max_size=3), st.lists(any_values, max_size=3))
def test_concatenated_keys_compare_like_tuples(a: list[AnyValue], b: list[AnyValue]) -> None:
    key_a, key_b = b"".join(map(encode_key, a)), b"".join(map(encode_key, b))
    expected = order_of_sequences(a, b)  # type: ignore[arg-type]  # UNDEFINED has an order too
    assert (key_a > key_b) - (key_a < key_b) == expected


@given(st.lists(any_values, max_size=4))
def test_decoding_a_key_gives_the_values_back(items: list[AnyValue]) -> None:
    decoded = decode_key(b"".join(map(encode_key, items)))
    assert list(map(encode_key, decoded)) == list(map(encode_key, items))
    assert all(compare(one, other) == 0 for one, other in zip(decoded, items, strict=True))


@given(st.lists(any_values, min_size=1, max_size=2), st.lists(any_values, max_size=3))
@example(["a"], ["a\0b"])
@example([{}], [{"": None}])
def test_a_prefix_range_holds_exactly_the_tuples_that_begin_with_it(
    prefix: list[AnyValue], other: list[AnyValue]
) -> None:
    start = b"".join(map(encode_key, prefix))
    key = b"".join(map(encode_key, other))
    begins = len(other) >= len(prefix) and all(compare(one, two) == 0 for one, two in zip(prefix, other, strict=False))
    assert (start <= key < prefix_stop(start)) == begins


@given(st.binary(max_size=40))
@example(b"\x12" * 5000)
@example(b"\x15\x00\xff" * 2000)
@example(b"\x10\xff\x00")
@example(b"\x0d\x00")
def test_bytes_that_are_no_key_are_refused(data: bytes) -> None:
    with suppress(BadRequestError):
        decode_key(data)


def test_values_of_other_python_types_have_the_key_of_what_they_become() -> None:
    assert encode_key((1, "a")) == encode_key([1.0, "a"])  # type: ignore[arg-type]  # coerced
    assert encode_key(bytearray(b"a")) == encode_key(b"a")  # type: ignore[arg-type]  # coerced
    with pytest.raises(DeveloperError, match="object is not a supported Convex type"):
        encode_key(object())  # type: ignore[arg-type]  # what is tested


def test_a_string_without_utf8_has_no_key() -> None:
    with pytest.raises(DeveloperError, match="unpaired surrogate"):
        encode_key(["\ud800"])


def test_long_runs_of_equal_bytes_stay_ordered() -> None:
    texts = ["x" * 10_000 + end for end in ("", "\0", "a", "b")]
    keys = [encode_key(text) for text in texts]
    assert all(one < other for one, other in pairwise(keys))
