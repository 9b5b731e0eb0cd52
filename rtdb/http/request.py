"""One HTTP request as the routes see it: the few headers that matter, the body under its limit, the answer.

A route gets this instead of Starlette's request object because the routes that call functions are the server's hot
path: an empty request already costs Hypercorn half a millisecond, and this adds a few microseconds to it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

import msgspec
import trio
from starlette.types import Receive, Scope, Send

from rtdb.clock import Random
from rtdb.errors import BadRequestError, RateLimitedError
from rtdb.http.client_version import ClientVersion
from rtdb.http.error_response import HttpResponse, HttpStream
from rtdb.http.receive_budget import ReceiveBudget

__all__ = [
    "HttpRequest",
    "RequestBody",
    "RequestHeaders",
    "decode_body",
    "read_body",
    "read_bytes",
    "read_headers",
    "send_response",
    "send_stream",
    "while_connected",
]

Decoded = TypeVar("Decoded")
Result = TypeVar("Result")

REQUEST_ID_BYTES = 8
DISCARD_SECONDS_MAX = 30.0
"""How long a client that has its answer already may go on sending what is not wanted."""
REQUEST_ID = re.compile(rb"[0-9A-Za-z_.-]{1,64}")
"""What a client may call its request: it goes into error texts and logs."""


class RequestHeaders:
    """The headers routes look at, found in one pass. Values are None when absent; the first of several wins."""

    __slots__ = (
        "authorization",
        "client",
        "content_encoding",
        "content_length",
        "content_type",
        "origin",
        "request_id",
        "requested",
    )

    def __init__(self) -> None:
        self.authorization: bytes | None = None
        self.client: bytes | None = None
        self.content_encoding: bytes | None = None
        self.content_length: bytes | None = None
        self.content_type: bytes | None = None
        self.origin: bytes | None = None
        self.request_id: bytes | None = None
        self.requested: bytes | None = None


_SLOTS = {
    b"authorization": "authorization",
    b"convex-client": "client",
    b"content-encoding": "content_encoding",
    b"content-length": "content_length",
    b"content-type": "content_type",
    b"origin": "origin",
    b"convex-request-id": "request_id",
    b"access-control-request-headers": "requested",
}


def read_headers(scope: Scope) -> RequestHeaders:
    """Return what the routes want of the request's headers."""
    headers = RequestHeaders()
    for name, value in scope["headers"]:
        slot = _SLOTS.get(name)
        if slot is not None and getattr(headers, slot) is None:
            setattr(headers, slot, value)
    return headers


class HttpRequest:
    """A request on its way to a route. What it holds of ``received`` it gives back with :meth:`release`."""

    __slots__ = ("_at_end", "_held", "_random", "_received", "body_ended", "client", "headers", "receive", "scope")

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        headers: RequestHeaders,
        client: ClientVersion,
        random: Random,
        received: ReceiveBudget,
    ) -> None:
        self.scope = scope
        self.receive = receive
        self.headers = headers
        self.client = client
        self._random = random
        self._received = received
        self._held = 0
        self._at_end: Callable[[], None] | None = None
        self.body_ended = False
        """Whether all of the body has been received; for a route that takes it piece by piece."""

    def hold(self, count: int) -> None:
        """Note that so many bytes of the body are in memory. Raises ``TooManyConcurrentRequests``."""
        if not self._received.take(count):
            raise RateLimitedError("The bodies of the requests under way are too large together. Try again later.")
        self._held += count

    def at_end(self, close: Callable[[], None]) -> None:
        """Have something closed when the request has been answered, or has been given up."""
        assert self._at_end is None
        self._at_end = close

    def release(self) -> None:
        """Note that the request is over and its body no longer needed."""
        self._received.give(self._held)
        self._held = 0
        if self._at_end is not None:
            self._at_end()
            self._at_end = None

    @property
    def query_string(self) -> bytes:
        query: bytes = self.scope["query_string"]
        return query

    def request_id(self) -> str:
        """Return the client's name for this request, or, every time it is asked for, a new one: 16 hex digits."""
        given = self.headers.request_id
        if given is not None and REQUEST_ID.fullmatch(given):
            return given.decode("ascii")
        return self._random.bytes(REQUEST_ID_BYTES).hex()


