"""Content out: removes from the disk what no file has any more, a little at a time.

::

    names    of the content in one directory
    condemn  those of them that nothing refers to                  a transaction   ┐
    remove   them                                                  the disk        │ functions/system/files.py
    absolve  that is done                                          a transaction   ┘

Every directory has its turn in the course of a pass; a turn asks for at most :data:`CONDEMNED_AT_ONCE` names at once,
so that it occupies a runner for a millisecond or two and this process for less. What a crash interrupts is finished at
the next start: the condemned are known.

What makes content unreferenced is the business of transactions, and nothing here looks at files' ages or holds a lock:
that an upload and a removal of the same content cannot cross is arranged between `keep` and `condemn`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
import trio

from rtdb.blobstore.store import BLOB_PREFIXES, BlobStore
from rtdb.clock import Clock
from rtdb.config import Limits

__all__ = ["BlobCollector", "CollectorStepFailed", "TakeStep"]

CONDEMNED_AT_ONCE: Final = 128

TakeStep = Callable[[str, dict[str, Any]], Awaitable[Any]]
"""Take ``condemn`` or ``absolve`` with its arguments and return the result. Raises :class:`CollectorStepFailed`."""

RunBlocking = Callable[..., Awaitable[Any]]
"""Run a function that waits for the disk, with its arguments."""

_log = structlog.get_logger("rtdb.blobs")


class CollectorStepFailed(Exception):
    """A step could not be taken: the server is overloaded, or on its way down. There will be another turn."""


class BlobCollector:
    """Collects the blobs of one server; nobody else removes any."""

    def __init__(
        self,
        blobs: BlobStore,
        take_step: TakeStep,
        limits: Limits,
        clock: Clock,
        *,
        run_blocking: RunBlocking = trio.to_thread.run_sync,
    ) -> None:
        self._blobs = blobs
        self._take_step = take_step
        self._limits = limits
        self._clock = clock
        self._run_blocking = run_blocking

    async def run(self) -> None:
        """Go through everything again and again until cancelled, a pass in ``blob_pass_seconds``."""
        while True:
            for prefix in BLOB_PREFIXES:
                try:
                    await self.take_turn(prefix)
                except CollectorStepFailed as failure:
                    _log.warning("content is left for another time", reason=str(failure))
                except OSError as error:
                    _log.error("content could not be removed", reason=str(error))
                await trio.sleep(self._limits.blob_pass_seconds / len(BLOB_PREFIXES))

    async def take_turn(self, prefix: str) -> int:
        """Remove what may go of one directory, and what killed writers have left; return how many blobs went."""
        await self._run_blocking(self._blobs.sweep)
        names = await self._run_blocking(self._blobs.names, prefix)
        removed = 0
        # Once also when there are none: an earlier turn may have been cut off between its steps.
        for start in range(0, len(names) or 1, CONDEMNED_AT_ONCE):
            removed += await self._collect(names[start : start + CONDEMNED_AT_ONCE])
        return removed

    async def _collect(self, names: list[str]) -> int:
        before = self._clock.now_ns() // 1_000_000 - int(self._limits.blob_grace_seconds * 1000)
        condemned = await self._take_step("condemn", {"blobs": names, "before": before})
        if condemned:
            await self._run_blocking(self._blobs.remove, condemned)
            await self._take_step("absolve", {})
            _log.debug("content removed", blobs=len(condemned))
        return len(condemned)
