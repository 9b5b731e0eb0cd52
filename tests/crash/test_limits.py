"""Tiny limits on the real committer and the real server: what is refused, what goes on, and what is freed again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import lmdb
import pytest

from rtdb.config import Limits
from rtdb.link.frames import BlockApplied, Commit, Write
from rtdb.storage.check import check
from tests.crash.committer_process import CommitterProcess, Load
from tests.e2e.server_process import ServerProcess
from tests.transaction.workbench import delete, put, read_id
from tests.waiting import wait_until

MISBEHAVING = Path(__file__).parents[1] / "e2e" / "apps" / "misbehaving"

pytestmark = pytest.mark.slow


class Hub:
    """The hub's end of a committer process: one transaction at a time, each beginning at the newest position."""

    def __init__(self, data_dir: Path, limits: Limits) -> None:
        self.process = CommitterProcess(data_dir, limits=limits)
        self.seq = self.process.wait_ready().seq
        self._calls = 0
        self._answer(Load().tables(self.seq))

    def commit(self, *writes: Write, begin: int | None = None, reads: int | None = None) -> BlockApplied:
        self._calls += 1
        ranges = [] if reads is None else [read_id(reads)]
        begin = self.seq if begin is None else begin
        return self._answer([Commit(self._calls, begin, 0, 0, "messages:send", ranges, list(writes))])

    def _answer(self, commits: list[Commit]) -> BlockApplied:
        self.process.link.send(commits)
        while True:
            for answer in self.process.answers():
                self.seq = answer.seq or self.seq
                if answer.committed or answer.losses or answer.rejections:
                    return answer


@pytest.fixture
def start(tmp_path: Path) -> Iterator[list[Hub]]:
    started: list[Hub] = []
    yield started
    for hub in started:
        hub.process.kill()
    assert check(tmp_path).problems == []


def test_full_quota_refuses_growth_and_ends_when_documents_and_history_are_gone(
    tmp_path: Path, start: list[Hub]
) -> None:
    limits = Limits(data_bytes_max=2 << 20, log_retention_bytes=100_000, undo_bytes_max=100_000)
    hub = Hub(tmp_path, limits)
    start.append(hub)
    count = 0
    while not (answer := hub.commit(put(count, text="x" * 10_000))).rejections:
        count += 1
    assert answer.rejections[0].error.code == "DataQuotaExceeded"
    assert 50 < count < 200
    assert hub.commit(put(1, text="")).rejections
    assert (tmp_path / "db" / "data.mdb").stat().st_size < 3 * limits.data_bytes_max
    for number in range(count):
        assert hub.commit(delete(number)).committed
    assert hub.commit(put(count, text="x" * 10_000)).committed


def test_begin_position_older_than_the_write_log_is_told_so_and_a_new_one_is_not(
    tmp_path: Path, start: list[Hub]
) -> None:
    hub = Hub(tmp_path, Limits(write_log_bytes_max=1))
    start.append(hub)
    begin = hub.seq
    for first in range(0, 6000, 200):
        assert hub.commit(*(put(number) for number in range(first, first + 200))).committed
    (loss,) = hub.commit(put(7000), begin=begin, reads=6999).losses
    assert loss.reason == "too_old"
    assert hub.commit(put(7000), begin=loss.seq, reads=6999).committed


def reader_pids(data_dir: Path) -> set[int]:
    """Return the processes that hold a slot in the table of readers."""
    with lmdb.open(str(data_dir / "db"), readonly=True) as environment:
        return {int(pid) for pid in re.findall(r"^ *(\d+) ", environment.readers(), flags=re.MULTILINE)}


def test_runner_killed_in_a_query_leaves_no_reader_behind(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", MISBEHAVING, ["--limit", "query_seconds_max=0.5"]) as server:
        before = server.descendants()
        assert reader_pids(tmp_path / "data") & before.keys()
        body = {"path": "evil:loop", "args": {}, "format": "json"}
        assert httpx.post(server.url + "/api/query", json=body).json()["status"] == "error"
        killed = before.keys() - server.descendants().keys()
        assert killed
        wait_until(lambda: not reader_pids(tmp_path / "data") & killed, lambda: "the dead runner still pins its pages")
