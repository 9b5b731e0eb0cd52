"""The hub's side of a gateway, as a model small enough to be obviously right: numbered keys that hold numbers.

Queries are ``q:get {"key": k}`` and answer ``{"value": n, "who": identity}``; the mutation ``m:set {"key": k}`` stores
a number never used before. All history is kept, so what a query answers at any timestamp can be asked afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from rtdb.link.frames import (
    Answer,
    BlockNotice,
    ExecutionError,
    RoundResults,
    Unwatch,
    Watch,
    WatchResult,
)
from rtdb.sync.commands import RunFunction

KEYS = 4


@dataclass(eq=False)
class Entry:
    """A watched query; ``valid`` while its last result is exact, ``asked`` while it is being executed."""

    watch: Watch
    key: int
    valid: bool = False
    asked: bool = False
    sent: bytes | None = None


@dataclass(eq=False)
class Round:
    ts: int
    todo: list[Entry]
    dirtied: dict[int, int] = field(default_factory=dict)
    """By key: the first block after this round's position that wrote it."""


class FakeHub:
    """``outbox`` holds frames for the gateway, in order; answers travel in it too, tagged with their request."""

    def __init__(self) -> None:
        self.ts = 100
        self.history: list[list[tuple[int, int]]] = [[(0, 0)] for _ in range(KEYS)]
        self.outbox: list[BlockNotice | RoundResults | tuple[RunFunction, Answer]] = []
        self.rounds: list[Round] = []
        self.commits: dict[tuple[str, int], tuple[int, int]] = {}
        self.applied: list[tuple[str, int]] = []
        self._entries: dict[int, Entry] = {}
        self._numbers = 0

    def value_at(self, key: int, ts: int) -> int:
        return next(value for written, value in reversed(self.history[key]) if written <= ts)

    def answer_at(self, key: int, ts: int, identity: bytes | None) -> bytes:
        who = b"null" if identity is None else identity
        return b'{"value":%d.0,"who":%b}' % (self.value_at(key, ts), who)

    def take(self, frame: Watch | Unwatch) -> None:
        if isinstance(frame, Watch):
            key = int(msgspec.json.decode(frame.args)["key"])
            self._entries[frame.watch] = Entry(frame, key)
        else:
            del self._entries[frame.watch]

    def write(self, keys: list[int]) -> int:
        """One block of as many transactions as keys; return the last timestamp."""
        ts_first = self.ts + 3  # gaps, so that a timestamp between two blocks is a real case
        self.ts = ts_first + len(keys) - 1
        dirty = []
        for offset, key in enumerate(keys):
            self._numbers += 1
            self.history[key].append((ts_first + offset, self._numbers))
            for round_ in self.rounds:
                round_.dirtied.setdefault(key, ts_first)
        for entry in self._entries.values():
            if entry.key in keys and entry.valid:
                entry.valid = False
                dirty.append(entry.watch.watch)
        self.outbox.append(BlockNotice(ts_first, self.ts, dirty))
        return self.ts

    def start_round(self) -> bool:
        todo = [entry for entry in self._entries.values() if not entry.valid and not entry.asked]
        for entry in todo:
            entry.asked = True
        if todo:
            self.rounds.append(Round(self.ts, todo))
        return bool(todo)

    def finish_execution(self, round_: Round, index: int) -> None:
        """One of the round's executions ends."""
        entry = round_.todo.pop(index % len(round_.todo))
        entry.asked = False
        if not round_.todo:
            self.rounds.remove(round_)
        if entry.watch.watch not in self._entries:
            return
        dirty_ts = round_.dirtied.get(entry.key, 0)
        entry.valid = dirty_ts == 0
        said = self.answer_at(entry.key, round_.ts, entry.watch.identity)
        unchanged = said == entry.sent
        entry.sent = said
        result = WatchResult(
            entry.watch.watch, round_.ts, dirty_ts, unchanged, None if unchanged else said, None, [], None
        )
        self.outbox.append(RoundResults([result], [running.ts for running in self.rounds]))

    def merge_results(self) -> None:
        """Send the last two frames as one, if both are results."""
        if len(self.outbox) < 2:
            return
        first, second = self.outbox[-2:]
        if isinstance(first, RoundResults) and isinstance(second, RoundResults):
            self.outbox[-2:] = [RoundResults(first.results + second.results, second.running)]

    def run(self, run: RunFunction) -> None:
        """Run a mutation, once per session request; keys beyond the last fail."""
        assert run.session is not None
        request = (run.session.session, run.session.request)
        key = int(msgspec.json.decode(run.args)["key"])
        if key >= KEYS:
            error = ExecutionError("ApplicationError", "Uncaught ConvexError: no such key", data=b'"no"')
            self.outbox.append((run, Answer(0, None, error, [], self.ts)))
            return
        if request not in self.commits:
            ts = self.write([key])
            self.commits[request] = (ts, self.history[key][-1][1])
            self.applied.append(request)
        ts, value = self.commits[request]
        self.outbox.append((run, Answer(0, b"%d.0" % value, None, ["[LOG] 'set'"], ts)))
