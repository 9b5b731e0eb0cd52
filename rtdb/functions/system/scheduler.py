"""What becomes of scheduled functions and cron jobs, beside the mutations among them, which end themselves.

The hub's scheduler (rtdb/scheduler/driver.py) calls most of these; an action schedules and cancels with two of them::

    waiting    those that are due next                                                                   a query
    claim      an action is about to be run here: what to call it with                                   a mutation
    end        it has been run, or cannot be                                                             a mutation
    postpone   it could not be run this time, for the server's reasons                                   a mutation
    settle     actions that were running when their server died have failed                              a mutation
    schedule   a function is to be called                                                                a mutation
    cancel     it is not                                                                                 a mutation
    cancel_some  none of many is: a part of them at a time                                               a mutation
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any, Final, Literal

import msgspec

from rtdb.config import MIB
from rtdb.functions.system.definition import Arguments, SystemFunction, convert_arguments
from rtdb.index.index_key import full_key
from rtdb.scheduler.scheduled_job import ScheduledJob, cancel_job, schedule_job
from rtdb.scheduler.work import LOST_ACTION, WAITING, Ending, Work
from rtdb.scheduler.works import WORKS
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id
from rtdb.values.function_path import parse_function_path

__all__ = [
    "FUNCTIONS",
    "SETTLED_AT_ONCE",
    "cancel",
    "cancel_some",
    "claim",
    "end",
    "postpone",
    "schedule",
    "settle",
    "waiting",
]

SETTLED_AT_ONCE: Final = 100
LOOKED_AT_ONCE: Final = 1000
"""Jobs of one transaction that cancels many."""
CANCELED_BYTES: Final = 4 * MIB
"""What it may write before it leaves the rest to the next: a job is written with its arguments, which may be large."""

Kind = Literal["job", "cron"]


class _Waiting(msgspec.Struct):
    kind: Kind
    after: str
    """The index key to go on behind, hexadecimal; empty for the beginning."""
    count: int


class _Claim(msgspec.Struct):
    kind: Kind
    id: str
    due: float
    incarnation: str


class _End(msgspec.Struct):
    kind: Kind
    id: str
    due: float | None
    """When it was due, if it waits; None: it is claimed."""
    incarnation: str
    error: str | None
    result: str
    log_lines: list[str]
    seconds: float


class _Postpone(msgspec.Struct):
    kind: Kind
    id: str
    due: float | None
    incarnation: str
    seconds: float
    """How long, after the first failure; each further one doubles it."""
    seconds_max: float


class _Settle(msgspec.Struct):
    kind: Kind
    incarnation: str


class _Schedule(msgspec.Struct):
    path: str
    time: float
    args: dict[str, Any]
    parent: str | None = None
    """The id of the job that schedules it, if it is one's action that does."""


class _Cancel(msgspec.Struct):
    id: str


class _CancelSome(msgspec.Struct):
    after: str
    """The index key to go on behind, hexadecimal; empty for the beginning."""
    path: str | None = None
    """Only those that call this function."""
    start: float | None = None
    stop: float | None = None
    """Only those that are due from ``start`` on and before ``stop``, milliseconds since the epoch."""


_convert = partial(convert_arguments, code="InvalidArgument", what="This function of the scheduler")


def waiting(transaction: Transaction, arguments: Arguments) -> Any:
    """Return the keys in `by_due` of those that wait, the first ones due, hexadecimal."""
    asked = _convert(arguments, _Waiting)
    table = transaction.registry.table_by_number(WORKS[asked.kind].table)
    assert table is not None, "system tables are always there"
    by_due = table.indexes["by_due"]
    entries = transaction.platform.scan(
        table.number, by_due.name, [("Eq", "claim", WAITING)], after=bytes.fromhex(asked.after)
    )
    return [full_key(by_due, entry).hex() for entry in islice(entries, asked.count)]


def claim(transaction: Transaction, arguments: Arguments) -> Any:
    """Claim an action for this server; return ``{args}``, or null when it is not to be run any more."""
    asked = _convert(arguments, _Claim)
    work = WORKS[asked.kind].find_waiting(transaction, bytes.fromhex(asked.id), asked.due)
    if work is None:
        return None
    work.claim(asked.incarnation)
    return {"args": work.arguments()}


