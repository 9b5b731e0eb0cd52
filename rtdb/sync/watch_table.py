"""What a gateway knows of the queries its sessions watch, and to which timestamp a session may be moved.

One :class:`Watched` per query, however many sessions ask for it. It keeps *versions*: a result with the interval of
timestamps it is exact in.

    ts            dirty_ts
    ├── version ──┤ (unknown) ├── version ─────────── … still valid: dirty_ts is 0
    ───────────────────────────────────────────────▶ the gateway's current timestamp

A session may be shown timestamp T only if each of its queries has a version with ``ts ≤ T < dirty_ts``; any T will do,
also one between two blocks. :func:`greatest_common_timestamp` finds the greatest.

Invariants:

* Versions of a query are in ascending order and do not overlap.
* Besides the newest, exactly those versions are kept that cover a timestamp at which a round is still running, or was
  until the last round message. So whoever waits for a slow query finds, when it arrives, versions of its other
  queries at that query's timestamp, and every session keeps moving under any rate of writes.
* ``current_ts`` never goes back.

The table does not know sessions beyond "told when something of yours changed", and not who carries its frames to the
hub: they gather in ``outgoing``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from rtdb.clock import Random
from rtdb.link.frames import (
    BlockNotice,
    ExecutionError,
    RoundResults,
    Unwatch,
    Watch,
    WatchResult,
)
from rtdb.sync.commands import Command
from rtdb.sync.content import Content, error_content, value_content
from rtdb.sync.failure_log import log_failure
from rtdb.sync.transition import SharedTransitions
from rtdb.values.function_path import SYSTEM_PREFIX

__all__ = ["Query", "Subscriber", "Version", "WatchTable", "Watched", "greatest_common_timestamp"]


class Subscriber(Protocol):
    """Whoever is told that one of its queries has a new version: a session. Compared by identity."""

    def advance(self, now_ns: int) -> list[Command]:
        """Move on if that is possible now; return what is to be done."""


class Query(msgspec.Struct, frozen=True, gc=False):
    """What makes two subscriptions the same. ``args`` is canonical encoded JSON."""

    path: str
    args: bytes
    identity: bytes | None
    internal: bool
    journal: str | None


class Version:
    """A content, exact in ``[ts, dirty_ts)``; ``dirty_ts`` 0 means through the gateway's current timestamp."""

    __slots__ = ("content", "dirty_ts", "ts")

    def __init__(self, ts: int, dirty_ts: int, content: Content):
        self.ts = ts
        self.dirty_ts = dirty_ts
        self.content = content

    def covers(self, timestamp: int) -> bool:
        return self.ts <= timestamp and (self.dirty_ts == 0 or timestamp < self.dirty_ts)


class Watched:
    """One query of this gateway.

    ``latest`` is the newest version, None until the first result. ``older``: kept versions below it, ascending; set
    when a new version arrives while a round still runs that the old one covers, cleared when no such round is left.
    ``subscribers`` counts each subscriber's uses: a session may watch one query under several ids.
    ``received`` is the content of the last result that said it in full: what ``unchanged`` refers to.
    """

    __slots__ = ("latest", "number", "older", "query", "received", "subscribers")

    def __init__(self, number: int, query: Query):
        self.number = number
        self.query = query
        self.subscribers: dict[Subscriber, int] = {}
        self.latest: Version | None = None
        self.older: list[Version] = []
        self.received: Content | None = None

    def newest_at(self, timestamp: int) -> Version | None:
        """Return the newest version that starts at or before the timestamp, valid there or not."""
        latest = self.latest
        if latest is not None and latest.ts <= timestamp:
            return latest
        for version in reversed(self.older):
            if version.ts <= timestamp:
                return version
        return None


