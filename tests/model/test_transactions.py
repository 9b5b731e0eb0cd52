"""Random transactions against a serial model.

The model is a dictionary. A transaction notes what it read at its begin position (in the lane: plus what its
predecessors in the epoch wrote). When the committer accepts it, the same reads on the model, which has so far executed
exactly the accepted transactions in timestamp order, must give the same: then the committed history equals that serial
one. When the committer refuses it, somebody must have changed what it read, or it began before what the write log still
covers, which is made to forget as soon as it can.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from rtdb.config import Limits
from rtdb.link.frames import Commit, ReadRange, Write
from rtdb.storage.check import check_environment
from rtdb.storage.documents import read_document
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START
from rtdb.transaction import group_commit, write_log
from tests.transaction.workbench import MESSAGES, Workbench, delete, internal_id, put, read_author, read_id

NUMBERS = range(1, 4)
AUTHORS = ("ann", "bob")

State = dict[int, tuple[str, int]]
"""Message number → author and a counter that makes every version different."""


class Reads(msgspec.Struct, frozen=True):
    """Point reads by number and range reads by author."""

    numbers: frozenset[int]
    authors: frozenset[str]

    def ranges(self) -> list[ReadRange]:
        return [read_id(number) for number in self.numbers] + [read_author(author) for author in self.authors]

    def observe(self, state: State) -> list[object]:
        """What a function that reads this gets to see."""
        points: list[object] = [state.get(number) for number in sorted(self.numbers)]
        return points + [
            sorted((number, version) for number, version in state.items() if version[0] == author)
            for author in sorted(self.authors)
        ]

    def touched_by(self, before: State, writes: dict[int, tuple[str, int] | None]) -> bool:
        """Whether the writes, to that state, hit what was read: the rule, without index keys."""
        return any(
            number in self.numbers
            or any(version is not None and version[0] in self.authors for version in (before.get(number), new))
            for number, new in writes.items()
            if before.get(number) is not None or new is not None
        )


class Sent(msgspec.Struct, frozen=True):
    """A transaction that waits for the committer, and what it saw."""

    commit: Commit
    reads: Reads
    observed: list[object]
    writes: dict[int, tuple[str, int] | None]


class Accepted(msgspec.Struct, frozen=True):
    seq: int
    lane: int
    before: State
    writes: dict[int, tuple[str, int] | None]


def with_writes(state: State, writes: dict[int, tuple[str, int] | None]) -> State:
    changed: dict[int, tuple[str, int] | None] = {**state, **writes}
    return {number: version for number, version in changed.items() if version is not None}


def as_writes(writes: dict[int, tuple[str, int] | None]) -> Iterable[Write]:
    for number, version in writes.items():
        yield delete(number) if version is None else put(number, author=version[0], version=version[1])


reads = st.builds(
    Reads, st.frozensets(st.sampled_from(NUMBERS), max_size=1), st.frozensets(st.sampled_from(AUTHORS), max_size=1)
)
written = st.dictionaries(st.sampled_from(NUMBERS), st.sampled_from(AUTHORS) | st.none(), max_size=2)


class TransactionsMachine(RuleBasedStateMachine):
    """See the module."""

    @initialize()
    def open(self) -> None:
        self.directory = TemporaryDirectory()
        self.limits = Limits(write_log_bytes_max=1)
        self.bench = Workbench(Path(self.directory.name), self.limits)
        start: State = {1: ("ann", 0), 2: ("bob", 0)}
        self.bench.commit(self.bench.transaction(*as_writes(dict(start))))
        self.states: dict[int, State] = {self.bench.seq: start}
        self.accepted: list[Accepted] = []
        self.queue: list[Sent] = []
        self.lane: list[tuple[int, Sent]] = []
        """What the lane's overlay holds: outcomes of this epoch with the block they are in (0: not durable yet)."""
        self.epoch = 1
        self.pending = 0
        self.versions = 0
        self.last_ts = self.bench.committer.position.ts

    def _send(self, reads: Reads, written: dict[int, str | None], begin: int, state: State, lane: int) -> None:
        self.versions += 1
        writes = {number: None if author is None else (author, self.versions) for number, author in written.items()}
        self.pending += lane > 0
        commit = self.bench.transaction(
            *as_writes(writes), reads=reads.ranges(), begin=begin, lane=lane, pending=self.pending if lane else 0
        )
        sent = Sent(commit, reads, reads.observe(state), writes)
        self.queue.append(sent)
        if lane:
            self.lane.append((0, sent))

    @rule(reads=reads, written=written, age=st.integers(0, 4))
    def run_outside_the_lane(self, reads: Reads, written: dict[int, str | None], age: int) -> None:
        begin = max(min(self.states), self.bench.seq - age)
        self._send(reads, written, begin, self.states[begin], 0)

    @rule(reads=reads, written=written, age=st.integers(0, 1))
    def run_in_the_lane(self, reads: Reads, written: dict[int, str | None], age: int) -> None:
        begin = max(min(self.states), self.bench.seq - age)
        state = self.states[begin]
        for seq, earlier in self.lane:
            if seq == 0 or seq > begin:
                state = with_writes(state, earlier.writes)
        self._send(reads, written, begin, state, self.epoch)

    @rule(group=st.lists(st.tuples(st.booleans(), reads, written, st.integers(0, 2)), min_size=2, max_size=6))
    def run_and_commit_a_group(self, group: list[tuple[bool, Reads, dict[int, str | None], int]]) -> None:
        for in_lane, reads, written, age in group:
            if in_lane:
                self.run_in_the_lane(reads, written, min(age, 1))
            else:
                self.run_outside_the_lane(reads, written, age)
        self.commit_what_is_queued()

    @rule()
    def commit_what_is_queued(self) -> None:
        sent = {one.commit.call: one for one in self.queue}
        order = self.queue
        self.queue = []
        before = self.bench.seq
        covered = self.bench.committer.covers_from
        applied = self.bench.commit(*(one.commit for one in order))
        timestamps = dict(applied.committed)
        losses = {loss.call: loss for loss in applied.losses}
        assert timestamps.keys() | losses.keys() == sent.keys()
        assert applied.seq in (0, before + 1)
        serial = self.states[before]
        epoch_failed = False
        for one in order:
            loss = losses.get(one.commit.call)
            if loss is None:
                serial = self._check_accepted(one, serial, timestamps[one.commit.call], before + 1)
            elif loss.reason == "lane":
                assert epoch_failed, "only what follows a loss of its epoch is lost with it"
            elif loss.reason == "too_old":
                assert one.commit.begin < covered, "the write log covers it"
                epoch_failed |= one.commit.lane > 0
            else:
                assert self._is_justified(one), "nobody had changed what it read"
                epoch_failed |= one.commit.lane > 0
        if applied.seq:
            self.states[applied.seq] = serial
        if epoch_failed:
            self.epoch += 1
            self.lane.clear()

    def _check_accepted(self, one: Sent, serial: State, ts: int, seq: int) -> State:
        if not one.writes and one.commit.lane == 0:
            return serial  # It happened at its begin position, where it has seen what was there.
        assert one.reads.observe(serial) == one.observed
        if one.writes:
            assert ts > self.last_ts
            self.last_ts = ts
            self.accepted.append(Accepted(seq, one.commit.lane, serial, one.writes))
        if one.commit.lane:
            self.lane = [(seq if other is one else at, other) for at, other in self.lane]
        return with_writes(serial, one.writes)

    def _is_justified(self, one: Sent) -> bool:
        return any(
            other.seq > one.commit.begin
            and not (other.lane and other.lane == one.commit.lane)
            and one.reads.touched_by(other.before, other.writes)
            for other in self.accepted
        )

    @rule()
    def reopen(self) -> None:
        """End the committer and start it again: what it had not decided is gone, nothing else."""
        self.bench.close()
        self.queue.clear()
        self.lane.clear()
        self.epoch = 1
        self.pending = 0
        self.bench = Workbench(Path(self.directory.name), self.limits)
        # The write log begins anew: nobody may begin before it.
        self.states = {self.bench.seq: self.states[self.bench.seq]}

    @invariant()
    def the_database_is_what_the_serial_history_made(self) -> None:
        expected = self.states[self.bench.seq]
        with self.bench.committer.environment.read() as txn:
            found = {number: read_document(txn, MESSAGES, internal_id(number)) for number in NUMBERS}
        assert {number: one.data for number, one in found.items() if one is not None} == {
            write.id[-1]: write.value for write in as_writes(dict(expected))
        }

    def teardown(self) -> None:
        if not hasattr(self, "bench"):
            return
        environment = self.bench.committer.environment
        report = check_environment(environment)
        blocks = LocalLog(environment).read(START, 1 << 30)
        self.bench.close()
        self.directory.cleanup()
        assert report.is_clean, report
        assert [block.header.seq for block in blocks] == list(range(1, len(blocks) + 1))
        assert all(later.header.previous_chain == earlier.chain for earlier, later in pairwise(blocks))


TransactionsMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)


class TestTransactions(TransactionsMachine.TestCase):  # type: ignore[misc, valid-type]  # made by Hypothesis
    """The machine, with a write log of small segments that is trimmed at every other block."""

    @pytest.fixture(autouse=True)
    def _forgetful(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(write_log, "SEGMENT_KEYS_MAX", 4)
        monkeypatch.setattr(group_commit, "TRIM_INTERVAL_BLOCKS", 2)
