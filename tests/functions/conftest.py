from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtdb.config import Limits
from tests.functions.app_bench import AppBench

MakeBench = Callable[..., AppBench]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[MakeBench]:
    """``bench(module="source", …)`` loads an app and gives it a database."""
    benches: list[AppBench] = []

    def make(limits: Limits | None = None, **modules: str) -> AppBench:
        benches.append(AppBench(tmp_path / str(len(benches)), limits, **modules))
        return benches[-1]

    yield make
    for made in benches:
        made.close()
