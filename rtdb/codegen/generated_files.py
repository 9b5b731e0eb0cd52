"""The files in ``_generated``: compared with what they should be, and replaced as wholes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rtdb.functions.bundle import GENERATED

__all__ = ["outdated_files", "write_files"]


def outdated_files(functions: Path, contents: Mapping[str, str]) -> list[Path]:
    """Return the files that are not as ``contents`` says, in order of name."""
    return [
        path
        for path, content in sorted((functions / GENERATED / name, content) for name, content in contents.items())
        if not path.is_file() or path.read_bytes() != content.encode()
    ]


def write_files(functions: Path, contents: Mapping[str, str]) -> list[Path]:
    """Write what is outdated and return it. A file that is right already keeps its date: nothing rebuilds for it.

    Whoever reads a file meanwhile finds the old one or the new one. Raises ``OSError``.
    """
    outdated = outdated_files(functions, contents)
    for path in outdated:
        path.parent.mkdir(exist_ok=True)
        # Hidden: no bundle, watcher or type checker takes it for a module.
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            temporary.write_bytes(contents[path.name].encode())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    return outdated
