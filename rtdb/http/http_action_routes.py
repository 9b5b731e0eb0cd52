"""Requests that the app's HTTP actions answer (http-api §7): ``/http/…`` on the main port, everything on the site port.

::

    client ── body ──▶ pump ──▶ exchange ──▶ hub ──▶ action
           ◀── head, body ─────  exchange ◀── …

Both bodies pass in pieces, at the pace of whoever is slower, and at the same time: an action may begin to answer while
it still reads. Nothing is added to an answer; in particular there are no CORS headers, which are the app's to set.

Invariant: an answer that is not complete never looks complete. When the action fails after its head, or the client
stops sending, the connection ends within the answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import msgspec
import trio
from starlette.types import Scope, Send

from rtdb.auth.credentials import Credentials
from rtdb.clock import Random
from rtdb.config import Config
from rtdb.errors import ContentTooLargeError, RtdbError
from rtdb.http.error_response import HttpResponse, json_response, system_error_response
from rtdb.http.facade import ActionFailed, Facade, HttpActionExchange
from rtdb.http.request import (
    DISCARD_SECONDS_MAX,
    REQUEST_ID_BYTES,
    RequestBody,
    RequestHeaders,
    read_headers,
    send_response,
)
from rtdb.link.frames import ExecutionError, HttpActionRequest, Origin
from rtdb.sync.messages import function_error_text

__all__ = ["HTTP_PREFIX", "AnswerBrokeOff", "HttpActionRoutes"]

HTTP_PREFIX = b"/http/"
"""Where HTTP actions are on the main port; an action sees the path without the first part."""

METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = METHODS_WITHOUT_BODY | {"POST", "PUT", "PATCH", "DELETE"}

HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""Headers that are about this connection and so not an app's: what it copies from an upstream's answer has them."""

_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?", re.ASCII)
"""Anything else in its place would give the address another path than the one that is routed."""

Headers = Iterable[tuple[bytes, bytes]]


class AnswerBrokeOff(Exception):
    """The answer has begun and cannot be completed: the connection ends within it."""


class _ClientGone(Exception):
    """The client has closed its connection."""


