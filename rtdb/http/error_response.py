"""Errors as HTTP answers (http-api §4.2): status, and ``{"code", "message"}`` as JSON.

An error of ours, and an untyped one, is told in one fixed sentence; its detail goes to the log. ``code`` and
``message`` both empty means no body.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from rtdb.errors import InternalError, RtdbError
from rtdb.http.client_version import UnsupportedClientError
from rtdb.link.frames import ExecutionError

__all__ = [
    "GENERIC_CODE",
    "GENERIC_MESSAGE",
    "HttpResponse",
    "HttpStream",
    "WriteChunk",
    "empty_response",
    "error_body",
    "error_response",
    "json_response",
    "system_error_response",
    "text_response",
    "untyped_error_response",
]

GENERIC_CODE = "InternalServerError"
GENERIC_MESSAGE = "Your request couldn't be completed. Try again later."

Headers = list[tuple[bytes, bytes]]

WriteChunk = Callable[[bytes], Awaitable[None]]


class HttpResponse(msgspec.Struct, frozen=True):
    """A whole answer: status, body, and the headers that are not the same for all."""

    status: int
    body: bytes
    headers: Headers


class HttpStream(msgspec.Struct, frozen=True):
    """An answer that is written as it comes about: status, headers, and what writes the body.

    ``write`` is cancelled when the client goes away. How long it may take is its own business.
    """

    status: int
    headers: Headers
    write: Callable[[WriteChunk], Awaitable[None]]


def json_response(body: bytes, status: int = 200) -> HttpResponse:
    return HttpResponse(status, body, [(b"content-type", b"application/json")])


def text_response(text: str, status: int = 200) -> HttpResponse:
    return HttpResponse(status, text.encode(), [(b"content-type", b"text/plain; charset=utf-8")])


def error_body(code: str, message: str) -> bytes:
    return msgspec.json.encode({"code": code, "message": message})


def error_response(error: RtdbError) -> HttpResponse:
    """Return what the client is told of ``error``."""
    headers: Headers = [(b"content-type", b"application/json")]
    if isinstance(error, UnsupportedClientError):
        headers += error.client.deprecation_headers
    if isinstance(error, InternalError):
        return HttpResponse(error.http_status, error_body(GENERIC_CODE, GENERIC_MESSAGE), headers)
    return HttpResponse(error.http_status, error_body(error.code, error.message), headers)


def system_error_response(error: ExecutionError) -> HttpResponse:
    """Return what the client is told when the server could not run a function."""
    assert error.system, "an outcome of a function answers 200"
    if error.system == 500:
        return untyped_error_response()
    return json_response(error_body(error.code, error.message), error.system)


def untyped_error_response() -> HttpResponse:
    """Return what the client is told of an error that should not have happened."""
    return json_response(error_body(GENERIC_CODE, GENERIC_MESSAGE), 500)


def empty_response(status: int) -> HttpResponse:
    """Return an answer that is only a status."""
    return HttpResponse(status, b"", [])
