"""What the database was after every block: which mutations it holds, and what a query would have said.

Every query that anybody has asked is executed afresh at every block, on the newest snapshot and at the moment the block
is durable. That is independent of all that is under test: of rounds, of before-images, of what is cached.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import msgspec

from rtdb.functions.runner import Runner, open_runner
from rtdb.link.frames import BlockApplied, Call, Outcome, RunnerStart
from rtdb.storage.block import Block
from rtdb.storage.environment import Environment
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START
from rtdb.storage.system_tables import SESSION_REQUESTS_TABLE
from rtdb.testing.simulation.virtual_time import Chance, SteppingClock
from rtdb.values.json_codec import decode_canonical

__all__ = ["Committed", "History"]

READ_BYTES_MAX = 1 << 22


class Committed(msgspec.Struct, frozen=True):
    """A mutation of a client as the log has it. ``result`` is encoded JSON."""

    session: str
    request: int
    ts: int
    seq: int
    source: str
    result: bytes


class _Answers:
    """What a query said, from which block on: only where it changed."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.outcomes: list[Outcome] = []


class History:
    """Told of every durable block, in order, whatever life of the server wrote it."""

    def __init__(self, clock: SteppingClock) -> None:
        self._clock = clock
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        self._position = START
        self._runner: Runner | None = None
        self._answers: dict[tuple[str, bytes], _Answers] = {}
        self.committed: list[Committed] = []
        self.blocks: list[BlockApplied] = []
        self.environment: Environment | None = None

    def opened(self, environment: Environment, start: RunnerStart) -> None:
        """A committer has opened the database: what it finds is what was durable."""
        self.environment = environment
        self._runner, _ = open_runner(start, environment, clock=self._clock, random=Chance(0), stopwatch=lambda: 0)
        if self._position == START:
            self._follow()
        assert LocalLog(environment).head() == self._position, "what is opened again is what was durable"

    def note(self, block: BlockApplied) -> None:
        """A block is durable."""
        if block.seq:
            self.blocks.append(block)
            self._follow()
            assert (block.seq, block.ts) == (self.seq, self._lasts[-1])
            for path, args in self._answers:
                self._ask(path, args)

    @property
    def seq(self) -> int:
        """The newest durable block."""
        return self._position.seq

    @property
    def chain(self) -> bytes:
        """The hash of everything that was ever committed."""
        return self._position.chain

    def seq_at(self, ts: int) -> int:
        """Return the newest block at or before a timestamp, which must not lie within one."""
        seq = bisect_right(self._lasts, ts)
        assert seq == len(self._firsts) or ts < self._firsts[seq], "nobody is shown half a block"
        return seq

    def block_ts(self, seq: int) -> int:
        """Return the timestamp a block ends at."""
        return self._lasts[seq - 1]

    def ask(self, path: str, args: bytes) -> None:
        """Have a query executed at every block from now on."""
        if (path, args) not in self._answers:
            self._answers[path, args] = _Answers()
            self._ask(path, args)

    def answer(self, path: str, args: bytes, seq: int) -> Outcome:
        """Return what a query that has been asked says at a position."""
        answers = self._answers[path, args]
        place = bisect_right(answers.seqs, seq) - 1
        # Before anybody asked: the one case that needs to go back.
        return answers.outcomes[place] if place >= 0 else self.execute(path, args, seq)

    def execute(self, path: str, args: bytes, seq: int | None = None) -> Outcome:
        """Execute a query, at the newest position if none is given."""
        assert self._runner is not None
        call = Call(0, "query", path, args, None, False, seq, None, None)
        [outcome] = self._runner.receive([call])
        assert isinstance(outcome, Outcome), "the runner's code is the deployed one"
        return outcome

    def _ask(self, path: str, args: bytes) -> None:
        answers = self._answers[path, args]
        outcome = self.execute(path, args)
        last = answers.outcomes[-1] if answers.outcomes else None
        if last is None or (last.result, last.error) != (outcome.result, outcome.error):
            answers.seqs.append(self.seq)
            answers.outcomes.append(outcome)

    def _follow(self) -> None:
        """Read the blocks that are new in the log."""
        assert self.environment is not None
        for block in LocalLog(self.environment).read(self._position, READ_BYTES_MAX):
            assert block.header.seq == self.seq + 1, "blocks are dense"
            assert self._position.ts < block.header.ts_first <= block.header.ts_last, "timestamps increase"
            self._firsts.append(block.header.ts_first)
            self._lasts.append(block.header.ts_last)
            self._position = block.position
            self._read_requests(block)

    def _read_requests(self, block: Block) -> None:
        for transaction in block.transactions:
            for write in transaction.writes:
                if write.table == SESSION_REQUESTS_TABLE and write.value is not None:
                    record: Any = decode_canonical(write.value)
                    self.committed.append(
                        Committed(
                            record["session"],
                            int(record["request"]),
                            transaction.ts,
                            block.header.seq,
                            transaction.source,
                            record["result"].encode(),
                        )
                    )
