"""A list that is loaded page by page and stays live."""

from __future__ import annotations

from typing import Any

from tests.e2e.conftest import StartClient
from tests.e2e.server_process import ServerProcess


def numbers(rows: list[dict[str, Any]]) -> list[float]:
    return [row["number"] for row in rows]


def test_pages_are_loaded_one_by_one_and_stay_gapless(demo: ServerProcess, start_node: StartClient) -> None:
    reader, writer = start_node(demo), start_node(demo)
    writer.mutation("posts:write", {"author": "ada", "numbers": [10, 20, 30, 40, 50]})
    pages = reader.subscribe_pages("posts:page", {"author": "ada"}, 2)
    pages.wait(lambda value: (numbers(value[0]), value[1]) == ([50, 40], "CanLoadMore"))
    reader.load_more(pages, 2)
    pages.wait(lambda value: (numbers(value[0]), value[1]) == ([50, 40, 30, 20], "CanLoadMore"))
    writer.mutation("posts:write", {"author": "ada", "numbers": [45, 60]})
    pages.wait(lambda value: numbers(value[0]) == [60, 50, 45, 40, 30, 20])
    reader.load_more(pages, 10)
    pages.wait(lambda value: (numbers(value[0]), value[1]) == ([60, 50, 45, 40, 30, 20, 10], "Exhausted"))
    writer.mutation("posts:write", {"author": "grace", "numbers": [70]})
    writer.mutation("posts:write", {"author": "ada", "numbers": [5]})
    pages.wait(lambda value: numbers(value[0]) == [60, 50, 45, 40, 30, 20, 10, 5])


def test_pages_may_be_filtered_and_made_into_something_else(demo: ServerProcess, start_node: StartClient) -> None:
    client = start_node(demo)
    client.mutation("posts:write", {"author": "mei", "numbers": list(range(9))})
    options = {"numItems": 3, "cursor": None}
    first = client.query("posts:labels", {"author": "mei", "paginationOpts": options})
    assert (first["page"], first["isDone"]) == (["#0", "#2", "#4"], False)
    rest = client.query(
        "posts:labels", {"author": "mei", "paginationOpts": {**options, "cursor": first["continueCursor"]}}
    )
    assert rest["page"] == ["#6", "#8"]
