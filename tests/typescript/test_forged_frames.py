"""A process that says what it must not is ended, and its owner goes on: whoever took it over gains nothing.

The process is a stand-in that answers each frame with what the test says, whatever it was asked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from rtdb.config import Limits
from rtdb.typescript.analysis import AnalysisError
from rtdb.typescript.host import Host, HostDied, HostUnavailable
from rtdb.typescript.steps import Answered, Returned, Syscalls
from tests.typescript.conftest import Functions

pytestmark = pytest.mark.slow

LIMITS = Limits(typescript_seconds_max=0.2, typescript_silence_seconds_max=0.3)

IMPOSTOR = """#!{python}
import socket, sys

link = socket.socket(fileno=0)

def read(count):
    data = b""
    while len(data) < count:
        data += link.recv(count - len(data)) or sys.exit(0)
    return data

for answer in {answers!r}:
    read(int.from_bytes(read(4), "little"))
    link.sendall(answer)
read(1)
"""


def frame(*lines: object) -> bytes:
    """Return a frame whose first line is JSON; lines that are bytes are as they are."""
    body = b"\n".join(line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines)
    return len(body).to_bytes(4, "little") + body


HELLO = frame({"type": "hello", "deno": "0", "failures": []})
LOADED = frame({"type": "loaded"})
RETURNED = {"type": "returned", "execution": 1}
ASKING = {"type": "syscalls", "execution": 1, "requests": [[0, "1.0/get", False, None]]}

Impersonate = Callable[..., Functions]


@pytest.fixture
def impersonate(tmp_path: Path) -> Iterator[Impersonate]:
    """Start a process that answers with these, one for each frame."""
    hosts: list[Host] = []

    def start(*answers: bytes) -> Functions:
        binary = tmp_path / "impostor"
        binary.write_text(IMPOSTOR.format(python=sys.executable, answers=answers))
        binary.chmod(0o755)
        hosts.append(Host(LIMITS, binary))
        return Functions(hosts[-1])

    yield start
    for host in hosts:
        host.close()


def test_the_stand_in_can_be_a_good_process_too(impersonate: Impersonate) -> None:
    functions = impersonate(HELLO, LOADED, frame(ASKING, b"{}"), frame(RETURNED, b"7"))
    functions.load("")
    assert functions.result() == 7
    assert [type(step) for step in functions.steps] == [Syscalls, Returned]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff\xff\xff\x7f" + b"x" * 100,
        b"\x00\x00\x00\x00",
        b"\x00\x00\x00\x80" * 1000,
        frame(b"\xff\xfe"),
        frame(b"{"),
        frame([]),
        frame({}),
        frame({"type": "hello"}),
        frame({"type": "nonsense", "execution": 1}),
        frame({"type": "returned", "execution": "1"}, b"7"),
        frame({"type": "returned", "execution": 2}, b"7"),
        frame({"type": "returned", "execution": -1}, b"7"),
        frame(RETURNED),
        frame(RETURNED, b"7", b"8"),
        frame(ASKING),
        frame(ASKING, b"{}", b"{}"),
        frame({"type": "syscalls", "execution": 1, "requests": []}),
        frame({**ASKING, "requests": [[0, "1.0/get"]]}, b"{}"),
        frame({**ASKING, "requests": [["x", 5, None, []]]}, b"{}"),
        frame({**ASKING, "logs": [["LOG"]]}, b"{}"),
        frame({**ASKING, "streams": [[0, "many", True, True]]}, b"{}"),
        frame({"type": "threw", "execution": 1, "error": []}),
        frame({"type": "threw", "execution": 1}, b"more"),
    ],
)
def test_a_frame_that_must_not_come_ends_the_process(impersonate: Impersonate, answer: bytes) -> None:
    functions = impersonate(HELLO, LOADED, answer)
    functions.load("")
    with pytest.raises(HostDied) as died:
        functions.run()
    assert died.value.code in ("FunctionEndedProcess", "FunctionTimedOut")
    assert functions.host.pid is None


def test_an_execution_cannot_end_another(impersonate: Impersonate) -> None:
    functions = impersonate(HELLO, LOADED, frame(ASKING, b"{}"), frame(RETURNED, b"7"))
    functions.load("")
    outer = functions.begin()
    assert isinstance(outer, Syscalls)
    with pytest.raises(HostDied, match="it answers for execution 1 instead of 2"):
        functions.begin()
    with pytest.raises(HostDied):
        functions.host.resume(outer.execution, [Answered(0, b"null")])


@pytest.mark.parametrize("answer", [b"", LOADED, frame({"type": "hello", "failures": "none"}), frame(b"x")])
def test_a_process_that_does_not_greet_is_not_used(impersonate: Impersonate, answer: bytes) -> None:
    with pytest.raises(HostUnavailable):
        impersonate(answer).host.start()


@pytest.mark.parametrize(
    "answer", [frame({"type": "analyzed"}, b"x"), frame({"type": "analyzed"}, b"{}"), frame({"type": "loaded"}), b""]
)
def test_an_analysis_that_is_none_is_an_error(impersonate: Impersonate, answer: bytes) -> None:
    functions = impersonate(HELLO, LOADED, answer)
    functions.load("")
    functions.host._limits = Limits(typescript_analysis_seconds_max=0.1, typescript_start_seconds_max=0.2)
    with pytest.raises(AnalysisError):
        functions.host.analyze({})
