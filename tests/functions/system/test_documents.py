"""Pages of documents for administrators."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.functions.system import documents
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

APP = """
    @mutation
    def add(ctx, count):
        for number in range(int(count)):
            ctx.db.insert("numbers", {"number": number})

    @mutation
    def later(ctx):
        ctx.scheduler.run_after(60_000, "app:add", {"count": 1})
"""
TABLE_DATA = "_system/cli/tableData:default"


@pytest.fixture
def app(bench: MakeBench) -> AppBench:
    app = bench(Limits(documents_read_max=45, array_elements_max=40), app=APP)
    app.push()
    return app


def page(app: AppBench, table: str, items: int, cursor: str | None = None, order: str = "asc") -> dict[str, Any]:
    asked = {"table": table, "order": order, "paginationOpts": {"numItems": items, "cursor": cursor}}
    found: dict[str, Any] = app.run(TABLE_DATA, asked, internal=True)
    return found


def numbers(app: AppBench, items: int, order: str) -> list[int]:
    """Read a table page by page, as the official command line does."""
    found: list[int] = []
    cursor, done = None, False
    while not done:
        read = page(app, "numbers", items, cursor, order)
        found += [int(document["number"]) for document in read["page"]]
        cursor, done = read["continueCursor"], read["isDone"]
    return found


def test_pages_in_either_order_make_up_the_table(app: AppBench) -> None:
    app.run("app:add", {"count": 7})
    assert numbers(app, 3, "asc") == [0, 1, 2, 3, 4, 5, 6]
    assert numbers(app, 3, "desc") == [6, 5, 4, 3, 2, 1, 0]


def test_who_asks_for_more_than_a_page_can_hold_gets_several(app: AppBench, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        app.run("app:add", {"count": 30})
    assert len(page(app, "numbers", 1_000_000)["page"]) == 40  # array_elements_max
    assert len(numbers(app, 1_000_000, "asc")) == 90
    monkeypatch.setattr(documents, "ROWS_READ_MAX", 25)
    assert len(page(app, "numbers", 1_000_000)["page"]) == 25
    monkeypatch.setattr(documents, "BYTES_READ_MAX", 500)
    assert 0 < len(page(app, "numbers", 1_000_000)["page"]) < 10


def test_a_table_that_does_not_exist_has_no_documents(app: AppBench) -> None:
    for table in ("nothing", "_nothing", "_indexes"):
        assert page(app, table, 10)["page"] == []


def test_the_system_tables_of_apps_are_shown(app: AppBench) -> None:
    assert page(app, "_storage", 10)["page"] == []
    app.run("app:later")
    assert [job["name"] for job in page(app, "_scheduled_functions", 10)["page"]] == ["app.js:add"]


def test_a_cursor_of_another_table_is_refused(app: AppBench) -> None:
    app.run("app:add", {"count": 3})
    cursor = page(app, "numbers", 1)["continueCursor"]
    asked = {"table": "_storage", "order": "asc", "paginationOpts": {"numItems": 1, "cursor": cursor}}
    assert "InvalidCursor" in app.error(TABLE_DATA, asked, internal=True).message


@pytest.mark.parametrize(
    "change", [{"order": "up"}, {"table": None}, {"more": 1}, {"paginationOpts": {"numItems": "x", "cursor": None}}]
)
def test_other_arguments_are_refused(app: AppBench, change: dict[str, Any]) -> None:
    asked = {"table": "numbers", "order": "asc", "paginationOpts": {"numItems": 1, "cursor": None}, **change}
    assert app.error(TABLE_DATA, asked, internal=True).code == "InvalidArguments"
