"""The routes that are about the server and not about an app (http-api §6)."""

from __future__ import annotations

import importlib.metadata

import msgspec
from starlette.types import Receive, Scope, Send

from rtdb.auth.credentials import Credentials
from rtdb.auth.identity import READ_ONLY_OPERATIONS
from rtdb.config import Config
from rtdb.errors import ContentTooLargeError
from rtdb.http.error_response import HttpResponse, json_response, text_response
from rtdb.http.facade import Facade
from rtdb.http.function_routes import Route
from rtdb.http.metrics import GatewayMetrics
from rtdb.http.request import HttpRequest, read_headers

__all__ = ["Echo", "ServiceRoutes", "server_version"]

ECHO_BYTES_MAX = 128 * 1024 * 1024


def server_version() -> str:
    """Return the installed version of this server, ``unknown`` when it runs from a source tree."""
    try:
        return importlib.metadata.version("rtdb")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class ServiceRoutes:
    """Answers about this server."""

    def __init__(
        self, facade: Facade, credentials: Credentials, config: Config, metrics: GatewayMetrics, site_port: int
    ) -> None:
        self._facade = facade
        self._credentials = credentials
        self._config = config
        self._metrics = metrics
        self._site_port = site_port
        self._version = text_response(server_version())

    def open_routes(self) -> dict[tuple[str, str], Route]:
        """Return the routes outside the CORS layer (http-api §1.1)."""
        return {
            ("GET", "/version"): self.version,
            ("GET", "/metrics"): self.metrics,
        }

    def routes(self) -> dict[tuple[str, str], Route]:
        """Return the routes that browsers of other origins may read."""
        return {
            ("GET", "/"): self.running,
            ("GET", "/instance_version"): self.version,
            ("GET", "/instance_name"): self.instance_name,
            ("GET", "/livez"): self.live,
            ("GET", "/readyz"): self.ready,
            ("GET", "/api/check_admin_key"): self.check_admin_key,
            ("GET", "/api/v1/get_canonical_urls"): self.canonical_urls,
            ("GET", "/api/v1/deployment_info"): self.deployment_info,
        }

    async def running(self, _request: HttpRequest) -> HttpResponse:
        return text_response("This rtdb deployment is running.")

    async def version(self, _request: HttpRequest) -> HttpResponse:
        return self._version

    async def instance_name(self, _request: HttpRequest) -> HttpResponse:
        return text_response(self._config.instance_name)

    async def live(self, _request: HttpRequest) -> HttpResponse:
        return text_response("ok")

    async def ready(self, _request: HttpRequest) -> HttpResponse:
        if self._facade.is_ready():
            return text_response("ok")
        return text_response("shutting down", 503)

    async def metrics(self, _request: HttpRequest) -> HttpResponse:
        return HttpResponse(
            200,
            self._metrics.exposition(),
            [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")],
        )

    async def check_admin_key(self, request: HttpRequest) -> HttpResponse:
        identity = await self._credentials.identify(request.headers.authorization, request.query_string)
        identity.require_admin()
        answer = {
            "success": True,
            "allowedOps": READ_ONLY_OPERATIONS if identity.read_only else (),  # a full key may do everything
            "isReadOnly": identity.read_only,
        }
        return json_response(msgspec.json.encode(answer))

    async def deployment_info(self, request: HttpRequest) -> HttpResponse:
        identity = await self._credentials.identify(request.headers.authorization, request.query_string)
        identity.require_admin()
        return json_response(b'{"kind":"selfHosted"}')

    async def canonical_urls(self, request: HttpRequest) -> HttpResponse:
        identity = await self._credentials.identify(request.headers.authorization, request.query_string)
        identity.require_admin()
        cloud = self._config.cloud_origin or _origin(request)
        site = self._config.site_origin or self._site_beside(cloud, request)
        return json_response(msgspec.json.encode({"convexCloudUrl": cloud, "convexSiteUrl": site}))

    def _site_beside(self, cloud: str, request: HttpRequest) -> str:
        """Return where a client that has come by ``cloud`` finds HTTP actions: as functions are told.

        On the site port, unless it has come through something that may not pass it on: what it calls this port is not
        what it is.
        """
        port = f":{request.scope['server'][1]}"
        if self._site_port and self._config.cloud_origin is None and cloud.endswith(port):
            return f"{cloud.removesuffix(port)}:{self._site_port}"
        return f"{cloud}/http"


def _origin(request: HttpRequest) -> str:
    """Return the address the client has used, which is one that works for it."""
    for name, value in request.scope["headers"]:
        if name == b"host":
            return f"{request.scope['scheme']}://{value.decode('latin-1')}"
    host, port = request.scope["server"][:2]
    return f"http://{host}:{port}"


class Echo:
    """Answers with the request's body, which passes through and is never held: an ASGI application.

    More than the limit (http-api §6) is refused if the client announces it, and cut off if it does not.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = read_headers(scope)
        content_type = headers.content_type or b"application/octet-stream"
        too_large = int(headers.content_length or b"0") > ECHO_BYTES_MAX
        await send(
            {
                "type": "http.response.start",
                "status": 413 if too_large else 200,
                "headers": [(b"content-type", content_type)],
            }
        )
        more = not too_large
        echoed = 0
        while more:
            message = await receive()
            echoed += len(message.get("body", b""))
            if echoed > ECHO_BYTES_MAX:
                raise ContentTooLargeError(f"An echo has at most {ECHO_BYTES_MAX} bytes")
            more = message.get("more_body", False)
            await send({"type": "http.response.body", "body": message.get("body", b""), "more_body": more})
        if too_large:
            await send({"type": "http.response.body", "body": b""})
