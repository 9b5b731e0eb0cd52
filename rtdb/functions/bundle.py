"""Bundles: the app's source as it was deployed, kept by content.

A bundle is a directory ``<data_dir>/bundles/<hash>`` with the app's ``.py`` files. The hash (BLAKE3 over names and
contents) identifies the deployment, so runners started later, or after the developer has saved the next version of a
file, run exactly the deployed code.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
from blake3 import blake3

from rtdb.errors import BadRequestError
from rtdb.storage.durable_files import make_directory, sync_directory, write_file

__all__ = ["Bundle", "store_bundle"]

FILES_MAX = 4096
BYTES_MAX = 32 * 1024 * 1024


class Bundle(msgspec.Struct, frozen=True):
    """A stored bundle: its hash (hexadecimal) and directory."""

    hash: str
    directory: Path


def store_bundle(functions: Path | None, data_dir: Path) -> Bundle:
    """Copy the modules below ``functions`` into the data directory and return the bundle; None is an app without any.

    Hidden files and directories, ``__pycache__`` and ``_generated`` are left out. Raises ``BadRequestError`` when there
    are too many or too large files. On a crash in between, the next call starts afresh.
    """
    files = _read(functions) if functions is not None else {}
    digest = blake3(msgspec.msgpack.encode(sorted(files.items()))).hexdigest()[:32]
    directory = data_dir / "bundles" / digest
    if not directory.exists():
        temporary = directory.with_name(f".{digest}")
        shutil.rmtree(temporary, ignore_errors=True)
        make_directory(directory.parent)
        _write_files(temporary, files)
        temporary.rename(directory)
        sync_directory(directory.parent)
    return Bundle(digest, directory)


def _read(functions: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for folder, folders, names in os.walk(functions):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__", "_generated")))
        for name in sorted(names):
            if not name.endswith(".py") or name.startswith("."):
                continue
            path = Path(folder, name)
            content = path.read_bytes()
            total += len(content)
            files[path.relative_to(functions).as_posix()] = content
    if len(files) > FILES_MAX or total > BYTES_MAX:
        raise BadRequestError(
            f"{functions} holds {len(files)} modules of {total} bytes together; an app may have {FILES_MAX} modules of "
            f"{BYTES_MAX} bytes. Is it the right directory?",
            code="BundleTooLarge",
        )
    return files


def _write_files(target: Path, files: dict[str, bytes]) -> None:
    folders = {target, *(folder for name in files for folder in (target / name).parents if target in folder.parents)}
    for folder in sorted(folders):
        folder.mkdir()
    for name, content in files.items():
        write_file(target / name, content)
    for folder in folders:
        sync_directory(folder)
