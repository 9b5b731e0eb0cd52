"""One piece of scheduled work inside a transaction: a scheduled function, or the next run of a cron job.

Both wait as an *entry*, a document in a table of their own with the index `by_due`::

    claim     ""                        waits, to be run at ``due``
              a server's incarnation    an action that this server runs
    due       milliseconds since the epoch
    path      of the function
    failures  how often the server could not run it since it was last due

A mutation's entry is ended in the transaction of the mutation itself: exactly once. An action's is claimed in one
transaction and ended in another: at most once, because a claim of a server that has died is only ever ended.

Invariant: whoever runs or ends work has read its entry in the same transaction, so that of two who try one loses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Final, Self

import msgspec

from rtdb.storage.system_tables import SYSTEM_TABLES
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id
from rtdb.values.value import Value

__all__ = ["LOST_ACTION", "WAITING", "Ending", "Work"]

WAITING: Final = ""
"""The claim of what nobody runs."""

LOST_ACTION: Final = "Transient error while executing action"
"""What an action has ended with whose server died, or could not go on with it."""

Document = dict[str, Any]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended: ``error`` is the message of what it failed with, None when it did not."""

    error: str | None = None
    result: str = "null"
    """Encoded JSON."""
    log_lines: list[str] = []
    seconds: float = 0.0


class Work(ABC):
    """An entry, read in ``transaction``."""

    table: ClassVar[int]
    """Where the entries are."""

    def __init__(self, transaction: Transaction, internal: bytes, entry: Document) -> None:
        self._transaction = transaction
        self.internal = internal
        self._entry = entry

    @classmethod
    def find_waiting(cls, transaction: Transaction, internal: bytes, due: float) -> Self | None:
        """Return the work that waits and is due then; None when it has been run, claimed, moved or cancelled."""
        entry = transaction.platform.get(cls.table, internal)
        if entry is None or entry["claim"] != WAITING or entry["due"] != due:
            return None
        return cls(transaction, internal, entry)

    @classmethod
    def find_claimed(cls, transaction: Transaction, internal: bytes, incarnation: str) -> Self | None:
        """Return the work that this server has claimed and that has not been ended."""
        entry = transaction.platform.get(cls.table, internal)
        return None if entry is None or entry["claim"] != incarnation else cls(transaction, internal, entry)

    @classmethod
    def lost(cls, transaction: Transaction, incarnation: str) -> Iterator[Self]:
        """Yield the work that other servers have claimed, which are dead: one server has the database at a time."""
        for bounds in (
            [("Gt", "claim", WAITING), ("Lt", "claim", incarnation)],
            [("Gt", "claim", incarnation)],
        ):
            for entry in transaction.platform.scan(cls.table, "by_due", bounds):  # type: ignore[arg-type]  # literals
                yield cls(transaction, decode_id(entry["_id"]).internal, entry)

    @property
    def path(self) -> str:
        path: str = self._entry["path"]
        return path

    @property
    def failures(self) -> float:
        """How often the server could not run it."""
        failures: float = self._entry["failures"]
        return failures

    def claim(self, incarnation: str) -> None:
        """Note that this server is about to run it."""
        self._put(claim=incarnation)

    def postpone(self, due: float) -> None:
        """Have it tried again later: that it did not end was the server's fault."""
        self._put(claim=WAITING, due=due, failures=self._entry["failures"] + 1)

    @abstractmethod
    def arguments(self) -> dict[str, Value]:
        """Return what the function is to be called with."""

    @abstractmethod
    def begin(self) -> None:
        """Show, to whoever reads it in this transaction, that it is running."""

    @abstractmethod
    def end(self, ending: Ending) -> None:
        """Note how it ended; it will not be run again."""

    def _put(self, **fields: Any) -> None:
        self._entry |= fields
        self._transaction.platform.put(self.table, self.internal, self._entry)

    def __repr__(self) -> str:
        name = next(name for name, number in SYSTEM_TABLES.items() if number == self.table)
        return f"<{name} {self.internal.hex()} {self.path}>"
