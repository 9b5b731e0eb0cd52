"""Tables and indexes as the rest of the server knows them: plain descriptions, no access.

An index orders the documents of one table by its fields, then ``_creationTime``, then ``_id``; `by_id` by
``_id`` alone. The life of a declared index::

    backfilling   maintained, not read; entries of older documents are being added
    backfilled    maintained and complete, not read: it waits for the deploy that it was built for
    ready         maintained and read
    dropped       neither; its entries are being erased, then it is gone

Under one name a table may have a ready index and, beside it, its successor in one of the first two states.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from rtdb.storage.keys import BY_CREATION_TIME, BY_ID, INDEXES_PER_TABLE, index_number

__all__ = ["IndexDefinition", "IndexState", "TableDefinition", "by_creation_time", "by_id"]

IndexState = Literal["backfilling", "backfilled", "ready", "dropped"]


class IndexDefinition(msgspec.Struct, frozen=True):
    """One index. ``fields`` are the declared field paths, without the implied ones; ``table`` is the table's
    number.
    """

    number: int
    table: int
    name: str
    fields: tuple[str, ...]
    state: IndexState = "ready"
    key_fields: tuple[str, ...] = ()
    """All fields of the key in order, computed; the last one is always ``_id``."""

    def __post_init__(self) -> None:
        implied = ("_id",) if self.is_by_id else ("_creationTime", "_id")
        msgspec.structs.force_setattr(self, "key_fields", self.fields + implied)

    @property
    def is_by_id(self) -> bool:
        """Whether this is a table's `by_id`, which has no entries of its own."""
        return self.number % INDEXES_PER_TABLE == BY_ID


class TableDefinition(msgspec.Struct, frozen=True):
    """One table and its indexes."""

    number: int
    name: str
    indexes: dict[str, IndexDefinition]
    """By name, what a query finds: the ready index, or the one being built when there is no other."""
    stored: tuple[IndexDefinition, ...]
    """Every index that each write must maintain entries of, in order of number: all but `by_id` and dropped ones."""
    by_id: IndexDefinition
    by_creation_time: IndexDefinition

    @property
    def is_system(self) -> bool:
        """Whether this is one of the platform's own tables, whose indexes no app declares."""
        return self.name.startswith("_")


def by_id(table: int) -> IndexDefinition:
    """Return the built-in index that is the order of `documents` itself."""
    return IndexDefinition(index_number(table, BY_ID), table, "by_id", ())


def by_creation_time(table: int) -> IndexDefinition:
    """Return the built-in index that a scan of a whole table uses."""
    return IndexDefinition(index_number(table, BY_CREATION_TIME), table, "by_creation_time", ())
