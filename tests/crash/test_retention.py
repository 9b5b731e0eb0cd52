"""The database file stops growing: overwriting the same documents for ever takes a bounded amount of disk."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from rtdb.config import Limits
from rtdb.storage.check import check_environment
from tests.transaction.workbench import Workbench, put

DOCUMENTS = 500
LIMITS = Limits(log_retention_bytes=2 << 20, undo_bytes_max=2 << 20)


def overwrite(bench: Workbench, random: Random, writes: int) -> None:
    """Overwrite documents of very different sizes in groups of very different sizes, at one moment of the clock."""
    while writes > 0:
        group = random.randint(1, min(64, writes))
        writes -= group
        bench.commit(
            *(
                bench.transaction(put(random.randrange(DOCUMENTS), author=random.choice("ab"), text="x" * size))
                for size in (random.choice((10, 300, 5000)) for _ in range(group))
            )
        )


def file_after_each(data_dir: Path, writes: int, times: int) -> list[int]:
    bench = Workbench(data_dir, LIMITS)
    random = Random(11)
    sizes = []
    for _ in range(times):
        overwrite(bench, random, writes)
        sizes.append(bench.committer.environment.file_bytes())
    report = check_environment(bench.committer.environment)
    bench.close()
    assert report.is_clean, report
    return sizes


@pytest.mark.slow
def test_file_stops_growing_under_overwrites(tmp_path: Path) -> None:
    sizes = file_after_each(tmp_path, writes=4_000, times=4)
    assert sizes[-1] <= sizes[1] * 1.25, sizes


@pytest.mark.slow
def test_the_test_sees_a_log_that_is_never_trimmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.crash.test_retention.LIMITS", Limits())
    sizes = file_after_each(tmp_path, writes=4_000, times=4)
    assert sizes[-1] > sizes[1] * 1.5, sizes


@pytest.mark.soak
def test_file_stays_flat_for_200_000_overwrites(tmp_path: Path) -> None:
    sizes = file_after_each(tmp_path, writes=20_000, times=10)
    assert sizes[-1] <= sizes[4] * 1.1, sizes
