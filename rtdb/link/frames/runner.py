"""Hub ⇄ runner: executions of queries and mutations, and the serial lane."""

from __future__ import annotations

import msgspec

from rtdb.link.frames.common import (
    BY_SERVER,
    NO_USAGE,
    DatabaseUsage,
    ExecutionError,
    ExecutionKind,
    Origin,
    ReadRange,
    RequestKind,
    ScheduledRun,
    SessionRequest,
    Write,
)

__all__ = ["Call", "Durable", "LaneReset", "Outcome", "RunnerReady", "RunnerStart", "Stale"]


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
