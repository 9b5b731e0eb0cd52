"""How a simulated world behaves, and what may be planted in it.

A *behaviour* says how long things take and how often they go wrong. A *plant* is a mistake put in on purpose, at the
border between two parts, for control tests: a check that does not notice it proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from rtdb.link.frames import BlockApplied, Commit
from rtdb.link.link import Message
from rtdb.testing.simulation.virtual_time import Delay

__all__ = ["Behaviour", "Plant"]


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in virtual seconds. ``…_every`` is the mean time between two faults of a kind; 0: there are none."""

    link: Delay = Delay(0.0005, 0.02, 0.05)
    """A frame between two of the server's processes."""
    socket: Delay = Delay(0.002, 0.1, 0.05)
    """A message between a client and its gateway."""
    gather: Delay = Delay(0.001, 0.01, 0.1)
    """From the first queued transaction until its block is written."""
    fsync: Delay = Delay(0.002, 0.03, 0.05)
    """From then until anybody is told. Runners see the block meanwhile."""
    execution: Delay = Delay(0.002, 0.02, 0.02)
    executions: Mapping[str, Delay] = {}
    """By function, where it differs."""
    runner_start: Delay = Delay(0.05)
    reconnect: Delay = Delay(0.05, 0.5, 0.2)
    reading: Delay = Delay(0.0, 0.05, 0.1)
    """How long a gateway's socket to a client takes nothing; up to 0: it takes everything at once."""

    runner_killed_every: float = 0.0
    action_runner_killed_every: float = 0.0
    client_dropped_every: float = 0.0
    gateway_killed_every: float = 0.0
    server_killed_every: float = 0.0
    clock_stepped_every: float = 0.0

    def execution_of(self, path: str) -> Delay:
        return self.executions.get(path, self.execution)


class Plant:
    """Mistakes, none here. What goes through these methods is what the other end gets."""

    answers_early = False
    """Whether the hub is told of a block before it is durable."""

    def commit(self, message: Commit) -> Commit:
        """From the hub to the committer."""
        return message

    def block(self, message: BlockApplied) -> BlockApplied:
        """From the committer to the hub."""
        return message

    def to_runner(self, message: Message) -> Message:
        """From the hub to a runner."""
        return message

    def to_gateway(self, messages: list[Message]) -> list[Message]:
        """One frame from the hub to a gateway."""
        return messages
