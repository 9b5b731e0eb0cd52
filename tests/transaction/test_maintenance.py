"""What the committer does between blocks: it ends, it survives restarts, and it takes small steps."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rtdb.config import Limits
from rtdb.index.scan import scan
from rtdb.link.frames import BlockApplied, Write
from rtdb.storage.check import check_environment
from rtdb.storage.meta import read_counts
from rtdb.storage.system_tables import (
    SCHEDULED_FUNCTIONS_TABLE,
    SCHEDULED_JOBS_TABLE,
    SESSION_REQUESTS_TABLE,
    session_request_id,
)
from rtdb.storage.undo import oldest_undo_seq
from rtdb.transaction import maintenance as maintenance_module
from rtdb.transaction.maintenance import SWEEP_SECONDS, Maintenance
from tests.transaction.workbench import (
    BY_AUTHOR,
    MESSAGES,
    START_NS,
    Workbench,
    document,
    put,
    write_index,
)

BY_TEXT = BY_AUTHOR + 1
DAY_NS = 86_400 * 10**9


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    monkeypatch.setattr(maintenance_module, "CHUNK_DOCUMENTS_MIN", 3)
    monkeypatch.setattr(maintenance_module, "CHUNK_DOCUMENTS_MAX", 3)
    monkeypatch.setattr(maintenance_module, "DELETIONS_MAX", 2)
    bench = Workbench(tmp_path)
    yield bench
    report = check_environment(bench.committer.environment)
    assert report.is_clean, report
    bench.close()


def new_maintenance(bench: Workbench) -> Maintenance:
    return Maintenance(bench.committer, limits=bench.config.limits, clock=bench.clock)


def work(maintenance: Maintenance) -> list[BlockApplied]:
    """Take steps until there is nothing to do now; return the blocks."""
    blocks: list[BlockApplied] = []
    for _ in range(100):
        if maintenance.pause_seconds() > 0:
            return blocks
        block = maintenance.step()
        if block is not None:
            blocks.append(block)
    raise AssertionError("maintenance does not end")


def in_use(bench: Workbench) -> int:
    """The number of the index that queries find as `by_author`."""
    definition = bench.committer.registry.index("messages", "by_author")
    assert definition is not None
    return definition.number


def entries(bench: Workbench, index: int) -> int:
    definition = bench.committer.registry.index_by_number(index)
    assert definition is not None
    with bench.committer.environment.read() as txn:
        return sum(1 for _ in scan(txn, definition, b"", b"\xff", descending=False))


def test_an_index_is_marked_as_backfilled_in_a_block_of_its_own(bench: Workbench) -> None:
    bench.commit(bench.transaction(*(put(number, text=f"t{number}") for number in range(10))))
    bench.commit(bench.transaction(write_index("messages", "by_text", BY_TEXT, ["text"], "backfilling")))
    (block,) = work(new_maintenance(bench))
    assert block.registry_changed
    assert block.committed == []
    definition = bench.committer.registry.index("messages", "by_text")
    assert definition is not None
    assert definition.state == "backfilled"
    assert entries(bench, BY_TEXT) == 10


def test_backfill_goes_on_after_a_restart_and_meets_writes_on_its_way(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.commit(bench.transaction(*(put(number, text=f"t{number}") for number in range(2500))))
    bench.commit(bench.transaction(write_index("messages", "by_text", BY_TEXT, ["text"], "backfilling")))
    assert new_maintenance(bench).step() is None
    bench.commit(bench.transaction(put(3, text="early"), put(2400, text="late"), put(9999, text="new")))
    bench.close()
    bench = Workbench(tmp_path)
    work(new_maintenance(bench))
    assert entries(bench, BY_TEXT) == 2501
    assert check_environment(bench.committer.environment).is_clean
    bench.close()


def test_changed_index_is_built_beside_its_predecessor_which_is_erased_once_it_is_dropped(bench: Workbench) -> None:
    bench.commit(bench.transaction(*(put(number, author="ann") for number in range(5))))
    bench.commit(bench.transaction(write_index("messages", "by_author", BY_TEXT, ["author", "text"], "backfilling")))
    maintenance = new_maintenance(bench)
    work(maintenance)
    assert (in_use(bench), entries(bench, BY_TEXT)) == (BY_AUTHOR, 5)
    bench.commit(
        bench.transaction(
            write_index("messages", "by_author", BY_AUTHOR, ["author"], "dropped"),
            write_index("messages", "by_author", BY_TEXT, ["author", "text"], "ready"),
        )
    )
    work(maintenance)
    assert in_use(bench) == BY_TEXT
    # Reads may still go back to before the drop.
    assert entries(bench, BY_AUTHOR) == 5
    bench.clock.now += 2 * int(bench.config.limits.undo_seconds * 1e9)
    bench.commit(bench.transaction(put(1, author="ann")))
    bench.clock.now += 2 * int(bench.config.limits.undo_seconds * 1e9)
    bench.commit(bench.transaction(put(1, author="ann")))
    work(maintenance)
    bench.clock.now += int(SWEEP_SECONDS * 1e9)
    work(maintenance)
    assert bench.committer.registry.index_by_number(BY_AUTHOR) is None


def session_request(number: int, created_ns: int) -> Write:
    internal = session_request_id("session", number)
    return Write(
        SESSION_REQUESTS_TABLE, internal, document(SESSION_REQUESTS_TABLE, internal, {"session": "s"}, created_ns / 1e6)
    )


def test_session_requests_are_deleted_after_their_days_and_not_before(bench: Workbench) -> None:
    days = bench.config.limits.session_request_days
    bench.clock.now = START_NS + days * DAY_NS
    old = [session_request(number, START_NS - 1000_000_000) for number in range(5)]
    bench.commit(bench.transaction(*old, session_request(9, START_NS + 1000_000_000)))
    blocks = work(new_maintenance(bench))
    assert len(blocks) == 3
    with bench.committer.environment.read() as txn:
        assert read_counts(txn)[SESSION_REQUESTS_TABLE] == 1


def scheduled_function(number: int, completed_ns: int | None, **more: Any) -> Write:
    shown = {"state": {"kind": "pending"}} if completed_ns is None else {"completedTime": completed_ns / 1e6}
    shown |= more
    internal = number.to_bytes(16)
    return Write(SCHEDULED_FUNCTIONS_TABLE, internal, document(SCHEDULED_FUNCTIONS_TABLE, internal, shown, 1.0))


def test_scheduled_functions_are_deleted_days_after_their_end_and_never_before_it(bench: Workbench) -> None:
    days = bench.config.limits.scheduled_result_days
    bench.clock.now = START_NS + days * DAY_NS
    old = [scheduled_function(number, START_NS - 1000_000_000) for number in range(5)]
    bench.commit(bench.transaction(*old))
    waiting = (900).to_bytes(16)
    entry = Write(SCHEDULED_JOBS_TABLE, waiting, document(SCHEDULED_JOBS_TABLE, waiting, {"claim": ""}, 1.0))
    new = scheduled_function(901, START_NS + 1000_000_000)
    bench.commit(bench.transaction(entry, scheduled_function(900, None), new))
    blocks = work(new_maintenance(bench))
    # A few at a time, so that nobody waits for long.
    assert len(blocks) > 2
    with bench.committer.environment.read() as txn:
        assert read_counts(txn)[SCHEDULED_FUNCTIONS_TABLE] == 2


def test_so_many_bytes_are_deleted_in_one_step(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance_module, "DELETIONS_MAX", 200)
    monkeypatch.setattr(maintenance_module, "DELETED_BYTES", 10_000)
    bench.clock.now = START_NS + bench.config.limits.scheduled_result_days * DAY_NS
    old = [scheduled_function(number, START_NS - 10**9, args=["x" * 4000]) for number in range(5)]
    bench.commit(bench.transaction(*old))
    blocks = work(new_maintenance(bench))
    assert len(blocks) == 2, "three of them, and the rest"
    with bench.committer.environment.read() as txn:
        assert read_counts(txn).get(SCHEDULED_FUNCTIONS_TABLE, 0) == 0


def test_step_that_cannot_be_written_is_taken_again_later(bench: Workbench) -> None:
    bench.commit(*(bench.transaction(put(number, text="x" * 300)) for number in range(100)))
    bench.commit(bench.transaction(write_index("messages", "by_text", BY_TEXT, ["text"], "backfilling")))
    maintenance = new_maintenance(bench)
    _soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bench.committer.environment.file_bytes(), hard))
    try:
        work(maintenance)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert [index.number for index in bench.committer.registry.indexes_in_state("backfilling")] == [BY_TEXT]
    bench.clock.now += int(SWEEP_SECONDS * 1e9)
    work(maintenance)
    assert entries(bench, BY_TEXT) == 100


def test_sweep_follows_a_clock_that_went_back(bench: Workbench) -> None:
    maintenance = new_maintenance(bench)
    work(maintenance)
    bench.clock.now -= DAY_NS
    assert maintenance.pause_seconds() == 0.0
    work(maintenance)
    assert maintenance.pause_seconds() == SWEEP_SECONDS


def test_idle_database_forgets_its_before_images(bench: Workbench) -> None:
    for number in range(200):
        bench.commit(bench.transaction(put(number)))
    maintenance = new_maintenance(bench)
    work(maintenance)
    bench.clock.now += int((bench.config.limits.undo_seconds + SWEEP_SECONDS) * 1e9)
    work(maintenance)
    with bench.committer.environment.read() as txn:
        assert oldest_undo_seq(txn) is None


def test_log_is_trimmed_while_writing_goes_on(tmp_path: Path) -> None:
    bench = Workbench(tmp_path, Limits(log_retention_seconds=10, undo_seconds=1))
    for _ in range(100):
        bench.clock.now += 10**9
        bench.commit(bench.transaction(put(1)))
    report = check_environment(bench.committer.environment)
    assert report.is_clean, report
    assert report.blocks < 50
    assert report.undo_records < 50
    bench.close()


def test_nothing_to_do_means_waiting_for_the_next_sweep(bench: Workbench) -> None:
    maintenance = new_maintenance(bench)
    assert work(maintenance) == []
    assert maintenance.pause_seconds() == SWEEP_SECONDS
    assert bench.seq == 2
    assert entries(bench, BY_AUTHOR) == 0
    assert MESSAGES in {table.number for table in bench.committer.registry.tables()}


def test_steps_become_shorter_when_they_take_too_long_and_longer_when_there_is_time(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stopwatch that says what 50 documents cost where each takes 1 ms, then 0.1 ms."""
    monkeypatch.setattr(maintenance_module, "CHUNK_DOCUMENTS_MAX", 50)
    bench.commit(bench.transaction(*(put(number, text=f"t{number}") for number in range(400))))
    bench.commit(bench.transaction(write_index("messages", "by_text", BY_TEXT, ["text"], "backfilling")))
    watch = _Stopwatch(lambda: entries(bench, BY_TEXT))
    maintenance = Maintenance(bench.committer, limits=bench.config.limits, clock=bench.clock, stopwatch=watch)
    steps: list[int] = []
    for micros in [100] * 7 + [1000] * 4:
        watch.micros = micros
        before = entries(bench, BY_TEXT)
        maintenance.step()
        steps.append(entries(bench, BY_TEXT) - before)
    assert steps == [3, 6, 12, 24, 48, 50, 50, 50, 25, 12, 12]
    assert len(work(maintenance)) == 1


class _Stopwatch:
    """Time passes by what has been done since it was last looked at."""

    def __init__(self, done: Callable[[], int]) -> None:
        self.micros = 0
        self._done = done
        self._seen = 0
        self._now = 0

    def __call__(self) -> int:
        done = self._done()
        self._now += (done - self._seen) * self.micros * 1000
        self._seen = done
        return self._now
