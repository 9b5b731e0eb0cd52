"""What processes log, and what a log costs that cannot be written."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import structlog
from rtdb.process_log import configure_process_log
configure_process_log("hub", "info")
for number in range(1000):
    structlog.get_logger().warning("runner ended", number=number)
print("goes on")
"""


def run(standard_error: str) -> str:
    with open(standard_error, "ab") as stream:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=stream, text=True, check=False
        )
    return done.stdout


def test_process_goes_on_when_its_log_cannot_be_written() -> None:
    assert run("/dev/full") == "goes on\n"
