"""What administrators are told of tables: names, sizes, and that something has changed."""

from __future__ import annotations

from typing import Any

import pytest

from rtdb.link.frames import Outcome
from tests.functions.app_bench import AppBench
from tests.functions.conftest import MakeBench

APP = """
    @mutation
    def add(ctx, table):
        return ctx.db.insert(table, {})

    @mutation
    def remove(ctx, id):
        ctx.db.delete(id)
"""
PAGE = {"numItems": 10000, "cursor": None}


@pytest.fixture
def app(bench: MakeBench) -> AppBench:
    app = bench(app=APP)
    app.push()
    return app


def listed(app: AppBench) -> list[str]:
    page = app.run("_system/cli/tables:default", {"paginationOpts": PAGE}, internal=True)
    assert page.pop("isDone") is True
    assert page.pop("continueCursor") == "end"
    return [table["name"] for table in page.pop("page")]


def read(app: AppBench, function: str, table: str) -> Outcome:
    outcome = app.execute(f"_system/cli/{function}:default", {"tableName": table}, internal=True)
    assert outcome.error is None
    return outcome


def is_woken(app: AppBench, outcome: Outcome, path: str, **arguments: Any) -> bool:
    """Whether a mutation changes something that the outcome has read."""
    mutation = app.execute(path, arguments)
    block = app.commit(mutation)
    keys = [
        (change.index, b"".join(key)) for change in block.changes for key in (change.old, change.new) if key is not None
    ]
    return any(read.index == index and read.start <= key < read.stop for read in outcome.reads for index, key in keys)


def test_the_tables_of_the_app_are_listed_by_name_and_those_of_the_system_are_not(app: AppBench) -> None:
    assert listed(app) == []
    app.run("app:add", {"table": "users"})
    app.run("app:add", {"table": "messages"})
    assert listed(app) == ["messages", "users"]


def test_the_size_of_a_table_is_its_number_of_documents(app: AppBench) -> None:
    assert app.run("_system/cli/tableSize:default", {"tableName": "users"}, internal=True) == 0
    id = app.run("app:add", {"table": "users"})
    app.run("app:add", {"table": "users"})
    assert app.run("_system/cli/tableSize:default", {"tableName": "users"}, internal=True) == 2
    app.run("app:remove", {"id": id})
    assert app.run("_system/cli/tableSize:default", {"tableName": "users"}, internal=True) == 1


@pytest.mark.parametrize("function", ["tableSize", "queryTable"])
def test_who_watches_a_table_is_woken_by_its_changes_and_by_no_others(app: AppBench, function: str) -> None:
    assert is_woken(app, read(app, function, "users"), "app:add", table="users")  # which makes the table, too
    id = app.run("app:add", {"table": "users"})
    app.run("app:add", {"table": "messages"})
    assert is_woken(app, read(app, function, "users"), "app:add", table="users")
    assert not is_woken(app, read(app, function, "users"), "app:add", table="messages")
    assert is_woken(app, read(app, function, "users"), "app:remove", id=id)


def test_the_number_that_stands_for_a_change_is_another_one_every_time(app: AppBench) -> None:
    app.run("app:add", {"table": "users"})
    numbers = {app.run("_system/cli/queryTable:default", {"tableName": "users"}, internal=True) for _ in range(20)}
    assert len(numbers) == 20
    assert all(0 <= number < 1 for number in numbers)


@pytest.mark.parametrize("arguments", [{}, {"tableName": 1}, {"tableName": "users", "more": 1}])
def test_other_arguments_are_refused(app: AppBench, arguments: dict[str, Any]) -> None:
    for function in ("tableSize", "queryTable", "tables"):
        error = app.error(f"_system/cli/{function}:default", arguments, internal=True)
        assert error.code == "InvalidArguments"
