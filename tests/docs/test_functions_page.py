"""The app on the page about functions is a real one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rtdb.values.document_id import decode_id
from tests.functions.app_bench import AppBench

PAGE = Path(__file__).parents[2] / "docs" / "functions.md"
BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_the_apps_functions_do_what_the_page_says(tmp_path: Path) -> None:
    modules = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert modules.keys() == {"schema", "rooms", "messages"}
    app = AppBench(tmp_path, **modules)
    app.push()
    room = app.run("rooms:open", {"name": "hall"})
    assert app.error("rooms:open", {"name": "hall"}).data == b'{"code":"TAKEN","name":"hall"}'
    for number in range(5):
        app.clock.now += 1_000_000
        app.run("messages:send", {"room": room, "author": "bot" if number == 0 else "ada", "body": str(number)})
    assert app.run("rooms:find", {"name": "hall"})["members"] == 5
    assert "Could not find public function" in app.error("rooms:join", {"room": room}).message
    popular = app.run("messages:popular", {"room": room, "least": 0})
    assert [row["body"] for row in popular] == ["4", "3", "2", "1"]
    options: dict[str, Any] = {"numItems": 3, "cursor": None}
    first = app.run("messages:page", {"room": room, "paginationOpts": options})
    options["cursor"] = first["continueCursor"]
    second = app.run("messages:page", {"room": room, "paginationOpts": options})
    assert [row["body"] for row in first["page"] + second["page"]] == ["4", "3", "2", "1", "0"]
    assert second["isDone"]
    assert decode_id(room).table != decode_id(popular[0]["_id"]).table
    app.close()
