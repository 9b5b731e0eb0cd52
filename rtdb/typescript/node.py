"""Node: where it is, and how it is started for modules that say "use node".

Unlike Deno it gives the app's code all that the server's user may do: files, processes, every address. What its actions
must not reach, the account and the network that the server runs in have to keep from them.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final, NamedTuple

from rtdb.errors import BadRequestError
from rtdb.typescript.deno import SCRIPTS, die_with_parent, limit_process_memory
from rtdb.typescript.process_group import ProcessGroup

__all__ = ["MAJOR_VERSION_MIN", "Node", "NodeProcess", "find_node"]

MAJOR_VERSION_MIN: Final = 20

_VERSION_SECONDS_MAX: Final = 10.0
_VERSION: Final = re.compile(r"[0-9]{1,4}\.")
_MAJOR_VERSION: Final = re.compile(r"[0-9]{1,4}")
_LAST_WORDS_BYTES: Final = 4096


class Node(NamedTuple):
    """An executable of Node. ``version`` is ``24.1.0``."""

    path: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])

    @property
    def npm(self) -> list[str]:
        """The command of the npm that belongs to it."""
        script = self.path.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return [str(self.path), str(script)]
        return [shutil.which("npm", path=str(self.path.parent)) or shutil.which("npm") or "npm"]


def find_node(configured: Path | None, wanted: str | None) -> Node:
    """Return the Node that runs actions, for an app that wants this major version or a later one.

    Raises ``NodeActionsNotSupported`` and ``NodeVersionNotSupported``.
    """
    found = configured or shutil.which("node")
    if found is None:
        raise _unsupported("is not on the server's PATH")
    path = Path(found)
    try:
        answer = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=_VERSION_SECONDS_MAX, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _unsupported(f"cannot be run as {path} ({error})") from error
    node = Node(path, answer.stdout.strip().removeprefix("v")[:40])
    if not _VERSION.match(node.version) or node.major < MAJOR_VERSION_MIN:
        raise _unsupported(f"has version {node.version} as {path}")
    if wanted is not None and (
        not _MAJOR_VERSION.fullmatch(wanted) or not MAJOR_VERSION_MIN <= int(wanted) <= node.major
    ):
        raise BadRequestError(
            f"convex.json asks for Node.js {wanted[:40]} (node.nodeVersion); this server has {node.version}. Ask for "
            f"one from {MAJOR_VERSION_MIN} to {node.major}, or install another on the server.",
            code="NodeVersionNotSupported",
        )
    return node


class NodeProcess:
    """A started Node, in ``directory``, and our end of its socket. ``socket`` is blocking.

    What it writes on standard output and standard error goes to our standard error.
    """

    def __init__(self, node: Path, directory: Path, *, heap_bytes_max: int) -> None:
        """To be called from a thread that lives as long as the process may. Raises OSError."""
        self.socket, theirs = socket.socketpair()
        for end in (self.socket, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)

        def become_child() -> None:
            # Between fork and exec: nothing but system calls, whose effect the kernel keeps over exec.
            die_with_parent()
            resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))

        try:
            self._process = subprocess.Popen(
                [
                    str(node),
                    f"--max-old-space-size={heap_bytes_max >> 20}",
                    str(SCRIPTS / "action_host.js"),
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                env={"PATH": f"{node.parent}:{os.defpath}", "HOME": str(directory), "LANG": "C.UTF-8", "TZ": "UTC"},
                cwd=directory,
                start_new_session=True,
                preexec_fn=become_child,  # noqa: PLW1509  # system calls only, and no other way to them
            )
        except OSError:
            self.socket.close()
            raise
        finally:
            theirs.close()
        try:
            self._group = ProcessGroup(self._process)
        except OSError:
            self._process.kill()
            self._process.wait()
            self.socket.close()
            raise
        self._words = b""
        self._reader = threading.Thread(target=self._read, name="rtdb-node-output", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def limit_memory(self, more_bytes_max: int) -> None:
        """Let the process allocate so many bytes more than it has."""
        limit_process_memory(self.pid, more_bytes_max)

    def end(self) -> tuple[int, str]:
        """Kill the process if it has not ended; return its exit code (negative: the signal) and its last words."""
        self.socket.close()
        # What the app's code has started goes too, as far as it has stayed in the session.
        self._group.kill()
        code = self._process.wait()
        self._reader.join(timeout=1.0)
        return code, self._words.decode("utf-8", "replace")

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream:
            while chunk := os.read(stream.fileno(), 65536):
                self._words = (self._words + chunk)[-_LAST_WORDS_BYTES:]
                sys.stderr.write(chunk.decode("utf-8", "replace"))


def _unsupported(why: str) -> BadRequestError:
    return BadRequestError(
        f'The app has files that say "use node", and their actions need Node.js {MAJOR_VERSION_MIN} or later, which '
        f"{why}. Install it on the server, or name its executable with the setting `node` (--node, RTDB_NODE).",
        code="NodeActionsNotSupported",
    )
