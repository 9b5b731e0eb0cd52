"""The opening handshake, sans-IO."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.gateway.upgrade import Accepted, Refused, UpgradeParser

HEADERS = {
    "Host": "x",
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "WebSocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def request(target: str = "/api/sync", method: str = "GET", **changed: str | None) -> bytes:
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode()


def parse(data: bytes) -> Accepted | Refused | None:
    return UpgradeParser(16_384).feed(data)


def refused(data: bytes) -> tuple[bytes, Any]:
    result = parse(data)
    assert isinstance(result, Refused)
    head, _, body = result.response.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head.lower()
    return head, json.loads(body)


def test_an_upgrade_is_accepted_without_extensions_or_sub_protocols() -> None:
    offers = {
        "Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits",
        "Sec_WebSocket_Protocol": "chat",
    }
    result = parse(request(**offers) + b"\x81\x80abcd")
    assert isinstance(result, Accepted)
    assert result.response.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in result.response
    assert b"xtensions" not in result.response
    assert b"rotocol:" not in result.response
    assert result.trailing == b"\x81\x80abcd"


@pytest.mark.parametrize(
    ("target", "header", "name", "release"),
    [
        ("/api/sync", None, "unknown", (0, 0, 0)),
        ("/api/1.48.0/sync", None, "npm", (1, 48, 0)),
        ("//api/1.48.0/sync?x=/y", None, "npm", (1, 48, 0)),
        ("/api/sync", "python-0.7.0", "python", (0, 7, 0)),
        ("/api/1.48.0/sync", "rust-0.10.4", "rust", (0, 10, 4)),
        ("/api/nonsense/sync", "rust-0.10.4", "rust", (0, 10, 4)),
    ],
)
def test_the_client_is_known_by_header_or_path(
    target: str, header: str | None, name: str, release: tuple[int, int, int]
) -> None:
    result = parse(request(target, Convex_Client=header))
    assert isinstance(result, Accepted)
    assert (result.client.name, result.client.release) == (name, release)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (request(method="POST"), "MethodNotGet"),
        (request(Connection="keep-alive"), "InvalidConnectionHeader"),
        (request(Connection=None), "InvalidConnectionHeader"),
        (request(Upgrade="h2c"), "InvalidUpgradeHeader"),
        (request(Sec_WebSocket_Version="12"), "InvalidWebSocketVersionHeader"),
        (request(Sec_WebSocket_Key=None), "WebSocketKeyHeaderMissing"),
        (request("/api/nonsense/sync"), "InvalidClientVersion"),
        (request("/api/1.48/sync"), "InvalidClientVersion"),
        (request(Convex_Client="nonsense"), "InvalidClientVersion"),
        (request("/api/0.19.1/sync"), "ClientVersionUnsupported"),
        (request(Convex_Client="rust-0.0.1"), "ClientVersionUnsupported"),
    ],
)
def test_what_is_not_a_proper_upgrade_is_refused_in_the_protocols_words(data: bytes, code: str) -> None:
    head, body = refused(data)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert body["code"] == code
    assert body["message"]


def test_a_deprecated_client_is_served_and_told_so() -> None:
    result = parse(request(Convex_Client="python-0.2.0"))
    assert isinstance(result, Accepted)
    assert b"x-convex-deprecation-state: UpgradeRequired" in result.response


def test_a_refusal_may_be_read_by_its_origin() -> None:
    head, _ = refused(request(Upgrade="h2c", Origin="http://localhost:5173"))
    assert b"Access-Control-Allow-Origin: http://localhost:5173" in head


def test_a_request_may_come_in_pieces() -> None:
    parser = UpgradeParser(16_384)
    data = request()
    for place in range(len(data) - 1):
        assert parser.feed(data[place : place + 1]) is None
    assert isinstance(parser.feed(data[-1:]), Accepted)


def test_a_head_that_does_not_end_is_refused() -> None:
    parser = UpgradeParser(1000)
    assert parser.feed(b"GET /api/sync HTTP/1.1\r\nX: ") is None
    result = parser.feed(b"y" * 2000)
    assert isinstance(result, Refused)
    assert result.response.startswith(b"HTTP/1.1 431 ")


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=6))
def test_garbage_is_refused_or_waited_for(pieces: list[bytes]) -> None:
    parser = UpgradeParser(1000)
    for piece in [b"GET /api/sync HTTP/1.1\r\n", *pieces, b""]:
        result = parser.feed(piece)
        if result is not None:
            assert isinstance(result, Refused)
            return
