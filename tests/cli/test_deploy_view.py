"""What a developer sees of a deploy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from rich.console import Console

from rtdb.cli.deploy_client import DeployError
from rtdb.cli.deploy_view import DeployView, show_error

NOTHING: dict[str, Any] = {
    f"{kind}_{what}": [] for kind in ("functions", "crons", "tables") for what in ("added", "changed", "removed")
} | {"routes_added": [], "routes_removed": [], "indexes": []}


def new_console() -> Console:
    return Console(file=io.StringIO(), width=200)


def shown(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_each_change_is_a_line_with_its_sign() -> None:
    console = new_console()
    indexes = [
        {"table": "a", "name": "by_x", "fields_before": [], "fields": ["x", "y.z"]},
        {"table": "a", "name": "by_y", "fields_before": ["y"], "fields": ["z"]},
        {"table": "b", "name": "by_z", "fields_before": ["z"], "fields": []},
    ]
    change = NOTHING | {"functions_added": ["m:f"], "functions_removed": ["m:g"], "tables_changed": ["a"]}
    change |= {"crons_changed": ["every night"], "routes_added": ["POST /a"], "routes_removed": ["GET /b/*"]}
    DeployView(console).show({"type": "described", "bundle": "00", "change": change | {"indexes": indexes}})
    assert shown(console) == [
        "  + function m:f",
        "  - function m:g",
        "  + route POST /a",
        "  - route GET /b/*",
        "  ~ cron every night",
        "  ~ table a",
        "  + index a.by_x [x, y.z]",
        "  ~ index a.by_y [y] → [z]",
        "  - index b.by_z [z]",
    ]


def test_work_that_takes_no_time_has_no_bar() -> None:
    console = Console(file=io.StringIO(), width=200, force_terminal=True)
    view = DeployView(console)
    done = {"type": "indexing", "table": "a", "index": "by_x", "documents": 5, "total": 5, "complete": True}
    with view.live():
        view.show(done)
    assert not any("Indexing" in line for line in shown(console))
    with view.live():
        view.show({**done, "documents": 2, "complete": False})
        view.show(done)
    assert any("Indexing a.by_x" in line for line in shown(console))


def test_the_end_says_whether_anything_was_different() -> None:
    view = DeployView(new_console())
    view.show({"type": "deployed", "bundle": "00", "unchanged": True, "dryRun": False})
    assert view.unchanged


def test_an_error_names_file_and_line_where_the_developer_has_them() -> None:
    console = new_console()
    frames = "    at helper (lib/util.py:7)\n    at <module> (/usr/lib/x.py:3)\n    … 3 frames left out\n"
    show_error(
        console, DeployError("m.py cannot be imported: [red]Uncaught[/red] Error", frames), Path("app/functions")
    )
    assert shown(console) == [
        "✗ m.py cannot be imported: [red]Uncaught[/red] Error",
        "    app/functions/lib/util.py:7 in helper",
        "    /usr/lib/x.py:3 in <module>",
        "    … 3 frames left out",
    ]
