"""What Node has started, when those who have started Node are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.typescript.test_node_analysis import prepare
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

STARTS_A_CHILD = """
import { spawn } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
const child = spawn("sleep", ["600"]);
writeFileSync("%(pid)s.new", String(child.pid));
renameSync("%(pid)s.new", "%(pid)s");
await new Promise(() => setInterval(() => {}, 1000));
"""
OWNER = """
import sys
from pathlib import Path
from rtdb.config import Limits
from rtdb.typescript.module_set import read_module_set
from rtdb.typescript.node_analysis import analyze_node_modules
from rtdb.typescript.node_app import NodeApp

analyze_node_modules(
    NodeApp(Path(sys.argv[1])), read_module_set(Path(sys.argv[2])), {}, Limits(typescript_start_seconds_max=600.0)
)
"""


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_programs_that_code_in_node_has_started_end_with_whoever_has_started_node(tmp_path: Path) -> None:
    written = tmp_path / "pid"
    app, _ = prepare(tmp_path, STARTS_A_CHILD % {"pid": written})
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(app.directory), str(tmp_path / "bundles" / "a")])
    try:
        wait_until(written.exists, seconds=60.0)
        child = int(written.read_text())
        assert is_running(child)
    finally:
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
    wait_until(lambda: not is_running(child), seconds=60.0)
