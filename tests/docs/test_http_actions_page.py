"""The app on the page about HTTP actions is a real one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rtdb.functions.definition import FunctionDefinition
from rtdb.functions.http_message import Request, Response
from rtdb.functions.http_router import HttpRouter
from tests.functions.app_bench import AppBench

PAGE = Path(__file__).parents[2] / "docs" / "http-actions.md"
BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.MULTILINE | re.DOTALL)
SCHEMA = """
schema = define_schema(
    {"orders": define_table({"number": v.string(), "total": v.number()}).index("by_number", ["number"])}
)
"""


class Context:
    """As much of an action's context as the page uses, over a real committer."""

    def __init__(self, app: AppBench) -> None:
        self._app = app

    async def run_query(self, function: Any, arguments: Any) -> Any:
        return await self.run_mutation(function, arguments)

    async def run_mutation(self, function: Any, arguments: Any) -> Any:
        path = self._app.app.path_of(function) if isinstance(function, FunctionDefinition) else function
        assert path is not None
        return self._app.run(path, arguments, internal=True)


async def test_the_apps_actions_do_what_the_page_says(tmp_path: Path) -> None:
    modules = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert modules.keys() == {"orders", "http", "export"}
    # A route for the export, which the page leaves to the reader.
    modules["http"] += 'from .export import export\nhttp.route(path="/export", method="GET", handler=export)\n'
    app = AppBench(tmp_path, schema=SCHEMA, **modules)
    app.push()
    assert app.app.router is not None
    router: HttpRouter = app.app.router

    async def ask(method: str, path: str, body: str | None = None) -> Response:
        route = router.lookup(path, method)
        assert route is not None
        response: Response = await route.action(Context(app), Request(f"http://x{path}", method, body=body))
        return response

    assert (await ask("POST", "/orders", '{"number": "7", "total": 12.5}')).status == 204
    assert (await ask("POST", "/orders", '{"number": "7", "total": 99}')).status == 204
    for wrong in ("not json", "[]", "{}"):
        assert (await ask("POST", "/orders", wrong)).status == 400
    shown = await ask("GET", "/orders/7")
    assert (shown.body, shown.headers["cache-control"]) == (b'{"total":12.5}', "no-store")
    assert (await ask("GET", "/orders/8")).status == 404
    for number in range(150):
        assert (await ask("POST", "/orders", f'{{"number": "{number:04}", "total": {number}}}')).status == 204
    exported = (await ask("GET", "/export")).body
    assert exported is not None
    assert not isinstance(exported, str | bytes)
    lines = "".join([str(chunk) async for chunk in exported]).splitlines()
    assert len(lines) == 151
    assert lines[1] == "0001;1.0"
    app.close()
