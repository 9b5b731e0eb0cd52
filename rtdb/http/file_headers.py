"""The headers that come with files, read and written (RFC 9110, platform §1): pure functions, no request, no disk."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Final, Literal, NamedTuple

from rtdb.errors import BadRequestError

__all__ = [
    "FILE_CORS",
    "ByteRange",
    "content_headers",
    "if_range_holds",
    "is_known",
    "parse_digest",
    "parse_range",
]

Headers = list[tuple[bytes, bytes]]

CACHE_CONTROL: Final = b"public, max-age=2592000, immutable"
"""What is under an address never changes, so a CDN in front may keep it: 30 days, as browsers do with the original."""

_EXPOSED: Final = b"accept-ranges, content-length, content-range, digest, etag"

_BYTES_UNIT: Final = re.compile(rb"bytes[ \t]*=[ \t]*(.*)", re.IGNORECASE)
_RANGE: Final = re.compile(rb"(\d*)[ \t]*-[ \t]*(\d*)")
_DIGEST: Final = re.compile(r"sha-256=(.+)", re.IGNORECASE)
_ETAG: Final = re.compile(rb'(?:W/)?("[^"]*")')

_SHOWN: Final = frozenset({"application/json", "application/pdf", "text/plain"})
_SHOWN_KINDS: Final = frozenset({"audio", "font", "image", "video"})


class ByteRange(NamedTuple):
    """The bytes from ``start`` up to, not including, ``stop``."""

    start: int
    stop: int


def parse_range(header: bytes | None, size: int) -> ByteRange | Literal["whole", "unsatisfiable"]:
    """Return what of a file of ``size`` bytes is asked for.

    One range is served. Several are refused, as the original does: nobody who asks for files here sends them. What
    cannot be understood, and what is asked of an empty file, is taken for no range at all.
    """
    found = None if header is None else _BYTES_UNIT.fullmatch(header.strip())
    if found is None or size == 0:
        return "whole"
    parts = [part.strip() for part in found[1].split(b",") if part.strip()]
    ranges = [_RANGE.fullmatch(part) for part in parts]
    if not ranges or not all(ranges):
        return "whole"
    if len(ranges) > 1:
        return "unsatisfiable"
    (only,) = ranges
    assert only is not None
    return _resolve(only[1], only[2], size)


def _resolve(first: bytes, last: bytes, size: int) -> ByteRange | Literal["whole", "unsatisfiable"]:
    if not first:
        if not last:
            return "whole"  # a dash alone is no range
        suffix = int(last[:20])
        return ByteRange(max(0, size - suffix), size) if suffix else "unsatisfiable"
    start = int(first[:20])
    if last and int(last[:20]) < start:
        return "whole"
    if start >= size:
        return "unsatisfiable"
    return ByteRange(start, size if not last else min(int(last[:20]) + 1, size))


def is_known(if_none_match: bytes | None, etag: bytes) -> bool:
    """Return whether the client has this already. Weakly compared, as it says."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == b"*" or etag in _ETAG.findall(if_none_match)


def if_range_holds(if_range: bytes | None, etag: bytes) -> bool:
    """Return whether a range may be served: the client's other part is of the same content.

    Files have no date to compare with, so one never holds.
    """
    return if_range is None or if_range.strip() == etag


def parse_digest(header: bytes | None) -> bytes | None:
    """Return the SHA-256 hash that the client announces. Raises ``BadHeader`` for anything else."""
    if header is None:
        return None
    text = header.decode("latin-1").strip()
    found = _DIGEST.fullmatch(text)
    try:
        digest = b64decode(found[1], validate=True) if found is not None else b""
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise BadRequestError(
            f'Bad header for digest: "{text[:200]}" is not `sha-256=` and the base64 of 32 bytes.', code="BadHeader"
        )
    return digest


def content_headers(content_type: str | None, sha256: bytes | None, etag: bytes) -> Headers:
    """Return what is said of a file whatever part of it is served; ``sha256`` only with the whole.

    What a browser would run (HTML, SVG, anything unknown) is offered for download and not shown: it was uploaded by
    anybody, and would run in the name of this server. Pictures in pages are not concerned, whatever their type.
    """
    headers: Headers = [
        (b"etag", etag),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", CACHE_CONTROL),
        (b"x-content-type-options", b"nosniff"),
    ]
    if sha256 is not None:
        headers.append((b"digest", b"sha-256=" + b64encode(sha256)))
    if content_type is not None:
        headers.append((b"content-type", content_type.encode("latin-1")))
    if _may_be_shown(content_type):
        headers.append((b"content-disposition", b"inline"))
    else:
        headers.append((b"content-disposition", b"attachment"))
        headers.append((b"content-security-policy", b"default-src 'none'; sandbox"))
    return headers


def _may_be_shown(content_type: str | None) -> bool:
    essence = (content_type or "").partition(";")[0].strip().lower()
    kind, _, subtype = essence.partition("/")
    # SVG is XML that may hold scripts.
    return essence in _SHOWN or (kind in _SHOWN_KINDS and "xml" not in subtype and bool(subtype))


FILE_CORS: Final[Headers] = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", _EXPOSED),
    (b"cross-origin-resource-policy", b"cross-origin"),
]
"""Of every answer about a file. The same for everybody, unlike elsewhere in the API: what a cache in front of the
server has kept from one origin's request has to suit the next."""
