"""The committer in a simulation: the real decisions over a real LMDB directory, at drawn times.

It does what the process's loop does: take what has queued, decide, write one block, tell the hub. Between writing and
telling lies the time of an fsync, in which runners see the block already and a crash loses only the news of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager

from rtdb.clock import Clock
from rtdb.config import Config
from rtdb.link.frames import BlockApplied, Commit, ReaderCheck
from rtdb.link.link import Message
from rtdb.storage.environment import WriteTransaction
from rtdb.testing.simulation.behaviour import Behaviour, Plant
from rtdb.testing.simulation.virtual_time import Chance, Events
from rtdb.transaction.group_commit import open_committer
from rtdb.transaction.maintenance import Maintenance

__all__ = ["SimulatedCommitter"]

MAINTENANCE_SECONDS = 0.05
"""How often an idle committer looks for something to tidy."""


class Killed(Exception):
    """Undoes what is not committed."""


class SimulatedCommitter:
    """``tell`` sends a block to the hub; ``note`` is called for each block at the moment it is durable."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        events: Events,
        chance: Chance,
        behaviour: Behaviour,
        plant: Plant,
        tell: Callable[[BlockApplied], None],
        note: Callable[[BlockApplied], None],
    ) -> None:
        self._limits = config.limits
        self._events = events
        self._chance = chance
        self._behaviour = behaviour
        self._plant = plant
        self._tell = tell
        self._note = note
        self._queue: deque[Commit] = deque()
        self._busy = False
        self._stopped = False
        self._writing: AbstractContextManager[WriteTransaction] | None = None
        self.committer = open_committer(config, clock=clock, random=chance.fork())
        self._maintenance = Maintenance(self.committer, limits=config.limits, clock=clock, stopwatch=lambda: 0)
        events.after(MAINTENANCE_SECONDS, self._maintain)

    @property
    def idle(self) -> bool:
        return not self._queue and not self._busy

    def receive(self, messages: list[Message]) -> None:
        """Take a frame of the hub."""
        for message in messages:
            if isinstance(message, Commit):
                self._queue.append(self._plant.commit(message))
            else:
                assert isinstance(message, ReaderCheck)
                self.committer.environment.reader_check()
        self._gather()

    def stop(self) -> None:
        """End, as a killed process does: what is not durable never happened."""
        self._stopped = True
        if self._writing is not None:
            self._writing.__exit__(Killed, Killed(), None)
        self.committer.environment.close()

    def _gather(self) -> None:
        if self._queue and not self._busy:
            self._busy = True
            self._events.after(self._behaviour.gather.draw(self._chance), self._commit)

    def _commit(self) -> None:
        if self._stopped:
            return
        group = [self._queue.popleft() for _ in range(min(len(self._queue), self._limits.block_transactions_max))]
        # A server that does not come up because of it would show nothing.
        is_deploy = any(commit.source.startswith("_system/") for commit in group)
        if self._plant.answers_early and not is_deploy:
            self._decide_and_tell(group)
            return
        block = self.committer.commit(group)
        self._after_fsync(block)

    def _after_fsync(self, block: BlockApplied) -> None:
        self._note(block)
        self._events.after(self._behaviour.fsync.draw(self._chance), lambda: self._told(block))

    def _told(self, block: BlockApplied) -> None:
        if self._stopped:
            return
        self._tell(self._plant.block(block))
        self._busy = False
        self._gather()

    def _decide_and_tell(self, group: list[Commit]) -> None:
        """The planted mistake: tell first, make durable later."""
        writing = self.committer.writing()
        txn = writing.__enter__()
        self._writing = writing
        block = self.committer.decide(txn, group)
        self._tell(self._plant.block(block))

        def finish() -> None:
            if not self._stopped:
                self._writing = None
                writing.__exit__(None, None, None)
                self._note(block)
                self._busy = False
                self._gather()

        self._events.after(self._behaviour.fsync.draw(self._chance), finish)

    def _maintain(self) -> None:
        if self._stopped:
            return
        if not self._busy and self._maintenance.pause_seconds() == 0.0:
            block = self._maintenance.step()
            if block is not None:
                self._busy = True
                self._after_fsync(block)
        self._events.after(MAINTENANCE_SECONDS, self._maintain)
