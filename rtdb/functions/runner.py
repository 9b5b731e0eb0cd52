"""The runner process: app code, one call at a time, on snapshots of a database it can only read.

It is plain blocking code. Calls are executed in the order they arrive and every outcome is sent at once, so the node
knows that the oldest call without an outcome is the one running. Whatever app code does can at worst end this process.

As an ordinary runner, a call reads the newest committed state, or the position it names. As the **lane** (from the
first ``LaneReset`` on) a call reads the newest state under an overlay of the lane's own pending writes:

    durable_seq   the block of the last ``Durable``; the begin position of every outcome of the lane
    overlay       writes of the outcomes sent since then, tagged with their running number

Invariant: an outcome's begin position is never above what its reads are sure to include. The snapshot may be newer than
``durable_seq``, and the overlay may then hide a newer write of somebody else; such a write lies above the begin
position, so the committer sees the conflict.

After a pending write to the tables' or indexes' own documents the lane waits until it is durable, because the
registry is that of the snapshot.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from pathlib import Path

import msgspec

from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import decode_config
from rtdb.errors import RtdbError, SnapshotTooOldError
from rtdb.functions.app_loader import App, AppLoadError, load_app
from rtdb.functions.description import encode_description
from rtdb.functions.executor import execute
from rtdb.functions.system_functions import SYSTEM_PATH_PREFIX, deployment_document_id
from rtdb.link import frames
from rtdb.link.child import become_child, inherited_socket, limit_memory
from rtdb.link.link import BlockingLink, LinkClosed
from rtdb.storage.documents import StoredDocument
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.system_tables import INDEXES_TABLE, TABLES_TABLE
from rtdb.transaction.overlay import Overlay
from rtdb.transaction.snapshot import Snapshot, SnapshotCache

__all__ = ["Runner", "main"]


class Lane:
    """A runner's state while it is the serial lane. ``barrier`` is the number that must be durable before the next
    call, 0 when there is none."""

    def __init__(self) -> None:
        self.epoch = 0
        self.pending = 0
        self.durable_seq = 0
        self.overlay = Overlay()
        self.barrier = 0

    def reset(self, epoch: int) -> None:
        self.epoch = epoch
        self.overlay.clear()
        self.barrier = 0

    def durable(self, message: frames.Durable) -> None:
        self.durable_seq = message.seq
        # A runner that takes the role over goes on with the numbers of the one before.
        self.pending = max(self.pending, message.pending)
        self.overlay.drop_through(message.pending)
        if self.barrier <= message.pending:
            self.barrier = 0

    def take(self, outcome: frames.Outcome) -> frames.Outcome:
        """Number the outcome and make its writes visible to the calls after it."""
        self.pending += 1
        if outcome.error is None:
            for write in outcome.writes:
                document = None if write.value is None else StoredDocument(0, 0, write.value)
                self.overlay.put(write.table, write.id, document, self.pending)
                if write.table in (TABLES_TABLE, INDEXES_TABLE):
                    self.barrier = self.pending
        return msgspec.structs.replace(outcome, seq=self.durable_seq, lane=self.epoch, pending=self.pending)


class Runner:
    """One runner's loop over a link."""

    def __init__(self, link: BlockingLink, environment: Environment, app: App, start: frames.RunnerStart) -> None:
        self._link = link
        self._environment = environment
        self._app = app
        self._deployment = deployment_document_id(start.deployment)
        self._limits = decode_config(start.config).limits
        self._clock = SystemClock()
        self._random = SystemRandom()
        self._cache = SnapshotCache()
        self._lane = Lane()
        self._queue: deque[frames.Call | frames.Durable | frames.LaneReset | frames.Drain] = deque()

    def run(self) -> None:
        """Execute calls until told to drain, or until the hub is gone."""
        while True:
            if not self._queue:
                self._receive()
            match message := self._queue.popleft():
                case frames.Call():
                    self._wait_for_barrier()
                    self._link.send([self._execute(message)])
                case frames.Durable():
                    self._lane.durable(message)
                case frames.LaneReset():
                    self._lane.reset(message.epoch)
                case frames.Drain():
                    return

    def _receive(self) -> None:
        for message in self._link.receive():
            assert isinstance(message, frames.Call | frames.Durable | frames.LaneReset | frames.Drain)
            self._queue.append(message)

    def _wait_for_barrier(self) -> None:
        """Take ``Durable`` messages ahead of the queue until the lane may go on, or its epoch is over."""
        while self._lane.barrier:
            for message in list(self._queue):
                if isinstance(message, frames.LaneReset):
                    # What waits before it belongs to the epoch that is over: run it on whatever there is, it is
                    # ignored.
                    self._lane.barrier = 0
                    return
                if isinstance(message, frames.Durable):
                    self._queue.remove(message)
                    self._lane.durable(message)
                    break
            else:
                self._receive()

    def _execute(self, call: frames.Call) -> frames.Outcome | frames.Stale:
        with Snapshot(self._environment, self._cache) as newest:
            if newest.deployment != self._deployment and not call.path.startswith(SYSTEM_PATH_PREFIX):
                return frames.Stale(call=call.call)
            snapshot = newest
            if call.at is not None:
                try:
                    snapshot = newest.at(call.at)
                except SnapshotTooOldError as error:
                    return _too_old(call, newest, error)
            elif self._lane.epoch:
                snapshot = newest.with_overlay(self._lane.overlay)
            outcome = execute(self._app, call, snapshot, limits=self._limits, clock=self._clock, random=self._random)
        return self._lane.take(outcome) if self._lane.epoch else outcome


def _too_old(call: frames.Call, newest: Snapshot, error: SnapshotTooOldError) -> frames.Outcome:
    """Say that a position was given up between the hub's choice of it and now, which takes a very long queue."""
    return frames.Outcome(
        call=call.call,
        kind="query",
        seq=newest.seq,
        ts=newest.ts,
        reads=[],
        writes=[],
        result=None,
        error=frames.ExecutionError(error.code, error.message, system=503),
        log_lines=[],
        read_identity=False,
        read_time=False,
        journal=None,
        replayed_ts=None,
        pending=0,
        micros=0,
    )


def main() -> None:
    """``python -m rtdb.functions.runner LINK PARENT``, started by the runner pool."""
    descriptor, parent = map(int, sys.argv[1:3])
    become_child(parent, "rtdb-runner")
    link = BlockingLink(inherited_socket(descriptor), frame_bytes_max=1 << 30)
    try:
        (start,) = link.receive()
        assert isinstance(start, frames.RunnerStart)
        config = decode_config(start.config)
        environment = open_environment(config.data_dir, readonly=True, limits=config.limits)
        limit_memory(config.limits.runner_memory_bytes_max)
        try:
            app = load_app(Path(start.bundle), config.limits)
        except AppLoadError as error:
            link.send([frames.RunnerReady(description=b"", error=error.error)])
            return
        except RtdbError as error:
            link.send([frames.RunnerReady(description=b"", error=frames.ExecutionError(error.code, error.message))])
            return
        # What is loaded now lives as long as the process: keep the collector from walking it again and again.
        gc.collect()
        gc.freeze()
        link.send([frames.RunnerReady(description=encode_description(app.description))])
        Runner(link, environment, app, start).run()
    except LinkClosed:
        return


if __name__ == "__main__":
    main()