def _require_json(content_type: bytes | None) -> None:
    if content_type == b"application/json":
        return
    essence = (content_type or b"").partition(b";")[0].strip().lower()
    if essence != b"application/json" and not (essence.startswith(b"application/") and essence.endswith(b"+json")):
        raise BadRequestError("Expected request with `Content-Type: application/json`", code="BadJsonBody")


class RequestBody:
    """The body of a request, as ASGI's ``receive``; knows whether it has been read to its end.

    It has to be before an answer ends: Hypercorn closes the connection otherwise, without having said so, and a client
    that had more to say or to ask would not get this answer or lose its next request.
    """

    __slots__ = ("_discarded_bytes_max", "_receive", "finished")

    def __init__(self, receive: Receive, discarded_bytes_max: int) -> None:
        self._receive = receive
        self._discarded_bytes_max = discarded_bytes_max
        self.finished = False

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        if not message.get("more_body", False):
            # The last part, or the end of the connection.
            self.finished = True
        return message

    async def discard(self) -> None:
        """Read what is left, up to a bound, and forget it."""
        received = 0
        while not self.finished and received <= self._discarded_bytes_max:
            received += len((await self()).get("body", b""))


async def read_body(request: HttpRequest, body_bytes_max: int) -> bytes:
    """Return the whole body. Raises ``BadJsonBody`` if it is not declared to be JSON, too large, or cut short."""
    _require_json(request.headers.content_type)
    return await read_bytes(request, body_bytes_max)


async def read_bytes(request: HttpRequest, body_bytes_max: int) -> bytes:
    """Return the whole body, whatever it is. Raises ``BadJsonBody`` if it is too large or cut short."""
    chunks: list[bytes] = []
    received = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise BadRequestError("Failed to buffer the request body: connection closed", code="BadJsonBody")
        more = message.get("more_body", False)
        received += len(message["body"])
        if received > body_bytes_max:
            raise BadRequestError(
                f"Failed to buffer the request body: length limit exceeded ({body_bytes_max} bytes)",
                code="BadJsonBody",
            )
        request.hold(len(message["body"]))
        chunks.append(message["body"])
    return b"".join(chunks)


async def while_connected(request: HttpRequest, work: Callable[[], Awaitable[Result]]) -> Result | None:
    """Do what may take long for a request that has been read to its end; give up, and return None, if the client goes
    away."""
    result: Result | None = None
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:

        async def watch_client() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch_client)
        try:
            result = await work()
        except Exception as error:  # raised below, so that it does not come in a group of one
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return result


def decode_body(decoder: msgspec.json.Decoder[Decoded], body: bytes) -> Decoded:
    """Return the body as the struct the decoder makes. Raises ``BadJsonBody``."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(
            f"Failed to deserialize the JSON body into the target type: {error}", code="BadJsonBody"
        ) from error


async def send_response(send: Send, response: HttpResponse, unread: RequestBody | None = None) -> None:
    """Send a whole answer.

    If it comes before the request has been read, its client has it before the rest of ``unread`` is read and forgotten.
    """
    body = response.body
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": response.status, "headers": [*response.headers, length]})
    if unread is not None and not unread.finished:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        with trio.move_on_after(DISCARD_SECONDS_MAX):
            await unread.discard()
        body = b""
    await send({"type": "http.response.body", "body": body})


async def send_stream(send: Send, receive: Receive, response: HttpStream) -> None:
    """Send an answer as it comes about, or until the client goes away. The request has been read to its end."""
    await send({"type": "http.response.start", "status": response.status, "headers": response.headers})

    async def write(chunk: bytes) -> None:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})

    async with trio.open_nursery() as nursery:

        async def watch_client() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            nursery.cancel_scope.cancel()

        nursery.start_soon(watch_client)
        await response.write(write)
        nursery.cancel_scope.cancel()
    await send({"type": "http.response.body", "body": b""})
