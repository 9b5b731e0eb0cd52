"""The in-memory twin of a runner process: the same runner, as a task, on a link that encodes and decodes like the real.

App code runs in the test's own process: it can be "killed" between two calls only, and a call that does not return
stops everything.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

import trio

from rtdb.functions.runner import Runner
from rtdb.functions.runner_handle import StartRunner
from rtdb.link import frames
from rtdb.link.link import LinkClosed, open_memory_link_pair

__all__ = ["MemoryRunner", "OpenRunner", "memory_runners"]

OpenRunner = Callable[[frames.RunnerStart], tuple[Runner | None, frames.RunnerReady]]
"""Load a runner, as `functions.runner.open_runner` does over the test's environment, clock and randomness."""


class MemoryRunner:
    """A ``RunnerHandle`` whose runner is a task of ``nursery``."""

    def __init__(self, nursery: trio.Nursery, pid: int, open_: OpenRunner) -> None:
        self.link, self._theirs = open_memory_link_pair()
        self.pid = pid
        self._open = open_
        self._exit_code: int | None = None
        nursery.start_soon(self._run)

    def kill(self) -> None:
        self._end(-signal.SIGKILL)

    def has_ended(self) -> bool:
        return self._exit_code is not None

    def wait(self) -> int:
        assert self._exit_code is not None, "a runner is reaped when it has ended"
        return self._exit_code

    async def _run(self) -> None:
        try:
            start, *messages = await self._theirs.receive()
            assert isinstance(start, frames.RunnerStart)
            runner, ready = self._open(start)
            self._theirs.send_nowait(ready)
            while runner is not None and not runner.drained:
                for reply in runner.receive(messages):
                    self._theirs.send_nowait(reply)
                    # Between two calls others have their turn, and a kill takes effect.
                    await trio.lowlevel.checkpoint()
                    if self._exit_code is not None:
                        return
                if not runner.drained:
                    messages = await self._theirs.receive()
        except LinkClosed:
            return
        finally:
            self._end(0)

    def _end(self, exit_code: int) -> None:
        if self._exit_code is None:
            self._exit_code = exit_code
            self._theirs.close()


def memory_runners(nursery: trio.Nursery, open_: OpenRunner) -> StartRunner:
    """Return what starts runners as tasks of ``nursery``, with process ids from 1."""
    started = 0

    def start() -> MemoryRunner:
        nonlocal started
        started += 1
        return MemoryRunner(nursery, started, open_)

    return start
