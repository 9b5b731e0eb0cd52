"""The routes by which the official CLI pushes an app (cli-endpoints §6).

``POST /api/get_config_hashes`` answers with what is deployed, so that only what has changed needs to be sent.

Who may deploy says so with an admin key, in the header or as ``adminKey`` in the body; bodies may be compressed with
Brotli. What the steps mean is the hub's business (push/pushes.py).
"""

from __future__ import annotations

import msgspec

from rtdb.auth.credentials import Credentials
from rtdb.config import Config
from rtdb.errors import BadRequestError
from rtdb.http.compressed_body import read_decompressed
from rtdb.http.error_response import HttpResponse, json_response, system_error_response
from rtdb.http.facade import Facade
from rtdb.http.function_routes import Route
from rtdb.http.request import HttpRequest, decode_body
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
        return {("POST", "/api/get_config_hashes"): self._route("hashes")}

    def _route(self, step: PushStep) -> Route:
        async def route(request: HttpRequest) -> HttpResponse:
            body = await self._read(request)
            answer = await self._facade.push_step(step, body)
            if answer.error is None:
                assert answer.result is not None, "an answer holds a result or an error"
                return json_response(answer.result)
            if answer.error.system:
                return system_error_response(answer.error)
            raise BadRequestError(answer.error.message, code=answer.error.code)

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
