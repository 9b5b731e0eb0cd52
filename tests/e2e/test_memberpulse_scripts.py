"""What the README tells a newcomer to type works."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.official_client import CLIENTS, node_executable
from tests.e2e.server_process import REPOSITORY, ServerProcess

EXAMPLE = REPOSITORY / "examples" / "memberpulse"


def notify(server: ServerProcess, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLE / "notify.py"), *arguments, "--url", server.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("script", ["watch.mjs", "watch.py"])
def test_the_watcher_shows_what_the_other_script_sends(memberpulse: ServerProcess, tmp_path: Path, script: str) -> None:
    # Node looks for packages beside the script; the test's own copy stands in for `npm install` in the example.
    shutil.copy(EXAMPLE / script, tmp_path)
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    interpreter = node_executable() if script.endswith(".mjs") else sys.executable
    with subprocess.Popen(
        [interpreter, str(tmp_path / script), "ada", memberpulse.url], stdout=subprocess.PIPE, text=True
    ) as watcher:
        try:
            assert watcher.stdout is not None
            lines = iter(watcher.stdout)
            assert "live" in next(lines)
            next(line for line in lines if line.endswith("0 unread\n"))
            assert notify(memberpulse, "ada", "Lunch is ready").startswith("Created ")
            next(line for line in lines if line.endswith("1 unread\n"))
            assert next(lines).startswith("  News: Lunch is ready  (")
            assert notify(memberpulse, "ada", "--read") == "Marked 1 as read.\n"
            next(line for line in lines if line.endswith("0 unread\n"))
        finally:
            watcher.kill()
