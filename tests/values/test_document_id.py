from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtdb.errors import DeveloperError
from rtdb.values.document_id import DocumentId, decode_id, encode_id, new_internal_id

COUNTING = bytes(range(16))

VECTORS = [
    (1, COUNTING, "040020g30g2gc1r81450p30d1r7qke8"),
    (127, COUNTING, "fw0020g30g2gc1r81450p30d1r7ze5r"),
    (128, COUNTING, "g00g00820c20a1g7104gm2rc1m70zyds"),
    (540, COUNTING, "kg2000820c20a1g7104gm2rc1m70y674"),
    (10001, COUNTING, "j57000820c20a1g7104gm2rc1m70ynr8"),
    (10001, bytes(16), "j5700000000000000000000000001qv0"),
    (10001, b"\xff" * 16, "j57fzzzzzzzzzzzzzzzzzzzzzzzzzkyr"),
    (10002, COUNTING, "j97000820c20a1g7104gm2rc1m70yp0t"),
    (16384, COUNTING, "g2002001081g81860w40j2gb1g6gw3vs74"),
    (4294967295, COUNTING, "zzzzzzrf000g40r40m30e209185gr38e1y1nj"),
]

tables = st.one_of(st.integers(1, 2**32 - 1), st.sampled_from([127, 128, 2**14 - 1, 2**14, 2**21, 2**28]))
internals = st.binary(min_size=16, max_size=16)


@pytest.mark.parametrize(("table", "internal", "text"), VECTORS)
def test_texts_are_those_of_the_reference(table: int, internal: bytes, text: str) -> None:
    assert encode_id(table, internal) == text
    assert decode_id(text) == DocumentId(table, internal)


@pytest.mark.parametrize(
    ("text", "table"),
    [("kg2ch8s6wsdzvkefhzacfjvyvd85r1f1", 540), ("m57068j1c1zsxfewzcd3jp3qjttx99vg", 10017)],
)
def test_ids_issued_by_others_are_read(text: str, table: int) -> None:
    assert decode_id(text).table == table
    assert encode_id(*decode_id(text)) == text


@given(tables, internals)
def test_decoding_is_the_inverse_of_encoding(table: int, internal: bytes) -> None:
    assert decode_id(encode_id(table, internal)) == (table, internal)


@given(tables, st.lists(internals, max_size=5))
def test_texts_of_one_table_sort_like_internal_ids(table: int, ids: list[bytes]) -> None:
    assert [encode_id(table, internal) for internal in sorted(ids)] == sorted(
        encode_id(table, internal) for internal in ids
    )


@given(tables, internals, st.integers(0, 36), st.sampled_from("0123456789abcdefghjkmnpqrstvwxyz"))
def test_an_id_with_one_wrong_symbol_is_never_read(table: int, internal: bytes, at: int, symbol: str) -> None:
    text = encode_id(table, internal)
    at %= len(text)
    changed = text[:at] + symbol + text[at + 1 :]
    if changed != text:
        with pytest.raises(DeveloperError, match=r"^Unable to decode ID: "):
            decode_id(changed)


@given(st.text(max_size=40))
@example("_" * 32)
@example("+j57000820c20a1g7104gm2rc1m70yn")
@example(" " * 32)
def test_a_text_is_refused_or_is_the_text_of_its_id(text: str) -> None:
    try:
        found = decode_id(text)
    except DeveloperError:
        return
    assert encode_id(*found) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Invalid ID length 0"),
        ("hello", "Invalid ID length 5"),
        ("0" * 30, "Invalid ID length 30"),
        ("0" * 38, "Invalid ID length 38"),
        ("0" * 33, "Invalid ID length 33"),
        ("u" * 33, "ID wasn't valid base32"),
        ("j57000820c20a1g7104gm2rc1m70ynr8".upper(), "ID wasn't valid base32"),
        ("j5700082oc20a1g7104gm2rc1m70ynr8", "ID wasn't valid base32"),
        ("j57000820c20a1g7104gm2rc1m70ynré", "ID wasn't valid base32"),
        ("j57_00820c20a1g7104gm2rc1m70ynr8", "ID wasn't valid base32"),
        ("0" * 32, "Invalid table number"),
        ("z" * 37, "Invalid table number"),
        ("040020g30g2gc1r81450p30d1r7qke9", "Invalid ID length 31"),
        ("j57000820c20a1g7104gm2rc1m70ynr9", "Invalid ID version 2391 (expected 2135)"),
    ],
)
def test_refusals_are_in_the_words_of_the_reference(text: str, reason: str) -> None:
    with pytest.raises(DeveloperError) as caught:
        decode_id(text)
    assert caught.value.message == f"Unable to decode ID: {reason}"
    assert caught.value.code == "InvalidIdError"


def test_a_fresh_internal_id_ends_in_the_day() -> None:
    class Seeded:
        def bytes(self, count: int) -> bytes:
            return random.Random(1).randbytes(count)

    day = 86_400 * 10**9
    internal = new_internal_id(Seeded(), 19_000 * day + 5)
    assert len(internal) == 16
    assert internal[:14] == random.Random(1).randbytes(14)
    assert int.from_bytes(internal[14:]) == 19_000
