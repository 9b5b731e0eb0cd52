"""What becomes of a process and of all that it has started when we come to an end ourselves, however that is.

The kernel kills our children with us (`PR_SET_PDEATHSIG`), and not what they have started: code in Node may start any
program, and npm does. Therefore a shell beside them, in a session of its own, reads from a pipe that we alone hold
open. When it has come to the end of the pipe we are gone, and it kills the group.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

__all__ = ["ProcessGroup"]


class ProcessGroup:
    """A process that leads a group, and everything in it. Who leaves the group, as a daemon does, is not followed."""

    def __init__(self, leader: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
        """``leader`` was started in a session of its own, and nobody has waited for its end. Raises OSError."""
        self._leader = leader.pid
        theirs, self._ours = os.pipe()
        try:
            self._watcher = subprocess.Popen(
                ["/bin/sh", "-c", f"read _; kill -s KILL -- -{leader.pid}"],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError:
            os.close(self._ours)
            raise
        finally:
            os.close(theirs)

    def kill(self) -> None:
        """Kill all of it. To be called before anybody waits for the leader: afterwards its number may be another's."""
        with suppress(ProcessLookupError):
            os.killpg(self._leader, signal.SIGKILL)
        self.forget()

    def forget(self) -> None:
        """Let it be. One of the two is called, once."""
        self._watcher.kill()
        self._watcher.wait()
        os.close(self._ours)
