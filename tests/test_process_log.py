"""What processes log, and what a log costs that cannot be written."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

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


TALK = """
import structlog
from rtdb.process_log import configure_process_log
configure_process_log("hub", "info")
log = structlog.get_logger()
log.info("function printed", function="m:f", lines=["[LOG] one", "[LOG] two \\x1b[2J"])
log.info("function failed", function="m:f", error="Uncaught E: a\\nb", at="    at f (m.py:1)\\n")
secret = "open sesame"
try:
    raise ValueError("no")
except ValueError:
    log.exception("failed")
"""


def test_a_terminal_is_shown_what_a_person_reads() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        subprocess.run([sys.executable, "-c", TALK], stderr=theirs, check=True)
        os.close(theirs)
        read = b""
        with suppress(OSError):  # which is how the end of a terminal is told
            while part := terminal.read(4096):
                read += part
    text = re.sub(r"\x1b\[[0-9;]*m", "", read.decode()).replace("\r\n", "\n")
    assert re.search(r"function printed function=m:f process=hub\n    \[LOG\] one\n    \[LOG\] two  \[2J\n", text)
    assert re.search(
        r"function failed error='Uncaught E: a b' function=m:f process=hub\n        at f \(m.py:1\)\n", text
    )
    assert "ValueError: no" in text
    assert "open sesame" not in text, "a traceback without the values of variables"
    assert "\x1b[2J" not in read.decode()


def test_a_program_is_given_an_object_a_line() -> None:
    done = subprocess.run([sys.executable, "-c", TALK], capture_output=True, text=True, check=True)
    printed, failed, _ = [json.loads(line) for line in done.stderr.splitlines()]
    assert (printed["lines"], printed["process"]) == (["[LOG] one", "[LOG] two \x1b[2J"], "hub")
    assert failed["at"] == "    at f (m.py:1)\n"
