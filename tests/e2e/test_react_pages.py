"""``usePaginatedQuery`` in a real browser: every list it ever renders is one that the database had, from its beginning.

A rendering is compared with what the whole list was after each write. It must be the beginning of one of these, and
never of an earlier one than the rendering before: then it has no gap, no row twice, no row that was gone, and is no
mixture of two states.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.e2e.conftest import LABORATORY, StartClient
from tests.e2e.deploys import deploy
from tests.e2e.official_client import BROWSER_SECONDS_MAX, BrowserPage, OfficialClient, browser_page
from tests.e2e.server_process import ServerProcess
from tests.e2e.test_react import CHROMIUM

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: make /usr/bin/chromium")

SIZE = 3
"""Rows of a page, in react_list.jsx; a page of more than twice as many is split."""


class Feed:
    """The list that is written to: what it was after each write."""

    def __init__(self, writer: OfficialClient, room: str, ranks: list[float]) -> None:
        self._writer = writer
        self._room = room
        self.states: list[list[float]] = [[]]
        self.write("add", ranks=ranks)

    def write(self, function: str, **args: Any) -> None:
        ranks = list(self.states[-1])
        match function:
            case "add":
                ranks += args["ranks"]
            case "remove":
                ranks = [rank for rank in ranks if rank not in args["ranks"]]
            case "move":
                ranks = [args["new"] if rank == args["old"] else rank for rank in ranks]
        # Known before it is written: the browser may be faster than the answer.
        self.states.append(sorted(ranks, reverse=True))
        self._writer.http_mutation(f"feed:{function}", {"room": self._room, **args})

    def wait_shown(self, page: BrowserPage, count: int, status: str) -> None:
        """Wait until the first ``count`` rows of what there is now are on the page."""
        ranks = self.states[-1][:count]
        assert count <= len(self.states[-1])
        page.wait_text(" ".join([status, *(f"{rank:g}" for rank in ranks)]), "output")


def check_renderings(renderings: list[Any], states: list[list[float]]) -> None:
    """Raise ``AssertionError`` at the first rendering that is not the beginning of any state from the last one's on."""
    oldest = 0
    for number, (status, rows) in enumerate(renderings):
        ranks = [rank for rank, _ in rows]
        assert len({id for _, id in rows}) == len(rows), f"rendering {number} has a row twice: {ranks}"
        if status == "LoadingFirstPage":
            assert ranks == []
            continue
        possible = [
            position
            for position, state in enumerate(states[oldest:], start=oldest)
            if (ranks == state if status == "Exhausted" else ranks == state[: len(ranks)])
        ]
        assert possible, f"rendering {number}, {status}, is no list there was since state {oldest}: {ranks}"
        oldest = possible[0]


@pytest.mark.parametrize(
    ("status", "ranks"),
    [
        ("CanLoadMore", [5.0, 3.0]),  # a gap
        ("CanLoadMore", [5.0, 4.0, 4.0]),  # a row twice
        ("CanLoadMore", [4.0, 3.0]),  # no beginning
        ("CanLoadMore", [6.0, 5.0]),  # a state that was over
        ("Exhausted", [5.0, 4.0]),  # not all
    ],
)
def test_a_wrong_rendering_is_noticed(status: str, ranks: list[float]) -> None:
    states = [[6.0, 5.0], [5.0], [5.0, 4.0, 3.0]]
    before = ["Exhausted", [[5.0, "b"]]]
    check_renderings([before, ["CanLoadMore", [[5.0, "b"], [4.0, "c"]]]], states)
    with pytest.raises(AssertionError):
        check_renderings([before, [status, [[rank, f"id{rank}"] for rank in ranks]]], states)


def split_queries(page: BrowserPage) -> list[dict[str, Any]]:
    """Return the queries that a page was split into: those that are told where to end."""
    return [query for query in page.queries() if query["paginationOpts"].get("endCursor") is not None]


def load_all(page: BrowserPage, feed: Feed) -> None:
    """Load more until the whole list is on the page."""
    deadline = time.monotonic() + BROWSER_SECONDS_MAX
    while True:
        status, rows = page.shown()[-1]
        if status == "Exhausted" and [rank for rank, _ in rows] == feed.states[-1]:
            return
        assert time.monotonic() < deadline, (status, rows)
        page.click()