def end(transaction: Transaction, arguments: Arguments) -> Any:
    """Note how a run has ended; null whether or not it had been ended, or cancelled, before."""
    asked = _convert(arguments, _End)
    work = _find(transaction, asked)
    if work is not None:
        work.end(Ending(error=asked.error, result=asked.result, log_lines=asked.log_lines, seconds=asked.seconds))


def postpone(transaction: Transaction, arguments: Arguments) -> Any:
    """Have it tried again later: what waits, or what was claimed and has not begun."""
    asked = _convert(arguments, _Postpone)
    work = _find(transaction, asked)
    if work is not None:
        seconds = min(asked.seconds * 2.0 ** min(work.failures, 64), asked.seconds_max)
        work.postpone(transaction.now_ms + seconds * 1000)


def settle(transaction: Transaction, arguments: Arguments) -> Any:
    """End some of what servers have claimed that are dead now; return how many: there may be more."""
    asked = _convert(arguments, _Settle)
    lost = list(islice(WORKS[asked.kind].lost(transaction, asked.incarnation), SETTLED_AT_ONCE))
    for work in lost:
        work.end(Ending(error=LOST_ACTION))
    return float(len(lost))


def schedule(transaction: Transaction, arguments: Arguments) -> Any:
    """Have a function called and return the job's id."""
    asked = _convert(arguments, _Schedule)
    parent = None if asked.parent is None else decode_id(asked.parent).internal
    return schedule_job(transaction, parse_function_path(asked.path), arguments["args"], asked.time, parent=parent)


def cancel(transaction: Transaction, arguments: Arguments) -> Any:
    """Cancel a job."""
    cancel_job(transaction, _convert(arguments, _Cancel).id)


def cancel_some(transaction: Transaction, arguments: Arguments) -> Any:
    """Go through the next jobs that have not ended and cancel those that were meant; return ``{canceled, next}``, where
    ``next`` is null after the last one."""
    asked = _convert(arguments, _CancelSome)
    path = None if asked.path is None else str(parse_function_path(asked.path))
    table = transaction.registry.table_by_number(ScheduledJob.table)
    assert table is not None, "system tables are always there"
    by_due = table.indexes["by_due"]
    entries = transaction.platform.scan(table.number, by_due.name, after=bytes.fromhex(asked.after))
    canceled = written = 0
    seen = list(islice(entries, LOOKED_AT_ONCE))
    for place, entry in enumerate(seen, 1):
        is_meant = (
            (path is None or entry["path"] == path)
            and (asked.start is None or entry["due"] >= asked.start)
            and (asked.stop is None or entry["due"] < asked.stop)
        )
        if is_meant:
            job = ScheduledJob(transaction, decode_id(entry["_id"]).internal, entry)
            written += job.shown_bytes
            job.cancel()
            canceled += 1
        if place == LOOKED_AT_ONCE or written >= CANCELED_BYTES:
            return {"canceled": float(canceled), "next": full_key(by_due, entry).hex()}
    return {"canceled": float(canceled), "next": None}


def _find(transaction: Transaction, asked: _End | _Postpone) -> Work | None:
    kind, internal = WORKS[asked.kind], bytes.fromhex(asked.id)
    if asked.due is None:
        return kind.find_claimed(transaction, internal, asked.incarnation)
    return kind.find_waiting(transaction, internal, asked.due)


FUNCTIONS: Final = {
    "_system/scheduler:waiting": SystemFunction("query", waiting, reserved=True),
    "_system/scheduler:claim": SystemFunction("mutation", claim, reserved=True),
    "_system/scheduler:end": SystemFunction("mutation", end, reserved=True),
    "_system/scheduler:postpone": SystemFunction("mutation", postpone, reserved=True),
    "_system/scheduler:settle": SystemFunction("mutation", settle, reserved=True),
    "_system/scheduler:schedule": SystemFunction("mutation", schedule),
    "_system/scheduler:cancel": SystemFunction("mutation", cancel),
    "_system/scheduler:cancel_some": SystemFunction("mutation", cancel_some),
}
