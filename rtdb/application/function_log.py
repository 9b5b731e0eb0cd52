"""The function log: what the newest executions were, kept in memory for those who look.

Every execution that ends is one record, and what an action prints while it runs is one too. Recording is an append: a
record holds what is at hand, and it is the gateways that write it out, for whoever asks. Records are numbered by a
*cursor*, microseconds since the Unix epoch that strictly increase, so that a reader can go on where it was, across
restarts too.

Bounded in records and in bytes; the oldest go. Nothing is on disk: a restart begins with an empty log.

The functions of the server itself (``_system/…``) are not recorded.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import Final, NamedTuple

import structlog

from rtdb.application.completions import Completion
from rtdb.clock import Clock
from rtdb.config import Limits
from rtdb.link import frames
from rtdb.values.function_path import SYSTEM_PREFIX

__all__ = ["FunctionLog", "LogPage"]

RECORD_BYTES: Final = 512
"""What a record weighs besides its texts."""
PATH_CHARACTERS_MAX: Final = 1024
"""Of a path, which may be whatever a client has asked for: of no function, or of an HTTP request."""
TOLD_CHARACTERS_MAX: Final = 4096
"""Of one execution's lines, or of its error, in the server's own log."""
TOLD_WHILE_RUNNING: Final = frozenset({"action", "http"})
"""Kinds of functions whose lines are recorded as they come."""
_CLIENTS: Final = frozenset({"SyncWorker", "HttpApi", "Tester"})
"""Callers from outside: those that find internal functions are administrators."""

_log = structlog.get_logger("rtdb.functions")


class LogPage(NamedTuple):
    """Records in order, the cursor to go on from, and whether some before them are not kept any more."""

    records: list[frames.LogRecord]
    cursor: int
    incomplete: bool


class FunctionLog:
    """The newest executions."""

    def __init__(self, limits: Limits, clock: Clock) -> None:
        self._records_max = limits.log_records_max
        self._bytes_max = limits.log_bytes_max
        self._clock = clock
        self.server = clock.now_ns()
        """The number of this start of the server."""
        self._records: deque[frames.LogRecord] = deque()
        self._weights: deque[int] = deque()
        """Of each record, so that what goes need not be weighed again."""
        self._bytes = 0
        self._newest = 0
        self._dropped = 0
        """The cursor of the newest record that is not kept any more."""
        self.in_node: frozenset[str] = frozenset()
        """The paths of the app's functions that run in Node."""

    def __len__(self) -> int:
        return len(self._records)

    @property
    def newest(self) -> int:
        """The cursor of the newest record, 0 when there has been none."""
        return self._newest

    def record(self, completion: Completion) -> None:
        """Record an execution that is over."""
        call, outcome = completion.call, completion.outcome
        if call.path.startswith(SYSTEM_PREFIX) or outcome.replayed_ts is not None:
            return  # a mutation that was sent again has not been executed again
        error = outcome.error
        self._append(
            frames.LogRecord(
                cursor=self._next_cursor(),
                progress=False,
                kind=outcome.kind,
                path=_path_of(call),
                log_lines=outcome.log_lines,
                execution=call.call,
                origin=call.origin,
                identity=_identity_type(call),
                micros=outcome.micros,
                cached=completion.cached,
                error=None if error is None else f"{error.message}\n{error.frames}".rstrip("\n"),
                result_bytes=None if outcome.result is None else len(outcome.result),
                usage=outcome.usage,
                http_status=completion.http_status,
                in_node=completion.source in self.in_node,
                beaten=completion.beaten,
            )
        )
        if outcome.log_lines and outcome.kind not in TOLD_WHILE_RUNNING:
            _tell_lines(call, outcome.log_lines)
        if error is not None and not error.system:  # what the server is to blame for is logged where it happens
            _tell_error(call, error)

    def record_progress(
        self, call: frames.Call, kind: frames.ExecutionKind, log_lines: list[str], seconds: float
    ) -> None:
        """Record what an action has printed, so many seconds after it began."""
        self._append(
            frames.LogRecord(
                cursor=self._next_cursor(),
                progress=True,
                kind=kind,
                path=_path_of(call),
                log_lines=log_lines,
                execution=call.call,
                origin=call.origin,
                identity=_identity_type(call),
                micros=int(seconds * 1e6),
                cached=False,
                error=None,
                result_bytes=None,
                usage=frames.NO_USAGE,
            )
        )
        _tell_lines(call, log_lines)

    def page(self, after: int, newest_max: int | None = None) -> LogPage:
        """Return the records after a cursor, 0 for all there are; of those the newest, if only so many are wanted."""
        later = list(takewhile(lambda record: record.cursor > after, reversed(self._records)))
        if newest_max is not None:
            del later[newest_max:]
        later.reverse()
        return LogPage(later, self._newest if self._newest > after else self._present(after), 0 < after < self._dropped)

    def is_ahead(self, cursor: int) -> bool:
        """Return whether a cursor is one that has not been issued: the machine's clock was set back since."""
        return cursor > max(self._newest, self._now())

    def _present(self, after: int) -> int:
        """Return the cursor of a reader who has read everything."""
        return after if after and not self.is_ahead(after) else self._now() - 1

    def _now(self) -> int:
        return self._clock.now_ns() // 1000

    def _next_cursor(self) -> int:
        self._newest = max(self._newest + 1, self._now())
        return self._newest

    def _append(self, record: frames.LogRecord) -> None:
        weight = RECORD_BYTES + len(record.path)
        if record.log_lines or record.error:
            weight += len(record.error or "") + sum(map(len, record.log_lines))
        self._records.append(record)
        self._weights.append(weight)
        self._bytes += weight
        while self._bytes > self._bytes_max or len(self._records) > self._records_max:
            self._dropped = self._records.popleft().cursor
            self._bytes -= self._weights.popleft()


def _path_of(call: frames.Call) -> str:
    path = call.path
    return path if len(path) <= PATH_CHARACTERS_MAX else f"{path[:PATH_CHARACTERS_MAX]}…"


def _identity_type(call: frames.Call) -> frames.IdentityType:
    """Return who asked, in the words of the reference; what the server itself starts is nobody's."""
    if not call.internal or call.origin.caller not in _CLIENTS:
        return "unknown" if call.identity is None else "user"
    return "instance_admin" if call.identity is None else "member_acting_user"


def _tell_lines(call: frames.Call, lines: list[str]) -> None:
    """Put what a function printed into the server's own log, for whoever runs the server."""
    _log.info("function printed", request_id=call.origin.request, function=_path_of(call), lines=_cut(lines))


def _tell_error(call: frames.Call, error: frames.ExecutionError) -> None:
    """Put into the server's own log how a function failed, under the id that its caller is shown."""
    _log.info(
        "function failed",
        request_id=call.origin.request,
        function=_path_of(call),
        code=error.code,
        error=error.message[:TOLD_CHARACTERS_MAX],
        at=error.frames,
    )


def _cut(lines: list[str]) -> list[str]:
    """Return as many of the lines as the server's log takes at once."""
    told: list[str] = []
    room = TOLD_CHARACTERS_MAX
    for line in lines:
        if len(line) > room:
            return [*told, line[:room] + "…"]
        told.append(line)
        room -= len(line)
    return told