def test_a_list_stays_whole_while_rows_come_and_go_in_and_around_its_pages(
    laboratory: ServerProcess, start_node: StartClient
) -> None:
    feed = Feed(start_node(laboratory), "react", [float(rank) for rank in range(10, 130, 10)])
    with browser_page(laboratory.url, "react_list.jsx", "react") as page:
        feed.wait_shown(page, 3, "CanLoadMore")
        page.click()
        feed.wait_shown(page, 6, "CanLoadMore")
        feed.write("remove", ranks=[100.0])  # the last row of the first page
        feed.wait_shown(page, 5, "CanLoadMore")
        feed.write("add", ranks=[125.0, 105.0, 95.0])  # before the list, and on both sides of where the pages meet
        feed.wait_shown(page, 8, "CanLoadMore")
        feed.write("move", old=120.0, new=75.0)  # from the first page into the second
        feed.wait_shown(page, 8, "CanLoadMore")
        feed.write("add", ranks=[5.0, 65.0])  # behind what is loaded
        page.click()
        feed.wait_shown(page, 11, "CanLoadMore")
        assert split_queries(page) == []
        feed.write("add", ranks=[80.5, 81.5, 82.5, 83.5, 84.5, 85.5])  # a page grows beyond twice its size
        feed.wait_shown(page, 17, "CanLoadMore")
        wait_for(lambda: split_queries(page))
        feed.write("remove", ranks=[82.5, 90.0, 70.0])
        feed.wait_shown(page, 14, "CanLoadMore")
        load_all(page, feed)
        feed.write("add", ranks=[1.0, 200.0])
        feed.wait_shown(page, len(feed.states[-1]), "Exhausted")
        feed.write("remove", ranks=feed.states[-1])
        feed.wait_shown(page, 0, "Exhausted")
        check_renderings(page.shown(), feed.states)


def test_a_list_stays_whole_under_random_writes(laboratory: ServerProcess, start_node: StartClient) -> None:
    random = Random(5)
    feed = Feed(start_node(laboratory), "random", [float(rank) for rank in range(0, 200, 10)])
    with browser_page(laboratory.url, "react_list.jsx", "random") as page:
        feed.wait_shown(page, 3, "CanLoadMore")
        for number in range(120):
            ranks = feed.states[-1]
            new = [rank / 8 for rank in random.sample(range(1600), random.randint(1, 4))]
            match random.choice(["add", "add", "remove", "move"]):
                case "add":
                    feed.write("add", ranks=[rank for rank in new if rank not in ranks])
                case "remove" if ranks:
                    feed.write("remove", ranks=random.sample(ranks, min(len(ranks), random.randint(1, 4))))
                case "move" if ranks and new[0] not in ranks:
                    feed.write("move", old=random.choice(ranks), new=new[0])
            if number % 10 == 0:
                page.click()
        load_all(page, feed)
        assert split_queries(page)
        renderings = page.shown()
        # The browser has seen most of what happened, not the ends alone.
        assert len(renderings) > 40
        check_renderings(renderings, feed.states)


def test_a_list_stays_whole_across_a_restart_of_the_server(tmp_path: Path, start_node: StartClient) -> None:
    """Each page is asked for again with the journal it had, so what was written meanwhile is in the right page."""
    with ServerProcess(tmp_path / "data", LABORATORY) as server:
        feed = Feed(start_node(server), "restarted", [float(rank) for rank in range(10, 130, 10)])
        with browser_page(server.url, "react_list.jsx", "restarted") as page:
            feed.wait_shown(page, 3, "CanLoadMore")
            page.click()
            feed.wait_shown(page, 6, "CanLoadMore")
            server.kill()
            server.start()
            feed.write("add", ranks=[95.0, 105.0, 65.0])
            feed.write("remove", ranks=[100.0])
            feed.wait_shown(page, 7, "CanLoadMore")
            load_all(page, feed)
            check_renderings(page.shown(), feed.states)


def test_a_list_begins_again_when_a_deploy_changes_its_index(tmp_path: Path, start_node: StartClient) -> None:
    """Its cursors are of a query that is no more: the hook is told so, and nobody has to reload the page."""
    changed = Path(shutil.copytree(LABORATORY, tmp_path / "changed"))
    schema = (changed / "schema.py").read_text()
    (changed / "schema.py").write_text(schema.replace('["room", "rank"]', '["room", "rank", "text"]'))
    assert (changed / "schema.py").read_text() != schema
    with ServerProcess(tmp_path / "data", LABORATORY) as server:
        feed = Feed(start_node(server), "changed", [float(rank) for rank in range(10, 130, 10)])
        with browser_page(server.url, "react_list.jsx", "changed") as page:
            feed.wait_shown(page, 3, "CanLoadMore")
            page.click()
            feed.wait_shown(page, 6, "CanLoadMore")
            deploy(server, changed)
            feed.wait_shown(page, 3, "CanLoadMore")
            feed.write("add", ranks=[95.0, 125.0, 135.0])
            feed.wait_shown(page, 5, "CanLoadMore")
            load_all(page, feed)
            check_renderings(page.shown(), feed.states)


def wait_for(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + BROWSER_SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline
