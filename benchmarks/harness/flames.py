"""Flame graphs of a server's processes, drawn by py-spy while they are loaded.

py-spy stops a process for each sample and so costs what it measures: a profiled result says so and is compared with
none. Only time in which a thread holds the interpreter's lock is counted (`docs/performance.md` says why).
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["flames"]

SAMPLES_PER_SECOND = 200
DRAW_SECONDS_MAX = 30.0


@contextmanager
def flames(processes: Mapping[int, str], directory: Path, label: str) -> Iterator[None]:
    """Draw ``LABEL-ROLE-N.svg`` for each process, of the time that the block takes."""
    recorder = _py_spy()
    directory.mkdir(parents=True, exist_ok=True)
    drawing = []
    for number, (pid, role) in enumerate(sorted(processes.items(), key=lambda item: (item[1], item[0]))):
        path = directory / f"{label.replace(' ', '-').replace('/', '-')}-{role}-{number}.svg"
        arguments = [recorder, "record", "--gil", "--rate", str(SAMPLES_PER_SECOND), "--pid", str(pid)]
        arguments += ["--output", str(path), "--duration", "unlimited"]
        drawing.append(subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        for process in drawing:
            process.send_signal(signal.SIGINT)
        for process in drawing:
            try:
                process.wait(DRAW_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _py_spy() -> str:
    found = shutil.which("py-spy", path=f"{Path(sys.executable).parent}") or shutil.which("py-spy")
    if found is None:
        raise SystemExit("--flames needs py-spy: pip install 'rtdb[bench]'")
    return found
