"""The queries of one session: what it watches, what it was last told of each, and where it can go next.

Invariant: what :meth:`QuerySet.changes` names is told to the client in the same transition, because it also marks it as
told.
"""

from __future__ import annotations

from rtdb.config import Limits
from rtdb.errors import ForbiddenError, InternalError, RateLimitedError
from rtdb.link.frames import ExecutionError
from rtdb.sync.commands import Caller
from rtdb.sync.content import Content
from rtdb.sync.function_call import FunctionCall, understand_call
from rtdb.sync.messages import Add, ModifyQuerySet, ProtocolError
from rtdb.sync.transition import Modification
from rtdb.sync.watch_table import Query, Subscriber, Version, Watched, WatchTable, greatest_common_timestamp

__all__ = ["QuerySet"]


class SessionQuery:
    """One entry of the query set.

    ``call`` is what the client asked for, ``watched`` what that comes to for the caller the session has now. ``told``
    is the digest of the last result sent, None before the first; ``journal`` what the client gave, then that of the
    last result sent.
    """

    __slots__ = ("call", "journal", "told", "watched")

    def __init__(self, call: FunctionCall, watched: Watched) -> None:
        self.call = call
        self.watched = watched
        self.told: bytes | None = None
        self.journal = watched.query.journal


class QuerySet:
    """The queries of one session, by the client's ids.

    ``version`` is the client's, of its last change. ``_removed``: ids removed since the last transition, each to be
    acknowledged in the next.
    """

    __slots__ = ("_limits", "_owner", "_queries", "_removed", "_table", "version")

    def __init__(self, table: WatchTable, owner: Subscriber, limits: Limits) -> None:
        self._table = table
        self._owner = owner
        self._limits = limits
        self.version = 0
        self._queries: dict[int, SessionQuery] = {}
        self._removed: set[int] = set()

    @property
    def shared(self) -> bool:
        """Whether another session may have exactly these queries."""
        return all(len(entry.watched.subscribers) > 1 for entry in self._queries.values())

    def modify(self, message: ModifyQuerySet, caller: Caller) -> None:
        """Carry out what the client says. What raises ends the session."""
        if message.baseVersion != self.version:
            raise ProtocolError(
                f"Base version {message.baseVersion} passed up doesn't match the current version {self.version}",
                code="BaseVersionMismatch",
            )
        if message.newVersion <= message.baseVersion:
            raise InternalError(f"query set version {message.newVersion} is not above {message.baseVersion}")
        for modification in message.modifications:
            if isinstance(modification, Add):
                self._add(modification, caller)
            else:
                self._remove(modification.queryId)
        self.version = message.newVersion

    def _add(self, message: Add, caller: Caller) -> None:
        if message.queryId in self._queries:
            raise InternalError(f"query {message.queryId} is in the query set already")
        if len(self._queries) >= self._limits.session_queries_max:
            raise RateLimitedError("Too many queries in one session", code="TooManyConcurrentQueries")
        call = understand_call(message, caller, arguments_bytes_max=self._limits.arguments_bytes_max)
        self._queries[message.queryId] = SessionQuery(call, self._watch(call, caller, message.journal))
        self._removed.discard(message.queryId)

    def _remove(self, query_id: int) -> None:
        """Stop watching; the next transition says so, whether or not there ever was a result."""
        if query_id not in self._queries:
            raise InternalError(f"query {query_id} is not in the query set")
        self._table.unsubscribe(self._queries.pop(query_id).watched, self._owner)
        self._removed.add(query_id)

    def _watch(self, call: FunctionCall, caller: Caller, journal: str | None) -> Watched:
        """Return what the call's results are for this caller: a watched query, or a failure that never changes."""
        query = Query(call.path, call.args, caller.attributes, caller.internal, journal)
        if call.error is not None:
            return self._table.failed(query, call.error)
        try:
            caller.require_permitted("query", call.path)
        except ForbiddenError as error:
            return self._table.failed(query, ExecutionError(error.code, error.message))
        return self._table.subscribe(query, self._owner)

    def change_caller(self, caller: Caller) -> None:
        """Ask every query again for another caller. What was told stays, so that equal answers are not repeated."""
        for entry in self._queries.values():
            old = entry.watched
            entry.watched = self._watch(entry.call, caller, entry.journal)
            self._table.unsubscribe(old, self._owner)

    def clear(self) -> None:
        """Let go of everything."""
        for entry in self._queries.values():
            self._table.unsubscribe(entry.watched, self._owner)
        self._queries.clear()
        self._removed.clear()

    def target(self, floor: int) -> int | None:
        """Return the greatest timestamp, at least ``floor``, that the session can be moved to now."""
        current = self._table.current_ts
        for entry in self._queries.values():
            latest = entry.watched.latest
            if latest is None:
                return None
            if latest.dirty_ts:
                return greatest_common_timestamp([entry.watched for entry in self._queries.values()], floor, current)
        return current if current >= floor else None

    def changes(self, timestamp: int) -> tuple[Modification, ...]:
        """Return what to tell the client at a :meth:`target`, in ascending order of id, and mark it as told."""
        modifications: list[Modification] = []
        for query_id, entry in self._queries.items():
            content = _version_at(entry.watched, timestamp).content
            if content.digest != entry.told:
                entry.told = content.digest
                entry.journal = content.journal
                modifications.append((query_id, content))
        if self._removed:
            modifications += [(query_id, None) for query_id in self._removed]
            self._removed.clear()
        if len(modifications) > 1:
            modifications.sort(key=_query_id)
        return tuple(modifications)


def _version_at(watched: Watched, timestamp: int) -> Version:
    version = watched.newest_at(timestamp)
    assert version is not None, "a target is covered by every query"
    assert version.covers(timestamp), "a target is covered by every query"
    return version


def _query_id(modification: tuple[int, Content | None]) -> int:
    return modification[0]
