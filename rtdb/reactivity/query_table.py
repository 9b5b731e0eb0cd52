"""Where query entries are filed, how long they stay, and how much memory they may take.

Filing follows what executions report (``query_entry.py`` draws the slot):

* *split*: a shared execution read its caller's identity → the entry becomes that identity's own; the others' watchers
  are left over and get entries of their own.
* *merge*: an identity's execution did not read it and is exact now → it answers for everybody; the other entries go.
* *refile*: an entry runs again with the journal its last version returned. That is another question than the one it was
  filed under (a page that keeps its end), so it moves to the key with that journal, or joins the entry there.

Invariants:

* A watcher's entry is the one its slot finds for the watcher's identity, and the watcher is among the entry's.
* An entry without watchers lingers and nothing else lingers; only lingering entries are dropped to make room. The body
  of a watched entry may be dropped too: it is then executed again when somebody new asks.
* At most ``query_entries_max`` entries are filed; see :meth:`QueryTable.has_room`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rtdb.reactivity.query_entry import QueryAnswer, QueryEntry, QueryKey, QuerySlot, Watcher

__all__ = ["QueryTable"]


class QueryTable:
    """All slots and entries. ``on_drop`` is told of every entry that is no longer filed."""

    def __init__(
        self, *, entries_max: int, body_bytes_max: int, linger_ns: int, on_drop: Callable[[QueryEntry], None]
    ) -> None:
        self.entry_count = 0
        self.body_bytes = 0
        self._entries_max = entries_max
        self._body_bytes_max = body_bytes_max
        self._linger_ns = linger_ns
        self._on_drop = on_drop
        self._slots: dict[QueryKey, QuerySlot] = {}
        # Until when, oldest first.
        self._lingering: dict[QueryEntry, int] = {}
        # Entries with a body, by when it was set or last given to somebody new, oldest first.
        self._bodies: dict[QueryEntry, int] = {}

    def find(self, key: QueryKey, identity: bytes | None) -> QueryEntry | None:
        """Return the entry that answers this question for this identity."""
        slot = self._slots.get(key)
        return None if slot is None else slot.find(identity)

    def create(self, key: QueryKey, identity: bytes | None) -> QueryEntry:
        """File a new entry where :meth:`find` will find it."""
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = QuerySlot(key)
        entry = QueryEntry(slot, identity)
        self._file(entry)
        self.entry_count += 1
        return entry

    def has_room(self) -> bool:
        """Return whether another entry may be filed, after dropping the longest lingering one if need be."""
        if self.entry_count >= self._entries_max and self._lingering:
            self.drop(next(iter(self._lingering)))
        return self.entry_count < self._entries_max

    def add_watcher(self, watcher: Watcher) -> None:
        """Count the watcher in at its entry."""
        watcher.entry.watchers[watcher] = None
        self._lingering.pop(watcher.entry, None)

    def remove_watcher(self, watcher: Watcher, now_ns: int) -> None:
        """Count the watcher out; the last one leaves the entry lingering."""
        entry = watcher.entry
        del entry.watchers[watcher]
        if not entry.watchers:
            self._lingering[entry] = now_ns + self._linger_ns

    def touch(self, entry: QueryEntry, now_ns: int) -> None:
        """Note that the entry's body was of use to somebody new."""
        size = self._bodies.pop(entry, None)
        if size is not None:
            self._bodies[entry] = size
        if self._lingering.pop(entry, None) is not None:
            self._lingering[entry] = now_ns + self._linger_ns

    def drop(self, entry: QueryEntry) -> None:
        """Unfile an entry that nobody watches."""
        assert not entry.watchers, "an entry that is watched is not dropped"
        self._unfile(entry)
        self._lingering.pop(entry, None)
        self.set_body(entry, None)
        self.entry_count -= 1
        entry.dropped = True
        self._on_drop(entry)

    def set_body(self, entry: QueryEntry, answer: QueryAnswer | None) -> None:
        """Replace the entry's answer and keep the account."""
        self.body_bytes -= self._bodies.pop(entry, 0)
        entry.answer = answer
        if answer is not None:
            self._bodies[entry] = size = answer.body_bytes
            self.body_bytes += size

    def shrink(self) -> None:
        """Bring the bodies under their bound: drop what nobody watches, then bodies nobody asked for lately."""
        while self.body_bytes > self._body_bytes_max and self._lingering:
            self.drop(next(iter(self._lingering)))
        while self.body_bytes > self._body_bytes_max and self._bodies:
            self.set_body(next(iter(self._bodies)), None)

    def expire(self, now_ns: int) -> None:
        """Drop what has lingered long enough."""
        while (expiry := self.expires_ns()) is not None and expiry <= now_ns:
            self.drop(next(iter(self._lingering)))

    def expires_ns(self) -> int | None:
        """Return when :meth:`expire` has something to do next."""
        return next(iter(self._lingering.values()), None)

    def split(self, entry: QueryEntry, identity: bytes | None, now_ns: int) -> list[Watcher]:
        """Make the shared entry the identity's own; return the other identities' watchers, now without one."""
        slot = entry.slot
        assert slot.shared is entry, "only a shared entry is split"
        slot.shared = None
        slot.depends_on_identity = True
        entry.identity = identity
        slot.by_identity[identity] = entry
        others = [watcher for watcher in entry.watchers if watcher.identity != identity]
        for watcher in others:
            self.remove_watcher(watcher, now_ns)
        return others

    def merge(self, entry: QueryEntry) -> None:
        """Let the entry answer for every identity and take over the watchers of its slot's others."""
        slot = entry.slot
        others = [other for other in slot.by_identity.values() if other is not entry]
        slot.by_identity.clear()
        slot.depends_on_identity = False
        slot.shared = entry
        for other in others:
            self._move_watchers(other, entry)
            self.drop(other)

    def refile(self, entry: QueryEntry, journal: str) -> list[Watcher]:
        """Move the entry to the key with this journal.

        If that place is taken the entry is dropped instead; return its watchers, who are without one now.
        """
        old = entry.slot
        key = old.key._replace(journal=journal)
        slot = self._slots.get(key)
        if slot is not None and (
            slot.depends_on_identity != old.depends_on_identity or slot.find(entry.identity) is not None
        ):
            watchers = list(entry.watchers)
            entry.watchers.clear()
            self.drop(entry)
            return watchers
        self._unfile(entry)
        if slot is None:
            slot = self._slots[key] = QuerySlot(key, depends_on_identity=old.depends_on_identity)
        entry.slot = slot
        self._file(entry)
        return []

    def entries(self) -> Iterator[QueryEntry]:
        """Iterate over all entries, for statistics and tests."""
        for slot in self._slots.values():
            if slot.shared is not None:
                yield slot.shared
            yield from slot.by_identity.values()

    def _file(self, entry: QueryEntry) -> None:
        slot = entry.slot
        if slot.depends_on_identity:
            slot.by_identity[entry.identity] = entry
        else:
            slot.shared = entry

    def _unfile(self, entry: QueryEntry) -> None:
        slot = entry.slot
        if slot.shared is entry:
            slot.shared = None
        elif slot.by_identity.get(entry.identity) is entry:
            del slot.by_identity[entry.identity]
        if slot.shared is None and not slot.by_identity and self._slots.get(slot.key) is slot:
            del self._slots[slot.key]

    def _move_watchers(self, source: QueryEntry, target: QueryEntry) -> None:
        for watcher in source.watchers:
            watcher.entry = target
            self.add_watcher(watcher)
        source.watchers.clear()
