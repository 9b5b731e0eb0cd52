"""A started runner as the pool holds it: our end of its link, and its life.

The pool is given a function that starts one: :func:`process_runners` makes one that starts processes, and simulations
pass an in-memory twin (`rtdb/testing/memory_runner.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rtdb.link.link import Link, SocketLink
from rtdb.link.supervisor import start_child

__all__ = ["RunnerHandle", "StartRunner", "how_it_ended", "process_runners"]


class RunnerHandle(Protocol):
    """What the pool needs to know of a runner's life. It has ended when its link has."""

    @property
    def link(self) -> Link: ...

    @property
    def pid(self) -> int: ...

    def kill(self) -> None:
        """End it now, whatever it does. Idempotent."""
        ...

    def has_ended(self) -> bool:
        """Whether it is gone, whatever its link says."""
        ...

    def wait(self) -> int:
        """Reap it, once it has been killed or its link has ended; return its exit code, negative for a signal."""
        ...


StartRunner = Callable[[], RunnerHandle]
"""Start a runner; it expects ``RunnerStart`` on its link."""


def how_it_ended(code: int) -> str:
    """Say how a process ended of which :meth:`RunnerHandle.wait` returned ``code``."""
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


class _ProcessRunner:
    """A runner in a process of its own."""

    def __init__(self, frame_bytes_max: int) -> None:
        self._child = start_child("rtdb.functions.runner_process")
        self.link = SocketLink(self._child.socket, frame_bytes_max)

    @property
    def pid(self) -> int:
        return self._child.pid

    def kill(self) -> None:
        self._child.kill()

    def has_ended(self) -> bool:
        return self._child.process.poll() is not None

    def wait(self) -> int:
        return self._child.wait()


def process_runners(frame_bytes_max: int) -> StartRunner:
    """Return what starts runner processes. Call it on the main thread: they die with the thread that started them."""
    return lambda: _ProcessRunner(frame_bytes_max)
