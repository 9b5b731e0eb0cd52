"""The routes by which administrators follow the function log (platform §6.1).

``GET /api/stream_function_logs?cursor=0`` answers with all there is, ``{"entries": […], "newCursor": 1.5}``. With that
cursor, the next poll waits until there is something newer, or for ``log_poll_seconds_max``. ``sessionId`` and
``clientRequestCounter`` narrow it to one request of a sync session, ``newest`` to so many entries.
``/api/stream_udf_execution`` tells completions only. Both are under ``/api/app_metrics/`` too.
"""

from __future__ import annotations

import math
from functools import partial
from urllib.parse import parse_qs

from rtdb.auth.credentials import Credentials
from rtdb.auth.identity import Identity
from rtdb.errors import BadRequestError, ForbiddenError, UnauthenticatedError
from rtdb.http.error_response import HttpResponse, empty_response, json_response
from rtdb.http.facade import Facade
from rtdb.http.function_routes import Route
from rtdb.http.log_entries import LogFormat, encode_page
from rtdb.http.request import HttpRequest, while_connected
from rtdb.sync.messages import request_identifier

__all__ = ["LogRoutes"]

STRUCTURED_LINES_FOR = frozenset({"npm-cli", "dashboard", "rtdb-cli"})
"""Clients that show lines as objects; all others are given texts."""
CURSOR_MAX = 2**53


class LogRoutes:
    """Shows the function log."""

    def __init__(self, facade: Facade, credentials: Credentials) -> None:
        self._facade = facade
        self._credentials = credentials

    def routes(self) -> dict[tuple[str, str], Route]:
        return {
            ("GET", "/api/stream_function_logs"): self.function_logs,
            ("GET", "/api/app_metrics/stream_function_logs"): self.function_logs,
            ("GET", "/api/stream_udf_execution"): self.completions,
            ("GET", "/api/app_metrics/stream_udf_execution"): self.completions,
        }

    async def function_logs(self, request: HttpRequest) -> HttpResponse:
        """Answer with completions, and with what actions print while they run."""
        parameters = _Parameters(request.query_string)
        session, counter = parameters.text("sessionId"), parameters.count("clientRequestCounter")
        if (session is None) != (counter is None):
            raise BadRequestError("`sessionId` and `clientRequestCounter` go together", code="BadQueryArgs")
        wanted = LogFormat(
            structured=request.client.name in STRUCTURED_LINES_FOR,
            request=None if session is None or counter is None else request_identifier(session, counter),
        )
        return await self._page(request, parameters, wanted)

    async def completions(self, request: HttpRequest) -> HttpResponse:
        """Answer with completions, each with all its lines."""
        return await self._page(request, _Parameters(request.query_string), LogFormat(structured=False, progress=False))

    async def _page(self, request: HttpRequest, parameters: _Parameters, wanted: LogFormat) -> HttpResponse:
        identity = await self._identify(request)
        identity.require_operation(operation="ViewLogs")
        poll = partial(self._facade.function_log, parameters.cursor(), parameters.count("newest"))
        page = await while_connected(request, poll)
        if page is None:
            return empty_response(408)  # to nobody
        return json_response(encode_page(page, wanted))

    async def _identify(self, request: HttpRequest) -> Identity:
        try:
            return await self._credentials.identify(request.headers.authorization, request.query_string)
        except UnauthenticatedError as error:
            # The official command line asks again for ever, and says nothing, unless it is refused with this status.
            raise ForbiddenError(error.message, code="BadDeployKey") from error


class _Parameters:
    """The parameters of a request. Each method raises ``BadQueryArgs`` for what it cannot read."""

    def __init__(self, query_string: bytes) -> None:
        self._given = parse_qs(query_string.decode("latin-1"))

    def text(self, name: str) -> str | None:
        values = self._given.get(name)
        return None if values is None else values[0]

    def count(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise BadRequestError(f"The parameter `{name}` is not a number of things: {text[:40]}", code="BadQueryArgs")
        return int(text)

    def cursor(self) -> int:
        """Return the cursor in microseconds; it is written in milliseconds."""
        text = self.text("cursor")
        try:
            microseconds = float(text or "0") * 1000
        except ValueError:
            microseconds = math.nan
        if not 0 <= microseconds < CURSOR_MAX:
            raise BadRequestError(
                f"The parameter `cursor` is not a number of milliseconds: {(text or '')[:40]}", code="BadQueryArgs"
            )
        return round(microseconds)
