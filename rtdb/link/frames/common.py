"""What messages of more than one kind are made of, and the one that every process is sent at its end."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "BY_SERVER",
    "NO_USAGE",
    "CallerKind",
    "DatabaseUsage",
    "Drain",
    "ExecutionError",
    "ExecutionKind",
    "FunctionKind",
    "IdentityType",
    "KeyChange",
    "Origin",
    "ReadRange",
    "RequestKind",
    "ScheduledRun",
    "SessionRequest",
    "Write",
]

FunctionKind = Literal["query", "mutation", "action"]
ExecutionKind = Literal["query", "mutation", "action", "http"]
"""What is executed: a function, or the HTTP action that answers a request."""
RequestKind = Literal["query", "mutation", "action", "any"]
"""What the caller says the function is; ``any`` is ``/api/function`` and ``/api/run``."""


CallerKind = Literal["SyncWorker", "HttpApi", "Tester", "HttpEndpoint", "Cron", "Scheduler", "Action"]
"""What asked for an execution, in the words of the reference's logs."""
IdentityType = Literal["user", "instance_admin", "member_acting_user", "system", "unknown"]


class ReadRange(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A half-open interval ``[start, stop)`` of full index keys in one index.

    All keys that begin with the encoded values ``p`` are ``[p, p + b"\\xff")``: no value's encoding starts with ``ff``,
    so the interval ends exactly where the prefix does. ``p = b""`` is the whole index.
    """

    index: int
    start: bytes
    stop: bytes


class Write(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The new state of one document; ``value`` is its canonical encoded JSON, None a tombstone."""

    table: int
    id: bytes
    value: bytes | None


class KeyChange(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one write did to one index. ``old``/``new``: the key's parts (a part per field), None where absent."""

    index: int
    old: list[bytes] | None
    new: list[bytes] | None


class ExecutionError(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Why a call failed.

    ``message`` is the text after ``Server Error\\n`` (``Uncaught ValueError: …``), ``frames`` the lines
    ``    at fn (file:line)\\n`` under it. ``data`` is the encoded JSON of a ConvexError's payload, or None when it is
    not one. ``system`` set means a system outcome (http status and code apply) and not an outcome of the function.
    """

    code: str
    message: str
    frames: str = ""
    data: bytes | None = None
    system: int = 0
    """0, or the HTTP status of a system error."""


class Origin(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What an execution is a part of: who asked for it, and under which id that is found again.

    ``request`` is the 16 hex digits that a caller is told with an error; empty: the hub makes one. ``parent`` is the
    hub's number of the action that asked, 0 when it was none.
    """

    caller: CallerKind
    request: str = ""
    parent: int = 0


BY_SERVER = Origin("Scheduler")
"""What the hub starts by itself."""


class DatabaseUsage(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What an execution has read and written: documents, and bytes of their JSON."""

    documents_read: int = 0
    bytes_read: int = 0
    documents_written: int = 0
    bytes_written: int = 0


NO_USAGE = DatabaseUsage()


class SessionRequest(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The idempotency key of a mutation sent over a sync session (sync-protocol §7.3)."""

    session: str
    request: int


class ScheduledRun(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The run of a scheduled function or of a cron job: which, by the internal id of its entry, and when it was due."""

    kind: Literal["job", "cron"]
    id: bytes
    due: float


class Drain(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="drain"):
    """Take no new work; finish what is under way and exit."""

    reason: str = ""
