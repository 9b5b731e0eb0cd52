"""What processes log, and what a log costs that cannot be written."""

from __future__ import annotations

import subprocess
import sys

import pytest
import structlog

from rtdb.process_log import LINES_PER_SECOND_MAX, FloodGate

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


def test_a_flood_of_info_is_cut_off_and_counted_and_warnings_pass() -> None:
    now = 7.0
    gate = FloodGate(lambda: now)
    for _ in range(LINES_PER_SECOND_MAX):
        assert gate(None, "info", {"event": "said"}) == {"event": "said"}
    for _ in range(3):
        with pytest.raises(structlog.DropEvent):
            gate(None, "info", {"event": "said"})
    assert gate(None, "warning", {"event": "hear"}) == {"event": "hear", "lines_left_out": 3}
    with pytest.raises(structlog.DropEvent):
        gate(None, "debug", {"event": "said"})
    now = 8.0
    assert gate(None, "info", {"event": "said"}) == {"event": "said", "lines_left_out": 1}
    assert gate(None, "info", {"event": "said"}) == {"event": "said"}
