"""The messages by which the function log is read: a gateway polls the hub for its readers."""

from __future__ import annotations

import msgspec

from rtdb.link.frames.common import DatabaseUsage, ExecutionKind, IdentityType, Origin

__all__ = ["LogPage", "LogPoll", "LogPollCancel", "LogRecord"]


class Beaten(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How often a mutation ran in vain because others wrote what it had read, and of the last time that this is known
    of (otherwise empty) where it was and who."""

    table: str
    source: str
    times: int


class LogRecord(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An execution that has ended, or (``progress``) lines that an action has printed so far.

    ``cursor`` is when it was recorded, microseconds since the Unix epoch, and strictly increases. ``execution`` is the
    hub's number of the call, also the one that the executions an action asks for name as their ``origin.parent``.
    """

    cursor: int
    progress: bool
    kind: ExecutionKind
    path: str
    log_lines: list[str]
    execution: int
    origin: Origin
    identity: IdentityType
    micros: int
    cached: bool
    error: str | None
    result_bytes: int | None
    usage: DatabaseUsage
    http_status: int = 0
    """Of the answer of an HTTP action."""
    in_node: bool = False
    """Whether it ran in Node. Of lines of an action under way it is not said."""
    beaten: Beaten | None = None


class LogPoll(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="log_poll"):
    """Tell me what has been recorded after a cursor, now (``after`` 0) or as soon as there is something.

    ``poll`` is the gateway's number, echoed in the page. ``newest_max``: of these records only so many, the newest.
    """

    poll: int
    after: int
    newest_max: int | None = None


class LogPollCancel(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="log_poll_cancel"):
    """Nobody waits for this page any more."""

    poll: int


class LogPage(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="log_page"):
    """Records in order; none when nothing has happened for as long as a poll may wait.

    ``cursor`` is where to go on. ``incomplete``: records after the cursor that was asked about are not kept any more.
    ``server`` is the number of this start of the server: with it, the numbers of executions are unique for ever.
    """

    poll: int
    records: list[LogRecord]
    cursor: int
    incomplete: bool
    server: int
