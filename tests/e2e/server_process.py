"""The real server as a process: started as an operator starts it, watched from outside, killed without mercy."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from types import TracebackType
from typing import ClassVar, Self

import httpx

from tests.ports import free_port
from tests.waiting import SECONDS_MAX, wait_until

__all__ = ["REPOSITORY", "ServerProcess"]

REPOSITORY = Path(__file__).parents[2]
DUMP_SECONDS_MAX = 60.0
POLL_SECONDS = 0.01
URL = re.compile(r"https?://\S+:\d+")
SITE_URL = re.compile(r"^HTTP actions are on (\S+)$", re.MULTILINE)


class ServerProcess:
    """A server on a data directory of its own. ``start`` again after ``stop`` or ``kill`` keeps the ports.

    Use it as a context manager: entering starts it, leaving kills whatever is left of it.
    """

    _started: ClassVar[set[ServerProcess]] = set()

    def __init__(
        self,
        data_dir: Path,
        functions: Path | None = None,
        arguments: Sequence[str] = (),
        program: Path = REPOSITORY / "server.py",
    ) -> None:
        self.data_dir = data_dir
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self.url = ""
        self.site_url = ""
        """The site port's address; empty when there is none."""
        self._functions = functions
        self._arguments = list(arguments)
        self._program = program
        self._port = free_port()
        self._site_port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: set[int] = set()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server was never started"
        return self._process.pid

    @property
    def admin_key(self) -> str:
        return (self.data_dir / "admin.key").read_text(encoding="ascii").strip()

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace") if self.log_path.exists() else ""

    def start(self) -> Self:
        """Start the server and wait until it says that it is ready."""
        printed_before = len(self.log)
        command = [
            sys.executable,
            str(self._program),
            "--data-dir",
            str(self.data_dir),
            "--port",
            str(self._port),
            *(["--site-port", str(self._site_port)] if self._site_port is not None else []),
            "--no-redact-errors",
            *(["--functions", str(self._functions)] if self._functions is not None else []),
            *self._arguments,
        ]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=REPOSITORY, start_new_session=True
            )
        self._started.add(self)
        deadline = time.monotonic() + SECONDS_MAX
        self._wait(lambda: URL.search(self.log, printed_before) is not None, deadline, "did not print its URL")
        found = URL.search(self.log, printed_before)
        assert found is not None
        self.url = found[0]
        self._port = int(self.url.rsplit(":", 1)[1])
        self._wait(self.is_ready, deadline, "did not become ready")
        site = SITE_URL.search(self.log, printed_before)
        self.site_url = "" if site is None else site[1]
        self._site_port = int(self.site_url.rsplit(":", 1)[1]) if self.site_url else 0
        return self

    def is_ready(self) -> bool:
        """Whether a client would be served now."""
        try:
            return httpx.get(self.url + "/readyz", timeout=10.0).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> int:
        """Ask the server to end and return its exit code."""
        assert self._process is not None
        self.descendants()
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=SECONDS_MAX)
        self._wait_gone()
        return code

    def kill(self) -> None:
        """Kill the outermost process as ``kill -9`` does, and wait until nothing of the server is left."""
        if self._process is None:
            return
        self._started.discard(self)
        self.descendants()
        self._process.kill()
        self._process.wait()
        self._wait_gone()

    @classmethod
    def running(cls) -> list[ServerProcess]:
        """Return the servers that were started and not killed since."""
        return list(cls._started)

    def describe(self) -> str:
        """Tell a reader of a failure what the server has logged, and what each of its processes is doing."""
        dumps = [
            f"{name} ({pid})\n{_stacks(pid)}" for pid, name in self.descendants().items() if name.startswith("rtdb-")
        ]
        return "\n".join([self.log, *dumps])

    def kill_one(self, victim: str, chosen: Random) -> None:
        """Kill ``serve`` with everything and start it again, or one of the processes of that name if there is one."""
        if victim == "serve":
            self.kill()
            self.start()
            return
        pids = [pid for pid, name in self.descendants().items() if name == victim]
        if pids:
            with suppress(ProcessLookupError):
                os.kill(chosen.choice(pids), signal.SIGKILL)

    def action_runners(self) -> set[int]:
        """Return the pids of the action runners, of which there is one at least, once all processes are up."""
        wait_until(lambda: self._are_all_named() and "rtdb-actions" in self.descendants().values())
        return {pid for pid, name in self.descendants().items() if name == "rtdb-actions"}

    def _are_all_named(self) -> bool:
        # What has just been started has the interpreter's name until it has taken its own.
        return not any(name.startswith("python") for name in self.descendants().values())

    def descendants(self) -> dict[int, str]:
        """Return the processes below the server, by pid, with the names they gave themselves (``rtdb-committer``)."""
        parents: dict[int, int] = {}
        names: dict[int, str] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = stat.read_text()
            except OSError:
                continue  # it ended while we were looking
            name = text[text.index("(") + 1 : text.rindex(")")]
            state, parent = text[text.rindex(")") + 2 :].split()[:2]
            if state != "Z":
                pid = int(stat.parent.name)
                parents[pid], names[pid] = int(parent), name
        found: dict[int, str] = {}
        generation = {self.pid}
        while generation:
            generation = {pid for pid, parent in parents.items() if parent in generation}
            found |= {pid: names[pid] for pid in generation}
        self._seen |= found.keys()
        return found

    def _wait_gone(self) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        self._wait(lambda: not any(_is_ours(pid) for pid in self._seen), deadline, "left processes behind")
        self._seen.clear()

    def _wait(self, holds: Callable[[], bool], deadline: float, complaint: str) -> None:
        while not holds():
            assert self._process is not None
            code = self._process.poll()
            if time.monotonic() > deadline or (code is not None and complaint.startswith("did not")):
                raise AssertionError(f"the server {complaint} (exit code {code}); it wrote:\n{self.log}")
            time.sleep(POLL_SECONDS)


def _is_ours(pid: int) -> bool:
    """Whether ``pid`` still lives and is a process of the server's, not a later one that got the same number."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and b"rtdb" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _stacks(pid: int) -> str:
    """Return the stack of each thread of a process, as far as py-spy and its rights go."""
    py_spy = shutil.which("py-spy", path=Path(sys.executable).parent)
    if py_spy is None:
        return "its stacks are not known: there is no py-spy"
    try:
        done = subprocess.run(
            [py_spy, "dump", "--pid", str(pid)],
            check=False,
            capture_output=True,
            text=True,
            timeout=DUMP_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        return "py-spy takes too long"
    return done.stdout + done.stderr
