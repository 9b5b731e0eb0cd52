"""What ``rtdb dev`` does between deploys; the deploys themselves are in `tests/e2e/test_deploy_commands.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.waiting import SECONDS_MAX

UNHEARD = """
import os, signal, sys
from pathlib import Path
from rtdb.cli import dev

class Cleared:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        print("interrupted")  # the handler has run by now

def deploy_directory(functions, target, **options):
    Cleared()
    return False

dev.deploy_directory = deploy_directory
dev.dev(Path(sys.argv[1]), url="http://127.0.0.1:1", admin_key="rtdb|00", show_logs=False, once=False)
"""


def test_ctrl_c_ends_it_also_when_it_comes_while_something_is_cleared_away(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", UNHEARD, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert "Exception ignored in: <function Cleared.__del__" in ended.stderr
    assert ended.returncode == 0
