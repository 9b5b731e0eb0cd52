from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtdb.functions.http_message import Response
from rtdb.functions.http_router import METHODS, HttpAction, HttpRouter, http_action


def new_action() -> HttpAction:
    @http_action
    async def answer(ctx: Any, request: Any) -> Response:
        return Response()

    return answer


def routed(router: HttpRouter, path: str, method: str = "GET") -> str | None:
    route = router.lookup(path, method)
    return None if route is None else f"{route.method} {route.path}"


def test_an_exact_path_wins_over_every_prefix() -> None:
    router = HttpRouter()
    action, other = new_action(), new_action()
    router.route(path_prefix="/a/", method="GET", handler=other)
    router.route(path="/a/b", method="GET", handler=action)
    found = router.lookup("/a/b", "GET")
    assert found is not None
    assert found.action is action
    assert routed(router, "/a/b/") == "GET /a/*"
    assert routed(router, "/a/c") == "GET /a/*"


def test_the_longest_prefix_of_the_method_wins() -> None:
    router = HttpRouter()
    for prefix, method in [("/", "GET"), ("/a/", "GET"), ("/a/b/", "POST")]:
        router.route(path_prefix=prefix, method=method, handler=new_action())
    assert routed(router, "/a/b/c") == "GET /a/*"
    assert routed(router, "/a/b/c", "POST") == "POST /a/b/*"
    assert routed(router, "/x") == "GET /*"
    assert routed(router, "/x", "POST") is None


def test_a_path_is_compared_as_it_was_received() -> None:
    router = HttpRouter()
    router.route(path="/a", method="GET", handler=new_action())
    router.route(path_prefix="/p/", method="GET", handler=new_action())
    for path in ("/a/", "/A", "/%61", "/a?", "/p", "/%70/"):
        assert routed(router, path) is None, path
    assert routed(router, "/p/") == "GET /p/*"
    assert routed(router, "/p/%2F//x") == "GET /p/*"


def test_head_is_answered_by_the_route_of_get_and_no_other_method_is_changed() -> None:
    router = HttpRouter()
    router.route(path="/a", method="GET", handler=new_action())
    assert routed(router, "/a", "HEAD") == "GET /a"
    for method in ("POST", "OPTIONS", "TRACE", "get", ""):
        assert routed(router, "/a", method) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"handler": None}, "route requires handler"),
        ({"method": None}, "route requires method"),
        ({"method": ""}, "route requires method"),
        ({"method": "HEAD"}, "'HEAD' is not an allowed HTTP method (like GET, POST, PUT etc.)"),
        ({"method": "get"}, "'get' is not an allowed HTTP method (like GET, POST, PUT etc.)"),
        ({"path": "a"}, "path 'a' does not start with a /"),
        ({"path": ""}, "path '' does not start with a /"),
        ({"path": "/.files"}, "path '/.files' is reserved"),
        ({"path": "/.files/a"}, "path '/.files/a' is reserved"),
        ({"path": "/taken"}, "Path '/taken' for method GET already in use"),
        ({"path": None, "path_prefix": "a/"}, "pathPrefix 'a/' does not start with a /"),
        ({"path": None, "path_prefix": "/a"}, "pathPrefix /a must end with a /"),
        ({"path": None, "path_prefix": "/.files/"}, "pathPrefix '/.files/' is reserved"),
        ({"path": None, "path_prefix": "/taken/"}, "GET pathPrefix /taken/ is already defined"),
        ({"path_prefix": "/b/"}, "Invalid httpRouter route: cannot contain both 'path' and 'pathPrefix'"),
        ({"path": None}, "Invalid httpRouter route entry: must contain either field 'path' or 'pathPrefix'"),
    ],
)
def test_a_mistake_in_a_route_has_the_text_that_convex_has_for_it(wrong: dict[str, Any], message: str) -> None:
    router = HttpRouter()
    router.route(path="/taken", method="GET", handler=new_action())
    router.route(path_prefix="/taken/", method="GET", handler=new_action())
    spec: dict[str, Any] = {"path": "/b", "method": "GET", "handler": new_action()} | wrong
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # compared whole below
        router.route(**spec)
    assert str(raised.value) == message
    assert len(router.routes()) == 2


def test_one_path_has_a_route_for_each_method() -> None:
    router = HttpRouter()
    for method in METHODS:
        router.route(path="/a", method=method, handler=new_action())
    assert [routed(router, "/a", method) for method in METHODS] == [f"{method} /a" for method in METHODS]


def test_a_plain_function_is_no_handler() -> None:
    async def plain(ctx: Any, request: Any) -> Response:
        return Response()

    handler: Any = plain
    with pytest.raises(TypeError, match="decorate it with @http_action"):
        HttpRouter().route(path="/a", method="GET", handler=handler)


def test_an_http_action_is_an_async_function_of_context_and_request() -> None:
    def plain(ctx: Any, request: Any) -> None: ...

    async def too_few(ctx: Any) -> None: ...

    async def too_many(ctx: Any, request: Any, more: Any) -> None: ...

    not_functions: list[Any] = [plain, 5, lambda ctx, request: None]
    for wrong in not_functions:
        with pytest.raises(TypeError, match="@http_action decorates an `async def`"):
            http_action(wrong)
    for other in (too_few, too_many):
        with pytest.raises(TypeError, match="takes the parameters `ctx` and `request`, and no others"):
            http_action(other)
    with pytest.raises(TypeError, match="is decorated twice"):
        http_action(new_action())


async def test_an_http_action_stays_callable() -> None:
    @http_action
    async def answer(ctx: Any, request: Any) -> Response:
        """Says hello."""
        return Response(f"{ctx} {request}")

    assert (await answer("a", "b")).body == "a b"
    assert answer.__doc__ == "Says hello."


PATHS = st.text(alphabet="/ab", max_size=6).map(lambda text: f"/{text}")


@given(st.sets(PATHS, max_size=6), st.sets(PATHS.map(lambda path: f"{path}/"), max_size=6), PATHS, st.randoms())
def test_the_order_in_which_routes_are_written_decides_nothing(
    exact: set[str], prefixes: set[str], path: str, chance: random.Random
) -> None:
    entries: list[dict[str, Any]] = [{"path": one} for one in exact] + [{"path_prefix": one} for one in prefixes]
    chance.shuffle(entries)
    router = HttpRouter()
    for entry in entries:
        router.route(**entry, method="GET", handler=new_action())
    expected = (
        f"GET {path}"
        if path in exact
        else max((f"GET {one}*" for one in prefixes if path.startswith(one)), key=len, default=None)
    )
    assert routed(router, path) == expected
    assert [route.path for route in router.routes()] == sorted(exact) + [f"{one}*" for one in sorted(prefixes)]
