"""Code that a pool has loaded and does not use yet: a deploy on its way."""

from __future__ import annotations

import trio

from rtdb.link import frames

__all__ = ["NextCode"]


class NextCode:
    """What the runners of that code have said. ``ready`` is the first of it: a description, or why there is none."""

    def __init__(self, start: frames.RunnerStart) -> None:
        self.start = start
        self.ready: frames.RunnerReady | None = None
        self._changed = trio.Event()

    def runner_ready(self, message: frames.RunnerReady) -> None:
        """A runner has loaded the code or could not."""
        if self.ready is None:
            self.ready = message
        self._changed.set()

    def runner_ended(self, how: str) -> None:
        """A runner has ended; if it was the first and has said nothing, that is why there is no description."""
        message = f"The app cannot be loaded: it ended the process that imported it ({how})."
        self.runner_ready(frames.RunnerReady(description=b"", error=frames.ExecutionError("InvalidModules", message)))

    async def wait_changed(self) -> None:
        """Wait until a runner has something to say that was not there when it was last asked."""
        await self._changed.wait()
        self._changed = trio.Event()
