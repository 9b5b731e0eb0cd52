"""Hub ⇄ action runner: the life of an action.

An action runner is started with ``RunnerStart`` and says ``RunnerReady``, like a runner. For what its actions want of
the database it is what a gateway is: it sends ``CallRequest`` and ``Cancel`` and is told ``Answer``.
"""

from __future__ import annotations

import msgspec

from rtdb.link.frames.common import BY_SERVER, ExecutionError, Origin, ScheduledRun

__all__ = ["ActionCall", "ActionCancel", "ActionOutcome", "ActionProgress", "EnvironmentChanged"]


class ActionCall(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="action_call"):
    """Run an action now, beside those that are running. ``call`` is the hub's number, in the order of sending;
    ``scheduled`` is the work that it is the run of, ``origin`` that of the calls it makes in turn."""

    call: int
    path: str
    args: bytes
    identity: bytes | None
    internal: bool
    scheduled: ScheduledRun | None = None
    origin: Origin = BY_SERVER


class ActionCancel(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="action_cancel"):
    """Stop an action: it is cancelled where it waits, and its outcome is this error."""

    call: int
    error: ExecutionError


class EnvironmentChanged(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="environment_changed"):
    """To an action runner: some environment variable has changed. Actions that are sent after this start with that."""


class ActionProgress(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="action_progress"):
    """What an action has printed since it was last told. The outcome holds these lines again."""

    call: int
    log_lines: list[str]


class ActionOutcome(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="action_outcome"):
    """How an action ended. What it did it has done by then, by its own calls; exactly one of ``result`` and ``error``
    is set."""

    call: int
    result: bytes | None
    error: ExecutionError | None
    log_lines: list[str]
    micros: int
    """Wall time of the action in its runner, microseconds."""
    out_of_memory: bool = False
    """Whether its runner has no more. An error's code does not tell: it may be that of a call that ran elsewhere."""
