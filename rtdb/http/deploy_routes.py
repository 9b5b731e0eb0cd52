"""The route that takes an app in and tells, as it happens, what becomes of it.

``POST /api/deploy`` with a packed bundle as its body and an administrator's key; ``?dryRun=true`` changes nothing. The
answer is a stream of JSON objects, one a line: what changes, how far checks and indexes are, and at the end
``deployed`` or ``failed``. A client that goes away before the end has given the deploy up.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import parse_qs

from rtdb.auth.credentials import Credentials
from rtdb.config import Config
from rtdb.errors import BadRequestError
from rtdb.http.error_response import HttpStream, WriteChunk
from rtdb.http.facade import Facade
from rtdb.http.function_routes import Route
from rtdb.http.request import HttpRequest, read_bytes

__all__ = ["DEPLOY_PATH", "DeployRoutes"]

DEPLOY_PATH = "/api/deploy"

_STREAM_HEADERS = [
    (b"content-type", b"application/x-ndjson"),
    # A proxy that collects the answer would keep back the progress it is there to show.
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class DeployRoutes:
    """Takes apps in."""

    def __init__(self, facade: Facade, credentials: Credentials, config: Config) -> None:
        self._facade = facade
        self._credentials = credentials
        self._archive_bytes_max = config.limits.bundle_archive_bytes_max

    def routes(self) -> dict[tuple[str, str], Route]:
        return {("POST", DEPLOY_PATH): self.deploy}

    async def deploy(self, request: HttpRequest) -> HttpStream:
        """Take a bundle and answer with what happens. Nothing is read from who may not deploy."""
        identity = await self._credentials.identify(request.headers.authorization, request.query_string)
        identity.require_operation("Deploy")
        self._check_length(request.headers.content_length)
        archive = await read_bytes(request, self._archive_bytes_max)
        dry_run = parse_qs(request.query_string.decode("latin-1")).get("dryRun") == ["true"]

        async def write(chunk: WriteChunk) -> None:
            await self._facade.deploy(archive, dry_run=dry_run, report=partial(_write_line, chunk))

        return HttpStream(200, _STREAM_HEADERS, write)

    def _check_length(self, declared: bytes | None) -> None:
        """Refuse what says of itself that it is too large, before any of it is kept."""
        if declared is not None and declared.isdigit() and int(declared) > self._archive_bytes_max:
            raise BadRequestError(
                f"The packed app has {int(declared)} bytes; at most {self._archive_bytes_max} are taken "
                "(bundle_archive_bytes_max). Is it the right directory?",
                code="BundleTooLarge",
            )


async def _write_line(chunk: WriteChunk, event: bytes) -> None:
    await chunk(event + b"\n")
