"""One HTTP request in an action runner: from the request to the end of its answer's body.

::

    route it ─▶ run the action ─▶ check its response ─▶ send the head ─▶ send the body as it is produced

The action counts as running until its answer is sent: what produces the body may use ``ctx`` too. A client that goes
away does not end it. Nobody wants the rest of the answer, so that is not produced; but until there is an answer, what
the action does for the request may matter to others, and it goes on.

Invariant: the last chunk is sent only after everything before it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import trio

from rtdb.errors import DeveloperError, LimitError
from rtdb.functions.action_context import ActionContext
from rtdb.functions.action_environment import ActionEnvironment
from rtdb.functions.action_run import ActionRun
from rtdb.functions.context import Invocation
from rtdb.functions.http_headers import Headers
from rtdb.functions.http_message import (
    STATUSES_WITHOUT_BODY,
    InvalidResponseError,
    Request,
    Response,
    check_response,
    encode_text,
)
from rtdb.functions.running_action import RunningAction
from rtdb.functions.typescript.actions import TypeScriptActions
from rtdb.link.body_stream import BodyReceiver, BodySender
from rtdb.link.frames import BodyChunk, BodyCredit, Cancel, HttpActionHead, HttpActionRequest
from rtdb.link.link import Message
from rtdb.values.violations import display_bytes

__all__ = ["AnsweredRequest"]

CLOSING_SHARE = 0.8
"""Of the time that an action has to end when it is stopped: how much of it the producer of a body has."""

_CONTENT_LENGTH: Final = re.compile(r"[0-9]{1,18}")
NO_ROUTE = b"No matching routes found"

EncodedBody = bytes | AsyncIterable[bytes] | AsyncIterable[str] | None


class ClientDisconnectedError(DeveloperError):
    """The client went away before the whole request had come."""

    default_code = "ClientDisconnected"


class AnsweredRequest(RunningAction):
    """A request, and the action that answers it."""

    def __init__(
        self, environment: ActionEnvironment, request: HttpActionRequest, send: Callable[[Message], None]
    ) -> None:
        super().__init__(environment, request.call, request.path, request.origin)
        limits = environment.limits
        self._request = request
        self._send = send
        self._received = BodyReceiver(request.call, send, limits.http_action_window_bytes)
        self._body = BodySender(request.call, send, limits.http_action_window_bytes)
        self._answer_scope = trio.CancelScope()
        """The sending of the body."""
        self._disconnected = trio.Event()
        if request.body:
            self._received.open()

    # --- what the client's side says ----------------------------------------------------------------------------------

    def take(self, message: BodyChunk | BodyCredit | Cancel) -> None:
        """A part of the request's body has come, one of the answer's has been taken, or the client has gone away."""
        match message:
            case BodyChunk():
                self._received.take(message)
            case BodyCredit():
                self._body.grant(message)
            case Cancel():
                self._disconnected.set()
                self._received.fail(ClientDisconnectedError("the client went away before the whole request had come"))
                self._answer_scope.cancel()

    # --- the action ---------------------------------------------------------------------------------------------------

    async def execute(self) -> bytes:
        """Answer the request. Raises CallFailed; the answer has begun by then, or has not."""
        environment, request = self.environment, self._request
        run = ActionRun(environment, self._invocation(), request.origin)
        if environment.typescript is not None and environment.typescript.has_routes:
            await run.run_typescript(partial(self._answer_in_typescript, run))
            return b"null"
        router = environment.app.router
        route = None if router is None else router.lookup(request.target.partition("?")[0], request.method)
        if route is None:
            headers = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(NO_ROUTE))}
            self._head(404, Headers(headers))
            await self._send_body(NO_ROUTE, None)
        else:
            await run.run_python(partial(self._answer, route.action.handler))
        return b"null"

    def _invocation(self) -> Invocation:
        environment, request = self.environment, self._request
        invocation = Invocation(environment.clock.now_ns(), environment.random, request.identity, self.log_lines, None)
        invocation.identity_error = request.identity_error
        invocation.request = request.origin.request
        return invocation

    def _asked(self, body: AsyncIterator[bytes] | None) -> Request:
        request = self._request
        return Request(
            request.base + request.target,
            request.method,
            Headers.decode(request.headers),
            body,
            is_disconnected=self._disconnected.is_set,
        )

    async def _answer(self, handler: Callable[[Any, Any], Awaitable[Any]], context: ActionContext) -> None:
        response = await handler(context, self._asked(_Received(self._received) if self._request.body else None))
        if not isinstance(response, Response):
            raise TypeError(f"HTTP actions must return a Response, got {type(response).__name__}")
        await self._respond(response)

    async def _answer_in_typescript(
        self, run: ActionRun, actions: TypeScriptActions, variables: Mapping[str, str | None]
    ) -> None:
        body = self._received.receive if self._request.body else None
        await actions.answer(
            self._asked(None), body, self._disconnected.wait, self._respond, variables, run, run.invocation
        )

    async def _respond(self, response: Response) -> None:
        request = self._request
        # It may have been changed since it was made.
        check_response(response.status, response.body)
        body = encode_text(response.body) if isinstance(response.body, str) else response.body
        headers = Headers(response.headers)
        length = self._content_length(response.status, headers, body)
        self._head(int(response.status), headers)
        with self._answer_scope:
            async with trio.open_nursery() as nursery:
                if request.body and not isinstance(body, AsyncIterable):
                    # A client may send all of its request before it reads any of the answer.
                    nursery.start_soon(self._ignore_rest)
                await self._send_body(b"" if request.method == "HEAD" else body, length)
                nursery.cancel_scope.cancel()
        if self._answer_scope.cancelled_caught:
            self.log_lines.add("INFO", "The client went away before the whole answer was sent.")

    def _content_length(self, status: int, headers: Headers, body: EncodedBody) -> int | None:
        """Return the length of the body that is announced, None if it is not known before it has been sent."""
        declared = headers.get("content-length")
        if declared is not None and not _CONTENT_LENGTH.fullmatch(declared):
            raise InvalidResponseError(f"the header `content-length` is a number of bytes, got {declared!r}")
        if isinstance(body, AsyncIterable):
            return None if declared is None or self._request.method == "HEAD" else int(declared)
        length = len(body or b"")
        if length > self.environment.limits.http_action_response_bytes_max:
            raise self._too_large()
        if declared is None:
            if status not in STATUSES_WITHOUT_BODY:
                headers["content-length"] = str(length)
        elif int(declared) != length and (body is not None or not self._may_have_no_body(status)):
            raise InvalidResponseError(f"the header `content-length` is {declared} and the body has {length} bytes")
        return length

    def _may_have_no_body(self, status: int) -> bool:
        """Whether the answer ends with its headers, which may then announce the body of another."""
        return self._request.method == "HEAD" or status == 304

    def _head(self, status: int, headers: Headers) -> None:
        encoded = headers.encode()
        bytes_max = self.environment.limits.http_action_response_head_bytes_max
        # As lines: with a colon, a space and a line break.
        if sum(len(name) + len(value) + 4 for name, value in encoded) > bytes_max:
            raise LimitError(
                f"the headers of a response have at most {bytes_max} bytes together "
                "(http_action_response_head_bytes_max)",
                code="HttpResponseTooLarge",
            )
        self._send(HttpActionHead(self._request.call, status, encoded))

    async def _send_body(self, body: EncodedBody, length: int | None) -> None:
        if isinstance(body, AsyncIterable):
            await self._stream(body, length)
        await self._body.send(b"" if body is None or isinstance(body, AsyncIterable) else body, last=True)

    async def _stream(self, body: AsyncIterable[bytes] | AsyncIterable[str], length: int | None) -> None:
        """Send all of a body but its end."""
        bytes_max = self.environment.limits.http_action_response_bytes_max
        sent = 0
        chunks = aiter(body)
        try:
            async for chunk in chunks:
                data = encode_text(chunk) if isinstance(chunk, str) else chunk
                if not isinstance(data, bytes):
                    raise TypeError(f"the body of a response yields text or bytes, got {type(data).__name__}")
                sent += len(data)
                if sent > bytes_max:
                    error = self._too_large()
                    self.log_lines.add("ERROR", f"{error.code}: {error.message}")
                    raise error
                if length is not None and sent > length:
                    raise InvalidResponseError(f"the header `content-length` is {length} and the body has more bytes")
                await self._body.send(data)
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                # It may have something to put in order. Its whole process would be killed for taking all of the time
                # that an action has which is stopped.
                seconds_max = CLOSING_SHARE * self.environment.limits.action_cancel_seconds_max
                with trio.move_on_after(seconds_max, shield=True):
                    await close()
        if length is not None and sent < length:
            raise InvalidResponseError(f"the header `content-length` is {length} and the body has {sent} bytes")

    async def _ignore_rest(self) -> None:
        while await self._received.receive() is not None:
            pass

    def _too_large(self) -> LimitError:
        bytes_max = self.environment.limits.http_action_response_bytes_max
        return LimitError(
            f"HTTP actions support responses up to {display_bytes(bytes_max)} (http_action_response_bytes_max)",
            code="HttpResponseTooLarge",
        )


class _Received(AsyncIterator[bytes]):
    """A request's body as it comes."""

    def __init__(self, received: BodyReceiver) -> None:
        self._received = received

    async def __anext__(self) -> bytes:
        data = await self._received.receive()
        if data is None:
            raise StopAsyncIteration
        return data
