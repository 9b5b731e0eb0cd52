"""Files of ``NAME=value`` lines, as front ends keep their settings in (``.env.local``).

``export`` before a name, quotes around a value and comments are understood. Nothing is expanded.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

__all__ = ["parse_env_file", "read_env_file"]

_LINE: Final = re.compile(
    r"""\s* (?:export\s+)? (?P<name>[A-Za-z_][A-Za-z0-9_.]*) \s* = \s*
    (?: "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>[^']*)' | (?P<plain>[^\#"'\s][^\n]*?)? ) \s* (?:(?<=\s)\#.*)?""",
    re.VERBOSE,
)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables in a file, none if there is no such file."""
    return parse_env_file(path.read_text(encoding="utf-8")) if path.is_file() else {}


def parse_env_file(text: str) -> dict[str, str]:
    """Return the variables in the text of such a file. A line that is none is skipped; the last of a name wins."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        if match["double"] is not None:
            found[match["name"]] = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), match["double"])
        else:
            found[match["name"]] = match["single"] or re.sub(r"\s+#.*$", "", match["plain"] or "")
    return found
