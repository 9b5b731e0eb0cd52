"""What ``ctx.storage`` of actions stands on: content is written and read in their own process, documents by the hub."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, Final, Protocol

from rtdb.blobstore.addresses import FileAddresses
from rtdb.blobstore.download import Downloads
from rtdb.blobstore.store import BlobStore
from rtdb.blobstore.upload import FileStepError, FileSteps, Offer, Receive, Uploads
from rtdb.clock import Clock
from rtdb.config import Limits
from rtdb.errors import DeveloperError, InternalError, RtdbError
from rtdb.functions.blob import Blob
from rtdb.functions.call_steps import as_exception
from rtdb.link.frames import BY_SERVER, Answer, Origin, RequestKind
from rtdb.values.json_codec import decode_canonical, encode

__all__ = ["ActionFiles"]

_CONTENT_TYPE: Final = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,1000}")


class _Ask(Protocol):
    """Have the hub run a function."""

    async def __call__(
        self, kind: RequestKind, path: str, args: bytes, identity: bytes | None, *, internal: bool, origin: Origin
    ) -> Answer: ...


class ActionFiles:
    """The files of one server, for all actions of a process. Errors are the app's to see: DeveloperError."""

    def __init__(
        self, blobs: BlobStore, addresses: FileAddresses, steps: FileSteps, ask: _Ask, limits: Limits, clock: Clock
    ) -> None:
        self._addresses = addresses
        self._ask = ask
        self._clock = clock
        self._uploads = Uploads(blobs, steps, limits)
        self._downloads = Downloads(blobs)

    async def url(self, id: str) -> str | None:
        """Return where a file is read, None if there is none."""
        file = await self._describe(id, "getUrl")
        return None if file is None else self._addresses.file_url(file["storageId"])

    async def metadata(self, id: str) -> dict[str, Any] | None:
        """Return ``{storageId, sha256, size, contentType}`` of a file with its UUID and the hash in hexadecimal."""
        file = await self._describe(id, "getMetadata")
        if file is not None:
            del file["blob"]
        return file

    async def upload_url(self) -> str:
        """Return where files can be uploaded to."""
        return self._addresses.upload_url(self._clock.now_ns())

    async def delete(self, id: str) -> None:
        """Remove a file."""
        await self._run("mutation", "delete", {"id": id})

    async def get(self, id: str) -> Blob | None:
        """Return a file's content, None if there is none."""
        file = await self._describe(id, "get")
        if file is None:
            return None
        name: str = file["blob"]

        async def read_piece(offset: int) -> bytes:
            try:
                piece = await self._downloads.read(name, offset)
            except FileNotFoundError:
                piece = b""
            if not piece:
                raise DeveloperError(f"The file {id} was deleted while it was read.", code="FileNotFound")
            return piece

        return Blob(file["contentType"], int(file["size"]), read_piece)

    async def store(self, content: object, content_type: str | None, sha256: str | None) -> str:
        """Store content and return the id of its file. It is there then, whatever the action does."""
        if content_type is None and isinstance(content, Blob):
            content_type = content.content_type
        size, receive = _source(content)
        offer = Offer(content_type=_checked_type(content_type), sha256=_digest(sha256), size=size)
        try:
            return await self._uploads.take(offer, receive)
        except FileStepError as failed:
            raise as_exception(failed.error) from None
        except InternalError:
            raise
        except RtdbError as error:
            raise DeveloperError(error.message, code=error.code) from error
        finally:
            # What ends early leaves a generator of the app in the middle: it is told here, and not by the collector.
            if isinstance(content, AsyncGenerator):
                await content.aclose()

    async def _describe(self, id: str, method: str) -> dict[str, Any] | None:
        file: dict[str, Any] | None = await self._run("query", "describe", {"id": id, "method": method})
        return file

    async def _run(self, kind: RequestKind, name: str, arguments: dict[str, Any]) -> Any:
        path, args = f"_system/files:{name}", encode(arguments)
        answer = await self._ask(kind, path, args, None, internal=True, origin=BY_SERVER)
        if answer.error is not None:
            raise as_exception(answer.error) from None
        assert answer.result is not None, "an answer has a result or an error"
        return decode_canonical(answer.result)


def _source(content: object) -> tuple[int | None, Receive]:
    """Return the size of content, if it is known, and what gives it out piece by piece."""
    if isinstance(content, bytes | bytearray | memoryview):
        whole = [bytes(content)]

        async def receive_whole() -> bytes | None:
            return whole.pop() if whole else None

        return len(whole[0]), receive_whole
    if not hasattr(content, "__aiter__"):
        raise TypeError(
            "store() takes bytes, a Blob or an asynchronous iterable of bytes (the body of a request, a response of "
            f"httpx), not {type(content).__name__}"
        )
    pieces: AsyncIterator[Any] = content.__aiter__()

    async def receive() -> bytes | None:
        try:
            piece = await pieces.__anext__()
        except StopAsyncIteration:
            return None
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise TypeError(f"store() takes an iterable of bytes, and it gave {type(piece).__name__}")
        return bytes(piece)

    return (content.size if isinstance(content, Blob) else None), receive


def _checked_type(content_type: str | None) -> str | None:
    if content_type is None:
        return None
    if not isinstance(content_type, str) or _CONTENT_TYPE.fullmatch(content_type) is None:
        raise DeveloperError(
            f"store() was given {content_type!r:.200} as the type of the content; it is a text like `image/png`.",
            code="InvalidContentTypeHeader",
        )
    return content_type


def _digest(sha256: str | None) -> bytes | None:
    if sha256 is None:
        return None
    try:
        digest = b64decode(sha256, validate=True)
    except (binascii.Error, TypeError, ValueError):
        digest = b""
    if len(digest) != 32:
        raise DeveloperError(
            f"store() was given {sha256!r:.200} as the hash of the content; it is the base64 of 32 bytes.",
            code="InvalidDigestHeader",
        )
    return digest
