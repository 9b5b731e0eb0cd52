"""Bytes out: content read from the disk a piece at a time, in threads."""

from __future__ import annotations

import os
from typing import Final

import trio

from rtdb.blobstore.store import BlobStore

__all__ = ["READ_BYTES", "Downloads", "OpenBlob"]

READ_BYTES: Final = 256 * 1024
"""What is read at once: a turn of a thread costs some 50 µs."""


class OpenBlob:
    """Content that is being read: it stays readable when it is removed meanwhile. Whoever opened it closes it."""

    def __init__(self, descriptor: int, threads: trio.CapacityLimiter) -> None:
        self._descriptor = descriptor
        self._threads = threads

    async def read(self, offset: int, count: int) -> bytes:
        """Return up to ``count`` bytes, and at most :data:`READ_BYTES`, from ``offset`` on; none at the end."""
        return await trio.to_thread.run_sync(
            os.pread, self._descriptor, min(count, READ_BYTES), offset, limiter=self._threads
        )

    def close(self) -> None:
        os.close(self._descriptor)


class Downloads:
    """Reads content for one process."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        # Of its own: a slow disk keeps readers waiting for each other, and nothing else for them.
        self._threads = trio.CapacityLimiter(16)

    async def open(self, name: str) -> OpenBlob:
        """Open a blob. Raises FileNotFoundError when there is none."""
        descriptor = await trio.to_thread.run_sync(self._blobs.open, name, limiter=self._threads)
        return OpenBlob(descriptor, self._threads)

    async def read(self, name: str, offset: int) -> bytes:
        """Return a piece of a blob from ``offset`` on, without keeping it open. Raises FileNotFoundError."""
        return await trio.to_thread.run_sync(self._read, name, offset, limiter=self._threads)

    def _read(self, name: str, offset: int) -> bytes:
        descriptor = self._blobs.open(name)
        try:
            return os.pread(descriptor, READ_BYTES, offset)
        finally:
            os.close(descriptor)
