"""The messages between hub, committer, runners, action runners and gateways.

A frame on the wire is a 4-byte big-endian length followed by one msgpack value: an *array of messages*, so that
whatever is ready at the same time shares a frame. Messages are tagged arrays (msgspec ``array_like``): small and
quick to decode.

Three rules keep the hub cheap. Argument and result documents are opaque ``bytes`` of canonical encoded JSON everywhere
here; index keys travel as their parts (one ``bytes`` per field), because the invalidator looks prefixes up by field;
and messages are trees, so the cyclic garbage collector need not know them (``gc=False``).

Positions: ``seq`` is the dense number of a block, ``ts`` the timestamp of its last transaction. A read at position
``seq`` sees every block up to and including it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "BY_SERVER",
    "NO_USAGE",
    "ActionCall",
    "ActionCancel",
    "ActionOutcome",
    "ActionProgress",
    "Answer",
    "Begun",
    "BlockApplied",
    "BlockNotice",
    "BodyChunk",
    "BodyCredit",
    "Call",
    "CallRequest",
    "CallerKind",
    "Cancel",
    "Commit",
    "CommitterReady",
    "CommitterStart",
    "DatabaseUsage",
    "DeployCancel",
    "DeployEvent",
    "DeployRequest",
    "Drain",
    "Durable",
    "EnvironmentChanged",
    "ExecutionError",
    "ExecutionKind",
    "FileStep",
    "FileStepRequest",
    "FunctionKind",
    "HttpActionHead",
    "HttpActionRequest",
    "IdentityType",
    "KeyChange",
    "LaneReset",
    "Loss",
    "Origin",
    "Outcome",
    "ReadRange",
    "ReaderCheck",
    "Ready",
    "Rejection",
    "RequestKind",
    "RoundResults",
    "RunnerReady",
    "RunnerStart",
    "ScheduledRun",
    "SessionRequest",
    "Stale",
    "Unwatch",
    "Watch",
    "WatchResult",
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


# --- hub ⇄ runner -----------------------------------------------------------------------------------------------------


class SessionRequest(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The idempotency key of a mutation sent over a sync session (sync-protocol §7.3)."""

    session: str
    request: int


class ScheduledRun(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The run of a scheduled function or of a cron job: which, by the internal id of its entry, and when it was due."""

    kind: Literal["job", "cron"]
    id: bytes
    due: float


class RunnerStart(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="start"):
    """First message to a runner: what to open and which code to run."""

    config: bytes
    bundle: str
    """Directory that holds the app's modules."""
    deployment: str
    """Identifier of the deployment; compared with the one in each snapshot."""
    cursor_key: bytes
    """What pagination cursors are sealed with. It follows from the instance secret, which a runner is never given."""
    environment_key: bytes
    """The same for the values of environment variables."""
    upload_key: bytes
    """The same for the tokens in addresses that files are uploaded to."""
    cloud_url: str
    site_url: str
    """Where clients reach this server, and where its HTTP actions: environment variables that are built in."""


class RunnerReady(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="ready"):
    """The runner has imported the app; ``description`` is its encoded description, ``error`` why it could not."""

    description: bytes
    error: ExecutionError | None = None


class Call(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="call"):
    """Execute one query or mutation.

    ``at``: the position to read at, or None for the newest (a lane runner: newest plus its pending writes). ``kind`` is
    what the caller expects; ``internal`` lets internal functions be found. ``identity`` is the encoded JSON of the
    caller's identity attributes, None for anonymous. ``by_server`` marks the hub's own calls: no client, not even an
    administrator, may run what is reserved for those. ``scheduled``: it is the run of this work; a mutation's arguments
    are in the database, and the work ends with the call.
    """

    call: int
    kind: RequestKind
    path: str
    args: bytes
    identity: bytes | None
    internal: bool
    at: int | None
    session: SessionRequest | None
    journal: str | None
    by_server: bool = False
    scheduled: ScheduledRun | None = None
    origin: Origin = BY_SERVER


class Outcome(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="outcome"):
    """What one execution returned and what it read and wrote. Nothing has happened yet: a mutation takes effect when
    the committer accepts it.

    ``result`` is encoded JSON; exactly one of ``result`` and ``error`` is set. What has failed writes nothing, but for
    a scheduled mutation: that it has failed. ``replayed_ts`` is set when the session request had already been committed
    at that timestamp: the result is the recorded one and there is nothing to commit.
    ``pending`` is the lane's running number of this mutation, 0 outside the lane.
    """

    call: int
    kind: ExecutionKind
    seq: int
    ts: int
    reads: list[ReadRange]
    writes: list[Write]
    result: bytes | None
    error: ExecutionError | None
    log_lines: list[str]
    read_identity: bool
    read_time: bool
    journal: str | None
    replayed_ts: int | None
    pending: int
    micros: int
    """Wall time of the execution in the runner, microseconds."""
    lane: int = 0
    """The lane epoch it ran in, 0 outside the lane."""
    usage: DatabaseUsage = NO_USAGE


class Stale(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="stale"):
    """The deployment at the position the call reads at is not the runner's: dispatch it again on that code."""

    call: int


class Durable(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="durable"):
    """To the lane: block ``seq`` is durable and holds every lane outcome through number ``pending``."""

    seq: int
    pending: int


class LaneReset(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="lane_reset"):
    """Become the lane, or begin again: forget all pending writes; a new epoch follows (numbers go on counting)."""

    epoch: int


# --- hub ⇄ action runner ----------------------------------------------------------------------------------------------
#
# An action runner is started with ``RunnerStart`` and says ``RunnerReady``, like a runner. For what its actions want of
# the database it is what a gateway is: it sends ``CallRequest`` and ``Cancel`` and is told ``Answer``.


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


# --- hub ⇄ committer --------------------------------------------------------------------------------------------------


class Commit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="commit"):
    """A mutation's outcome, to be validated and committed.

    ``begin`` is the seq it read at. ``lane`` is the lane epoch it ran in (0: not in the lane): it has then also seen
    every earlier outcome of that epoch, in the order they are sent. ``source`` is the function's path.
    """

    call: int
    begin: int
    lane: int
    pending: int
    source: str
    reads: list[ReadRange]
    writes: list[Write]


