"""The committer: who wins, who loses, and what is told to whom; the process around it."""

from __future__ import annotations

import errno
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtdb.config import Limits, encode_config
from rtdb.errors import DataDirectoryError
from rtdb.link.frames import (
    BlockApplied,
    CommitterReady,
    CommitterStart,
    Drain,
    Loss,
    ReaderCheck,
    Write,
)
from rtdb.link.link import BlockingLink, LinkClosed
from rtdb.link.supervisor import EXIT_CONFIGURATION
from rtdb.storage.check import check, check_environment
from rtdb.storage.documents import read_document
from rtdb.storage.environment import FORMAT_VERSION
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START
from rtdb.storage.system_tables import SCHEDULED_FUNCTIONS_TABLE, SCHEDULED_JOBS_TABLE
from rtdb.transaction import committer as committer_process
from rtdb.transaction.group_commit import open_committer
from tests.storage.damage import damage_pages
from tests.transaction.workbench import (
    MESSAGES,
    START_NS,
    ManualClock,
    SeededRandom,
    Workbench,
    delete,
    document,
    internal_id,
    new_config,
    put,
    read_author,
    read_id,
)
from tests.waiting import SECONDS_MAX


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    bench = Workbench(tmp_path)
    yield bench
    report = check_environment(bench.committer.environment)
    assert report.is_clean, report
    bench.close()


def stored(bench: Workbench, number: int) -> bytes | None:
    with bench.committer.environment.read() as txn:
        document = read_document(txn, MESSAGES, internal_id(number))
    return None if document is None else document.data


# --- deciding ---------------------------------------------------------------------------------------------------------


def test_one_group_is_one_block_with_rising_timestamps(bench: Workbench) -> None:
    before = bench.committer.position
    applied = bench.commit(*(bench.transaction(put(number)) for number in range(3)))
    assert applied.seq == before.seq + 1
    timestamps = [ts for _call, ts in applied.committed]
    assert timestamps == [before.ts + 1, before.ts + 2, before.ts + 3]
    assert (applied.ts_first, applied.ts) == (timestamps[0], timestamps[-1])


def test_commit_timestamp_follows_the_clock_and_never_goes_back_with_it(bench: Workbench) -> None:
    bench.clock.now = START_NS + 1000
    assert bench.commit(bench.transaction(put(1))).ts == START_NS + 1000
    bench.clock.now = START_NS
    assert bench.commit(bench.transaction(put(1))).ts == START_NS + 1001


def test_transaction_that_read_what_was_changed_since_loses_and_is_told_to_whom(bench: Workbench) -> None:
    begin = bench.seq
    bench.commit(bench.transaction(put(1, author="ann"), source="messages:first"))
    second = bench.transaction(put(2), reads=[read_author("ann")], begin=begin)
    applied = bench.commit(second)
    (loss,) = applied.losses
    assert loss == Loss(second.call, "conflict", read_author("ann").index, "messages:first", bench.seq, "messages")
    assert applied.seq == 0
    assert stored(bench, 2) is None


def test_two_of_one_group_that_read_each_others_writes_do_not_both_happen(bench: Workbench) -> None:
    first = bench.transaction(put(1), reads=[read_id(1), read_id(2)])
    second = bench.transaction(put(2), reads=[read_id(1), read_id(2)])
    applied = bench.commit(first, second)
    assert [call for call, _ts in applied.committed] == [first.call]
    assert [(loss.call, loss.seq) for loss in applied.losses] == [(second.call, applied.seq)]


def test_loser_leaves_nothing_behind_and_the_rest_of_its_group_happens(bench: Workbench) -> None:
    begin = bench.seq
    bench.commit(bench.transaction(put(1)))
    loser = bench.transaction(put(2), put(3), reads=[read_id(1)], begin=begin)
    winner = bench.transaction(put(4), reads=[read_id(2)], begin=begin)
    applied = bench.commit(loser, winner)
    assert [call for call, _ts in applied.committed] == [winner.call]
    assert stored(bench, 2) is None
    assert stored(bench, 4) is not None


def test_blind_writes_do_not_conflict_and_the_last_one_stays(bench: Workbench) -> None:
    bench.commit(*(bench.transaction(put(1, author=author)) for author in ("ann", "bob")))
    assert stored(bench, 1) == put(1, author="bob").value


def test_document_written_often_in_one_block_is_reported_once(bench: Workbench) -> None:
    bench.commit(bench.transaction(put(1, author="ann", count=0)))
    once = bench.commit(bench.transaction(put(1, author="ann", count=1)))
    often = bench.commit(*(bench.transaction(put(1, author="ann", count=count)) for count in range(2, 9)))
    assert often.changes == once.changes
    moved = bench.commit(*(bench.transaction(put(1, author=author)) for author in ("bob", "ann", "bob")))
    assert len([change for change in moved.changes if change.index == read_author("").index]) == 3


