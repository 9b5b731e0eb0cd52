from __future__ import annotations

import pytest

from rtdb.errors import DeveloperError
from rtdb.values.field_name import FieldNames, check_field_name


@pytest.mark.parametrize("name", ["", "a", "_id", " ~", "a.b", "a$", "x" * 1024])
def test_printable_ascii_is_a_field_name(name: str) -> None:
    check_field_name(name)


@pytest.mark.parametrize("name", ["$", "$a", "é", "\0", "\x7f", "\n", "x" * 1025, None, 1])
def test_anything_else_is_not(name: object) -> None:
    with pytest.raises(DeveloperError) as caught:
        check_field_name(name)
    assert caught.value.code == "InvalidFieldNameError"


def test_bad_names_are_never_remembered() -> None:
    names = FieldNames()
    for _ in range(2):
        with pytest.raises(DeveloperError):
            names["$a"]
    assert not names


def test_the_memo_of_field_names_is_bounded() -> None:
    names = FieldNames()
    for number in range(names.names_max + 5):
        assert names[f"f{number}"] == len(f"f{number}") + 1
    assert len(names) <= names.names_max