class WatchTable:
    """All watched queries of one gateway.

    ``outgoing`` are frames for the hub, in order: take and clear them after every event.
    """

    def __init__(self, *, current_ts: int, random: Random, redact: bool) -> None:
        self.current_ts = current_ts
        self.redact = redact
        self.transitions = SharedTransitions()
        self.outgoing: list[Watch | Unwatch] = []
        self._random = random
        self._next_number = 0
        self._by_query: dict[Query, Watched] = {}
        self._by_number: dict[int, Watched] = {}
        self._running: frozenset[int] = frozenset()
        # Queries with older versions, by each running timestamp those are kept for.
        self._kept_for: dict[int, list[Watched]] = {}
        # Sessions that may not start before the database has reached a timestamp.
        self._waiting: dict[Subscriber, int] = {}

    def subscribe(self, query: Query, subscriber: Subscriber) -> Watched:
        """Watch a query for a subscriber; the hub is asked only if nobody here watches it yet."""
        watched = self._by_query.get(query)
        if watched is None:
            self._next_number += 1
            watched = Watched(self._next_number, query)
            self._by_query[query] = self._by_number[watched.number] = watched
            self.outgoing.append(
                Watch(watched.number, query.path, query.args, query.identity, query.internal, query.journal)
            )
        watched.subscribers[subscriber] = watched.subscribers.get(subscriber, 0) + 1
        return watched

    def unsubscribe(self, watched: Watched, subscriber: Subscriber) -> None:
        """Undo one :meth:`subscribe`; the last to leave tells the hub. A :meth:`failed` query may be given too."""
        uses = watched.subscribers.pop(subscriber, 0)
        if uses > 1:
            watched.subscribers[subscriber] = uses - 1
        if not watched.subscribers and self._by_number.pop(watched.number, None) is not None:
            del self._by_query[watched.query]
            self.outgoing.append(Unwatch(watched.number))

    def failed(self, query: Query, error: ExecutionError) -> Watched:
        """Return a query that is not run because it cannot be: its result is this error, at every timestamp."""
        watched = Watched(0, query)
        request = self._random.bytes(8).hex()
        log_failure(request, query.path, error)
        redact = self._redacts(query)
        watched.latest = Version(0, 0, error_content(error, [], None, request=request, redact=redact))
        return watched

    def wait_for_timestamp(self, timestamp: int, subscriber: Subscriber) -> None:
        """Have :meth:`apply_notice` name the subscriber once the database has reached the timestamp."""
        self._waiting[subscriber] = timestamp

    def stop_waiting(self, subscriber: Subscriber) -> None:
        """Forget a :meth:`wait_for_timestamp`, if there is one."""
        self._waiting.pop(subscriber, None)

    def apply_notice(self, notice: BlockNotice) -> Sequence[Subscriber]:
        """Note that the database moved and what it invalidated; return whom to advance (rarely anybody)."""
        self.transitions.clear()
        self.current_ts = max(self.current_ts, notice.ts)
        for number in notice.dirty:
            watched = self._by_number.get(number)
            # A query without a version is told by its first result; one already dirty keeps its first block.
            if watched is not None and watched.latest is not None and watched.latest.dirty_ts == 0:
                watched.latest.dirty_ts = notice.ts_first
        if not self._waiting:
            return ()
        reached = [subscriber for subscriber, ts in self._waiting.items() if ts <= self.current_ts]
        for subscriber in reached:
            del self._waiting[subscriber]
        return reached

    def apply_round(self, round_results: RoundResults) -> Sequence[Subscriber]:
        """Take in a round's results; return the sessions that watch any of them: advance each.

        Do so before the next message is applied, or versions kept for them may be gone.
        """
        self.transitions.clear()
        running = frozenset(round_results.running)
        self._drop_versions(running)
        # Rounds that ended with this message still count, so that the sessions named now find versions at their
        # timestamps, also when the round and all that came after it arrive together.
        self._running |= running | {result.ts for result in round_results.results}
        touched: list[Watched] = []
        for result in round_results.results:
            watched = self._by_number.get(result.watch)
            if watched is not None:  # else nobody watches it any more and the hub has not heard yet
                self._add_version(watched, result)
                touched.append(watched)
        self._running = running
        if len(touched) == 1:
            return list(touched[0].subscribers)
        return list(dict.fromkeys(subscriber for watched in touched for subscriber in watched.subscribers))

    def _add_version(self, watched: Watched, result: WatchResult) -> None:
        self.current_ts = max(self.current_ts, result.ts)
        if not result.unchanged or watched.received is None:
            watched.received = self._content(watched.query, result)
        previous = watched.latest
        if previous is not None and result.ts <= previous.ts:
            # Not newer than what is known: of the same position, so only what is known of its end may be.
            if result.ts == previous.ts and result.dirty_ts and not previous.dirty_ts:
                previous.dirty_ts = result.dirty_ts
            return
        watched.latest = Version(result.ts, result.dirty_ts, watched.received)
        if previous is not None:
            if previous.dirty_ts == 0 or previous.dirty_ts > result.ts:
                previous.dirty_ts = result.ts
            self._keep(watched, previous)

    def _keep(self, watched: Watched, version: Version) -> None:
        wanted = [timestamp for timestamp in self._running if version.covers(timestamp)]
        if wanted:
            watched.older.append(version)
            for timestamp in wanted:
                self._kept_for.setdefault(timestamp, []).append(watched)

    def _drop_versions(self, running: frozenset[int]) -> None:
        """Drop what was kept for rounds that had ended by the previous message."""
        keep = running | self._running
        for timestamp in [timestamp for timestamp in self._kept_for if timestamp not in keep]:
            for watched in self._kept_for.pop(timestamp):
                if watched.older:
                    watched.older = [version for version in watched.older if any(version.covers(kept) for kept in keep)]

    def _content(self, query: Query, result: WatchResult) -> Content:
        lines = [] if self.redact else result.log_lines
        if result.error is not None:
            redact = self._redacts(query)
            return error_content(result.error, lines, result.journal, request=result.request, redact=redact)
        assert result.result is not None, "a result is a value or an error"
        return value_content(result.result, lines, result.journal)

    def _redacts(self, query: Query) -> bool:
        # Only administrators call the server's own functions, whose errors tell them what to do.
        return self.redact and not query.path.startswith(SYSTEM_PREFIX)


def greatest_common_timestamp(queries: Collection[Watched], floor: int, current_ts: int) -> int | None:
    """Return the greatest timestamp in ``[floor, current_ts]`` at which every query has a version; None: there is none.

    Terminates, because every repetition follows a step down to just before one of finitely many ends of versions.
    """
    target = current_ts
    while target >= floor:
        start = target
        for watched in queries:
            version = watched.newest_at(target)
            if version is None:
                return None
            if version.dirty_ts and version.dirty_ts <= target:
                target = version.dirty_ts - 1
        if target == start:
            return target
    return None
