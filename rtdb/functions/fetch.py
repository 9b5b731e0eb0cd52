"""``ctx.fetch``: HTTP requests of actions, over httpx on trio, with every wait and every body bounded.

One client serves all actions of a process, so that connections are reused. It keeps no cookies, which would carry one
user's session into another's action, and takes nothing from the environment.

Addresses of the server's own surroundings are refused (`fetch_network.py`), as to actions in TypeScript: what is
fetched is often what a user of the app has typed in. It is no sandbox: an action is Python, which can open sockets in
any other way, and what the app itself must not reach, the network it runs in has to keep from it.
"""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import trio

from rtdb.config import Limits
from rtdb.errors import DeveloperError, LimitError
from rtdb.functions.fetch_network import fetch_transport
from rtdb.typescript.networks import Reach
from rtdb.values.violations import display_bytes

__all__ = ["Fetcher"]

_OPTIONS = frozenset({"auth", "content", "data", "files", "headers", "json", "method", "params"})


class Fetcher:
    """Makes requests. ``reach`` is what it may connect to; ``transport`` stands in for the network in tests."""

    def __init__(self, limits: Limits, reach: Reach, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._limits = limits
        self._reach = reach
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    async def fetch(self, url: str, options: dict[str, Any]) -> httpx.Response:
        """Make a request and return its response, whose body has been read and decoded."""
        options = dict(options)
        seconds_max: float = options.pop("timeout", self._limits.fetch_seconds_max)
        follow_redirects = options.pop("follow_redirects", True)
        unknown = options.keys() - _OPTIONS
        if unknown:
            raise TypeError(f"`ctx.fetch` has no option `{min(unknown)}`")
        auth = options.pop("auth", None)
        client = self._open()
        request = client.build_request(options.pop("method", "GET"), url, **options)
        response: httpx.Response | None = None
        with trio.move_on_after(seconds_max):
            response = await client.send(request, auth=auth, follow_redirects=follow_redirects, stream=True)
            try:
                return await self._read(response)
            finally:
                with trio.CancelScope(shield=True):
                    await response.aclose()
        raise DeveloperError(
            f"{_address(request)} did not answer completely within {seconds_max:g} s (`timeout=` of ctx.fetch, "
            "fetch_seconds_max)",
            code="FetchTimedOut",
        )

    def _open(self) -> httpx.AsyncClient:
        # When first asked for: it loads the certificates of the authorities, which takes long.
        if self._client is None:
            bounds = httpx.Limits(
                max_connections=self._limits.fetch_connections_max,
                max_keepalive_connections=self._limits.fetch_connections_max,
            )
            self._client = httpx.AsyncClient(
                transport=self._transport or fetch_transport(self._reach, bounds),
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                timeout=None,  # noqa: S113  # `fetch` has one for all of it
                trust_env=False,
            )
        return self._client

    async def _read(self, response: httpx.Response) -> httpx.Response:
        """Return the response with its whole body."""
        bytes_max = self._limits.fetch_bytes_max
        parts: list[bytes] = []
        size = 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > bytes_max:
                raise LimitError(
                    f"{_address(response.request)} answered with more than {display_bytes(bytes_max)} "
                    "(fetch_bytes_max)",
                    code="FetchResponseTooLarge",
                )
            parts.append(part)
        # The body is decoded: the headers that say how it travelled would have it decoded again.
        headers = [
            (name, value)
            for name, value in response.headers.raw
            if name.lower() not in (b"content-encoding", b"content-length", b"transfer-encoding")
        ]
        whole = httpx.Response(response.status_code, headers=headers, content=b"".join(parts), request=response.request)
        whole.history = response.history
        return whole


def _address(request: httpx.Request) -> str:
    """Return what was asked for without what may be secret: user, password and query."""
    url = request.url
    return f"{request.method} {url.copy_with(username=None, password=None, query=None, fragment=None)}"
