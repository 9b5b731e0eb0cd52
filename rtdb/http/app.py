"""The ASGI application of a gateway, and the way of a request through it.

::

    Hypercorn ──▶ HttpApplication: count, CORS, time limit, errors into answers
                     ├─ /http/…, and everything on the site port: HTTP actions, without CORS
                     ├─ fixed paths, by one dict look-up: functions, service endpoints
                     └─ everything else: Starlette (patterns, 404 and 405)

Invariants: every request gets exactly one answer, whatever happens; at most ``http_requests_max`` run at once, one
more is refused as ``TooManyConcurrentRequests``; a request that takes longer than ``request_seconds_max`` (an upload:
``upload_seconds_max``) until its answer begins gets 408 with an empty body.

Routes of fixed paths do not pass Starlette because its way there (three middlewares and a list of patterns) costs a
tenth of the whole request and has nothing to add to them.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import structlog
import trio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as StarletteRoute
from starlette.types import Receive, Scope, Send

from rtdb.auth.credentials import Credentials
from rtdb.blobstore.addresses import FILES_PREFIX, UPLOAD_PATH
from rtdb.clock import Random
from rtdb.config import Config
from rtdb.errors import BadRequestError, InternalError, RateLimitedError, RtdbError
from rtdb.http.client_version import UNKNOWN_CLIENT, parse_client_header
from rtdb.http.deploy_routes import DeployRoutes
from rtdb.http.environment_routes import EnvironmentRoutes
from rtdb.http.error_response import HttpResponse, HttpStream, empty_response, error_response, untyped_error_response
from rtdb.http.facade import Facade
from rtdb.http.file_headers import FILE_CORS
from rtdb.http.function_routes import FunctionRoutes, Route
from rtdb.http.http_action_routes import HTTP_PREFIX, AnswerBrokeOff, HttpActionRoutes
from rtdb.http.log_routes import LogRoutes
from rtdb.http.metrics import GatewayMetrics
from rtdb.http.push_routes import PushRoutes
from rtdb.http.receive_budget import ReceiveBudget
from rtdb.http.refused_routes import RefusedRoutes
from rtdb.http.request import HttpRequest, RequestBody, RequestHeaders, read_headers, send_response, send_stream
from rtdb.http.scheduler_routes import SchedulerRoutes
from rtdb.http.service_routes import Echo, ServiceRoutes
from rtdb.http.storage_routes import StorageRoutes, is_file_path

__all__ = ["HttpApplication", "is_sync_path"]

_log = structlog.get_logger("rtdb.http")

RUN_PREFIX = "/api/run/"

Headers = list[tuple[bytes, bytes]]

_CORS_ALWAYS: Headers = [
    (b"vary", b"origin, access-control-request-method, access-control-request-headers"),
    (b"access-control-allow-credentials", b"true"),
]


def _cors_headers(headers: RequestHeaders) -> Headers:
    """Return the CORS headers of an answer: the caller's origin is allowed, whoever it is (http-api §1.1)."""
    if headers.origin is None:
        return _CORS_ALWAYS
    return [*_CORS_ALWAYS, (b"access-control-allow-origin", headers.origin)]


def _preflight(headers: RequestHeaders) -> HttpResponse:
    allowed = [
        (b"access-control-allow-methods", b"GET,POST,OPTIONS,PATCH,DELETE,PUT"),
        (b"access-control-max-age", b"86400"),
    ]
    if headers.requested is not None:
        allowed.append((b"access-control-allow-headers", headers.requested))
    return HttpResponse(200, b"", allowed)


def is_sync_path(path: str) -> bool:
    """Return whether a path, without its query, is one sync sessions are opened on."""
    parts = path.removeprefix("/").removeprefix("/").split("/")
    return parts[0] == "api" and parts[-1] == "sync" and len(parts) in {2, 3}


class _Answer:
    """The answer to one request on its way out: adds the headers all answers share and remembers its status."""

    __slots__ = ("_send", "shared", "status")

    def __init__(self, send: Send, shared: Headers) -> None:
        self._send = send
        self.shared = shared
        self.status = 0

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self.shared]
        await self._send(message)


def _to_response(error: Exception) -> HttpResponse:
    if isinstance(error, RtdbError):
        if isinstance(error, InternalError):
            _log.error("request failed", code=error.code, detail=error.message, exc_info=error, **error.details)
        return error_response(error)
    # The boundary of one request: whatever it is, the client hears the fixed sentence, and the log the rest.
    _log.error("request failed", exc_info=error)
    return untyped_error_response()


