"""Files of ``NAME=value`` lines, as front ends keep their settings in (``.env.local``).

They are read by python-dotenv, with nothing expanded: a ``$`` in a password is a dollar sign.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Final, NamedTuple

from dotenv.parser import parse_stream

__all__ = ["EnvFile", "format_variable", "parse_env_file", "read_env_file"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=|-]*")


class EnvFile(NamedTuple):
    """The variables of such a file, the last of a name, and the numbers of the lines that are none."""

    variables: dict[str, str]
    unreadable_lines: list[int]


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables in a file, none if there is no such file. Lines that are none are skipped."""
    return parse_env_file(path.read_text(encoding="utf-8")).variables if path.is_file() else {}


def parse_env_file(text: str) -> EnvFile:
    """Return what is in the text of such a file."""
    found = EnvFile({}, [])
    for binding in parse_stream(io.StringIO(text)):
        if binding.error or (binding.key is not None and binding.value is None):
            found.unreadable_lines.append(binding.original.line)
        elif binding.key is not None:
            assert binding.value is not None
            found.variables[binding.key] = binding.value
    return found


def format_variable(name: str, value: str) -> str:
    """Return the line that :func:`parse_env_file` reads as this variable; it may hold line breaks."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'"