def test_transaction_without_writes_happened_at_its_begin_position(bench: Workbench) -> None:
    begin = bench.committer.position
    bench.commit(bench.transaction(put(1)))
    reader = bench.transaction(reads=[read_id(1)], begin=begin.seq)
    applied = bench.commit(reader)
    assert applied.committed == [(reader.call, begin.ts)]
    assert applied.seq == 0
    assert applied.ts == bench.committer.position.ts


def test_begin_position_that_the_write_log_no_longer_covers_is_too_old(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.close()
    bench = Workbench(tmp_path)
    old = bench.transaction(put(1), begin=bench.seq - 1)
    assert [loss.reason for loss in bench.commit(old).losses] == ["too_old"]
    bench.close()


# --- the lane ---------------------------------------------------------------------------------------------------------


def test_lane_outcomes_that_saw_each_other_all_happen_in_one_block(bench: Workbench) -> None:
    begin = bench.seq
    outcomes = [
        bench.transaction(put(1, author=f"a{n}"), reads=[read_id(1)], begin=begin, lane=1, pending=n) for n in (1, 2, 3)
    ]
    applied = bench.commit(*outcomes)
    assert [call for call, _ts in applied.committed] == [outcome.call for outcome in outcomes]
    assert applied.lane_pending == 3
    assert stored(bench, 1) == put(1, author="a3").value


def test_after_one_lane_outcome_lost_the_rest_of_its_epoch_does_too(bench: Workbench) -> None:
    begin = bench.seq
    bench.commit(bench.transaction(put(1)))
    lost = bench.transaction(put(1), reads=[read_id(1)], begin=begin, lane=1, pending=1)
    after = bench.transaction(put(9), begin=begin, lane=1, pending=2)
    applied = bench.commit(lost, after)
    assert [(loss.call, loss.reason) for loss in applied.losses] == [(lost.call, "conflict"), (after.call, "lane")]
    much_later = bench.transaction(put(9), lane=1, pending=3)
    assert [loss.reason for loss in bench.commit(much_later).losses] == ["lane"]
    next_epoch = bench.transaction(put(9), lane=2, pending=4)
    assert bench.commit(next_epoch).lane_pending == 4


def test_outcomes_of_an_epoch_that_is_over_come_too_late(bench: Workbench) -> None:
    bench.commit(bench.transaction(put(1), lane=2, pending=1))
    late = bench.transaction(put(2), lane=1, pending=2)
    assert [loss.reason for loss in bench.commit(late).losses] == ["lane"]
    assert bench.commit(bench.transaction(put(2), lane=2, pending=3)).losses == []


def test_lane_outcome_conflicts_with_what_came_from_outside_between(bench: Workbench) -> None:
    begin = bench.seq
    outside = bench.transaction(put(1))
    inside = bench.transaction(put(2), reads=[read_id(1)], begin=begin, lane=1, pending=1)
    assert [loss.call for loss in bench.commit(outside, inside).losses] == [inside.call]


def test_lane_outcome_without_writes_happens_right_after_its_predecessors(bench: Workbench) -> None:
    begin = bench.seq
    writer = bench.transaction(put(1), begin=begin, lane=1, pending=1)
    reader = bench.transaction(reads=[read_id(1)], begin=begin, lane=1, pending=2)
    applied = bench.commit(writer, reader)
    assert applied.committed == [(writer.call, applied.ts), (reader.call, applied.ts)]
    assert applied.lane_pending == 2


# --- limits and failures ----------------------------------------------------------------------------------------------


def test_full_database_refuses_growth_with_a_reason_but_lets_documents_be_deleted(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.commit(bench.transaction(put(1, text="x" * 10_000)))
    bench.close()
    bench = Workbench(tmp_path, Limits(data_bytes_max=4096))
    growing, shrinking = bench.transaction(put(2)), bench.transaction(delete(1))
    applied = bench.commit(growing, shrinking)
    (rejection,) = applied.rejections
    assert rejection.call == growing.call
    assert rejection.error.code == "DataQuotaExceeded"
    assert "quota of 4096 bytes" in rejection.error.message
    assert [call for call, _ts in applied.committed] == [shrinking.call]
    bench.close()


def scheduled(number: int, claim: str) -> tuple[Write, Write]:
    """What schedules a function, or what claims it."""
    internal = internal_id(number)
    state = {"state": {"kind": "inProgress" if claim else "pending"}}
    return (
        Write(SCHEDULED_JOBS_TABLE, internal, document(SCHEDULED_JOBS_TABLE, internal, {"claim": claim})),
        Write(SCHEDULED_FUNCTIONS_TABLE, internal, document(SCHEDULED_FUNCTIONS_TABLE, internal, state)),
    )


def test_full_database_takes_no_new_jobs_and_runs_those_it_has(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.commit(bench.transaction(*scheduled(1, "")))
    bench.close()
    bench = Workbench(tmp_path, Limits(data_bytes_max=4096))
    claiming, scheduling = bench.transaction(*scheduled(1, "server")), bench.transaction(*scheduled(2, ""))
    applied = bench.commit(claiming, scheduling)
    assert [call for call, _ts in applied.committed] == [claiming.call]
    assert [(rejection.call, rejection.error.code) for rejection in applied.rejections] == [
        (scheduling.call, "DataQuotaExceeded")
    ]
    bench.close()


def test_rejected_lane_outcome_ends_its_epoch(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.close()
    bench = Workbench(tmp_path, Limits(data_bytes_max=4096))
    first = bench.transaction(put(2), lane=1, pending=1)
    second = bench.transaction(lane=1, pending=2, reads=[read_id(2)])
    applied = bench.commit(first, second)
    assert [rejection.call for rejection in applied.rejections] == [first.call]
    assert [(loss.call, loss.reason) for loss in applied.losses] == [(second.call, "lane")]
    bench.close()


def test_group_that_cannot_be_written_is_refused_as_a_whole_and_leaves_nothing(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.commit(bench.transaction(put(1)))
    before = bench.seq
    _soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bench.committer.environment.file_bytes(), hard))
    try:
        applied = bench.commit(
            bench.transaction(put(2, text="x" * 500_000)),
            bench.transaction(put(3), lane=1, pending=1),
            bench.transaction(reads=[read_id(1)]),
        )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert (applied.seq, applied.committed, applied.losses, len(applied.rejections)) == (0, [], [], 3)
    assert bench.seq == before
    assert stored(bench, 2) is stored(bench, 3) is None
    # What the lane ran on top of it has seen what did not happen, and goes with it; its numbers are free again.
    late = bench.commit(bench.transaction(put(4), lane=1, pending=2))
    assert [loss.reason for loss in late.losses] == ["lane"]
    again = bench.commit(bench.transaction(put(3), lane=2, pending=1), bench.transaction(put(2), begin=before))
    assert (again.seq, len(again.committed)) == (before + 1, 2)
    assert check_environment(bench.committer.environment).is_clean
    bench.close()


# --- starting ---------------------------------------------------------------------------------------------------------


def test_new_database_begins_with_the_platforms_tables(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    first, *_ = LocalLog(bench.committer.environment).read(START, 1 << 20)
    assert first.header.seq == 1
    assert {write.table for write in first.transactions[0].writes} == {513}
    assert bench.committer.registry.table("_session_requests") is not None
    bench.close()


def test_reopened_database_goes_on_where_it_ended(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.commit(bench.transaction(put(1)))
    position, tables = bench.committer.position, list(bench.committer.registry.tables())
    bench.close()
    bench = Workbench(tmp_path)
    assert bench.committer.position == position
    assert list(bench.committer.registry.tables()) == tables
    bench.clock.now = 0
    assert bench.commit(bench.transaction(put(1))).ts == position.ts + 1
    bench.close()


def test_database_of_another_instance_is_refused(tmp_path: Path) -> None:
    Workbench(tmp_path).close()
    config = new_config(tmp_path)
    other = type(config)(data_dir=tmp_path, instance_name="other")
    with pytest.raises(DataDirectoryError, match="belongs to the instance 'rtdb'"):
        open_committer(other, clock=ManualClock(), random=SeededRandom())


# --- the process ------------------------------------------------------------------------------------------------------


class Hub:
    """The other end of the link: a committer process's parent, as a test."""

    def __init__(self, data_dir: Path, limits: Limits | None = None) -> None:
        ours, theirs = socket.socketpair()
        self.link = BlockingLink(ours, 1 << 30)
        self._thread = threading.Thread(target=self._run, args=(BlockingLink(theirs, 1 << 30),))
        self.exit_code: int | None = None
        self._thread.start()
        self.link.send([CommitterStart(encode_config(new_config(data_dir, limits)))])

    def _run(self, link: BlockingLink) -> None:
        try:
            self.exit_code = committer_process.run(link)
        finally:
            link.close()

    def ready(self) -> CommitterReady:
        (message,) = self.link.receive()
        assert isinstance(message, CommitterReady)
        return message

    def answers(self, calls: int) -> list[BlockApplied]:
        """Return the answers until so many calls have been answered."""
        blocks: list[BlockApplied] = []
        while sum(len(block.committed) + len(block.losses) + len(block.rejections) for block in blocks) < calls:
            for message in self.link.receive():
                assert isinstance(message, BlockApplied)
                blocks.append(message)
        return blocks

    def end(self) -> int | None:
        self.link.close()
        self._thread.join(timeout=SECONDS_MAX)
        return self.exit_code


def test_process_says_where_it_is_answers_every_call_and_ends_with_the_link(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.close()
    hub = Hub(tmp_path)
    begin = hub.ready().seq
    assert begin == bench.seq
    hub.link.send([bench.transaction(put(number), begin=begin) for number in range(100)])
    blocks = hub.answers(100)
    assert [block.seq for block in blocks] == list(range(begin + 1, begin + 1 + len(blocks)))
    assert hub.end() == 0
    assert check(tmp_path).is_clean


def test_groups_are_bounded_in_transactions_and_bytes_but_one_always_goes(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.close()
    hub = Hub(tmp_path, Limits(block_transactions_max=4, block_bytes_max=1000))
    begin = hub.ready().seq
    sizes = [10] * 6 + [5000] + [400] * 4
    hub.link.send([bench.transaction(put(n, text="x" * size), begin=begin) for n, size in enumerate(sizes)])
    # A document's system fields and braces take about a hundred bytes more.
    assert [len(block.committed) for block in hub.answers(len(sizes))] == [4, 2, 1, 2, 2]
    assert hub.end() == 0


def test_drain_answers_what_was_sent_before_it(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    bench.close()
    hub = Hub(tmp_path)
    begin = hub.ready().seq
    hub.link.send([ReaderCheck(), *(bench.transaction(put(n), begin=begin) for n in range(10)), Drain()])
    assert sum(len(block.committed) for block in hub.answers(10)) == 10
    with pytest.raises(LinkClosed):
        hub.link.receive()
    assert hub.end() == 0


def test_unusable_data_directory_is_explained_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = Workbench(tmp_path)
    environment = bench.committer.environment
    with environment.write() as txn:
        txn.put(txn.meta, b"format", (FORMAT_VERSION + 1).to_bytes(4, "big"))
    bench.close()
    hub = Hub(tmp_path)
    with pytest.raises(LinkClosed):
        hub.link.receive()
    assert hub.end() == EXIT_CONFIGURATION
    assert "newer than this server's" in capsys.readouterr().err


def test_damaged_pages_it_starts_from_are_explained_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Workbench(tmp_path).close()
    damage_pages(tmp_path, b'"name":"messages"')
    hub = Hub(tmp_path)
    with pytest.raises(LinkClosed):
        hub.link.receive()
    assert hub.end() == EXIT_CONFIGURATION
    assert f"rtdb: The database in {tmp_path} is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("reads_first", [False, True], ids=["writing", "reading"])
def test_damaged_pages_it_comes_to_later_end_it_for_good(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reads_first: bool
) -> None:
    """A group that cannot be written is rejected and the next one tried; on a damaged page no try would succeed."""
    bench = Workbench(tmp_path)
    for number in range(1000, 1200):
        bench.commit(bench.transaction(put(number, text=f"a lasting text {number}" * 20)))
    begin = bench.seq
    bench.close()
    damage_pages(tmp_path, b"a lasting text 1100")
    hub = Hub(tmp_path)
    hub.ready()
    change = delete(1100) if reads_first else put(1100, text="another")
    hub.link.send([bench.transaction(change, begin=begin)])
    with pytest.raises(LinkClosed):
        hub.link.receive()
    assert hub.end() == EXIT_CONFIGURATION
    assert "is damaged: LMDB came to a page" in capsys.readouterr().err


def test_failing_disk_ends_the_process_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    bench = Workbench(tmp_path)
    bench.close()
    hub = Hub(tmp_path)
    begin = hub.ready().seq
    monkeypatch.setattr(LocalLog, "append", fail)
    hub.link.send([bench.transaction(put(1), begin=begin)])
    with pytest.raises(LinkClosed):
        hub.link.receive()
    assert hub.end() == 1
    assert "the committer stops: [Errno 28] No space left on device" in capsys.readouterr().err


def test_process_that_lost_its_parent_does_not_start(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        done = subprocess.run(
            [sys.executable, "-m", "rtdb.transaction.committer", str(theirs.fileno()), "1"],
            pass_fds=[theirs.fileno()],
            check=False,
            timeout=SECONDS_MAX,
        )
    assert done.returncode == 0
