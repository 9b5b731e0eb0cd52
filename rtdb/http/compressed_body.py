"""Bodies that their client has compressed, as the official CLI does with what it pushes.

A few bytes may be compressed gigabytes, so a body is decompressed a piece at a time, as it arrives, and refused where
it passes its limit: what is held is never more than that, and nothing is held of the compressed form.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import brotli
import trio

from rtdb.errors import BadRequestError
from rtdb.http.request import HttpRequest, read_bytes

__all__ = ["read_decompressed"]

PIECE_BYTES: Final = 256 * 1024
"""Decompressed at once: less than a millisecond, after which others have their turn."""


async def read_decompressed(request: HttpRequest, body_bytes_max: int, limit: str) -> bytes:
    """Return the whole body as it was before it was compressed; ``limit`` is what its bound is called.

    Raises ``BundleTooLarge``, or ``BadJsonBody`` for what is cut short or compressed in a way that is not known here.
    """
    match (request.headers.content_encoding or b"identity").lower():
        case b"identity":
            return await read_bytes(request, body_bytes_max)
        case b"br":
            return await _read_brotli(request, body_bytes_max, limit)
        case other:
            encoding = other.decode("latin-1")[:40]
            raise _unreadable(f"`Content-Encoding: {encoding}` is not known here, only `br` is")


async def _read_brotli(request: HttpRequest, body_bytes_max: int, limit: str) -> bytes:
    decompressor = brotli.Decompressor()
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise _unreadable("connection closed")
        more = message.get("more_body", False)
        for piece in _decompress(decompressor, message["body"]):
            size += len(piece)
            if size > body_bytes_max:
                raise BadRequestError(
                    f"The body of this request has more than {body_bytes_max} bytes once it is decompressed ({limit}). "
                    "Is it the right directory?",
                    code="BundleTooLarge",
                )
            request.hold(len(piece))
            pieces.append(piece)
            await trio.lowlevel.checkpoint()
    if not decompressor.is_finished():
        raise _unreadable("it ends in the middle of what was compressed with Brotli")
    return b"".join(pieces)


def _decompress(decompressor: brotli.Decompressor, data: bytes) -> Iterator[bytes]:
    """Yield what a part of the body becomes, in pieces of a bounded size."""
    if decompressor.is_finished() and data:
        raise _unreadable("there is something behind what was compressed with Brotli")
    try:
        piece = decompressor.process(data, output_buffer_limit=PIECE_BYTES)
        while piece:
            yield piece
            piece = b"" if decompressor.is_finished() else decompressor.process(b"", output_buffer_limit=PIECE_BYTES)
    except brotli.error as error:
        raise _unreadable("it is not compressed with Brotli, as its Content-Encoding says") from error


def _unreadable(reason: str) -> BadRequestError:
    return BadRequestError(f"Failed to buffer the request body: {reason}", code="BadJsonBody")
