"""What the host and its owner say to each other while functions run: invocations, steps and replies.

::

    Invocation ─▶ host ─▶ Syscalls ─▶ owner ─▶ a Reply to each request, in one go ─▶ host ─▶ … ─▶ Returned | Threw

**Environment variables** are asked for by the synchronous request ``environmentVariable``, whose ``args`` are the name
as JSON and whose answer is the value as JSON, or ``null``.

**Queries** are read by requests ``1.0/queryStreamNext``. The first one of a query has as ``args`` what the app's code
called ``1.0/queryStream`` with, those after it ``null``. The owner answers with :class:`Rows`, as many as it likes:
they are used up one by one before it is asked again. :attr:`Step.streams` say how many of all the rows of a query were
consumed by then; what was sent beyond that is dropped when the execution writes, so a next request goes on after the
last row that was *consumed*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

__all__ = [
    "Answered",
    "Invocation",
    "LogLine",
    "Refused",
    "Reply",
    "Returned",
    "Rows",
    "Step",
    "StreamUse",
    "SyscallRequest",
    "Syscalls",
    "Threw",
]


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One query or mutation to run.

    ``module``  ``folder/messages.js``
    ``args``    the JSON of an array of one object
    ``now_ms``  what the time is
    ``seed``    16 to 32 bytes: where random numbers begin
    """

    module: str
    export: str
    kind: Literal["query", "mutation"]
    args: bytes
    now_ms: int
    seed: bytes


class SyscallRequest(msgspec.Struct, frozen=True):
    """Something that the app's code asks for. ``op`` and ``args`` are what it says: anything, ``args`` not even JSON.

    ``query`` is the number of the query for ``1.0/queryStreamNext``, else None.
    """

    number: int
    op: str
    args: bytes
    synchronous: bool
    query: int | None


class StreamUse(msgspec.Struct, frozen=True, array_like=True):
    """How far a query has been read: ``rows`` of all that were sent for it, and ``ended`` if its end was seen too.
    Nothing more will be asked of one that is ``closed``."""

    query: int
    rows: int
    ended: bool
    closed: bool


class LogLine(msgspec.Struct, frozen=True, array_like=True):
    """A line of the function's log: ``level`` in capitals."""

    level: str
    text: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """An execution has come so far. ``log_lines`` and ``streams`` are what is new since the step before; whether it
    ``looked_at_time`` goes for all of it; ``milliseconds`` of its own time are used."""

    execution: int
    log_lines: Sequence[LogLine]
    streams: Sequence[StreamUse]
    looked_at_time: bool
    milliseconds: float


class Syscalls(Step, frozen=True, kw_only=True):
    """It waits for a reply to each of these, which are to be done in this order. Some may be left behind: an execution
    that returns does not wait for what it has not awaited."""

    requests: Sequence[SyscallRequest]


class Returned(Step, frozen=True, kw_only=True):
    """The function's result, which should be JSON: it is what the app's code says it is."""

    result: bytes


class Threw(Step, frozen=True, kw_only=True):
    """How the execution failed. ``frames`` are lines with line ends; ``data`` is the JSON of a ConvexError's data."""

    code: str
    message: str
    frames: str
    data: bytes | None


class Answered(msgspec.Struct, frozen=True):
    """The JSON that a request results in."""

    number: int
    result: bytes


class Rows(msgspec.Struct, frozen=True):
    """The next rows of a query as JSON; ``done`` if there are no more. None at all only if it is done."""

    number: int
    rows: Sequence[bytes]
    done: bool


class Refused(msgspec.Struct, frozen=True):
    """The request failed in a way that the app's code may catch; ``data`` is the JSON of a ConvexError's data."""

    number: int
    message: str
    data: bytes | None = None


Reply = Answered | Rows | Refused
