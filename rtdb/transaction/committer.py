"""The committer process: the only writer of the database, plain blocking code.

    hub ── CommitterStart ──────▶
    hub ◀── CommitterReady ─────  the database is open and consistent through this position
    hub ── Commit … Commit ─────▶  whatever is there when the last group is durable becomes the next one
    hub ◀── BlockApplied ───────  one per group, after fsync; also for the committer's own transactions
    hub ── ReaderCheck ─────────▶  a runner is gone, free its reader slot
    hub ── Drain, or the end ───▶  finish and exit

Groups form by themselves: under load they are as large as what arrives during one fsync, without load a transaction is
alone and waits for nothing.

A group that cannot be written, for want of space or because the disk fails, is rejected, and standard error says so;
when it is not known whether it was written, the process ends.

Exit codes: 0 when told to end, ``EXIT_CONFIGURATION`` when the data directory cannot be used, 1 when the disk failed.
The last two say why on standard error. Errors that have no name here end the process with a traceback: half-known is
worse than down, and whoever starts it again reads back what is durable.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any, Final

from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import Limits, decode_config
from rtdb.errors import DataDirectoryError, StorageError
from rtdb.link.child import become_child, calm_collector, inherited_socket
from rtdb.link.frames import Commit, CommitterReady, CommitterStart, Drain, ExecutionError, ReaderCheck
from rtdb.link.link import FROM_HUB_BYTES_MAX, BlockingLink, LinkClosed, Message
from rtdb.link.supervisor import EXIT_CONFIGURATION
from rtdb.storage.damage import damage_named
from rtdb.storage.documents import read_document
from rtdb.storage.meta import read_deployment
from rtdb.storage.system_tables import DEPLOYMENTS_TABLE
from rtdb.storage.undo import undo_positions
from rtdb.transaction.group_commit import INTERNAL_CALL, Committer, open_committer
from rtdb.transaction.maintenance import Maintenance
from rtdb.values.document_id import decode_id
from rtdb.values.json_codec import decode_canonical

__all__ = ["INTERNAL_CALL", "Committer", "CommitterLoop", "main", "open_committer", "run"]

_START_SECONDS: Final = 1.0
"""How long the hub has, after a start, to speak first; then maintenance may send it blocks."""


_REPORT_SECONDS: Final = 10.0


class CommitterLoop:
    """Takes groups from the link, has them committed, and answers."""

    def __init__(self, link: BlockingLink, committer: Committer, maintenance: Maintenance, limits: Limits) -> None:
        self._link: Final = link
        self._committer: Final = committer
        self._maintenance = maintenance
        self._transactions_max = limits.block_transactions_max
        self._bytes_max = limits.block_bytes_max
        self._queue: deque[Commit] = deque()
        self._draining = False
        self._report_at = 0.0

    def run(self) -> None:
        """Work until the hub says so, or is gone."""
        try:
            # First the server comes up: the hub expects nothing but CommitterReady until it has spoken.
            self._take(self._link.receive_until(_START_SECONDS))
            while self._queue or not self._draining:
                self._receive()
                if self._queue:
                    self._commit(self._next_group())
                if not self._draining and self._maintenance.pause_seconds() == 0.0:
                    self._maintain()
        except LinkClosed:
            # What was sent and not answered is committed or not, never half; the hub that asked is gone.
            return

    def _receive(self) -> None:
        """Take what has arrived; wait for something only when there is nothing to do."""
        if self._draining:
            return
        self._take(self._link.receive_until(0.0 if self._queue else self._maintenance.pause_seconds()))
        while len(self._queue) < self._transactions_max:
            messages = self._link.receive_until(0.0)
            if not messages:
                return
            self._take(messages)

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            match message:
                case Commit():
                    self._queue.append(message)
                case ReaderCheck():
                    self._committer.environment.reader_check()
                case Drain():
                    self._draining = True
                case _:
                    raise AssertionError(f"the hub sends no {type(message).__name__} here")

    def _next_group(self) -> list[Commit]:
        """Take from the queue what fits into one block; one transaction always does."""
        group: list[Commit] = []
        size = 0
        while self._queue and len(group) < self._transactions_max:
            size += sum(len(write.value) for write in self._queue[0].writes if write.value is not None)
            if group and size > self._bytes_max:
                break
            group.append(self._queue.popleft())
        return group

    def _commit(self, group: list[Commit]) -> None:
        answer = self._committer.commit(group)
        for rejection in answer.rejections:
            self._report(rejection.error)
        self._link.send([answer])

    def _report(self, error: ExecutionError) -> None:
        """Tell the operator of what clients are told, now and then."""
        now = time.monotonic()
        if now >= self._report_at:
            self._report_at = now + _REPORT_SECONDS
            # What standard error goes to may lie on the same full disk.
            with suppress(OSError):
                print(f"rtdb: writes are refused: {error.message}", file=sys.stderr, flush=True)

    def _maintain(self) -> None:
        block = self._maintenance.step()
        if block is not None:
            self._link.send([block])


def run(link: BlockingLink, loop_type: type[CommitterLoop] = CommitterLoop) -> int:
    """Be the committer on this link; return the exit code. Crash tests pass a loop with a fault."""
    try:
        start, *others = link.receive()
        assert isinstance(start, CommitterStart), "the hub says first what to open"
        assert not others, "the hub waits for the database to be open"
        config = decode_config(start.config)
        clock = SystemClock()
        with damage_named(config.data_dir):
            committer = open_committer(config, clock=clock, random=SystemRandom())
            with committer.environment:
                maintenance = Maintenance(committer, limits=config.limits, clock=clock)
                calm_collector()
                link.send([_ready(committer)])
                loop_type(link, committer, maintenance, config.limits).run()
    except LinkClosed:
        return 0
    except DataDirectoryError as error:
        print(f"rtdb: {error.message}", file=sys.stderr)
        return EXIT_CONFIGURATION
    except (StorageError, OSError) as error:
        print(f"rtdb: the committer stops: {error}", file=sys.stderr)
        return 1
    return 0


def _ready(committer: Committer) -> CommitterReady:
    """Say where the database stands, and which app is deployed in it."""
    bundle = ""
    with committer.environment.read() as txn:
        past = undo_positions(txn)
        deployment = read_deployment(txn)
        if deployment:
            document = read_document(txn, DEPLOYMENTS_TABLE, decode_id(deployment).internal)
            assert document is not None, "the active deployment has a document"
            content: Any = decode_canonical(document.data)
            bundle = content["bundle"]
    return CommitterReady(seq=committer.position.seq, ts=committer.position.ts, past=past, bundle=bundle)


def main(socket_fd: int, parent_pid: int) -> int:
    """Run the process at the other end of the hub's link."""
    become_child(parent_pid, "rtdb-committer")
    return run(BlockingLink(inherited_socket(socket_fd), FROM_HUB_BYTES_MAX))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
