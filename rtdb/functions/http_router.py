"""Which HTTP action answers which request: what an app's module ``http.py`` defines.

::

    http = HttpRouter()
    http.route(path="/orders", method="POST", handler=receive_order)
    http.route(path_prefix="/files/", method="GET", handler=send_file)

A request is answered by the route of exactly its path and method; else by the longest prefix among those of its
method; else by nobody, which is 404. HEAD counts as GET. Paths are compared as they were received, not decoded:
``/files/`` matches ``/files/`` and everything below, and not ``/files``. A path that exists for another method only is
not found, as if it did not exist.

Mistakes in a route are errors where it is written, with the texts that Convex has for them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["METHODS", "HttpAction", "HttpRouter", "Route", "http_action"]

METHODS = ("GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH")
"""What can be routed. HEAD runs the route of GET, without sending its body."""

Handler = Callable[..., Any]

RESERVED_PREFIX = "/.files/"


class HttpAction:
    """A function that answers HTTP requests. It stays callable with ``(ctx, request)``."""

    def __init__(self, handler: Handler) -> None:
        if isinstance(handler, HttpAction):
            raise TypeError(f"{handler.handler.__name__} is decorated twice")
        if not inspect.iscoroutinefunction(handler):
            name = getattr(handler, "__name__", type(handler).__name__)
            raise TypeError(
                f"@http_action decorates an `async def` with the parameters `ctx` and `request`, not {name}"
            )
        try:
            inspect.signature(handler).bind(None, None)
        except TypeError:
            raise TypeError(f"{handler.__name__} takes the parameters `ctx` and `request`, and no others") from None
        self.handler: Handler = handler
        self.__wrapped__ = handler
        functools.update_wrapper(self, handler, updated=())

    def __call__(self, ctx: Any, request: Any) -> Any:
        return self.handler(ctx, request)

    def __repr__(self) -> str:
        return f"<HTTP action {self.handler.__name__}>"


def http_action(handler: Handler) -> HttpAction:
    """Turn ``async def handler(ctx, request)``, which returns a ``Response``, into an HTTP action."""
    return HttpAction(handler)


class Route(NamedTuple):
    """Where an action is reached. ``path`` is exact, or a prefix followed by ``*``."""

    path: str
    method: str
    action: HttpAction


class HttpRouter:
    """The routes of an app: ``http = HttpRouter()`` in its module ``http.py``."""

    def __init__(self) -> None:
        self._exact: dict[tuple[str, str], HttpAction] = {}
        self._prefixes: dict[str, dict[str, HttpAction]] = {}
        """Actions by prefix, by method."""

    def route(
        self,
        *,
        path: str | None = None,
        path_prefix: str | None = None,
        method: str | None = None,
        handler: HttpAction | None = None,
    ) -> None:
        """Have requests answered by an HTTP action: those for one ``path``, or for all paths below a
        ``path_prefix``."""
        if handler is None:
            raise ValueError("route requires handler")
        if not isinstance(handler, HttpAction):
            raise TypeError(
                f"the handler of a route is an HTTP action, got {type(handler).__name__}; decorate it with @http_action"
            )
        if not method:
            raise ValueError("route requires method")
        if method not in METHODS:
            raise ValueError(f"'{method}' is not an allowed HTTP method (like GET, POST, PUT etc.)")
        if path is not None and path_prefix is not None:
            raise ValueError("Invalid httpRouter route: cannot contain both 'path' and 'pathPrefix'")
        if path is not None:
            self._add_exact(path, method, handler)
        elif path_prefix is not None:
            self._add_prefix(path_prefix, method, handler)
        else:
            raise ValueError("Invalid httpRouter route entry: must contain either field 'path' or 'pathPrefix'")

    def _add_exact(self, path: str, method: str, action: HttpAction) -> None:
        if not path.startswith("/"):
            raise ValueError(f"path '{path}' does not start with a /")
        if f"{path}/".startswith(RESERVED_PREFIX):
            raise ValueError(f"path '{path}' is reserved")
        if (path, method) in self._exact:
            raise ValueError(f"Path '{path}' for method {method} already in use")
        self._exact[path, method] = action

    def _add_prefix(self, prefix: str, method: str, action: HttpAction) -> None:
        if not prefix.startswith("/"):
            raise ValueError(f"pathPrefix '{prefix}' does not start with a /")
        if not prefix.endswith("/"):
            raise ValueError(f"pathPrefix {prefix} must end with a /")
        if prefix.startswith(RESERVED_PREFIX):
            raise ValueError(f"pathPrefix '{prefix}' is reserved")
        prefixes = self._prefixes.setdefault(method, {})
        if prefix in prefixes:
            raise ValueError(f"{method} pathPrefix {prefix} is already defined")
        prefixes[prefix] = action

    def routes(self) -> list[Route]:
        """Return every route: exact ones in the order of their paths, then prefixes in the order of methods."""
        exact = [Route(path, method, action) for (path, method), action in sorted(self._exact.items(), key=_place)]
        prefixes = [
            Route(f"{prefix}*", method, action)
            for method, by_prefix in sorted(self._prefixes.items())
            for prefix, action in sorted(by_prefix.items(), key=_place)
        ]
        return exact + prefixes

    def lookup(self, path: str, method: str) -> Route | None:
        """Return the route that answers a request, None if none does. ``path`` is as received."""
        routed = "GET" if method == "HEAD" else method
        exact = self._exact.get((path, routed))
        if exact is not None:
            return Route(path, routed, exact)
        matching = [prefix for prefix in self._prefixes.get(routed, {}) if path.startswith(prefix)]
        if not matching:
            return None
        prefix = max(matching, key=len)
        return Route(f"{prefix}*", routed, self._prefixes[routed][prefix])


def _place(item: tuple[Any, HttpAction]) -> Any:
    return item[0]
