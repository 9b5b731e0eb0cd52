"""Ctrl-C ends what runs until then, whatever Python is doing at the moment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import SECONDS_MAX

CLEARED = """
import os, signal, sys
from pathlib import Path
from threading import Event

class Cleared:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        print("interrupted")  # the handler has run by now
"""

DEV = """
from rtdb.cli import dev

def deploy_directory(functions, target, **options):
    Cleared()
    return False

dev.deploy_directory = deploy_directory
dev.dev(Path(sys.argv[1]), url="http://127.0.0.1:1", admin_key="rtdb|00", show_logs=False, once=False)
"""


LOGS = """
from rtdb.cli import logs

def follow_log(target, **options):
    Cleared()
    Event().wait()
    yield

logs.follow_log = follow_log
logs.logs(url="http://127.0.0.1:1", admin_key="rtdb|00")
"""


@pytest.mark.parametrize("command", [DEV, LOGS])
def test_ctrl_c_ends_a_command_also_when_it_comes_while_something_is_cleared_away(command: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CLEARED + command, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert "Exception ignored in: <function Cleared.__del__" in ended.stderr
    assert ended.returncode == 0
