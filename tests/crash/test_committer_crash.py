"""kill -9 of the committer under load: what was acknowledged is there, and nothing is there twice."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from rtdb.config import Limits, encode_config
from rtdb.link.frames import BlockApplied, Commit, CommitterReady, CommitterStart
from rtdb.link.link import BlockingLink, LinkClosed
from rtdb.storage.check import check
from rtdb.storage.documents import read_document
from rtdb.storage.environment import open_environment
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START
from tests.transaction.workbench import MESSAGES, Workbench, internal_id, new_config, put, read_id

ROUNDS = 15
GROUP = 8
GROUPS_AHEAD = 4
"""Groups sent without an answer: something is being written whenever the signal comes."""

SOURCE = "messages:number"
"""Transaction ``n`` has the source ``messages:number<n>``, which its block records."""


class CommitterProcess:
    """A committer as a child process, and our end of its link."""

    def __init__(self, module: str, data_dir: Path) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                cwd=Path(__file__).parents[2],
            )
        self.link = BlockingLink(ours, 1 << 30)
        # The whole log is kept, for counting.
        limits = Limits(log_retention_seconds=1e9)
        self.link.send([CommitterStart(encode_config(new_config(data_dir, limits)))])

    def kill(self) -> list[BlockApplied]:
        """Kill it where it is; return the answers that were under way."""
        self._process.kill()
        self._process.wait()
        answers: list[BlockApplied] = []
        try:
            while True:
                answers += (message for message in self.link.receive() if isinstance(message, BlockApplied))
        except LinkClosed:
            self.link.close()
            return answers


class Load:
    """Transactions with rising numbers, each putting one document, and which of them were acknowledged."""

    def __init__(self) -> None:
        self._sent = 0
        self.acknowledged: set[int] = set()

    def group(self, begin: int) -> list[Commit]:
        first = self._sent
        self._sent += GROUP
        return [
            Commit(number, begin, 0, 0, f"{SOURCE}{number}", [read_id(number)], [put(number, author="ann")])
            for number in range(first, self._sent)
        ]

    def note(self, answers: list[BlockApplied]) -> None:
        for answer in answers:
            assert not answer.losses
            self.acknowledged.update(call for call, _ts in answer.committed)


def run_until_killed(module: str, data_dir: Path, load: Load, random: Random) -> None:
    """Keep the committer busy and kill it after a random number of answers."""
    process = CommitterProcess(module, data_dir)
    try:
        (ready,) = process.link.receive()
        assert isinstance(ready, CommitterReady)
        for _ in range(GROUPS_AHEAD):
            process.link.send(load.group(ready.seq))
        for _ in range(random.randrange(1, 30)):
            load.note([message for message in process.link.receive() if isinstance(message, BlockApplied)])
            process.link.send(load.group(ready.seq))
        # Somewhere within the time one block takes, so that every stage of a commit is hit.
        for _ in range(random.randrange(20_000)):
            pass
    finally:
        load.note(process.kill())


def problems(data_dir: Path, load: Load) -> Iterator[str]:
    """Say everything that is not as promised."""
    yield from check(data_dir).problems
    environment = open_environment(data_dir, readonly=True, limits=Limits())
    with environment:
        sources = Counter(
            transaction.source
            for block in LocalLog(environment).read(START, 1 << 30)
            for transaction in block.transactions
        )
        yield from (f"{source} is in the log {count} times" for source, count in sources.items() if count > 1)
        with environment.read() as txn:
            for number in sorted(load.acknowledged):
                if sources[f"{SOURCE}{number}"] != 1:
                    yield f"transaction {number} was acknowledged and is not in the log"
                elif read_document(txn, MESSAGES, internal_id(number)) is None:
                    yield f"the document of transaction {number} is missing"


@pytest.mark.slow
def test_acknowledged_transactions_survive_kills_and_happen_once(tmp_path: Path) -> None:
    Workbench(tmp_path).close()
    load, random = Load(), Random(7)
    for _ in range(ROUNDS):
        run_until_killed("rtdb.transaction.committer", tmp_path, load, random)
        assert list(problems(tmp_path, load)) == []
    assert len(load.acknowledged) > ROUNDS * GROUP


@pytest.mark.slow
def test_the_test_sees_a_committer_that_answers_too_early(tmp_path: Path) -> None:
    Workbench(tmp_path).close()
    load, random = Load(), Random(7)
    found: list[str] = []
    for _ in range(ROUNDS):
        run_until_killed("tests.crash.hasty_committer", tmp_path, load, random)
        found = list(problems(tmp_path, load))
        if found:
            break
    assert any("was acknowledged and is not in the log" in problem for problem in found)
