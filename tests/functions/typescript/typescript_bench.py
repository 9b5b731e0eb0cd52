"""An app from TypeScript sources, and from Python ones beside them, over a real committer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rtdb.config import Limits
from tests.functions.app_bench import AppBench
from tests.typescript.bundling import bundle_typescript

__all__ = ["typescript_bench", "write_typescript"]


def write_typescript(directory: Path, sources: Mapping[str, str]) -> Path:
    """Write modules from their sources as a bundle has them."""
    for path, content in bundle_typescript(sources).files().items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return directory


def typescript_bench(
    directory: Path, sources: Mapping[str, str], limits: Limits | None = None, **modules: str
) -> AppBench:
    """Load an app from TypeScript sources by path and Python ones by name."""
    write_typescript(directory / "app", sources)
    return AppBench(directory, limits, **modules)
