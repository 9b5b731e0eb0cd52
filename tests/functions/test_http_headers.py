from __future__ import annotations

import httpx
import pytest

from rtdb.functions.http_headers import Headers


def test_names_have_no_case() -> None:
    headers = Headers({"Content-Type": "text/plain"})
    assert headers["content-TYPE"] == "text/plain"
    assert "CONTENT-type" in headers
    assert headers.get("x") is None
    headers["CONTENT-TYPE"] = "text/html"
    assert headers.multi_items() == [("content-type", "text/html")]
    del headers["Content-Type"]
    assert len(headers) == 0
    with pytest.raises(KeyError):
        del headers["content-type"]


def test_a_repeated_header_reads_as_one_and_stays_several() -> None:
    headers = Headers([("Set-Cookie", "a=1"), ("Vary", "x"), ("set-cookie", "b=2")])
    assert headers["set-cookie"] == "a=1, b=2"
    assert headers.get_list("Set-Cookie") == ["a=1", "b=2"]
    assert list(headers) == ["set-cookie", "vary"]
    assert headers.encode() == [(b"set-cookie", b"a=1"), (b"vary", b"x"), (b"set-cookie", b"b=2")]
    headers["set-cookie"] = "c=3"
    assert headers.get_list("set-cookie") == ["c=3"]


def test_headers_can_be_taken_from_an_upstream_response_with_all_its_cookies() -> None:
    upstream = httpx.Response(200, headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    assert Headers(upstream.headers).get_list("set-cookie") == ["a=1", "b=2"]


def test_received_headers_can_be_read_whatever_they_are() -> None:
    headers = Headers.decode([(b"X-Name", b"caf\xe9"), (b"bad name", b"a\x01b")])
    assert headers["x-name"] == "café"
    assert headers["bad name"] == "a\x01b"


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: evil=1", "a\nb", "a\0b", "\x7f"])
def test_a_value_cannot_begin_another_header(value: str) -> None:
    with pytest.raises(ValueError, match="the header `x-name` has a line break or another control character"):
        Headers({"x-name": value})


def test_what_cannot_be_a_header_is_refused_where_it_is_set() -> None:
    headers = Headers()
    for name in ("", "a b", "a:b", "a\r\nb", "é"):
        with pytest.raises(ValueError, match="is not the name of a header"):
            headers[name] = "x"
    with pytest.raises(TypeError, match="the header `content-length` is text, got int"):
        headers["content-length"] = 5  # type: ignore[assignment]  # what an app may do
    with pytest.raises(ValueError, match="a character that headers cannot carry"):
        headers["x"] = "€"
    headers["x"] = " padded\t"
    assert headers["x"] == "padded"
