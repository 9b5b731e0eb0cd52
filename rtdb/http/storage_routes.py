"""The routes of file storage (platform §1): upload by whoever has a token, download by whoever has the address.

::

    POST /api/storage/upload?token=…   the body is the file, whatever its type   ─▶ {"storageId": …}
    GET, HEAD /api/storage/<uuid>      the file, or one range of it

Bodies stream between the socket and the disk a piece at a time, and what can be refused by its head is refused before
its body is read.
"""

from __future__ import annotations

from base64 import b64decode
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import msgspec
import trio

from rtdb.blobstore.addresses import FILES_PREFIX, UPLOAD_PATH, UploadTokens, parse_uuid
from rtdb.blobstore.download import Downloads
from rtdb.blobstore.store import BlobStore
from rtdb.blobstore.upload import FileStepError, Offer, Uploads, take_step
from rtdb.clock import Clock
from rtdb.config import Limits
from rtdb.errors import BadRequestError, InternalError, NotFoundError
from rtdb.http.error_response import (
    HttpResponse,
    HttpStream,
    WriteChunk,
    empty_response,
    json_response,
    system_error_response,
)
from rtdb.http.facade import Facade
from rtdb.http.file_headers import ByteRange, content_headers, if_range_holds, is_known, parse_digest, parse_range
from rtdb.http.function_routes import Route
from rtdb.http.request import HttpRequest

__all__ = ["StorageRoutes", "is_file_path"]


def is_file_path(path: str) -> bool:
    """Return whether a path is one that files are read under."""
    return path.startswith(FILES_PREFIX) and path != UPLOAD_PATH


class StorageRoutes:
    """Takes files in and gives them out."""

    def __init__(self, facade: Facade, blobs: BlobStore, tokens: UploadTokens, clock: Clock, limits: Limits) -> None:
        self._facade = facade
        self._tokens = tokens
        self._clock = clock
        self._limits = limits
        self._uploads = Uploads(blobs, facade, limits)
        self._downloads = Downloads(blobs)

    def routes(self) -> dict[tuple[str, str], Route]:
        """Return the route of fixed path; :meth:`serve` answers GET and HEAD of all that :func:`is_file_path`."""
        return {("POST", UPLOAD_PATH): self.upload}

    # --- in ---------------------------------------------------------------------------------------

    async def upload(self, request: HttpRequest) -> HttpResponse:
        """Take in a file."""
        parameters = parse_qs(request.query_string.decode("latin-1"))
        if "token" not in parameters:
            raise BadRequestError(
                "The parameter `token` is missing: upload to the address that `generateUploadUrl` returns.",
                code="BadQueryArgs",
            )
        self._tokens.check(parameters["token"][0], self._clock.now_ns())
        offer = Offer(
            content_type=_content_type(request.headers.content_type),
            sha256=parse_digest(_header(request, b"digest")),
            size=_announced_size(request.headers.content_length),
        )
        try:
            storage_id = await self._uploads.take(offer, partial(self._receive, request))
        except FileStepError as failed:
            return system_error_response(failed.error)
        except trio.TooSlowError:
            return empty_response(408)
        return json_response(msgspec.json.encode({"storageId": storage_id}))

    async def _receive(self, request: HttpRequest) -> bytes | None:
        """Return the next bytes of the body, None at its end."""
        if request.body_ended:
            return None
        with trio.fail_after(self._limits.upload_silence_seconds_max):
            message = await request.receive()
        if message["type"] != "http.request":
            raise BadRequestError("The upload has ended before the end of the file.", code="UploadCutShort")
        request.body_ended = not message.get("more_body", False)
        data: bytes = message["body"]
        return data

    # --- out --------------------------------------------------------------------------------------

    async def serve(self, request: HttpRequest) -> HttpResponse | HttpStream:
        """Give out a file, or a part of it."""
        name = request.scope["path"].removeprefix(FILES_PREFIX)
        uuid = parse_uuid(name)
        if uuid is None:
            raise BadRequestError(
                f'Invalid storage path: "{name[:200]}". Please use `storage.getUrl()` to generate a valid URL to '
                "retrieve files. See https://docs.convex.dev/file-storage/serve-files for more details",
                code="InvalidStoragePath",
            )
        try:
            file = await self._find(request, uuid)
        except FileStepError as failed:
            return system_error_response(failed.error)
        etag = b'"%s"' % file["blob"].encode()
        if is_known(_header(request, b"if-none-match"), etag):
            headers = content_headers(file["contentType"], None, etag)
            return HttpStream(304, [pair for pair in headers if pair[0] != b"content-type"], _write_nothing)
        size = int(file["size"])
        asked = _header(request, b"range")
        part = parse_range(asked, size)
        if request.scope["method"] != "GET" or not if_range_holds(_header(request, b"if-range"), etag):
            part = "whole"
        if part == "unsatisfiable":
            return HttpResponse(416, b"", [(b"content-range", b"bytes */%d" % size), (b"accept-ranges", b"bytes")])
        if part == "whole":
            headers = content_headers(file["contentType"], b64decode(file["sha256"]), etag)
            return await self._stream(request, 200, headers, file["blob"], ByteRange(0, size))
        headers = content_headers(file["contentType"], None, etag)
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part.start, part.stop - 1, size)))
        return await self._stream(request, 206, headers, file["blob"], part)

    async def _find(self, request: HttpRequest, uuid: str) -> dict[str, Any]:
        component = parse_qs(request.query_string.decode("latin-1")).get("component")
        file: dict[str, Any] | None = None
        if component is None:  # there are none, so nothing is in one
            file = await take_step(self._facade, "find", {"uuid": uuid})
        if file is None:
            raise NotFoundError(f"File {uuid} not found", code="FileNotFound")
        return file

    async def _stream(
        self, request: HttpRequest, status: int, headers: list[tuple[bytes, bytes]], blob: str, part: ByteRange
    ) -> HttpStream:
        headers.append((b"content-length", b"%d" % (part.stop - part.start)))
        if request.scope["method"] == "HEAD":
            return HttpStream(status, headers, _write_nothing)
        try:
            opened = await self._downloads.open(blob)
        except FileNotFoundError as error:
            # Deleted, and collected too, since it was looked up; or damaged, which `rtdb check` would say.
            raise InternalError("a blob is missing", blob=blob) from error
        request.at_end(opened.close)

        async def write(chunk: WriteChunk) -> None:
            offset = part.start
            while offset < part.stop:
                data = await opened.read(offset, part.stop - offset)
                if not data:
                    raise InternalError("a blob is shorter than it should be", blob=blob, ends_at=offset)
                await chunk(data)
                offset += len(data)

        return HttpStream(status, headers, write)


async def _write_nothing(_chunk: WriteChunk) -> None:
    """The body of an answer that has none."""


def _header(request: HttpRequest, name: bytes) -> bytes | None:
    """Return a header that few requests have; None when it is absent, the parts of several joined."""
    values = [value for found, value in request.scope["headers"] if found == name]
    return b", ".join(values) if values else None


def _content_type(header: bytes | None) -> str | None:
    """Return the type of the file as it is kept. An empty one is what a browser sends for a file it does not know."""
    return header.decode("latin-1").strip() or None if header is not None else None


def _announced_size(header: bytes | None) -> int | None:
    return int(header) if header is not None and header.isdigit() else None
