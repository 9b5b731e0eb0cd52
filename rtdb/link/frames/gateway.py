"""Hub ⇄ gateway: calls, watched queries, deploys, and the steps of file storage."""

from __future__ import annotations

from typing import Literal

import msgspec

from rtdb.link.frames.common import BY_SERVER, ExecutionError, Origin, RequestKind, SessionRequest

__all__ = [
    "Answer",
    "Begun",
    "BlockNotice",
    "CallRequest",
    "Cancel",
    "DeployCancel",
    "DeployEvent",
    "DeployRequest",
    "FileStep",
    "FileStepRequest",
    "PushStep",
    "PushStepRequest",
    "Ready",
    "RoundResults",
    "Unwatch",
    "Watch",
    "WatchResult",
]


class Begun(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="begun"):
    """First message to a gateway: configuration, the secret to verify keys with, and the position to start from."""

    config: bytes
    admin_secret: bytes
    seq: int
    ts: int


class Ready(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="gateway_ready"):
    """The gateway accepts connections on this port."""

    port: int


class CallRequest(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="request"):
    """Run a function for a client. ``call`` is the gateway's number, echoed in the answer.

    ``at_ts`` asks a query to read at that timestamp instead of the newest. ``cancelled`` calls may still take effect.
    """

    call: int
    kind: RequestKind
    path: str
    args: bytes
    identity: bytes | None
    internal: bool
    session: SessionRequest | None = None
    at_ts: int | None = None
    origin: Origin = BY_SERVER


FileStep = Literal["find", "room", "keep"]
"""The steps of file storage that gateways take (functions/system/files.py)."""


class FileStepRequest(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="file_step"):
    """Take a step for an upload or a download. It is the server's own: what a client asks for is a
    :class:`CallRequest`, and no field of that makes it one of these. ``call`` is numbered with those, and answered so.
    """

    call: int
    step: FileStep
    args: bytes


class Cancel(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="cancel"):
    """Nobody waits for this answer any more."""

    call: int


class Answer(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="answer"):
    """The outcome of a :class:`CallRequest`. ``ts`` is the commit (mutation) or read (query) timestamp."""

    call: int
    result: bytes | None
    error: ExecutionError | None
    log_lines: list[str]
    ts: int


class Watch(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="watch"):
    """Keep me told of this query. ``watch`` is the gateway's number; args are canonical encoded JSON.

    A gateway watches a query (path, args, journal, identity) once, however many of its sessions ask for it.
    """

    watch: int
    path: str
    args: bytes
    identity: bytes | None
    internal: bool
    journal: str | None


class Unwatch(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="unwatch"):
    """The gateway no longer needs this query."""

    watch: int


class WatchResult(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A result of a watched query, valid from ``ts`` on. ``dirty_ts`` is the timestamp of the first block known to have
    invalidated it since (0: none): the value is exact in ``[ts, dirty_ts)``.

    ``unchanged``: the same value, log lines and journal as the last one sent for this watch; the other fields are
    empty.
    """

    watch: int
    ts: int
    dirty_ts: int
    unchanged: bool
    result: bytes | None
    error: ExecutionError | None
    log_lines: list[str]
    journal: str | None
    request: str = ""
    """Of the execution, to be shown with its error."""


class RoundResults(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="round"):
    """Results of one round of re-executions, all read at the same position.

    ``running`` are the timestamps of rounds that still have executions under way: a gateway keeps, of every watched
    query, the version that covers each of them, so that a session that waits for a slow query can move to that round.
    """

    results: list[WatchResult]
    running: list[int]


class BlockNotice(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="notice"):
    """The database moved to ``ts``; ``dirty`` are this gateway's watches that the block at ``ts_first`` invalidated.

    Sent before any :class:`Answer` with a timestamp from that block, and before any result read at or after it.
    """

    ts_first: int
    ts: int
    dirty: list[int]


PushStep = Literal["hashes", "describe", "evaluate", "evaluate_schema", "start", "wait", "finish"]
"""The steps in which the official CLI pushes an app, and what `rtdb codegen` asks of it (deploy/pushes.py)."""


class PushStepRequest(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="push_step"):
    """Take a step of a push, for somebody who may deploy. ``body`` is the JSON of the CLI's request, and the result
    that of the answer. ``call`` is numbered with calls, answered and cancelled as they are.
    """

    call: int
    step: PushStep
    body: bytes


class DeployRequest(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="deploy"):
    """Make this app the active deployment. ``deploy`` is the gateway's number, echoed in the events.

    ``archive`` is a packed bundle (functions/bundle.py). A ``dry_run`` says what would change and changes nothing.
    """

    deploy: int
    archive: bytes
    dry_run: bool


class DeployEvent(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="deploy_event"):
    """Something happened in a deploy: ``event`` is a JSON object for the developer. ``last``: this is how it ended."""

    deploy: int
    event: bytes
    last: bool


class DeployCancel(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="deploy_cancel"):
    """Nobody waits for this deploy any more: give it up, unless it has been decided already."""

    deploy: int
