"""Files and directories that survive a power failure.

Syncing a file keeps its content, not its name: the name is in the directory, which is synced by itself. Whoever makes a
file that must be found again syncs both; whoever replaces one writes the new one beside it, syncs it, renames it and
syncs the directory, so that either the old or the new is there, whole.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["make_directory", "sync_directory", "write_file"]


def sync_directory(path: Path) -> None:
    """Make durable which names are in a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory and what is missing above it, durably; nothing happens if it is there."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    for directory in reversed(missing):
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def write_file(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Write a file durably, except for its name: syncing the directory is the caller's, once for all files in it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
