"""What a transaction wants to write: the last state of each document it touched.

Order of the resulting writes: system tables first (a table exists before its documents when a block is applied), then
by first touch. A document both inserted and deleted here leaves no trace, because applying a block expects that a
tombstone buries something.

Every change is noted, so that the set can go back to how it was: the writes of a nested call that failed are undone.

It does not know what a write means; the transaction checks before it puts. Index keys are made by the overlay, and
only once something is scanned.
"""

from __future__ import annotations

from typing import Final

from rtdb.link.frames import Write
from rtdb.storage.system_tables import FIRST_USER_TABLE

__all__ = ["UNTOUCHED", "Untouched", "WriteSet"]


class Untouched:
    """The type of :data:`UNTOUCHED`."""

    __slots__ = ()


UNTOUCHED: Final = Untouched()
"""What a lookup gives for a document that this transaction has not written."""

Address = tuple[int, bytes]
"""Table number and internal id."""


class WriteSet:
    """The writes of one transaction by document; a value of None is a deleted document."""

    __slots__ = ("_history", "_inserted", "_states")

    def __init__(self) -> None:
        self._states: dict[Address, bytes | None] = {}
        self._inserted: set[Address] = set()
        """Documents that did not exist before this transaction."""
        self._history: list[tuple[Address, bytes | Untouched | None]] = []
        """For each change, the document and its state before."""

    def __len__(self) -> int:
        return len(self._states)

    def get(self, table: int, internal: bytes) -> bytes | Untouched | None:
        """Return the document's canonical JSON as written here, None if deleted here, else :data:`UNTOUCHED`."""
        return self._states.get((table, internal), UNTOUCHED)

    def insert(self, table: int, internal: bytes, data: bytes) -> None:
        """Write a document that does not exist now."""
        address = (table, internal)
        if address not in self._states:  # else it was deleted here, and what is below is still to be buried
            self._inserted.add(address)
        self._put(address, data)

    def update(self, table: int, internal: bytes, data: bytes | None) -> None:
        """Write the new state of a document that exists; None deletes it."""
        self._put((table, internal), data)

    def _put(self, address: Address, data: bytes | None) -> None:
        self._history.append((address, self._states.get(address, UNTOUCHED)))
        self._states[address] = data

    def position(self) -> int:
        """Return the present point in the history of changes."""
        return len(self._history)

    def undo(self, position: int) -> list[tuple[int, bytes, bytes | Untouched | None]]:
        """Go back to an earlier point; return each document touched since, and its state then."""
        undone: dict[Address, bytes | Untouched | None] = {}
        while len(self._history) > position:
            address, state = self._history.pop()
            undone[address] = state
            if isinstance(state, Untouched):
                del self._states[address]
                self._inserted.discard(address)
            else:
                self._states[address] = state
        return [(table, internal, state) for (table, internal), state in undone.items()]

    def states(self) -> list[tuple[int, bytes, bytes | None]]:
        """Return every document touched, in order of first touch, with its state."""
        return [(table, internal, data) for (table, internal), data in self._states.items()]

    def writes(self) -> list[Write]:
        """Return what is to be committed."""
        system: list[Write] = []
        user: list[Write] = []
        for address, data in self._states.items():
            if data is None and address in self._inserted:
                continue
            table, internal = address
            (user if table >= FIRST_USER_TABLE else system).append(Write(table, internal, data))
        return system + user
