"""tsc and mypy as their users run them, in a directory of its own for each question."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.official_client import CLIENTS, node_executable
from tests.waiting import SECONDS_MAX

__all__ = ["TYPED", "errors_of_mypy", "errors_of_tsc"]

TYPED = CLIENTS / "typed"
CACHE = CLIENTS.parents[1] / ".mypy_cache" / "apps"
"""One for all: mypy reads rtdb's own modules once."""
MYPY = (sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context")


def errors_of_tsc(directory: Path, sources: dict[str, str]) -> list[str]:
    """Compile ``sources`` beside the generated files in ``directory`` and return the lines that name errors."""
    node_modules = directory / "node_modules"
    if not node_modules.exists():
        node_modules.symlink_to(CLIENTS / "node_modules")
        shutil.copy(TYPED / "tsconfig.json", directory)
    for name, source in sources.items():
        (directory / name).write_text(source, encoding="utf-8")
    compiler = CLIENTS / "node_modules" / "typescript" / "bin" / "tsc"
    process = subprocess.run(
        [node_executable(), str(compiler), "--project", str(directory), "--pretty", "false"],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        cwd=directory,
        check=False,
    )
    assert process.returncode in (0, 1, 2), process.stderr
    errors = [line for line in process.stdout.splitlines() if "error TS" in line]
    assert bool(errors) == bool(process.returncode), process.stdout
    return errors


def errors_of_mypy(directory: Path, package: str = "functions") -> list[str]:
    """Check a package in ``directory`` strictly and return the lines that name errors."""
    process = subprocess.run(
        [*MYPY, "--cache-dir", str(CACHE), "-p", package],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        cwd=directory,
        check=False,
    )
    assert process.returncode in (0, 1), process.stdout + process.stderr
    errors = [line for line in process.stdout.splitlines() if ": error:" in line]
    assert bool(errors) == bool(process.returncode), process.stdout
    return errors