class HttpApplication:
    """Answers every HTTP request of a gateway. ``site_port`` is 0 if there is none."""

    def __init__(
        self,
        facade: Facade,
        credentials: Credentials,
        config: Config,
        random: Random,
        metrics: GatewayMetrics,
        received: ReceiveBudget,
        files: StorageRoutes,
        site_port: int,
    ) -> None:
        self._random = random
        self._received = received
        self._metrics = metrics
        self._requests_max = config.limits.http_requests_max
        self._discarded_bytes_max = 4 * config.limits.http_body_bytes_max
        self._request_seconds_max = config.limits.request_seconds_max
        self._upload_seconds_max = config.limits.upload_seconds_max
        self._requests = 0
        self._files = files
        self._functions = FunctionRoutes(facade, credentials, config)
        self._http_actions = HttpActionRoutes(facade, credentials, config, random)
        deploys = DeployRoutes(facade, credentials, config)
        environment = EnvironmentRoutes(facade, credentials, config)
        logs = LogRoutes(facade, credentials)
        pushes = PushRoutes(facade, credentials, config)
        refused = RefusedRoutes(credentials)
        scheduler = SchedulerRoutes(facade, credentials, config)
        services = ServiceRoutes(facade, credentials, config, metrics, site_port)
        open_routes = services.open_routes()
        self._open_paths = frozenset(path for _method, path in open_routes)
        self._routes: Mapping[tuple[str, str], Route] = {
            **self._functions.routes(),
            **services.routes(),
            **deploys.routes(),
            **environment.routes(),
            **files.routes(),
            **logs.routes(),
            **pushes.routes(),
            **refused.routes(),
            **scheduler.routes(),
            **open_routes,
        }
        self._starlette = self._build_starlette()

    def requests_under_way(self) -> int:
        """Return how many requests have not been answered yet."""
        return self._requests

    def _build_starlette(self) -> Starlette:
        # The fixed paths are listed too, though never reached with their methods: Starlette tells 405 from 404 by
        # them.
        routes = [
            StarletteRoute(path, self._adapt(route), methods=[method]) for (method, path), route in self._routes.items()
        ]
        routes.append(StarletteRoute(RUN_PREFIX + "{path:path}", self._adapt(self._run), methods=["POST"]))
        routes.append(StarletteRoute(FILES_PREFIX + "{uuid}", self._adapt(self._files.serve), methods=["GET"]))
        routes.append(StarletteRoute("/echo", Echo(), methods=["POST"]))
        return Starlette(routes=routes, exception_handlers={HTTPException: _empty_answer})

    def _adapt(self, route: Route) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            ours = self._request(request.scope, request.receive, read_headers(request.scope))
            try:
                response = await route(ours)
                assert isinstance(response, HttpResponse), "what streams does not come here"
            except Exception as error:
                response = _to_response(error)
            finally:
                ours.release()
            answer = Response(response.body, response.status)
            answer.raw_headers += response.headers
            return answer

        return endpoint

    async def _run(self, request: HttpRequest) -> HttpResponse:
        raw_path: bytes = request.scope["raw_path"]
        return await self._functions.run_by_path(request, raw_path.decode("latin-1").removeprefix(RUN_PREFIX))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request on the main port."""
        if scope["type"] == "http" and scope["raw_path"].startswith(HTTP_PREFIX):
            await self._handle(scope, receive, send, scope["raw_path"][len(HTTP_PREFIX) - 1 :])
        else:
            await self._serve(scope, receive, send)

    async def site(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request on the site port."""
        if scope["type"] == "http":
            await self._handle(scope, receive, send, scope["raw_path"])
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith("//api/"):
                # The npm client keeps the trailing slash of the address it is given.
                scope["path"] = path[1:]
                scope["raw_path"] = scope["raw_path"][1:]
            await self._handle(scope, receive, send)
        elif scope["type"] == "websocket":
            # A sync upgrade is the first request of its connection and goes past us; this is any other.
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def _handle(self, scope: Scope, receive: Receive, send: Send, action: bytes | None = None) -> None:
        """Answer a request; ``action`` is the path that an HTTP action sees, None if none answers this one."""
        headers = read_headers(scope)
        answer = _Answer(send, [] if action is not None else self._shared_headers(scope["path"], headers))
        self._requests += 1
        self._metrics.http_requests.set(self._requests)
        try:
            seconds = self._request_seconds_max
            if action is None and scope["path"] == UPLOAD_PATH:
                seconds = self._upload_seconds_max
            with trio.move_on_after(seconds) as patience:
                if action is None:
                    await self._respond(scope, receive, headers, answer, patience)
                else:
                    await self._respond_by_action(scope, receive, action, answer, patience)
            if patience.cancelled_caught and not answer.status:
                await send_response(answer.send, empty_response(408))
        finally:
            self._requests -= 1
            self._metrics.http_requests.set(self._requests)
            self._metrics.count_response(answer.status)

    def _shared_headers(self, path: str, headers: RequestHeaders) -> Headers:
        if path in self._open_paths:
            return []
        return FILE_CORS if is_file_path(path) else _cors_headers(headers)

    async def _respond_by_action(
        self, scope: Scope, receive: Receive, target: bytes, answer: _Answer, patience: trio.CancelScope
    ) -> None:
        body = RequestBody(receive, self._discarded_bytes_max)

        def answered() -> None:
            patience.deadline = math.inf

        try:
            if self._requests > self._requests_max:
                raise RateLimitedError("Too many requests are under way. Try again later.")
            await self._http_actions.serve(scope, body, answer.send, target, answered)
        except AnswerBrokeOff:
            _break_off(scope)
        except Exception as error:
            if answer.status:
                _log.error("answer broke off", path=scope["path"], exc_info=error)
                _break_off(scope)
                return
            await send_response(answer.send, _to_response(error), body)

    async def _respond(
        self, scope: Scope, receive: Receive, headers: RequestHeaders, answer: _Answer, patience: trio.CancelScope
    ) -> None:
        body = RequestBody(receive, self._discarded_bytes_max)
        try:
            route = self._route(scope["method"], scope["path"])
            response: HttpResponse | HttpStream
            if route is None and scope["method"] == "OPTIONS":
                # Before anything about who asks: a browser takes any other answer for a ban (http-api §1.1).
                response = _preflight(headers)
            elif self._requests > self._requests_max:
                raise RateLimitedError("Too many requests are under way. Try again later.")
            else:
                request = self._request(scope, body, headers)
                if request.client is not UNKNOWN_CLIENT:
                    answer.shared = [*answer.shared, *request.client.deprecation_headers]
                if route is None:
                    await self._route_by_pattern(scope, body, answer)
                    return
                try:
                    response = await route(request)
                    if isinstance(response, HttpStream):
                        await body.discard()
                        patience.deadline = math.inf  # its answer begins here
                        await send_stream(answer.send, body, response)
                        return
                finally:
                    request.release()
        except Exception as error:
            if answer.status:
                # Too late for another answer: the connection ends within this one.
                _log.error("answer broke off", path=scope["path"], exc_info=error)
                return
            response = _to_response(error)
        await send_response(answer.send, response, body)

    async def _route_by_pattern(self, scope: Scope, body: RequestBody, answer: _Answer) -> None:
        if is_sync_path(scope["path"]):
            raise BadRequestError(
                "A sync session is opened by the first request of a connection", code="ConnectionNotUpgradable"
            )
        await self._starlette(scope, body, answer.send)

    def _route(self, method: str, path: str) -> Route | None:
        route = self._routes.get((method, path))
        if route is None and method == "POST" and path.startswith(RUN_PREFIX):
            return self._run
        if route is None and method in {"GET", "HEAD"} and is_file_path(path):
            return self._files.serve
        return route

    def _request(self, scope: Scope, receive: Receive, headers: RequestHeaders) -> HttpRequest:
        client = UNKNOWN_CLIENT
        if headers.client is not None:
            client = parse_client_header(headers.client.decode("latin-1"))
            client.require_supported()
        return HttpRequest(scope, receive, headers, client, self._random, self._received)


def _break_off(scope: Scope) -> None:
    """End the connection within an answer: the server does it by itself, where that is no way to end an answer."""
    if scope["http_version"] == "1.0":
        scope["state"]["reset"]()


async def _empty_answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # To its end, as all others are.
    async for _ in request.stream():
        pass
    return Response(status_code=error.status_code, headers=error.headers)
