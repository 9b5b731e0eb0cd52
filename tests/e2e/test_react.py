"""The React bindings in a real browser: what a page shows, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import StartClient
from tests.e2e.official_client import browser_page
from tests.e2e.server_process import ServerProcess

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: make /usr/bin/chromium")


def test_a_page_shows_its_own_clicks_at_once_and_the_writes_of_others(
    laboratory: ServerProcess, start_node: StartClient
) -> None:
    """The optimistic update adds 100 where the server adds 1: so each is seen for itself. At the end, an action."""
    other = start_node(laboratory)
    with browser_page(laboratory.url, "react_app.jsx", "react") as page:
        page.wait_text("0")
        page.click()
        page.wait_text("1")
        assert page.shown() == [None, 0, 100, 1]
        other.mutation("counters:increment", {"name": "react"})
        page.wait_text("2")
        page.click()
        page.wait_text("3")
        assert page.shown() == [None, 0, 100, 1, 2, 102, 3]
        assert page.act(3) == [4, 5, 6]
        page.wait_text("6")
