"""What clients note of their transactions: what each did to which lists, how it ended, and when.

Instants are whole numbers of one clock that all clients share; that they are ordered is all that matters.

A result that a subscription shows is a transaction too: it reads, and it is committed. It has no ``begin``, because it
may be older than the moment it arrives at, though never older than what its session was shown or told before.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Append", "Operation", "Read", "Status", "Transaction"]

Status = Literal["committed", "failed", "unknown"]
"""``unknown``: nobody was told. It counts as committed once somebody has read what it appended."""


class Append(msgspec.Struct, frozen=True):
    """A number put at the end of a list. No other append to this list has the same one."""

    key: str
    value: int


class Read(msgspec.Struct, frozen=True):
    """The whole list, as it was at this place in the transaction: its own appends so far included."""

    key: str
    values: tuple[int, ...]


Operation = Append | Read


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """One transaction of a client. ``name`` says which, for those who read of an anomaly.

    ``begin`` is an instant before it was asked for, ``end`` one after its answer had come; None where there is none.
    What one that failed, or whose end is unknown, has read is not looked at.
    """

    name: str
    operations: tuple[Operation, ...]
    status: Status = "committed"
    begin: int | None = None
    end: int | None = None
    session: str = ""
    """Whose it is; a session is shown things in one order. Empty for somebody who is never seen again."""
