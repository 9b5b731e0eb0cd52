"""Deno: where it is, and how it is started so that its code can reach nothing.

A started Deno has no permission, an environment of its own, a limit on its memory, and dies with the thread that
started it. Its standard input and output are one end of a socket pair: descriptors it has need no permission.
"""

from __future__ import annotations

import ctypes
import resource
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = [
    "SCRIPTS",
    "Deno",
    "DenoUnavailable",
    "die_with_parent",
    "ending_of",
    "find_deno",
    "limit_process_memory",
]

SCRIPTS: Final = Path(__file__).parent / "javascript"

INSTALL: Final = "pip install 'rtdb[typescript]'"

_FLAGS: Final = (
    "--no-prompt",
    "--no-remote",
    "--no-npm",
    "--cached-only",
    "--no-config",
    "--no-lock",
    "--quiet",
)
_ENVIRONMENT: Final = {
    "DENO_NO_UPDATE_CHECK": "1",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "NO_COLOR": "1",
    "TZ": "UTC",
}
_PR_SET_PDEATHSIG: Final = 1
# The reason comes first, then a stack trace of native code that may be long.
_LAST_WORDS_BYTES: Final = 65536
_libc = ctypes.CDLL(None, use_errno=True)


class DenoUnavailable(Exception):
    """There is no Deno to run, or it does not do what is needed; the message says what to do."""


def find_deno() -> Path:
    """Return the path of the Deno that is installed as a Python package. Raises DenoUnavailable."""
    try:
        from deno import find_deno_bin  # noqa: PLC0415  # an optional dependency: servers without TypeScript do without
    except ImportError:
        raise DenoUnavailable(f"Functions written in TypeScript need Deno, which is not installed: {INSTALL}") from None
    try:
        return Path(find_deno_bin())
    except FileNotFoundError as error:
        raise DenoUnavailable(f"The Deno that is installed is not complete ({error}): {INSTALL}") from None


class Deno:
    """A started Deno process and our end of its socket. ``socket`` is blocking."""

    def __init__(
        self,
        script: str,
        *,
        heap_bytes_max: int,
        permissions: Sequence[str] = (),
        binary: Path | None = None,
    ) -> None:
        """Start ``script``, a file of `javascript/`. To be called from a thread that lives as long as the process may.

        ``heap_bytes_max`` bounds JavaScript's own memory; for the rest there is :meth:`limit_memory`. Raises
        DenoUnavailable.
        """
        binary = binary or find_deno()
        self.socket, theirs = socket.socketpair()
        for end in (self.socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)

        def become_child() -> None:
            # Between fork and exec: nothing but system calls, whose effect the kernel keeps over exec.
            die_with_parent()
            # A runner's limit of memory is its own: Deno does not even start under it.
            resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))

        # A context lives for one call: what Maglev would optimize in it, on threads of its own, has been thrown away
        # by the time it is used. Without it listing 50 documents took 2.7 ms of processor time instead of 4.2.
        v8_flags = f"--max-old-space-size={heap_bytes_max >> 20},--disallow-code-generation-from-strings,--no-maglev"
        try:
            self._process = subprocess.Popen(
                [str(binary), "run", *_FLAGS, f"--v8-flags={v8_flags}", *permissions, str(SCRIPTS / script)],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env=dict(_ENVIRONMENT),
                cwd="/",
                start_new_session=True,
                preexec_fn=become_child,  # noqa: PLW1509  # system calls only, and no other way to them
            )
        except OSError as error:
            self.socket.close()
            raise DenoUnavailable(f"Deno could not be started from {binary}: {error}. Try: {INSTALL}") from error
        finally:
            theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def limit_memory(self, more_bytes_max: int) -> None:
        """Let the process allocate so many bytes more than it has: ArrayBuffers, which are not on JavaScript's heap.

        To be called when it has started, before it runs code of an app: how much Deno reserves for itself is its own
        affair, and may change with every version.
        """
        limit_process_memory(self.pid, more_bytes_max)

    def end(self) -> tuple[int, str]:
        """Kill the process if it has not ended; return its exit code (negative: the signal) and its last words."""
        self.socket.close()
        self._process.kill()
        code = self._process.wait()
        assert self._process.stderr is not None
        words = b""
        with suppress(OSError), self._process.stderr as stream:
            # Everything it wrote is in the pipe, which holds 64 KiB, and nobody else has its other end.
            words = stream.read()
        return code, words[-_LAST_WORDS_BYTES:].decode("utf-8", "replace")


def die_with_parent() -> None:
    """Have this process killed when the thread that has forked it ends. To be called between fork and exec."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def ending_of(code: int) -> str:
    """Return how a process has ended, for whoever reads it; ``code`` is negative for a signal."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"  # most of the real-time signals have no name


def limit_process_memory(pid: int, more_bytes_max: int) -> None:
    """Let a process of ours allocate so many bytes more than it has."""
    data = resource.getpagesize() * int(Path(f"/proc/{pid}/statm").read_text().split()[5])
    limit = data + more_bytes_max
    resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))
    # No core dumps: they would have the data of the app's users in them.
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
