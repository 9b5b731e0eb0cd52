"""Source maps: from a place in what was pushed to the place in what the app's author wrote.

The format is that of the ECMA-426 specification: ``mappings`` has a group for each generated line, of segments of one,
four or five numbers, each the difference to the one before, in base 64 digits of five bits. Sections are not used by
the bundler that makes ours.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import Final, NamedTuple

import msgspec

__all__ = ["Position", "SourceMap"]

_DIGITS: Final = {
    ord(digit): value for value, digit in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
}
_CONTINUES: Final = 32
_SHIFT_MAX: Final = 30
"""Numbers have 32 bits, in seven digits at most."""


class Position(NamedTuple):
    """A place in a source file: line and column are counted from 0."""

    path: str
    line: int
    column: int


class _Segment(NamedTuple):
    column: int
    source: int
    source_line: int
    source_column: int


class _Document(msgspec.Struct):
    mappings: str
    sources: list[str | None] = []
    sourceRoot: str | None = None


class SourceMap:
    """The map of one module. What is not a source map maps nothing."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _document(self) -> _Document:
        try:
            return msgspec.json.decode(self._text, type=_Document)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return _Document(mappings="")

    @cached_property
    def _lines(self) -> list[list[_Segment]]:
        try:
            return _decode(self._document.mappings)
        except (KeyError, IndexError, OverflowError):
            return []

    def find(self, line: int, column: int) -> Position | None:
        """Return where the code at a place of the generated source comes from, None if it comes from nowhere."""
        if not 0 <= line < len(self._lines):
            return None
        segments = self._lines[line]
        before = bisect_right(segments, column, key=lambda segment: segment.column)
        if before == 0:
            return None
        segment = segments[before - 1]
        if not 0 <= segment.source < len(self._document.sources):
            return None
        path = self._document.sources[segment.source]
        if path is None:
            return None
        if self._document.sourceRoot:
            path = f"{self._document.sourceRoot.rstrip('/')}/{path}"
        return Position(path, segment.source_line, segment.source_column)


def _decode(mappings: str) -> list[list[_Segment]]:
    lines = []
    source = source_line = source_column = 0
    for group in mappings.encode("ascii", "replace").split(b";"):
        column = 0
        segments = []
        for text in group.split(b","):
            if not text:
                continue
            numbers = _numbers(text)
            column += numbers[0]
            if len(numbers) < 4:
                continue
            source += numbers[1]
            source_line += numbers[2]
            source_column += numbers[3]
            segments.append(_Segment(column, source, source_line, source_column))
        lines.append(segments)
    return lines


def _numbers(text: bytes) -> list[int]:
    numbers = []
    shift = number = 0
    for character in text:
        digit = _DIGITS[character]
        number |= (digit & (_CONTINUES - 1)) << shift
        if digit & _CONTINUES:
            shift += 5
            if shift > _SHIFT_MAX:
                raise OverflowError
        else:
            numbers.append(-(number >> 1) if number & 1 else number >> 1)
            shift = number = 0
    return numbers
