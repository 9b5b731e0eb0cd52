"""What a checker is told not to say has its reason beside it, as a second comment on the line."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
IGNORE = re.compile(r"#\s*(type:\s*ignore|noqa)\b")
EXPLAINED = re.compile(r"# (type: ignore\[[a-z, -]+\]|noqa: [A-Z]+[0-9]+)  # \S")


def unexplained(source: str) -> Iterator[int]:
    """Yield the lines on which something is ignored for no reason that is told."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and IGNORE.search(token.string) and not EXPLAINED.match(token.string):
            yield token.start[0]


def test_everything_ignored_has_its_reason_beside_it() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}"
        for folder in ("rtdb", "tests", "benchmarks", "examples")
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        if "node_modules" not in path.parts
        for line in unexplained(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"say why, as in `# type: ignore[arg-type]  # what is tested`: {found}"


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# type: ignore", [1]),
        ("# type: ignore[arg-type]", [1]),
        ("# noqa", [1]),
        ("# noqa: S101 - a reason in another form", [1]),
        ("#noqa:S101  # no spaces", [1]),
        ("# type: ignore[arg-type, return-value]  # what is tested", []),
        ("# noqa: S101  # it is", []),
        ("# a remark", []),
    ],
)
def test_an_ignore_without_a_reason_is_found(comment: str, expected: list[int]) -> None:
    """Control."""
    assert list(unexplained(f"x = 1  {comment}\ny = '# noqa'\n")) == expected
