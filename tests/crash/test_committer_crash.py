"""kill -9 of the committer under load: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.crash.committer_process import COMMITTER, GROUP, CommitterProcess, Load, problems, run_until_killed
from tests.transaction.workbench import Workbench

ROUNDS = 15

pytestmark = pytest.mark.slow


def crash_rounds(data_dir: Path, module: str) -> tuple[Load, list[str]]:
    """Kill the committer again and again, until there are problems or the rounds are over."""
    Workbench(data_dir).close()
    load, random = Load(), Random(7)
    found: list[str] = []
    for _ in range(ROUNDS):
        run_until_killed(CommitterProcess(data_dir, module=module), load, random)
        found = list(problems(data_dir, load.acknowledged))
        if found:
            break
    return load, found


def test_acknowledged_transactions_survive_kills_and_happen_once(tmp_path: Path) -> None:
    load, found = crash_rounds(tmp_path, COMMITTER)
    assert found == []
    assert len(load.acknowledged) > ROUNDS * GROUP


def test_the_test_sees_a_committer_that_answers_too_early(tmp_path: Path) -> None:
    _load, found = crash_rounds(tmp_path, "tests.crash.hasty_committer")
    assert any("was acknowledged and is not in the log" in problem for problem in found)
