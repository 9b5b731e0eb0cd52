"""Bytes in: from a client or an action to a file, with flat memory.

::

    room     is there room for what is announced?           refused before anything is read
    write    to a file of its own, piece by piece           refused as soon as it is too much
    finish   durable; is it what the client says it is?
    publish  under the name of its content                  ┐ again, if something was removed in between
    keep     one transaction: the file exists               ┘ (functions/system/files.py)

Invariants: an upload that does not come to its end leaves nothing that anybody could find; what is kept is durable and
whole; however large a file is, a piece of it is in memory.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeVar

import msgspec
import trio

from rtdb.blobstore.store import BlobContent, BlobStore, IncomingBlob, is_disk_full
from rtdb.config import Limits
from rtdb.errors import (
    BadRequestError,
    InsufficientStorageError,
    InternalError,
    OverloadedError,
    PayloadTooLargeError,
    RateLimitedError,
)
from rtdb.link.frames import Answer, ExecutionError, FileStep
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["FileStepError", "FileSteps", "Offer", "Receive", "Uploads", "take_step"]

PIECE_BYTES: Final = 256 * 1024
"""What is gathered before it is written: a turn of a thread costs some 50 µs, and what a socket gives has 64 KiB."""

KEEP_ATTEMPTS_MAX: Final = 12
KEEP_PAUSE_SECONDS: Final = 0.02
KEEP_PAUSE_SECONDS_MAX: Final = 2.0

Receive = Callable[[], Awaitable[bytes | None]]
"""Return the next bytes of a file, None after the last. Raises whatever ends the upload."""

Returned = TypeVar("Returned")


class FileSteps(Protocol):
    """Takes the steps of file storage that are transactions."""

    async def file_step(self, step: FileStep, args: bytes) -> Answer: ...


class FileStepError(Exception):
    """A step could not be taken: the server is overloaded, or on its way down."""

    def __init__(self, error: ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error


class Offer(msgspec.Struct, frozen=True):
    """What a client says of its file before it sends it; all of it may be unknown. ``size`` is in bytes."""

    content_type: str | None = None
    sha256: bytes | None = None
    size: int | None = None


async def take_step(steps: FileSteps, step: FileStep, arguments: dict[str, Any]) -> Any:
    """Take a step and return its result. Raises :class:`FileStepError`."""
    answer = await steps.file_step(step, encode(arguments))
    if answer.error is not None:
        raise FileStepError(answer.error)
    assert answer.result is not None, "an answer holds a result or an error"
    return decode_canonical(answer.result)


class Uploads:
    """Takes files in for one process."""

    def __init__(self, blobs: BlobStore, steps: FileSteps, limits: Limits) -> None:
        self._blobs = blobs
        self._steps = steps
        self._limits = limits
        # Of its own: a slow disk keeps uploads waiting for each other, and nothing else for them.
        self._threads = trio.CapacityLimiter(8)
        self._under_way = 0

    async def take(self, offer: Offer, receive: Receive) -> str:
        """Take in one file and return its id in `_storage`.

        Raises PayloadTooLargeError, InsufficientStorageError, BadRequestError (``Sha256Mismatch``), RateLimitedError,
        OverloadedError, InternalError, FileStepError. Whatever ends it, also a cancellation, nothing is left then.
        """
        if self._under_way >= self._limits.uploads_max:
            raise RateLimitedError(
                f"{self._limits.uploads_max} uploads are under way in this process (uploads_max). Try again later."
            )
        self._under_way += 1
        try:
            return await self._take(offer, receive)
        finally:
            self._under_way -= 1

    async def _take(self, offer: Offer, receive: Receive) -> str:
        room = await take_step(self._steps, "room", {})
        room_bytes = self._limits.storage_bytes_max - int(room["bytes"])
        self._check_size(offer.size or 0, room_bytes)
        incoming = await self._in_thread(self._blobs.begin)
        try:
            await self._write(incoming, receive, room_bytes)
            content = await self._in_thread(incoming.finish)
            _check_digest(content, offer.sha256)
            return await self._keep(incoming, content, offer.content_type)
        finally:
            with trio.CancelScope(shield=True):
                await self._in_thread(incoming.discard)

    def _check_size(self, size: int, room_bytes: int) -> None:
        if size > self._limits.file_bytes_max:
            raise PayloadTooLargeError(
                f"The file is too large: at most {self._limits.file_bytes_max} bytes are taken (file_bytes_max)."
            )
        if size > room_bytes:
            raise self._full()

    def _full(self) -> InsufficientStorageError:
        return InsufficientStorageError(
            f"There is no room for this file: all files together may have {self._limits.storage_bytes_max} bytes "
            "(storage_bytes_max). Delete some, or raise the limit."
        )

    async def _write(self, incoming: IncomingBlob, receive: Receive, room_bytes: int) -> None:
        piece = bytearray()
        received = 0
        while (data := await receive()) is not None:
            received += len(data)
            self._check_size(received, room_bytes)
            piece += data
            if len(piece) >= PIECE_BYTES:
                await self._in_thread(incoming.write, piece)
                piece = bytearray()
        await self._in_thread(incoming.write, piece)

    async def _keep(self, incoming: IncomingBlob, content: BlobContent, content_type: str | None) -> str:
        """Publish the content and make a file of it: again, when content may have been removed in between."""
        for attempt in range(KEEP_ATTEMPTS_MAX):
            if attempt:
                await trio.sleep(min(KEEP_PAUSE_SECONDS * 2**attempt, KEEP_PAUSE_SECONDS_MAX))
            room = await take_step(self._steps, "room", {"blob": content.name})
            if not room["known"] and room["bytes"] + content.size > self._limits.storage_bytes_max:
                # Before it is published: what is not kept stays on disk until the collector comes by.
                raise self._full()
            await self._in_thread(self._blobs.publish, incoming, content.name)
            asked = {
                "blob": content.name,
                "sha256": b64encode(content.sha256).decode(),
                "size": content.size,
                "contentType": content_type,
                "epoch": room["epoch"],
                "bytesMax": self._limits.storage_bytes_max,
            }
            kept = await take_step(self._steps, "keep", asked)
            if "storageId" in kept:
                storage_id: str = kept["storageId"]
                return storage_id
            if "full" in kept:
                raise self._full()
        raise OverloadedError("The file could not be stored: content is being removed all the time. Try again later.")

    async def _in_thread(self, function: Callable[..., Returned], *arguments: Any) -> Returned:
        try:
            return await trio.to_thread.run_sync(function, *arguments, limiter=self._threads)
        except OSError as error:
            if is_disk_full(error):
                raise InsufficientStorageError(
                    "The disk of this server is full; the file was not stored.", code="DiskFull"
                ) from error
            raise InternalError(f"a file could not be stored: {error}") from error


def _check_digest(content: BlobContent, expected: bytes | None) -> None:
    if expected is not None and expected != content.sha256:
        raise BadRequestError(
            f"Sha256 mismatch. Expected: {b64encode(expected).decode()} Actual: {b64encode(content.sha256).decode()}",
            code="Sha256Mismatch",
        )
