"""A place in what was pushed is found in what was written."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.typescript.source_map import Position, SourceMap

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def encoded(*numbers: int) -> str:
    """Return numbers as a segment of a source map has them."""
    text = ""
    for number in numbers:
        rest = -number << 1 | 1 if number < 0 else number << 1
        while True:
            digit, rest = rest & 31, rest >> 5
            text += DIGITS[digit | 32 if rest else digit]
            if not rest:
                break
    return text


def source_map(mappings: str, sources: list[str | None], **fields: object) -> SourceMap:
    return SourceMap(msgspec.json.encode({"version": 3, "mappings": mappings, "sources": sources, **fields}).decode())


def test_the_example_of_the_specification_is_read() -> None:
    """`AAgBC`: column 0, first source, line 16, column 1."""
    assert source_map("AAgBC", ["a.ts"]).find(0, 5) == Position("a.ts", 16, 1)


def test_a_column_belongs_to_the_segment_before_it() -> None:
    mappings = f"{encoded(4, 0, 0, 0)},{encoded(6, 0, 2, 3)};;{encoded(2, 1, -1, -3)}"
    found = source_map(mappings, ["a.ts", "b.ts"])
    assert found.find(0, 3) is None
    assert found.find(0, 4) == Position("a.ts", 0, 0)
    assert found.find(0, 9) == Position("a.ts", 0, 0)
    assert found.find(0, 400) == Position("a.ts", 2, 3)
    assert found.find(1, 0) is None
    assert found.find(2, 2) == Position("b.ts", 1, 0)
    assert found.find(3, 0) is None


def test_generated_code_that_nobody_wrote_comes_from_nowhere() -> None:
    assert source_map("AAAA", [None]).find(0, 0) is None
    assert source_map(encoded(0), ["a.ts"]).find(0, 0) is None


def test_a_source_root_comes_before_the_sources() -> None:
    assert source_map("AAAA", ["a.ts"], sourceRoot="src/").find(0, 0) == Position("src/a.ts", 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{",
        '{"mappings": 7}',
        '{"mappings":"!!","sources":["a"]}',
        '{"mappings":"AAAA","sources":[]}',
        "\ud800",
    ],
)
def test_what_is_no_source_map_maps_nothing(text: str) -> None:
    assert SourceMap(text).find(0, 0) is None


@given(st.text())
def test_anything_can_be_asked(text: str) -> None:
    SourceMap(text).find(0, 0)
    source_map(text, ["a.ts"]).find(0, 0)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 9999), st.integers(0, 9999)), min_size=1))
def test_every_segment_is_found_where_it_was_put(segments: list[tuple[int, int, int]]) -> None:
    line = source_column = 0
    parts = []
    expected = {}
    at = 0
    for step, to_line, to_column in segments:
        parts.append(encoded(step, 0, to_line - line, to_column - source_column))
        at, line, source_column = at + step, to_line, to_column
        expected[at] = Position("a.ts", line, source_column)
    found = source_map(",".join(parts), ["a.ts"])
    assert {place: found.find(0, place) for place in expected} == expected


def test_a_number_that_does_not_end_is_not_read_to_its_end() -> None:
    """The time to read one grew with the square of its length: a push with a map of some megabytes took hours."""
    began = time.process_time()
    assert source_map("/" * 1_000_000, ["a.ts"]).find(0, 0) is None
    assert time.process_time() - began < 1
