"""Is what clients see serializable, in real time, and shown in order, whatever is killed?

Clients of real servers run random transactions on lists and note them; `rtdb.testing.histories` checks what they noted.
The controls are servers with one mistake each, which has to be found every time.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from rtdb.storage.check import check
from rtdb.testing.histories import Transaction, check_history
from tests.e2e.list_clients import APP, Load, record_history
from tests.e2e.server_process import REPOSITORY, ServerProcess

BROKEN = Path(__file__).parent / "broken"


async def history_of(data_dir: Path, load: Load, program: Path = REPOSITORY / "server.py") -> list[Transaction]:
    with ServerProcess(data_dir, APP, program=program) as server:
        with trio.fail_after(60 + load.transactions / 10 + load.kills * 20):
            history = await record_history(server, load)
        assert await trio.to_thread.run_sync(server.stop) == 0
    return history


@pytest.mark.parametrize(
    "load",
    [Load(1_500, kills=5), pytest.param(Load(30_000, sessions=8, kills=100, seed=1), marks=pytest.mark.soak)],
    ids=["some", "many"],
)
async def test_a_history_with_kills_has_no_anomaly(tmp_path: Path, load: Load) -> None:
    history = await history_of(tmp_path / "data", load)
    anomalies = check_history(history)
    assert not anomalies, "\n".join(map(str, anomalies))
    assert check(tmp_path / "data").problems == []
    assert len([one for one in history if one.status == "committed" and one.begin is None]) > load.transactions / 4


@pytest.mark.parametrize(
    ("mistake", "expected"),
    [
        ("unvalidated", {"G0", "G-single", "G2", "incompatible-order"}),
        ("stale", {"G0", "G-single", "G-single-session", "G-single-realtime", "incompatible-order"}),
        ("deaf", {"G-single", "G-single-session", "G-single-realtime"}),
    ],
)
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 11))])
async def test_a_planted_mistake_is_found(tmp_path: Path, mistake: str, expected: set[str], seed: int) -> None:
    load = Load(500, seed=seed, settle_seconds=1.0)
    found = check_history(await history_of(tmp_path / "data", load, BROKEN / f"{mistake}_server.py"))
    assert expected & {anomaly.name for anomaly in found}, "\n".join(map(str, found))
