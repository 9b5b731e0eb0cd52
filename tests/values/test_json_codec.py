from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from convex.values import convex_to_json, json_to_convex
from hypothesis import example, given
from hypothesis import strategies as st

from rtdb.errors import BadRequestError, DeveloperError
from rtdb.testing.strategies import json_values, values
from rtdb.values.json_codec import canonicalize, decode, decode_canonical, encode, to_clean, to_export
from rtdb.values.ordering import compare, encode_key
from rtdb.values.value import Int64, Value

VECTORS: list[tuple[Value, bytes]] = [
    (Int64(1), b'{"$integer":"AQAAAAAAAAA="}'),
    (Int64(-1), b'{"$integer":"//////////8="}'),
    (float("nan"), b'{"$float":"AAAAAAAA+H8="}'),
    (float("inf"), b'{"$float":"AAAAAAAA8H8="}'),
    (float("-inf"), b'{"$float":"AAAAAAAA8P8="}'),
    (-0.0, b'{"$float":"AAAAAAAAAIA="}'),
    (b"", b'{"$bytes":""}'),
    (b"\x00\x01", b'{"$bytes":"AAE="}'),
    (5, b"5.0"),
    (0, b"0.0"),
    (5.0, b"5.0"),
    (1e22, b"1e22"),
    (True, b"true"),
    (None, b"null"),
    ("é\n", '"é\\n"'.encode()),
    ({"b": 1, "a": [Int64(1), {}]}, b'{"a":[{"$integer":"AQAAAAAAAAA="},{}],"b":1.0}'),
]


def same(a: Value, b: Value) -> bool:
    """Equality that tells −0 from 0 and finds NaN equal to itself."""
    return compare(a, b) == 0 and type(a) is type(b)


@pytest.mark.parametrize(("value", "data"), VECTORS)
def test_encoded_json_is_that_of_the_reference(value: Value, data: bytes) -> None:
    assert encode(value) == data
    assert compare(decode(data), value) == 0
    assert compare(decode_canonical(data), value) == 0


@given(values())
def test_decoding_is_the_inverse_of_encoding(value: Value) -> None:
    data = encode(value)
    assert same(decode(data), value)
    assert same(decode_canonical(data), value)
    assert canonicalize(data) == data


@given(values(), values())
def test_equal_values_and_only_those_have_equal_canonical_bytes(a: Value, b: Value) -> None:
    assert (encode(a) == encode(b)) == (encode_key(a) == encode_key(b))


@given(values())
def test_encoding_leaves_the_value_as_it_was(value: Value) -> None:
    before = repr(value)
    encode(value)
    assert repr(value) == before


@given(values())
def test_floats_are_always_written_with_a_point_or_an_exponent(value: Value) -> None:
    def refuse(text: str) -> None:
        raise AssertionError(f"{text} reads as an integer")

    json.loads(encode(value), parse_int=refuse)


@given(values(max_leaves=6))
def test_the_official_python_client_reads_what_is_encoded(value: Value) -> None:
    theirs = json_to_convex(json.loads(encode(value)))
    assert encode(decode(json.dumps(convex_to_json(theirs)).encode())) == encode(value)


# --- input from anywhere ----------------------------------------------------------------------------------------------


def test_every_bare_number_is_a_float() -> None:
    assert same(decode(b"[5, -7, 1e2, 12345678901234567890123]"), [5.0, -7.0, 100.0, 1.2345678901234568e22])


def test_canonical_form_does_not_depend_on_how_it_was_written() -> None:
    written = b' { "b" : 1 , "a" : "\\u0041", "c": -0.0, "d": {"$integer":"AQAAAAAAAAA="} } '
    assert canonicalize(written) == (b'{"a":"A","b":1.0,"c":{"$float":"AAAAAAAAAIA="},"d":{"$integer":"AQAAAAAAAAA="}}')


def test_a_bare_minus_zero_becomes_a_special_form() -> None:
    assert canonicalize(b"[-0.0]") == b'[{"$float":"AAAAAAAAAIA="}]'


