"""Routes of the reference that this server does not have, refused at once and with the reason.

The official command line takes a 404 for a server that is being started and asks again for half a minute, and after
that knows nothing to say. A 400 it prints and ends with. What is not listed here, no command of it asks for.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from rtdb.auth.credentials import Credentials
from rtdb.errors import BadRequestError
from rtdb.http.error_response import HttpResponse
from rtdb.http.function_routes import Route
from rtdb.http.request import HttpRequest

__all__ = ["RefusedRoutes"]

_NO_EXPORT: Final = (
    "This server has no snapshot exports. `npx convex data TABLE --limit N --format jsonl` prints the documents of a "
    "table, and a copy of the data directory, taken while the server is stopped, is a backup of everything."
)
_NO_IMPORT: Final = (
    "This server has no snapshot imports. Write a mutation that inserts a batch of documents, and call it with each "
    "batch: `npx convex run MODULE:FUNCTION ARGUMENTS`."
)
_NO_USAGE: Final = (
    "This server has no usage limits and does not meter usage: that belongs to plans of Convex's cloud. Its own limits "
    "are settings of the server, and `GET /metrics` counts what it does."
)
_OLD_PUSH: Final = (
    "This version of the official command line pushes in a way that this server does not know. Install one that "
    "is 1.28 at least: `npm install convex@latest`."
)

_REFUSED: Final[dict[tuple[str, str], str]] = {
    ("POST", "/api/export/request/zip"): _NO_EXPORT,
    ("POST", "/api/import"): _NO_IMPORT,
    ("POST", "/api/import/start_upload"): _NO_IMPORT,
    ("GET", "/api/v1/get_current_usage"): _NO_USAGE,
    ("GET", "/api/v1/list_usage_limits"): _NO_USAGE,
    ("POST", "/api/v1/create_usage_limit"): _NO_USAGE,
    ("POST", "/api/prepare_schema"): _OLD_PUSH,
    ("POST", "/api/push_config"): _OLD_PUSH,
}


class RefusedRoutes:
    """Refuses what the official command line may ask for."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def routes(self) -> dict[tuple[str, str], Route]:
        return {route: partial(self._refuse, reason) for route, reason in _REFUSED.items()}

    async def _refuse(self, reason: str, request: HttpRequest) -> HttpResponse:
        """Raise for whom has a right to the answer; for anybody else, what is raised on all routes like it."""
        identity = await self._credentials.identify(request.headers.authorization, request.query_string)
        identity.require_admin()
        raise BadRequestError(reason, code="NotSupported")