class ReaderCheck(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="reader_check"):
    """A runner ended: free the reader slot it may have left behind, which would go on pinning pages."""


class CommitterStart(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="committer_start"):
    """First message to the committer."""

    config: bytes


class CommitterReady(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="committer_ready"):
    """The environment is open and consistent through this position; the earlier ones in ``past`` can be read too."""

    seq: int
    ts: int
    past: list[tuple[int, int]]
    """Sequence numbers and timestamps, ascending."""
    bundle: str = ""
    """The hash of the active deployment's bundle, "" when nothing has ever been deployed."""


class Loss(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A transaction that was not committed because what it had read was changed.

    ``index`` and ``source`` say where and by whom; ``reason`` is ``conflict``, ``lane`` (an earlier outcome of its lane
    epoch lost, or the epoch is over) or ``too_old`` (its begin position is no longer covered by the write log).
    """

    call: int
    reason: Literal["conflict", "lane", "too_old"]
    index: int
    source: str
    seq: int
    """The position to run again at, or later."""


class Rejection(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A transaction the committer will never accept (quota, malformed)."""

    call: int
    error: ExecutionError


class BlockApplied(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="block"):
    """One durable block. ``seq`` 0 marks a message with losses only: no block was written.

    ``committed`` pairs call and commit timestamp, in order. A transaction without writes is answered here too, with the
    begin position's timestamp. ``lane_pending`` is the highest lane number contained so far.
    """

    seq: int
    ts_first: int
    ts: int
    committed: list[tuple[int, int]]
    losses: list[Loss]
    rejections: list[Rejection]
    changes: list[KeyChange]
    lane_pending: int
    registry_changed: bool


# --- hub ⇄ gateway ----------------------------------------------------------------------------------------------------


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


# --- gateway ⇄ hub ⇄ action runner ------------------------------------------------------------------------------------


class HttpActionRequest(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="http_request"):
    """Have one of the app's HTTP actions answer a request. ``call`` is numbered as in :class:`CallRequest`.

    The address is ``base`` followed by ``target``; ``target`` begins with the path that is routed, as received.
    ``body``: chunks follow as far as the action gives credit for them. The answer is a head and chunks, for which there
    is a window of credit, and in the end an :class:`Answer` (of the runner: an :class:`ActionOutcome`), which is all
    there is when the action fails before it has a head. A :class:`Cancel` says that the client has gone away.
    """

    call: int
    method: str
    base: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bool
    identity: bytes | None
    identity_error: ExecutionError | None = None
    """What was wrong with the credentials: asking for the identity raises it."""
    origin: Origin = BY_SERVER

    @property
    def path(self) -> str:
        """What it is called where functions have paths; the query is left out, which may hold secrets."""
        return f"{self.method} {self.target.partition('?')[0]}"


class HttpActionHead(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="http_head"):
    """How the answer begins."""

    call: int
    status: int
    headers: list[tuple[bytes, bytes]]


class BodyChunk(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="body"):
    """A piece of a request's or response's body, which is complete with the ``last`` one and not without it.

    Nobody sends more than the other end has given credit for.
    """

    call: int
    data: bytes
    last: bool


class BodyCredit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="body_credit"):
    """So many more bytes of the body may be sent that comes the other way."""

    call: int
    bytes: int


class Drain(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="drain"):
    """Take no new work; finish what is under way and exit."""

    reason: str = ""