class HttpActionRoutes:
    """Has requests answered by HTTP actions."""

    def __init__(self, facade: Facade, credentials: Credentials, config: Config, random: Random) -> None:
        self._facade = facade
        self._credentials = credentials
        self._redact = config.redact_errors
        self._limits = config.limits
        self._random = random

    async def serve(
        self, scope: Scope, body: RequestBody, send: Send, target: bytes, answered: Callable[[], None]
    ) -> None:
        """Answer one request. ``target`` is its path as the app is to see it; ``answered`` is called with the head.

        Returns without an answer when the client has gone away. Raises :class:`AnswerBrokeOff`.
        """
        method = scope["method"]
        if method not in METHODS:
            allowed = ", ".join(sorted(METHODS)).encode()
            await send_response(send, HttpResponse(405, b"", [(b"allow", allowed)]), body)
            return
        headers = read_headers(scope)
        with_body = method not in METHODS_WITHOUT_BODY
        if with_body:
            self._check_length(headers.content_length)
        request = await self._request(scope, headers, target, with_body=with_body)
        exchange = self._facade.open_http_action(request)
        answer: HttpResponse | None = None
        gone = False
        failure: Exception | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_watch_client, scope)
                async with trio.open_nursery() as pumping:
                    pumping.start_soon(self._pump, body, exchange, with_body)
                    answer = await self._relay_answer(send, exchange, request, answered)
                    pumping.cancel_scope.cancel()
                if answer is None:
                    # A client that is still sending would lose what has been sent it last.
                    with trio.move_on_after(DISCARD_SECONDS_MAX):
                        await body.discard()
                # From here on the end of the connection is ours.
                nursery.cancel_scope.cancel()
        except* _ClientGone:
            gone = True
        except* (AnswerBrokeOff, ContentTooLargeError) as errors:
            failure = _first(errors)
        finally:
            exchange.close()
        if gone:
            return
        if failure is not None:
            raise failure
        if answer is not None:
            await send_response(send, answer, body)
        else:
            await send({"type": "http.response.body", "body": b""})

    # --- the request --------------------------------------------------------------------------------------------------

    async def _request(
        self, scope: Scope, headers: RequestHeaders, target: bytes, *, with_body: bool
    ) -> HttpActionRequest:
        identity, identity_error = None, None
        try:
            # The key of an administrator counts in a header only: parameters are the app's own.
            identity = (await self._credentials.identify(headers.authorization, b"")).attributes
        except RtdbError as error:
            # A token that we do not know may be one that the app knows (http-api §7.5).
            identity_error = ExecutionError(error.code, error.message)
        query: bytes = scope["query_string"]
        return HttpActionRequest(
            call=0,
            method=scope["method"],
            base=_base(scope),
            target=(target + b"?" + query if query else target).decode("latin-1"),
            headers=[(name, value) for name, value in scope["headers"]],
            body=with_body,
            identity=identity,
            identity_error=identity_error,
            origin=Origin(caller="HttpEndpoint", request=self._random.bytes(REQUEST_ID_BYTES).hex()),
        )

    def _check_length(self, declared: bytes | None) -> None:
        if declared is not None and int(declared) > self._limits.http_action_request_bytes_max:
            raise self._too_large()

    def _too_large(self) -> ContentTooLargeError:
        return ContentTooLargeError(
            "The body of a request to an HTTP action may have at most "
            f"{self._limits.http_action_request_bytes_max} bytes (http_action_request_bytes_max)."
        )

    async def _pump(self, body: RequestBody, exchange: HttpActionExchange, with_body: bool) -> None:
        """Pass the request's body on, or throw it away where there should be none."""
        received = 0
        while not body.finished:
            message = await body()
            if message["type"] != "http.request":
                raise _ClientGone
            received += len(message["body"])
            if received > self._limits.http_action_request_bytes_max:
                if with_body:
                    raise self._too_large()
                # Too much to throw away as well: the connection ends after the answer.
                return
            if with_body:
                await exchange.send(message["body"], last=body.finished)

    # --- the answer ---------------------------------------------------------------------------------------------------

    async def _relay_answer(
        self, send: Send, exchange: HttpActionExchange, request: HttpActionRequest, answered: Callable[[], None]
    ) -> HttpResponse | None:
        """Pass the answer on, all but its end; or return the answer to send when the action has none."""
        try:
            head = await exchange.head()
        except ActionFailed as failed:
            return self._failure(request, failed.error)
        answered()
        headers = [(name, value) for name, value in head.headers if name not in HOP_BY_HOP]
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        try:
            while (data := await exchange.receive()) is not None:
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except ActionFailed:
            # The hub has logged what it was.
            raise AnswerBrokeOff from None
        return None

    def _failure(self, request: HttpActionRequest, error: ExecutionError) -> HttpResponse:
        if error.system:
            return system_error_response(error)
        # One line here, and its details beside it: where other calls have the text over several lines.
        first = function_error_text(request.origin.request, error, redact=True)
        answer: dict[str, str | msgspec.Raw] = {"code": first}
        if not self._redact:
            answer = {"code": f"{first}: {error.message}", "trace": f"{error.message}\n{error.frames}"}
        if error.data is not None:
            answer["data"] = msgspec.Raw(error.data)
        return json_response(msgspec.json.encode(answer), 500)


def _base(scope: Scope) -> str:
    """Return scheme and host of the address as the client wrote it, going by what proxies on the way say."""
    found: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in {b"host", b"forwarded", b"x-forwarded-host", b"x-forwarded-proto"}:
            # The first one: that of the proxy next to the client.
            found.setdefault(name, value.decode("latin-1").split(",")[0].strip())
    forwarded = {
        key.strip().lower(): value.strip().strip('"')
        for key, _, value in (part.partition("=") for part in found.get(b"forwarded", "").split(";"))
    }
    schemes = found.get(b"x-forwarded-proto"), forwarded.get("proto")
    hosts = forwarded.get("host"), found.get(b"x-forwarded-host"), found.get(b"host")
    scheme = next((scheme for scheme in schemes if scheme in {"http", "https"}), "http")
    host = next((host for host in hosts if host and _HOST.fullmatch(host)), "localhost")
    return f"{scheme}://{host}"


async def _watch_client(scope: Scope) -> None:
    """Notice the end of the connection, whatever is still waiting to be read from it."""
    await scope["state"]["gone"].wait()
    raise _ClientGone


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    error: Exception | BaseExceptionGroup[Exception] = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
