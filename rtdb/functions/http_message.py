"""Requests and responses as HTTP actions see them.

::

    @http_action
    async def receive(ctx, request):
        order = await request.json()
        ...
        return Response.json({"id": id}, status=201)

Bodies stream both ways: ``async for chunk in request`` reads a body of any size in pieces, and a response's body may
be an async iterator, whose pieces are sent as it yields them. A reader that is slower than its writer holds it up, so
neither is ever kept in memory as a whole unless the app asks for it (``bytes``, ``text``, ``json``).

It knows no socket and no server: what a body is read from is given to it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rtdb.errors import DeveloperError
from rtdb.functions.http_headers import Headers, HeadersLike

__all__ = [
    "STATUSES_WITHOUT_BODY",
    "Body",
    "InvalidResponseError",
    "Request",
    "Response",
    "check_response",
    "encode_text",
]

Body = str | bytes | AsyncIterable[bytes] | AsyncIterable[str] | None
"""What a message may carry. Text is sent as UTF-8."""

Bytes = bytes
"""The type, where a method of that name hides it."""

STATUSES_WITHOUT_BODY = frozenset({204, 205, 304})


class InvalidResponseError(DeveloperError, ValueError):
    """What an app answers cannot be sent."""

    default_code = "InvalidResponse"


class InvalidBodyError(DeveloperError, ValueError):
    """The body of a request is not what the app takes it for."""

    default_code = "InvalidBody"


class Request:
    """One HTTP request. Its body can be read once, as a whole or in pieces."""

    __slots__ = ("_body", "_gone", "_taken", "_whole", "headers", "method", "url")

    def __init__(
        self,
        url: str,
        method: str = "GET",
        headers: HeadersLike = (),
        body: Body = None,
        *,
        is_disconnected: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make a request by hand, as a test of a handler does."""
        self.method = method
        """In capitals: ``GET``, ``HEAD``, ``POST``, ``PUT``, ``PATCH``, ``DELETE`` or ``OPTIONS``."""
        self.url = url
        """The whole address the client used, without ``/http`` on the main port."""
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self._body = _Chunks(body)
        self._whole: Bytes | None = None
        self._taken = False
        self._gone = is_disconnected

    @property
    def path(self) -> str:
        """The address's path as the client wrote it, not decoded."""
        return urlsplit(self.url).path or "/"

    @property
    def query(self) -> dict[str, str]:
        """The parameters after ``?``, decoded; of a repeated one the last. ``urllib.parse.parse_qs`` gives all."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    @property
    def is_disconnected(self) -> bool:
        """Whether the client is known to have gone away. The action goes on all the same, unless it returns."""
        return self._gone()

    def __aiter__(self) -> AsyncIterator[Bytes]:
        """Read the body in pieces as they arrive."""
        if self._taken:
            raise DeveloperError("the request's body has been read already", code="BodyAlreadyRead")
        self._taken = True
        return self._body

    async def bytes(self) -> Bytes:
        """Return the whole body. May be asked again, as may ``text`` and ``json`` after it."""
        if self._whole is None:
            self._whole = b"".join([chunk async for chunk in self])
        return self._whole

    async def text(self) -> str:
        """Return the body as text. It is UTF-8, whatever the headers say; what is not becomes U+FFFD."""
        return (await self.bytes()).decode("utf-8", "replace").removeprefix("\ufeff")

    async def json(self) -> Any:
        """Return the value that the body is in JSON. Raises ``ValueError`` for anything else."""
        try:
            return json.loads(await self.text())
        except RecursionError:
            raise InvalidBodyError("the request's body is JSON that is nested too deeply") from None
        except ValueError as error:
            raise InvalidBodyError(f"the request's body is not JSON: {error}") from None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url}>"


class Response:
    """An HTTP response: ``Response("hello", status=200, headers={"Content-Type": "text/plain"})``.

    The body is text, bytes, an async iterator of either, or None. Nothing is added to the headers but the type of a
    body of text, unless it is given; in particular no CORS headers.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: Body = None, status: int = 200, headers: HeadersLike = ()) -> None:
        check_response(status, body)
        self.body = body
        self.status = status
        self.headers = Headers(headers)
        if isinstance(body, str):
            self.headers.setdefault("content-type", "text/plain;charset=UTF-8")

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: HeadersLike = ()) -> Response:
        """Return a response whose body is ``value`` in JSON. Raises ``TypeError`` for what JSON has no form for."""
        body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        response = cls(encode_text(body), status, headers)
        response.headers.setdefault("content-type", "application/json")
        return response

    @classmethod
    def redirect(cls, url: str, status: int = 302) -> Response:
        """Return a response that sends the client to another address."""
        if status not in {301, 302, 303, 307, 308}:
            raise InvalidResponseError(f"a redirect has the status 301, 302, 303, 307 or 308, got {status!r}")
        return cls(None, status, {"Location": url})

    def __repr__(self) -> str:
        return f"<Response {self.status}>"


class _Chunks(AsyncIterator[bytes]):
    """A body in pieces. Not a generator: one that is left half read has nothing to finish."""

    def __init__(self, body: Body) -> None:
        self._whole: str | bytes | None = None
        self._rest: AsyncIterator[bytes] | AsyncIterator[str] | None = None
        if isinstance(body, str | bytes):
            self._whole = body
        elif body is not None:
            self._rest = body.__aiter__()

    async def __anext__(self) -> bytes:
        chunk = self._whole
        self._whole = None
        if self._rest is not None:
            chunk = await self._rest.__anext__()
        if chunk is None:
            raise StopAsyncIteration
        return encode_text(chunk) if isinstance(chunk, str) else chunk


def check_response(status: object, body: object) -> None:
    """Raise InvalidResponseError or TypeError unless these make a response."""
    if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
        raise InvalidResponseError(f"the status of a response is a number from 200 to 599, got {status!r}")
    if not (body is None or isinstance(body, str | bytes | AsyncIterable)):
        raise TypeError(
            f"the body of a response is text, bytes or an async iterator, got {type(body).__name__}; "
            "for JSON write `Response.json(value)`"
        )
    if body is not None and status in STATUSES_WITHOUT_BODY:
        raise InvalidResponseError(f"a response with status {status} has no body")


def encode_text(text: str) -> bytes:
    """Return text as it is sent. Raises :class:`InvalidResponseError` for half of a surrogate pair."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidResponseError(f"text that is to be sent is not Unicode: {error}") from None
