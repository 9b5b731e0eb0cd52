"""A runner: executes calls on snapshots of a database it can only read. Messages in, replies out; it knows no link.

Calls are executed one at a time in the order they arrive, and each reply is yielded before the next call begins. So
the pool knows that the oldest call without a reply is the one that is running.

As an ordinary runner, a call reads the newest committed state, or the position it names. As the **lane** (from the
first ``LaneReset`` on) a call reads the newest state under an overlay of the lane's own pending writes:

    durable_seq   the block of the last ``Durable``; the begin position of every outcome of the lane
    overlay       writes of the outcomes replied since then, tagged with their running number

Invariant: an outcome's begin position is never above what its reads are sure to include. The snapshot may be newer than
``durable_seq``, and the overlay may then hide a newer write of somebody else; such a write lies above the begin
position, so the committer sees the conflict.

After a pending write to the documents of tables, indexes or deployments the lane waits until it is durable, because
the snapshot's registry and deployment are those of durable blocks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from rtdb.clock import Clock, Random
from rtdb.config import Limits, decode_config
from rtdb.errors import RtdbError, SnapshotTooOldError
from rtdb.functions.app_loader import App, AppLoadError, load_app
from rtdb.functions.description import Description, decode_description, encode_description
from rtdb.functions.executor import execute
from rtdb.functions.services import Services
from rtdb.functions.system.deployments import current, deployment_document_id
from rtdb.link import frames
from rtdb.link.link import Message
from rtdb.storage.documents import StoredDocument
from rtdb.storage.environment import Environment
from rtdb.storage.system_tables import DEPLOYMENTS_TABLE, INDEXES_TABLE, TABLES_TABLE
from rtdb.transaction.overlay import Overlay
from rtdb.transaction.snapshot import Snapshot, SnapshotCache
from rtdb.transaction.transaction import Transaction
from rtdb.values.function_path import SYSTEM_PREFIX

__all__ = ["Runner", "open_runner"]

_Received = frames.Call | frames.Durable | frames.LaneReset | frames.Drain

_BARRIER_TABLES = frozenset({TABLES_TABLE, INDEXES_TABLE, DEPLOYMENTS_TABLE})


class _Lane:
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
        for write in outcome.writes:
            document = None if write.value is None else StoredDocument(0, 0, write.value)
            self.overlay.put(write.table, write.id, document, self.pending)
            if write.table in _BARRIER_TABLES:
                self.barrier = self.pending
        return msgspec.structs.replace(outcome, seq=self.durable_seq, lane=self.epoch, pending=self.pending)


class Runner:
    """One deployment's code over one environment. ``drained`` is set by ``Drain``: nothing follows."""

    def __init__(
        self,
        environment: Environment,
        app: App,
        start: frames.RunnerStart,
        *,
        clock: Clock,
        random: Random,
        stopwatch: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._environment = environment
        self._app = app
        self._deployment = deployment_document_id(start.deployment)
        config = decode_config(start.config)
        self._limits = config.limits
        self._services = Services.of_runner(start, config)
        self._clock = clock
        self._random = random
        self._stopwatch = stopwatch
        self._cache = SnapshotCache()
        self._lane = _Lane()
        self._queue: deque[_Received] = deque()
        self._resets = 0
        """``LaneReset`` messages in the queue."""
        self.drained = False

    def receive(self, messages: Sequence[Message]) -> Iterator[frames.Outcome | frames.Stale]:
        """Take messages in and yield the reply to each call as soon as there is one.

        Exhaust the iterator. A call behind the lane's barrier stays queued until a later message lifts it.
        """
        for message in messages:
            assert isinstance(message, frames.Call | frames.Durable | frames.LaneReset | frames.Drain)
            self._queue.append(message)
            self._resets += isinstance(message, frames.LaneReset)
        while self._queue and not self.drained:
            match message := self._queue[0]:
                case frames.Call():
                    if self._resets and self._lane.epoch:
                        # It belongs to an epoch that is over: whatever the reply is, it is ignored.
                        self._queue.popleft()
                        yield frames.Stale(call=message.call)
                    elif self._lane.barrier and not self._lift_barrier():
                        return
                    else:
                        self._queue.popleft()
                        yield self._execute(message)
                case frames.Durable():
                    self._queue.popleft()
                    self._lane.durable(message)
                case frames.LaneReset():
                    self._queue.popleft()
                    self._resets -= 1
                    self._lane.reset(message.epoch)
                case frames.Drain():
                    self._queue.popleft()
                    self.drained = True

    def _lift_barrier(self) -> bool:
        """Take ``Durable`` messages ahead of the calls they came after; return whether the lane may go on."""
        for message in list(self._queue):
            if isinstance(message, frames.Durable):
                self._queue.remove(message)
                self._lane.durable(message)
                if not self._lane.barrier:
                    return True
        return False

    def _execute(self, call: frames.Call) -> frames.Outcome | frames.Stale:
        with Snapshot(self._environment, self._cache) as newest:
            snapshot = newest
            if call.at is not None:
                try:
                    snapshot = newest.at(call.at)
                except SnapshotTooOldError as error:
                    return _too_old(call, newest, error)
            elif self._lane.epoch:
                snapshot = newest.with_overlay(self._lane.overlay)
            # A result at a position is that of the code of that position, before a switch as after it.
            if snapshot.deployment != self._deployment and not call.path.startswith(SYSTEM_PREFIX):
                return frames.Stale(call=call.call)
            outcome = execute(
                self._app,
                call,
                snapshot,
                limits=self._limits,
                clock=self._clock,
                random=self._random,
                services=self._services,
                stopwatch=self._stopwatch,
            )
        return self._lane.take(outcome) if self._lane.epoch else outcome


def open_runner(
    start: frames.RunnerStart,
    environment: Environment,
    *,
    clock: Clock,
    random: Random,
    stopwatch: Callable[[], int] = time.perf_counter_ns,
) -> tuple[Runner | None, frames.RunnerReady]:
    """Load the app and return its runner with what to tell the pool; no runner if the app cannot be loaded."""
    limits = decode_config(start.config).limits
    try:
        app = load_app(
            Path(start.bundle),
            limits,
            lambda: _variables(environment, start, random),
            lambda: _deployed(environment, start, random),
        )
    except AppLoadError as error:
        return None, frames.RunnerReady(description=b"", error=error.error)
    except RtdbError as error:
        return None, frames.RunnerReady(description=b"", error=frames.ExecutionError(error.code, error.message))
    runner = Runner(environment, app, start, clock=clock, random=random, stopwatch=stopwatch)
    return runner, frames.RunnerReady(description=encode_description(app.description))


def _variables(environment: Environment, start: frames.RunnerStart, random: Random) -> dict[str, str]:
    """Return the environment variables there are now."""
    config = decode_config(start.config)
    with _reading(environment, config.limits, random) as transaction:
        return Services.of_runner(start, config).variables.values(transaction)


def _deployed(environment: Environment, start: frames.RunnerStart, random: Random) -> Description | None:
    """Return what the app was found to contain when it was deployed, None if it is not the one that is deployed."""
    with _reading(environment, decode_config(start.config).limits, random) as transaction:
        active = current(transaction, {})
    if active is None or active["bundle"] != start.deployment:
        return None
    return decode_description(active["description"])


@contextmanager
def _reading(environment: Environment, limits: Limits, random: Random) -> Iterator[Transaction]:
    with Snapshot(environment, SnapshotCache()) as snapshot:
        yield Transaction(snapshot, limits=limits, now_ns=0, random=random, writable=False, document_check=None)


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
