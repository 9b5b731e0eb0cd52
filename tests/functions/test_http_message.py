from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rtdb.errors import DeveloperError
from rtdb.functions.http_headers import Headers
from rtdb.functions.http_message import Request, Response


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_body_is_read_whole_and_may_be_asked_for_again() -> None:
    request = Request("http://x/", "POST", body=pieces(b'{"a":', b" 1}"))
    assert await request.bytes() == b'{"a": 1}'
    assert await request.text() == '{"a": 1}'
    assert await request.json() == {"a": 1}


async def test_a_body_is_read_in_pieces_once() -> None:
    request = Request("http://x/", "POST", body=pieces(b"a", b"b"))
    assert [chunk async for chunk in request] == [b"a", b"b"]
    with pytest.raises(DeveloperError, match="the request's body has been read already"):
        await request.bytes()


async def test_a_request_without_a_body_reads_as_nothing() -> None:
    request = Request("http://x/")
    assert await request.bytes() == b""
    assert not request.is_disconnected


async def test_what_is_not_json_is_a_value_error() -> None:
    for body in (b"", b"{", b"[" * 100_000):
        with pytest.raises(ValueError, match="the request's body"):
            await Request("http://x/", "POST", body=body).json()


async def test_text_is_utf8_whatever_comes() -> None:
    assert await Request("http://x/", body="\ufeffé").text() == "é"
    assert await Request("http://x/", body=b"\xff").text() == "\ufffd"


def test_path_and_query_come_from_the_address() -> None:
    request = Request("http://host:1/a%2Fb/?x=1&y=%C3%A9&x=2&z", "GET", {"Accept": "*/*"})
    assert request.path == "/a%2Fb/"
    assert request.query == {"x": "2", "y": "é", "z": ""}
    assert request.headers["accept"] == "*/*"
    assert Request("http://host").path == "/"


def test_text_has_a_type_unless_it_is_given_one() -> None:
    assert Response("x").headers["content-type"] == "text/plain;charset=UTF-8"
    assert Response("x", headers={"Content-Type": "text/html"}).headers.get_list("content-type") == ["text/html"]
    assert "content-type" not in Response(b"x").headers
    assert "content-type" not in Response().headers


def test_json_is_compact_utf8() -> None:
    response = Response.json({"name": "Zoë", "n": [1, 2.5, None]}, 201, {"X-A": "b"})
    assert isinstance(response.body, bytes)
    assert response.body == '{"name":"Zoë","n":[1,2.5,null]}'.encode()
    assert json.loads(response.body)["name"] == "Zoë"
    assert response.status == 201
    assert response.headers.multi_items() == [("x-a", "b"), ("content-type", "application/json")]


def test_a_redirect_says_where() -> None:
    response = Response.redirect("https://example.org/")
    assert (response.status, response.headers["location"]) == (302, "https://example.org/")
    with pytest.raises(ValueError, match="a redirect has the status"):
        Response.redirect("/", 200)


@pytest.mark.parametrize("status", [0, 100, 199, 600, 200.0, "200", True, None])
def test_a_status_outside_http_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match="the status of a response is a number from 200 to 599"):
        Response(None, status)


def test_a_body_that_cannot_be_sent_is_refused_when_the_response_is_made() -> None:
    unsendable: list[Any] = [{"a": 1}, ["a"], 5, iter([b"a"])]
    for body in unsendable:
        with pytest.raises(TypeError, match="the body of a response is text, bytes or an async iterator"):
            Response(body)
    with pytest.raises(ValueError, match="a response with status 204 has no body"):
        Response("x", 204)


def test_a_response_does_not_share_the_headers_it_was_made_from() -> None:
    shared = Headers({"x-a": "1"})
    Response("x", headers=shared).headers["x-a"] = "2"
    assert shared["x-a"] == "1"
