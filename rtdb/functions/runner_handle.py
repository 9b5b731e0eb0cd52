"""A started runner, or action runner, as its pool holds it: our end of its link, and its life.

A pool is given a function that starts one: :func:`process_runners` and :func:`process_action_runners` make those that
start processes, and simulations pass in-memory twins (`rtdb/testing/memory_runner.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from rtdb.functions.pulse import Pulse, make_pulse
from rtdb.link.link import Link, SocketLink
from rtdb.link.supervisor import start_child

__all__ = [
    "ActionRunnerHandle",
    "RunnerHandle",
    "StartRunner",
    "how_it_ended",
    "process_action_runners",
    "process_runners",
]


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


class ActionRunnerHandle(RunnerHandle, Protocol):
    """The same of an action runner, and what its event loop lets us see."""

    @property
    def pulse(self) -> Pulse: ...


def how_it_ended(code: int) -> str:
    """Say how a process ended of which :meth:`RunnerHandle.wait` returned ``code``."""
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


class _ProcessRunner:
    """A runner in a process of its own."""

    def __init__(self, frame_bytes_max: int, module: str, descriptors: Sequence[int] = ()) -> None:
        self._child = start_child(module, descriptors)
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


class _ProcessActionRunner(_ProcessRunner):
    """An action runner in a process of its own."""

    def __init__(self, frame_bytes_max: int) -> None:
        self.pulse, descriptor = make_pulse()
        try:
            super().__init__(frame_bytes_max, "rtdb.functions.action_process", [descriptor])
        finally:
            os.close(descriptor)


def process_runners(frame_bytes_max: int) -> StartRunner:
    """Return what starts runner processes. Call it on the main thread: they die with the thread that started them."""
    return lambda: _ProcessRunner(frame_bytes_max, "rtdb.functions.runner_process")


def process_action_runners(frame_bytes_max: int) -> Callable[[], ActionRunnerHandle]:
    """Return what starts action runner processes, in the same way."""
    return lambda: _ProcessActionRunner(frame_bytes_max)
