"""A committer as a child process, a load for it, and what must be true of the database it leaves behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from random import Random

from rtdb.config import Limits, encode_config
from rtdb.link.frames import BlockApplied, Commit, CommitterReady, CommitterStart
from rtdb.link.link import BlockingLink, LinkClosed
from rtdb.storage.check import check
from rtdb.storage.documents import read_document
from rtdb.storage.environment import open_environment
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START
from tests.transaction.workbench import (
    BY_AUTHOR,
    MESSAGES,
    create_table,
    internal_id,
    new_config,
    put,
    read_id,
    write_index,
)

__all__ = [
    "COMMITTER",
    "GROUP",
    "LIMITS",
    "REPOSITORY",
    "CommitterProcess",
    "Load",
    "acknowledged",
    "problems",
    "run_until_killed",
]

COMMITTER = "rtdb.transaction.committer"
REPOSITORY = Path(__file__).parents[2]

GROUP = 8
GROUPS_AHEAD = 4
"""Groups sent without an answer: something is being written whenever the signal comes."""

SOURCE = "messages:number"
"""Transaction ``n`` has the source ``messages:number<n>``, which its block records."""

HOT = 1 << 40
"""The number of a document that every transaction overwrites, so that pages are freed and used again."""

TABLES = 1 << 42
"""The call that creates the table."""

LIMITS = Limits(log_retention_seconds=1e9)
"""The whole log is kept, for counting."""


class CommitterProcess:
    """A committer as a child process, and our end of its link. ``environment`` is added to the process's own."""

    def __init__(
        self,
        data_dir: Path,
        *,
        module: str = COMMITTER,
        environment: Mapping[str, str] | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                cwd=REPOSITORY,
                env={**os.environ, **(environment or {})},
            )
        self.link = BlockingLink(ours, 1 << 30)
        self.link.send([CommitterStart(encode_config(new_config(data_dir, limits)))])

    def wait_ready(self) -> CommitterReady:
        (ready,) = self.link.receive()
        assert isinstance(ready, CommitterReady)
        return ready

    def answers(self) -> list[BlockApplied]:
        """Wait for some."""
        return [message for message in self.link.receive() if isinstance(message, BlockApplied)]

    def kill(self) -> list[BlockApplied]:
        """Kill it where it is; return the answers that were under way."""
        self.process.kill()
        self.process.wait()
        answers: list[BlockApplied] = []
        try:
            while True:
                answers += self.answers()
        except LinkClosed:
            self.link.close()
            return answers


class Load:
    """Transactions with rising numbers, each putting a document of its own and overwriting a shared one, and which of
    them were acknowledged."""

    def __init__(self) -> None:
        self._sent = 0
        self.acknowledged: set[int] = set()

    def tables(self, begin: int) -> list[Commit]:
        """What a new database needs before anything else."""
        if begin > 1:
            return []
        writes = [create_table("messages", MESSAGES), write_index("messages", "by_author", BY_AUTHOR, ["author"])]
        return [Commit(TABLES, begin, 0, 0, "messages:tables", [], writes)]

    def group(self, begin: int) -> list[Commit]:
        first = self._sent
        self._sent += GROUP
        return [self.transaction(number, begin) for number in range(first, self._sent)]

    def transaction(self, number: int, begin: int) -> Commit:
        # Documents of very different sizes: small ones share pages, the largest take several.
        text = "x" * (number * 7919 % 200 if number % 5 else 9000)
        writes = [put(number, author=f"author {number % 7}", text=text), put(HOT, author="all", version=number)]
        return Commit(number, begin, 0, 0, f"{SOURCE}{number}", [read_id(number)], writes)

    def note(self, answers: Iterable[BlockApplied]) -> None:
        self.acknowledged |= acknowledged(answers)


def acknowledged(answers: Iterable[BlockApplied]) -> set[int]:
    """Return the numbers of the transactions that these answers confirm."""
    found: set[int] = set()
    for answer in answers:
        assert not answer.losses
        found.update(call for call, _ts in answer.committed if call != TABLES)
    return found


def run_until_killed(process: CommitterProcess, load: Load, random: Random, *, answers_max: int = 30) -> None:
    """Keep the committer busy and kill it after a random number of answers."""
    try:
        begin = process.wait_ready().seq
        process.link.send(load.tables(begin))
        for _ in range(GROUPS_AHEAD):
            process.link.send(load.group(begin))
        for _ in range(random.randrange(1, answers_max)):
            load.note(process.answers())
            process.link.send(load.group(begin))
        # Somewhere within the time one block takes, so that every stage of a commit is hit.
        for _ in range(random.randrange(20_000)):
            pass
    finally:
        load.note(process.kill())


def problems(data_dir: Path, acknowledged: Collection[int]) -> Iterator[str]:
    """Say everything that is not as promised."""
    yield from check(data_dir).problems
    with open_environment(data_dir, readonly=True, limits=Limits()) as environment:
        sources = Counter(
            transaction.source
            for block in LocalLog(environment).read(START, 1 << 30)
            for transaction in block.transactions
            if transaction.source.startswith(SOURCE)
        )
        yield from (f"{source} is in the log {count} times" for source, count in sources.items() if count > 1)
        with environment.read() as txn:
            for number in sorted(acknowledged):
                if sources[f"{SOURCE}{number}"] != 1:
                    yield f"transaction {number} was acknowledged and is not in the log"
                elif read_document(txn, MESSAGES, internal_id(number)) is None:
                    yield f"the document of transaction {number} is missing"
