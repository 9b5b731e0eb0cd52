"""Where the server keeps bundles: ``<data_dir>/bundles/<hash>``, a directory of modules for each.

Content-addressed and durable: a deployment names its bundle by hash, so runners started later, after the developer
has saved the next version of a file, run exactly the deployed code; and storing the same source again costs nothing.
A directory appears under its hash whole or not at all. Which bundles are still needed is not known here.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from rtdb.functions.bundle import Bundle
from rtdb.storage.durable_files import make_directory, sync_directory, write_file

__all__ = ["BundleStore"]


class BundleStore:
    """The bundles of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._directory = data_dir / "bundles"

    def directory(self, bundle_hash: str) -> Path:
        """Return where the modules of a bundle lie once it is stored."""
        return self._directory / bundle_hash

    def is_stored(self, bundle_hash: str) -> bool:
        return self.directory(bundle_hash).is_dir()

    def read(self, bundle_hash: str) -> Bundle:
        """Return a bundle that is stored. It blocks for the disk."""
        directory = self.directory(bundle_hash)
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        return Bundle({path.relative_to(directory).as_posix(): path.read_bytes() for path in paths})

    def store(self, bundle: Bundle) -> str:
        """Make a bundle durable and return its hash. It blocks for the disk."""
        directory = self.directory(bundle.hash)
        if directory.exists():
            return directory.name
        temporary = directory.with_name(f".{directory.name}")
        shutil.rmtree(temporary, ignore_errors=True)
        make_directory(self._directory)
        _write_files(temporary, bundle.files)
        temporary.rename(directory)
        sync_directory(self._directory)
        return directory.name

    def collect(self, needed: Collection[str]) -> int:
        """Delete every bundle but these, and what a crash left half written; return how many. It blocks."""
        if not self._directory.is_dir():
            return 0
        collected = [path for path in self._directory.iterdir() if path.name not in needed]
        for path in collected:
            shutil.rmtree(path, ignore_errors=True)
        return len(collected)


def _write_files(target: Path, files: dict[str, bytes]) -> None:
    folders = {target, *(folder for name in files for folder in (target / name).parents if target in folder.parents)}
    for folder in sorted(folders):
        folder.mkdir()
    for name, content in files.items():
        write_file(target / name, content)
    for folder in folders:
        sync_directory(folder)
