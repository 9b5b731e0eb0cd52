from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.errors import DeveloperError
from rtdb.transaction.cursor import CursorCodec, Position

FINGERPRINT = bytes(range(16))
codec = CursorCodec(bytes(16), "rtdb")
positions = st.builds(Position, st.none() | st.binary(max_size=40))


@given(st.binary(min_size=16, max_size=16), positions)
def test_a_cursor_opens_to_what_was_sealed(fingerprint: bytes, position: Position) -> None:
    text = codec.seal("cursor", fingerprint, position)
    assert codec.open("cursor", text) == (fingerprint, position)


def test_equal_positions_have_equal_cursors_and_others_do_not() -> None:
    def seal(after: bytes | None) -> str:
        return codec.seal("cursor", FINGERPRINT, Position(after))

    assert seal(b"a") == seal(b"a")
    assert len({seal(b"a"), seal(b"b"), seal(None), seal(b"")}) == 4


def test_a_cursor_shows_nothing_of_the_key() -> None:
    assert b"secret" not in bytes.fromhex(codec.seal("cursor", FINGERPRINT, Position(b"secret")))


@given(positions, st.data())
def test_a_cursor_that_was_changed_anywhere_is_refused(position: Position, data: st.DataObject) -> None:
    sealed = bytearray.fromhex(codec.seal("cursor", FINGERPRINT, position))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DeveloperError, match="Failed to parse cursor"):
        codec.open("cursor", sealed.hex())


@pytest.mark.parametrize("text", ["", "00", "01", "zz", "é", "01" * 40, " "])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(DeveloperError) as raised:
        codec.open("cursor", text)
    assert (raised.value.code, raised.value.message) == ("InvalidCursor", "Failed to parse cursor")


def test_a_cursor_belongs_to_its_instance_key_and_purpose() -> None:
    text = codec.seal("cursor", FINGERPRINT, Position(b"a"))
    for other in (CursorCodec(bytes(16), "other"), CursorCodec(b"\1" * 16, "rtdb")):
        with pytest.raises(DeveloperError, match="Failed to parse cursor"):
            other.open("cursor", text)
    with pytest.raises(DeveloperError, match="Failed to parse cursor"):
        codec.open("journal", text)
