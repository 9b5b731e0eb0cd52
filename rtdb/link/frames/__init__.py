"""The messages between hub, committer, runners, action runners and gateways.

A frame on the wire is a 4-byte big-endian length followed by one msgpack value: an *array of messages*, so that
whatever is ready at the same time shares a frame. Messages are tagged arrays (msgspec ``array_like``): small and
quick to decode.

Three rules keep the hub cheap. Argument and result documents are opaque ``bytes`` of canonical encoded JSON everywhere
here; index keys travel as their parts (one ``bytes`` per field), because the invalidator looks prefixes up by field;
and messages are trees, so the cyclic garbage collector need not know them (``gc=False``).

Positions: ``seq`` is the dense number of a block, ``ts`` the timestamp of its last transaction. A read at position
``seq`` sees every block up to and including it.

``runner``, ``action``, ``committer`` and ``gateway`` hold the messages between the hub and each kind of process,
``http_action`` those that pass from a gateway through the hub, ``log`` those by which the function log is read,
``common`` what they share.
"""

from __future__ import annotations

from rtdb.link.frames.action import ActionCall, ActionCancel, ActionOutcome, ActionProgress, EnvironmentChanged
from rtdb.link.frames.committer import (
    BlockApplied,
    Commit,
    CommitterReady,
    CommitterStart,
    Loss,
    ReaderCheck,
    Rejection,
)
from rtdb.link.frames.common import (
    BY_SERVER,
    NO_USAGE,
    CallerKind,
    DatabaseUsage,
    Drain,
    ExecutionError,
    ExecutionKind,
    FunctionKind,
    IdentityType,
    KeyChange,
    Origin,
    ReadRange,
    RequestKind,
    ScheduledRun,
    SessionRequest,
    Write,
)
from rtdb.link.frames.gateway import (
    Answer,
    Begun,
    BlockNotice,
    CallRequest,
    Cancel,
    DeployCancel,
    DeployEvent,
    DeployRequest,
    FileStep,
    FileStepRequest,
    PushStep,
    PushStepRequest,
    Ready,
    RoundResults,
    Unwatch,
    Watch,
    WatchResult,
)
from rtdb.link.frames.http_action import BodyChunk, BodyCredit, HttpActionHead, HttpActionRequest
from rtdb.link.frames.log import Beaten, LogPage, LogPoll, LogPollCancel, LogRecord
from rtdb.link.frames.runner import Call, Durable, LaneReset, Outcome, RunnerReady, RunnerStart, Stale

__all__ = [
    "BY_SERVER",
    "NO_USAGE",
    "ActionCall",
    "ActionCancel",
    "ActionOutcome",
    "ActionProgress",
    "Answer",
    "Beaten",
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
    "LogPage",
    "LogPoll",
    "LogPollCancel",
    "LogRecord",
    "Loss",
    "Origin",
    "Outcome",
    "PushStep",
    "PushStepRequest",
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
