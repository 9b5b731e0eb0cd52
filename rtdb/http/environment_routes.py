"""The routes by which administrators see and change environment variables (platform §5.2).

``POST /api/update_environment_variables`` sets and unsets several, all or none, and answers 200 with an empty body::

    {"changes": [{"name": "A", "value": "1"}, {"name": "B", "value": null}]}

``GET /api/list_environment_variables`` answers ``{"environmentVariables": {"A": "1"}}``. Both are under ``/api/v1/``
too. The functions they call check everything.
"""

from __future__ import annotations

import msgspec

from rtdb.auth.credentials import Credentials
from rtdb.config import Config
from rtdb.errors import BadRequestError
from rtdb.http.error_response import HttpResponse, empty_response, json_response, system_error_response
from rtdb.http.facade import Facade
from rtdb.http.function_routes import Route
from rtdb.http.request import HttpRequest, decode_body, read_body
from rtdb.link.frames import RequestKind

__all__ = ["EnvironmentRoutes"]

UPDATE = "_system/environment_variables:update"
LIST = "_system/cli/queryEnvironmentVariables:default"


class _Change(msgspec.Struct):
    name: str
    value: str | None = None


class _Changes(msgspec.Struct):
    changes: list[_Change]


class _Variable(msgspec.Struct):
    name: str
    value: str


_changes_decoder = msgspec.json.Decoder(_Changes)
_variables_decoder = msgspec.json.Decoder(list[_Variable])


class EnvironmentRoutes:
    """Shows and changes environment variables."""

    def __init__(self, facade: Facade, credentials: Credentials, config: Config) -> None:
        self._facade = facade
        self._credentials = credentials
        self._body_bytes_max = config.limits.http_body_bytes_max

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("POST", "/api/update_environment_variables"): self.update,
            ("POST", "/api/v1/update_environment_variables"): self.update,
            ("GET", "/api/list_environment_variables"): self.list_all,
            ("GET", "/api/v1/list_environment_variables"): self.list_all,
        }

    async def update(self, request: HttpRequest) -> HttpResponse:
        await self._require(request, operation="WriteEnvironmentVariables")
        changes = decode_body(_changes_decoder, await read_body(request, self._body_bytes_max))
        outcome = await self._call(request, "mutation", UPDATE, msgspec.json.encode(changes))
        return outcome if isinstance(outcome, HttpResponse) else empty_response(200)

    async def list_all(self, request: HttpRequest) -> HttpResponse:
        await self._require(request, operation="ViewEnvironmentVariables")
        outcome = await self._call(request, "query", LIST, b"{}")
        if isinstance(outcome, HttpResponse):
            return outcome
        variables = {variable.name: variable.value for variable in _variables_decoder.decode(outcome)}
        return json_response(msgspec.json.encode({"environmentVariables": variables}))

    async def _require(self, request: HttpRequest, *, operation: str) -> None:
        identity = await self._credentials.identify(request.headers.authorization, request.query_string)
        identity.require_operation(operation)

    async def _call(self, request: HttpRequest, kind: RequestKind, path: str, args: bytes) -> bytes | HttpResponse:
        """Return the result of a function of the server, or what to answer because it has none."""
        answer = await self._facade.call(kind, path, args, None, internal=True, request_id=request.request_id())
        if answer.error is None:
            assert answer.result is not None, "an answer holds a result or an error"
            return answer.result
        if answer.error.system:
            return system_error_response(answer.error)
        raise BadRequestError(answer.error.message, code=answer.error.code)