def test_a_dollar_in_text_is_not_a_special_form() -> None:
    value: Value = {"a": "$integer", "b": ["$float"]}
    assert decode_canonical(encode(value)) == value


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        (b'{"$integer":"AQ=="}', "BadConvexValue", "Int64 must be exactly eight bytes"),
        (b'{"$float":"AQ=="}', "BadConvexValue", "Float64 must be exactly eight bytes"),
        (b'{"$float":"AAAAAAAAIEA="}', "BadConvexValue", "Float64 8.0 should be encoded as a number"),
        (b'{"$integer":1}', "BadConvexValue", "$integer must hold a base64 string"),
        (
            b'{"$set":[]}',
            "BadConvexValue",
            "Received a Set which is no longer supported as a Convex type.",
        ),
        (
            b'{"$map":[]}',
            "BadConvexValue",
            "Received a Map which is no longer supported as a Convex type.",
        ),
        (
            b'{"$integer":"AQAAAAAAAAA=","x":1}',
            "InvalidFieldNameError",
            "Field name $integer starts with '$', which is reserved.",
        ),
        (
            b'{"$undefined":null}',
            "InvalidFieldNameError",
            "Field name $undefined starts with '$', which is reserved.",
        ),
        (
            b"[" * 65 + b"]" * 65,
            "TooNestedError",
            "Value is too nested (nested 65 levels deep > maximum nesting 64)",
        ),
        (
            b"[" * 1_000_000,
            "TooNestedError",
            "Value is too nested (nested 65 levels deep > maximum nesting 64)",
        ),
        (
            b'{"a":' * 100_000,
            "TooNestedError",
            "Value is too nested (nested 65 levels deep > maximum nesting 64)",
        ),
        (
            b'"' + b"x" * (33 * 1024 * 1024 - 2) + b'"',
            "ValueTooLargeError",
            "Value is too large (33 MiB > maximum size 32 MiB)",
        ),
        (
            msgspec.json.encode([0] * 8193),
            "ArrayTooLong",
            "Array length is too long (8193 > maximum length 8192)",
        ),
        (
            msgspec.json.encode({f"f{i}": 0 for i in range(1025)}),
            "TooManyFieldsError",
            "Object has too many fields (1025 > maximum number 1024)",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) and given.endswith("Error") else "",
)
@pytest.mark.parametrize("read", [decode, canonicalize])
def test_what_no_client_may_send_is_refused(read: Any, data: bytes, code: str, message: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        read(data)
    assert caught.value.message == message
    assert caught.value.code == code


@pytest.mark.parametrize(
    "data",
    [b"", b"nul", b"{", b"[1,]", b"NaN", b'"\xff"', b'"\\ud800"', b"1e999", b"9" * 400, b"9" * 10_000, b"1 2"],
    ids=lambda data: repr(data[:8]),
)
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequestError, match=r"^Invalid JSON: ") as caught:
        decode(data)
    assert caught.value.code == "BadJsonBody"


@given(st.one_of(st.binary(max_size=30), st.text('{}[]",:$0123456789.eE-\\u abtnull', max_size=30).map(str.encode)))
@example(b'{"$bytes":"\xc3\xa9"}')
@example(b'{"$float":{"$float":null}}')
@example(b'[{"\\u0000":1}]')
def test_no_input_causes_anything_but_a_bad_request(data: bytes) -> None:
    try:
        value = decode(data)
    except BadRequestError:
        return
    assert canonicalize(data) == encode(value)


@given(json_values())
def test_parsed_json_is_a_value_or_a_bad_request(parsed: object) -> None:
    data = json.dumps(parsed).encode()
    try:
        value = decode(data)
    except BadRequestError:
        with pytest.raises(BadRequestError):
            canonicalize(data)
        return
    assert canonicalize(data) == encode(value)
    assert same(decode(encode(value)), value)


@given(st.recursive(
    st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.dates(), st.binary(), st.complex_numbers()),
    lambda inner: st.one_of(
        st.lists(inner), st.tuples(inner), st.dictionaries(st.one_of(st.text(), st.integers()), inner),
        st.frozensets(st.integers()),
    ),
    max_leaves=6,
))  # fmt: skip
def test_encoding_anything_gives_json_or_an_error_of_ours(anything: Any) -> None:
    try:
        data = encode(anything)
    except DeveloperError:
        return
    assert encode(decode_canonical(data)) == data


# --- readable forms ---------------------------------------------------------------------------------------------------

EVERYTHING: Value = {
    "int": Int64(-7),
    "nan": float("nan"),
    "inf": [float("inf"), float("-inf")],
    "zero": -0.0,
    "bytes": b"\x00\x01",
    "plain": {"a": 5.0, "b": "$x"},
}


def test_the_clean_format_has_strings_where_json_has_nothing() -> None:
    assert to_clean(encode(EVERYTHING)) == (
        b'{"bytes":"AAE=","inf":["Infinity","-Infinity"],"int":"-7","nan":"NaN","plain":{"a":5.0,"b":"$x"},"zero":-0.0}'
    )


def test_the_export_format_tells_integers_by_their_lack_of_a_point() -> None:
    assert to_export(encode(EVERYTHING)) == (
        b'{"bytes":{"$bytes":"AAE="},"inf":[{"$float":"AAAAAAAA8H8="},{"$float":"AAAAAAAA8P8="}],"int":-7,'
        b'"nan":{"$float":"AAAAAAAA+H8="},"plain":{"a":5.0,"b":"$x"},"zero":-0.0}'
    )


@given(values())
def test_the_export_format_loses_nothing(value: Value) -> None:
    def form(found: dict[str, Any]) -> Any:
        return decode(json.dumps(found).encode()) if found.keys() & {"$float", "$bytes"} else found

    read = json.loads(to_export(encode(value)), parse_int=lambda text: Int64(int(text)), object_hook=form)
    assert same(read, value)


@given(values())
def test_the_clean_format_has_no_special_forms(value: Value) -> None:
    def refuse(found: dict[str, Any]) -> None:
        assert not found.keys() & {"$integer", "$float", "$bytes"}

    json.loads(to_clean(encode(value)), object_hook=refuse)
