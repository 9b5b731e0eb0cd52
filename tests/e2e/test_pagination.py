"""Paginated subscriptions of the official client: whatever is written, the pages together are the list."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from tests.e2e.conftest import LABORATORY, StartClient
from tests.e2e.official_client import OfficialClient, Subscription
from tests.e2e.server_process import ServerProcess


def ranks(rows: list[dict[str, Any]]) -> list[float]:
    return [row["rank"] for row in rows]


def wait_shown(pages: Subscription, expected: list[float], status: str) -> None:
    pages.wait(lambda value: ranks(value[0]) == expected and value[1] == status)


def check_every_result(pages: Subscription) -> None:
    """No result the client was ever shown had a row twice or out of order."""
    for rows, _ in pages.values:
        assert ranks(rows) == sorted(ranks(rows), reverse=True)
        assert len({row["_id"] for row in rows}) == len(rows)


def test_pages_stay_gapless_while_rows_come_and_go(laboratory: ServerProcess, start_node: StartClient) -> None:
    client, writer = start_node(laboratory), start_node(laboratory)
    room = {"room": "rows come and go"}
    writer.mutation("feed:add", {**room, "ranks": [10, 20, 30, 40, 50, 60]})
    pages = client.subscribe_pages("feed:pages", room, 2)
    wait_shown(pages, [60, 50], "CanLoadMore")
    client.load_more(pages, 2)
    wait_shown(pages, [60, 50, 40, 30], "CanLoadMore")

    writer.mutation("feed:add", {**room, "ranks": [55, 70, 35]})
    wait_shown(pages, [70, 60, 55, 50, 40, 35, 30], "CanLoadMore")
    writer.mutation("feed:remove", {**room, "ranks": [50, 30]})  # the last row of both pages
    wait_shown(pages, [70, 60, 55, 40, 35], "CanLoadMore")
    writer.mutation("feed:move", {**room, "old": 70, "new": 36})
    wait_shown(pages, [60, 55, 40, 36, 35], "CanLoadMore")

    client.load_more(pages, 10)
    wait_shown(pages, [60, 55, 40, 36, 35, 20, 10], "Exhausted")
    writer.mutation("feed:add", {**room, "ranks": [5, 51, 31]})
    wait_shown(pages, [60, 55, 51, 40, 36, 35, 31, 20, 10, 5], "Exhausted")
    check_every_result(pages)


def test_pages_that_grow_are_split_and_stay_gapless(laboratory: ServerProcess, start_node: StartClient) -> None:
    client, writer = start_node(laboratory), start_node(laboratory)
    room = {"room": "growing"}
    pages = client.subscribe_pages("feed:pages", room, 2)
    wait_shown(pages, [], "Exhausted")
    expected: list[float] = []
    for start in range(0, 40, 5):
        added = [float(start + offset) for offset in range(5)]
        writer.mutation("feed:add", {**room, "ranks": added})
        expected = sorted([*expected, *added], reverse=True)
        wait_shown(pages, expected, "Exhausted")
    check_every_result(pages)


def test_random_writes_leave_the_pages_equal_to_one_scan(laboratory: ServerProcess, start_node: StartClient) -> None:
    client, writer = start_node(laboratory), start_node(laboratory)
    room = {"room": "random"}
    random = Random(11)
    writer.mutation("feed:add", {**room, "ranks": [float(rank) for rank in range(0, 100, 10)]})
    pages = client.subscribe_pages("feed:pages", room, 3)
    pages.wait(lambda value: len(value[0]) == 3)
    client.load_more(pages, 4)
    pages.wait(lambda value: len(value[0]) == 7)
    client.load_more(pages, 100)
    pages.wait(lambda value: value[1] == "Exhausted")
    for _ in range(40):
        present = ranks(writer.query("feed:everything", room))
        match random.choice(["add", "add", "remove", "move"]):
            case "add":
                writer.mutation("feed:add", {**room, "ranks": [random.uniform(-10, 110)]})
            case "remove" if present:
                writer.mutation("feed:remove", {**room, "ranks": [random.choice(present)]})
            case "move" if present:
                writer.mutation("feed:move", {**room, "old": random.choice(present), "new": random.uniform(-10, 110)})
    wait_shown(pages, ranks(writer.query("feed:everything", room)), "Exhausted")
    check_every_result(pages)


def test_pages_keep_their_ends_across_a_restart_of_the_server(tmp_path: Path, start_node: StartClient) -> None:
    """The client sends each page's journal when it comes back: rows written meanwhile are in the right page."""
    with ServerProcess(tmp_path / "data", LABORATORY) as server:
        client: OfficialClient = start_node(server)
        room = {"room": "restarted"}
        client.mutation("feed:add", {**room, "ranks": [10, 20, 30, 40, 50, 60]})
        pages = client.subscribe_pages("feed:pages", room, 2)
        wait_shown(pages, [60, 50], "CanLoadMore")
        client.load_more(pages, 2)
        wait_shown(pages, [60, 50, 40, 30], "CanLoadMore")
        server.kill()
        server.start()
        client.http_mutation("feed:add", {**room, "ranks": [70, 55, 45, 25]})
        wait_shown(pages, [70, 60, 55, 50, 45, 40, 30], "CanLoadMore")
        client.http_mutation("feed:remove", {**room, "ranks": [50]})
        wait_shown(pages, [70, 60, 55, 45, 40, 30], "CanLoadMore")
        client.load_more(pages, 9)
        wait_shown(pages, [70, 60, 55, 45, 40, 30, 25, 20, 10], "Exhausted")
        check_every_result(pages)
