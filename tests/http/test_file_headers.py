from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.errors import BadRequestError
from rtdb.http.file_headers import ByteRange, content_headers, if_range_holds, is_known, parse_digest, parse_range

ETAG = b'"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "whole"),
        (b"bytes=0-0", ByteRange(0, 1)),
        (b"bytes=2-5", ByteRange(2, 6)),
        (b"Bytes = 2 - 5 ", ByteRange(2, 6)),
        (b"bytes=2-", ByteRange(2, 10)),
        (b"bytes=2-99", ByteRange(2, 10)),
        (b"bytes=9-9", ByteRange(9, 10)),
        (b"bytes=-3", ByteRange(7, 10)),
        (b"bytes=-99", ByteRange(0, 10)),
        (b"bytes=0-9", ByteRange(0, 10)),
        (b"bytes=,2-5,", ByteRange(2, 6)),
        (b"bytes=10-", "unsatisfiable"),
        (b"bytes=10-12", "unsatisfiable"),
        (b"bytes=-0", "unsatisfiable"),
        (b"bytes=0-1,3-4", "unsatisfiable"),
        (b"bytes=" + b"9" * 5000 + b"-", "unsatisfiable"),
        (b"bytes=5-2", "whole"),
        (b"bytes=-", "whole"),
        (b"bytes=", "whole"),
        (b"bytes=a-b", "whole"),
        (b"bytes=1-2,x", "whole"),
        (b"items=0-1", "whole"),
        (b"0-1", "whole"),
        (b"", "whole"),
    ],
)
def test_a_range_of_ten_bytes(header: bytes | None, expected: ByteRange | str) -> None:
    assert parse_range(header, 10) == expected


def test_an_empty_file_has_no_ranges() -> None:
    assert parse_range(b"bytes=0-0", 0) == "whole"


@given(header=st.binary(max_size=40), size=st.integers(0, 1000))
def test_whatever_is_asked_for_lies_in_the_file(header: bytes, size: int) -> None:
    found: ByteRange | Literal["whole", "unsatisfiable"] = parse_range(b"bytes=" + header, size)
    if isinstance(found, ByteRange):
        assert 0 <= found.start < found.stop <= size


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        (b'"abc"', True),
        (b'W/"abc"', True),
        (b'"x", "abc"', True),
        (b"*", True),
        (b'"abcd"', False),
        (b"abc", False),
        (b"", False),
    ],
)
def test_what_a_client_has_is_known_by_its_tag(header: bytes | None, known: bool) -> None:
    assert is_known(header, ETAG) is known


@pytest.mark.parametrize(
    ("header", "holds"),
    [(None, True), (b'"abc"', True), (b'W/"abc"', False), (b"Wed, 21 Oct 2015 07:28:00 GMT", False)],
)
def test_a_range_is_served_only_of_the_content_that_the_client_has_part_of(header: bytes | None, holds: bool) -> None:
    assert if_range_holds(header, ETAG) is holds


def test_a_digest_is_the_base64_of_a_sha256() -> None:
    digest = sha256(b"x").digest()
    assert parse_digest(None) is None
    assert parse_digest(b"sha-256=" + b64encode(digest)) == digest
    assert parse_digest(b"SHA-256=" + b64encode(digest)) == digest
    for header in [
        b"",
        b"sha-256=",
        b"sha-256=abc",
        b"sha-256=!!!!",
        b"sha-256=" + b64encode(digest)[:-2],
        b"md5=" + b64encode(digest),
        b"sha-256=" + b64encode(digest + b"x"),
        b"sha-256=" + digest.hex().encode(),
    ]:
        with pytest.raises(BadRequestError) as raised:
            parse_digest(header)
        assert raised.value.code == "BadHeader"


@pytest.mark.parametrize(
    "shown", ["image/png", "IMAGE/JPEG", "video/mp4", "text/plain; charset=utf-8", "application/pdf"]
)
def test_what_a_browser_only_shows_may_be_shown(shown: str) -> None:
    headers = dict(content_headers(shown, None, ETAG))
    assert headers[b"content-disposition"] == b"inline"
    assert headers[b"content-type"] == shown.encode()


RUN = ["text/html", "image/svg+xml", "image/svg+xml;x=y", "application/xhtml+xml", "text/xml", "text/javascript"]
UNKNOWN = [None, "application/octet-stream", "image", "image/", "text/plainly", ""]


@pytest.mark.parametrize("run", [*RUN, *UNKNOWN])
def test_what_a_browser_might_run_is_for_download(run: str | None) -> None:
    headers = dict(content_headers(run, None, ETAG))
    assert headers[b"content-disposition"] == b"attachment"
    assert headers[b"content-security-policy"] == b"default-src 'none'; sandbox"


def test_a_file_may_be_kept_by_every_cache_and_its_type_is_not_guessed() -> None:
    digest = sha256(b"x").digest()
    headers = dict(content_headers("image/png", digest, ETAG))
    assert headers[b"cache-control"] == b"public, max-age=2592000, immutable"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"etag"] == ETAG
    assert headers[b"accept-ranges"] == b"bytes"
    assert headers[b"digest"] == b"sha-256=" + b64encode(digest)
    assert b"digest" not in dict(content_headers("image/png", None, ETAG))
