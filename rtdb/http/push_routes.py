"""The routes by which the official CLI pushes an app (cli-endpoints §6).

::

    POST /api/get_config_hashes                what is deployed, so that only what has changed needs to be sent
    POST /api/describe_typescript              what is in the modules that are deployed (this one `rtdb codegen` asks)
    POST /api/deploy2/evaluate_push            what would change
    POST /api/deploy2/evaluate_schema          the same of the schema
    POST /api/deploy2/start_push               what is in the modules, and what changes
    POST /api/deploy2/wait_for_schema          until documents are checked and indexes are built
    POST /api/deploy2/finish_push              the switch
    POST /api/deploy2/report_push_completed    how long the CLI took for what; nobody here wants to know

Who may deploy says so with an admin key, in the header or as ``adminKey`` in the body; bodies may be compressed with
Brotli. What the steps mean is the hub's business (push/pushes.py).
"""

from __future__ import annotations

from functools import partial

import msgspec

from rtdb.auth.credentials import Credentials
from rtdb.config import Config
from rtdb.http.compressed_body import read_decompressed
from rtdb.http.error_response import HttpResponse, empty_response, json_response, system_error_response
from rtdb.http.facade import Facade
from rtdb.http.function_routes import Route
from rtdb.http.request import HttpRequest, decode_body, while_connected
from rtdb.link.frames import PushStep

__all__ = ["PushRoutes"]


class _Body(msgspec.Struct, rename="camel"):
    """What is looked at here of a request's body."""

    admin_key: str | None = None


_decoder = msgspec.json.Decoder(_Body)


class PushRoutes:
    """Takes apps in that the official CLI pushes."""

    def __init__(self, facade: Facade, credentials: Credentials, config: Config) -> None:
        self._facade = facade
        self._credentials = credentials
        self._body_bytes_max = config.limits.push_body_bytes_max

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("POST", "/api/get_config_hashes"): self._route("hashes"),
            ("POST", "/api/describe_typescript"): self._route("describe"),
            ("POST", "/api/deploy2/evaluate_push"): self._route("evaluate"),
            ("POST", "/api/deploy2/evaluate_schema"): self._route("evaluate_schema"),
            ("POST", "/api/deploy2/start_push"): self._route("start"),
            ("POST", "/api/deploy2/wait_for_schema"): self._route("wait"),
            ("POST", "/api/deploy2/finish_push"): self._route("finish"),
            ("POST", "/api/deploy2/report_push_completed"): self.report,
        }

    async def report(self, request: HttpRequest) -> HttpResponse:
        """Take a report, which is not kept."""
        await self._read(request)
        return json_response(b"null")

    def _route(self, step: PushStep) -> Route:
        async def route(request: HttpRequest) -> HttpResponse:
            body = await self._read(request)
            answer = await while_connected(request, partial(self._facade.push_step, step, body))
            if answer is None:
                return empty_response(408)  # to nobody
            if answer.error is None:
                assert answer.result is not None, "an answer holds a result or an error"
                return json_response(answer.result)
            return system_error_response(answer.error)

        return route

    async def _read(self, request: HttpRequest) -> bytes:
        """Return the body of a request by somebody who may deploy. With a key in the header nothing is read before."""
        headers = request.headers
        if headers.authorization is not None:
            identity = await self._credentials.identify(headers.authorization, request.query_string)
            identity.require_operation("Deploy")
        body = await read_decompressed(request, self._body_bytes_max, "push_body_bytes_max")
        key = decode_body(_decoder, body).admin_key
        if headers.authorization is None:
            identity = await self._credentials.identify(f"Convex {key or ''}".encode(), b"")
            identity.require_operation("Deploy")
        return body
