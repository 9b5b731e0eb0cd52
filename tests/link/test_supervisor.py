"""Starting children and keeping a server going, with a stand-in for the hub that ends as the test says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rtdb.link import supervisor
from rtdb.link.supervisor import open_listeners, refuse_taken_port, start_child
from tests.waiting import SECONDS_MAX, wait_until

REPOSITORY = Path(__file__).parents[2]

SERVE = """
import sys
from pathlib import Path
from rtdb.config import Config
from rtdb.link import supervisor

start_child = supervisor.start_child
supervisor.start_child = lambda module, descriptors=(): start_child("tests.link.stand_in_hub", descriptors)
supervisor.RESTART_WINDOW_SECONDS = {window}
sys.exit(supervisor.serve(Config(data_dir=Path(sys.argv[1]), port=0)))
"""


class Serve:
    """``serve`` as a process; the stand-in for the hub does what is written in the file ``do``, one word a start."""

    def __init__(self, directory: Path, *behaviour: str, window: float = 60.0) -> None:
        self.directory = directory
        (directory / "do").write_text("\n".join(behaviour))
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE.format(window=window), str(directory)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def starts(self) -> list[str]:
        """What every start of the hub has written, once its line is whole."""
        path = self.directory / "started"
        return path.read_text().splitlines() if path.exists() else []

    def wait_starts(self, count: int) -> list[str]:
        wait_until(lambda: len(self.starts()) >= count or self.process.poll() is not None, lambda: str(self.starts()))
        assert len(self.starts()) >= count, self.process.communicate()
        return self.starts()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Wait for it to end; return its exit code and what it said on standard error."""
        _, said = self.process.communicate(timeout=SECONDS_MAX)
        return self.process.returncode, said


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("code", [0, supervisor.EXIT_CONFIGURATION])
def test_a_hub_that_ends_on_purpose_is_not_started_again(tmp_path: Path, code: int) -> None:
    serve = Serve(tmp_path, f"exit:{code}", "wait")
    assert serve.end()[0] == code
    assert len(serve.starts()) == 1


def test_a_hub_that_crashes_is_started_again_on_the_same_sockets(tmp_path: Path) -> None:
    serve = Serve(tmp_path, "exit:1", "kill", "wait")
    starts = serve.wait_starts(3)
    ports = {line.split()[1] for line in starts}
    assert len(ports) == 1
    with socket.create_connection(("127.0.0.1", int(ports.pop())), timeout=SECONDS_MAX):
        """Somebody listens: what arrives between two hubs waits in the backlog."""
    serve.signal(signal.SIGTERM)
    assert serve.end()[0] == 0


def test_a_hub_that_crashes_again_and_again_is_given_up(tmp_path: Path) -> None:
    serve = Serve(tmp_path, *["exit:3"] * 20)
    code, said = serve.end()
    assert code == 1
    assert "6 times" in said
    assert "last exit code 3" in said
    assert len(serve.starts()) == supervisor.RESTARTS_MAX + 1


def test_crashes_that_lie_far_apart_are_not_counted_together(tmp_path: Path) -> None:
    serve = Serve(tmp_path, *["exit:3"] * 8, "wait", window=0.001)
    serve.wait_starts(9)
    serve.signal(signal.SIGTERM)
    assert serve.end()[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_hub_finish(tmp_path: Path, number: int) -> None:
    serve = Serve(tmp_path, "drain")
    serve.wait_starts(1)
    serve.signal(number)
    assert serve.end()[0] == 0
    assert (tmp_path / "drained").exists()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, second: int) -> None:
    serve = Serve(tmp_path, "stubborn")
    serve.wait_starts(1)
    serve.signal(signal.SIGTERM)
    wait_until((tmp_path / "asked").exists)
    serve.signal(second)
    assert serve.end()[0] != 0


def test_a_signal_before_the_hub_has_come_up_is_a_clean_end(tmp_path: Path) -> None:
    """It has not said yet that it wants to hear of signals, so it is ended by the first."""
    serve = Serve(tmp_path, "wait")
    serve.wait_starts(1)
    serve.signal(signal.SIGTERM)
    assert serve.end()[0] == 0


def test_the_hub_dies_with_serve(tmp_path: Path) -> None:
    serve = Serve(tmp_path, "stubborn")
    (started,) = serve.wait_starts(1)
    serve.process.kill()
    serve.end()
    stat = Path(f"/proc/{started.split()[0]}/stat")
    wait_until(lambda: not stat.exists() or "Z" in stat.read_text().rpartition(")")[2])


# --- parts ------------------------------------------------------------------------------------------------------------


def test_listeners_share_one_port() -> None:
    listeners = open_listeners("127.0.0.1", 0, 3)
    try:
        assert len({listener.getsockname() for listener in listeners}) == 1
    finally:
        for listener in listeners:
            listener.close()


def test_a_port_that_somebody_listens_on_is_refused_although_it_could_be_shared() -> None:
    (listener,) = open_listeners("127.0.0.1", 0, 1)
    with listener:
        port = listener.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            refuse_taken_port("127.0.0.1", port)
    refuse_taken_port("127.0.0.1", port)


def test_a_child_gets_its_link_and_a_scrubbed_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "do not tell")
    child = start_child("tests.link.echo_child")
    with child.socket:
        child.socket.sendall(b"hello")
        answer = child.socket.recv(1 << 16).decode()
    assert child.wait() == 0
    word, parent, *environment = answer.split("\n")
    assert (word, int(parent)) == ("hello", os.getpid())
    assert "PATH" in environment
    assert "SECRET_TOKEN" not in environment


def test_waiting_for_a_child_that_does_not_end_kills_it() -> None:
    child = start_child("tests.link.echo_child")
    child.process.send_signal(signal.SIGSTOP)
    assert child.wait() == -signal.SIGKILL
    child.socket.close()
