"""What waits to be run, in the order of when it is due, as far as it is known: the head of an index `by_due`.

The keys themselves are kept, in order; everything is in them. At first none is known. Pages of the index, asked for one
after the other, and the changes that blocks bring keep it right::

    keys       [k1, k2, k3 …]                       waiting, not taken
    taken      {k, …}                               taken, until they are let go: a page may show them once more
    through    every waiting key up to here is in   END when that is all of them

More than ``held_max`` are never kept: what comes later is left to the database, and ``through`` goes back.

Invariant: a key at or before ``through`` is in ``keys`` exactly when its work waits and has not been taken.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from rtdb.link.frames import KeyChange
from rtdb.scheduler.work import WAITING
from rtdb.values.document_id import decode_id
from rtdb.values.ordering import decode_key, encode_key

__all__ = ["PAGE_KEYS", "Agenda", "Waiting"]

PAGE_KEYS: Final = 1000
"""Keys asked for at a time."""

_WAITING: Final = encode_key(WAITING)
_START: Final = b""
_END: Final = b"\xff"


class Waiting(NamedTuple):
    """What a key says: which entry, when it is due (milliseconds since the epoch), and the path of the function."""

    key: bytes
    internal: bytes
    due: float
    path: str

    @classmethod
    def of_key(cls, key: bytes) -> Self:
        _, due, path, _, id = decode_key(key)
        assert isinstance(due, float)
        assert isinstance(path, str)
        assert isinstance(id, str)
        return cls(key, decode_id(id).internal, due, path)


class Agenda:
    """The waiting entries of one `by_due` index."""

    def __init__(self, index: int, *, held_max: int) -> None:
        self.index = index
        self._held_max = held_max
        self._keys: list[bytes] = []
        self._taken: set[bytes] = set()
        self._through = _START
        self._page_after = _START
        self._meanwhile: list[tuple[bytes | None, bytes | None]] | None = None
        """The changes since a page was asked for, which it may or may not show."""

    def __len__(self) -> int:
        return len(self._keys)

    def first(self) -> bytes | None:
        """Return the key of what is due first, None when nothing is known to wait."""
        return self._keys[0] if self._keys else None

    def take(self) -> Waiting:
        """Remove what is due first, in order to run it."""
        key = self._keys.pop(0)
        self._taken.add(key)
        return Waiting.of_key(key)

    def let_go(self, key: bytes) -> None:
        """What was taken is over."""
        self._taken.discard(key)

    # --- changes ------------------------------------------------------------------------------------------------------

    def changed(self, change: KeyChange) -> bytes | None:
        """Follow one change of the index; return the key that waits no more, if one does not."""
        old, new = _waiting_key(change.old), _waiting_key(change.new)
        self._change(old, new)
        if self._meanwhile is not None:
            self._meanwhile.append((old, new))
        return old if old != new else None

    def _change(self, old: bytes | None, new: bytes | None) -> None:
        if old == new:
            return
        if old is not None:
            place = bisect_left(self._keys, old)
            if place < len(self._keys) and self._keys[place] == old:
                del self._keys[place]
        if new is not None and new <= self._through:
            self._add(new)

    def _add(self, key: bytes) -> None:
        if key in self._taken:
            return
        place = bisect_left(self._keys, key)
        if place == len(self._keys) or self._keys[place] != key:
            self._keys.insert(place, key)
            self._cut()

    def _cut(self) -> None:
        if len(self._keys) > self._held_max:
            # Half of them, so that this is not done again with the next one.
            del self._keys[(self._held_max + 1) // 2 :]
            self._through = self._keys[-1]

    # --- pages --------------------------------------------------------------------------------------------------------

    @property
    def wants_page(self) -> bool:
        """Whether the database should be asked for more."""
        # Less than what a cut leaves: else a page that is cut would be asked for again at once, and again.
        few = max(1, min(PAGE_KEYS, self._held_max) // 2)
        return self._meanwhile is None and self._through != _END and len(self._keys) < few

    def ask_page(self) -> bytes:
        """Return the key behind which the next page begins; from now on what changes is noted."""
        self._meanwhile = []
        self._page_after = self._through
        return self._through

    def page_arrived(self, keys: Sequence[bytes]) -> None:
        """Take in the page, in order; fewer keys than :data:`PAGE_KEYS` are all."""
        assert self._meanwhile is not None
        meanwhile, self._meanwhile = self._meanwhile, None
        after = self._page_after
        if self._through != after:
            return  # So much has come before it that it went back: the page does not begin where the keys end.
        self._keys += [key for key in keys if key not in self._taken]
        self._through = keys[-1] if len(keys) >= PAGE_KEYS else _END
        self._cut()
        # The page shows some of these changes and not the rest. Each key ends as the last change of it left it.
        for old, new in meanwhile:
            self._change(_behind(after, old), _behind(after, new))


def _behind(after: bytes, key: bytes | None) -> bytes | None:
    return key if key is not None and key > after else None


def _waiting_key(parts: list[bytes] | None) -> bytes | None:
    """Return the full key if it is that of what waits."""
    if parts is None or parts[0] != _WAITING:
        return None
    return b"".join(parts)
