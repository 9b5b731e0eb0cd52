"""The three steps of an upload in a real browser, on a page of another origin than the server's."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.official_client import browser_page
from tests.e2e.server_process import ServerProcess

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: make /usr/bin/chromium")


def png(width: int) -> bytes:
    """Return a grey picture of one line."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    line = zlib.compress(b"\0" + b"\x80" * width)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", line) + chunk(b"IEND", b"")


def test_a_page_uploads_a_picture_and_everybody_sees_it(memberpulse: ServerProcess, start_node: StartClient) -> None:
    other = start_node(memberpulse)
    watched = other.subscribe("files:list", {"organizationId": "acme"})
    picture = png(7)
    with browser_page(memberpulse.url, "react_files.jsx", "acme") as page:
        page.choose("logo.png", "image/png", picture)
        (file,) = watched.wait(lambda files: len(files) == 1)
        assert (file["fileName"], file["fileType"], file["organizationId"]) == ("logo.png", "image/png", "acme")
        assert page.wait_shown(bool) == ["logo.png: 7 wide"]
        status, content_range, etag, size = page.part("bytes=1-3")
        assert (status, content_range, size) == (206, f"bytes 1-3/{len(picture)}", 3)
        assert etag
        page.choose("film.mp4", "video/mp4", os.urandom(21 << 20))
        assert page.wait_shown(lambda shown: len(shown) > 1)[1:] == ["film.mp4: 413 FileTooLarge"]
        assert len(watched.values[-1]) == 1
