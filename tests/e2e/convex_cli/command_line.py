"""The official command line, unmodified, as a developer starts it in a project: to its end, or in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.e2e.official_client import CLIENTS, node_executable
from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX, wait_until

__all__ = ["CommandLine", "Finished", "Terminal"]

ROWS, COLUMNS = 50, 200
CONTROL_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>78]|\r")


class Finished(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


class Terminal:
    """A command in a pseudo-terminal. ``text`` is what it has written so far, without colours and cursor movements."""

    def __init__(self, process: subprocess.Popen[bytes], descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self._written = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def raw(self) -> str:
        return self._written.decode(errors="replace")

    @property
    def text(self) -> str:
        return CONTROL_SEQUENCE.sub("", self.raw)

    def wait_for(self, pattern: str, *, after: int = 0) -> int:
        """Wait until the text matches somewhere behind ``after``, and return where the match ends."""
        wait_until(
            lambda: self._search(pattern, after) is not None,
            lambda: f"no {pattern!r} after {after} in:\n{self.text}",
        )
        found = self._search(pattern, after)
        assert found is not None
        return found.end()

    def _search(self, pattern: str, after: int) -> re.Match[str] | None:
        return re.compile(pattern, re.MULTILINE).search(self.text, after)

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def end(self) -> int:
        """Wait until the command has ended by itself, and return its exit code."""
        code = self._process.wait(timeout=SECONDS_MAX)
        self._reader.join(timeout=SECONDS_MAX)
        return code

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._descriptor, 65536)
            except OSError:
                return  # the other side is closed
            if not chunk:
                return
            self._written += chunk


class CommandLine:
    """``npx convex`` in a project directory that knows its server by the environment."""

    def __init__(self, directory: Path, server: ServerProcess) -> None:
        self.directory = directory
        self.server = server
        directory.mkdir(exist_ok=True)
        package = directory / "package.json"
        if not package.exists():
            package.write_text('{"name": "project", "dependencies": {"convex": "1.48.0"}}')

    def run(
        self, *arguments: str, given: str | None = None, key: str | None = None, url: str | None = None
    ) -> Finished:
        """Run a command to its end; ``given`` is its standard input."""
        done = subprocess.run(
            self._command(arguments),
            capture_output=True,
            text=True,
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            cwd=self.directory,
            env=self._environment(key, url),
            timeout=SECONDS_MAX,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def terminal(self, *arguments: str, key: str | None = None) -> Iterator[Terminal]:
        """Run a command in a terminal of its own, which ends with the block."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(
            # A session of its own with this terminal, so that Ctrl-C reaches it as from a keyboard.
            ["setsid", "--ctty", *self._command(arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=self.directory,
            env={**self._environment(key, None), "TERM": "xterm-256color", "FORCE_COLOR": "1"},
        )
        os.close(theirs)
        terminal = Terminal(process, ours)
        try:
            yield terminal
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            terminal.end()
            os.close(ours)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [node_executable(), str(CLIENTS / "node_modules" / "convex" / "bin" / "main.js"), *arguments]

    def _environment(self, key: str | None, url: str | None) -> dict[str, str]:
        return {
            "PATH": f"{Path(node_executable()).parent}:{os.environ['PATH']}",
            "HOME": str(self.directory),
            "TZ": "UTC",
            "CI": "1",  # or it reports crashes to its makers
            "CONVEX_SELF_HOSTED_URL": self.server.url if url is None else url,
            "CONVEX_SELF_HOSTED_ADMIN_KEY": self.server.admin_key if key is None else key,
        }
