"""One check: its parts in the order in which they build on each other, and the report."""

from __future__ import annotations

from pathlib import Path

import msgspec

from rtdb.config import Limits
from rtdb.storage.check.documents import DocumentsCheck
from rtdb.storage.check.entries import EntriesCheck
from rtdb.storage.check.log import LogCheck
from rtdb.storage.check.registry import RegistryCheck
from rtdb.storage.check.scheduled import ScheduledCheck
from rtdb.storage.check.undo import UndoCheck
from rtdb.storage.check.walk import Walk
from rtdb.storage.damage import damage_named
from rtdb.storage.environment import Environment, ReadTransaction, open_environment

__all__ = ["Report", "check", "check_environment"]


class Report(msgspec.Struct, frozen=True):
    """What a check walked over and found. The first thousand problems are kept as sentences."""

    documents: int
    entries: int
    blocks: int
    undo_records: int
    problems: list[str]
    problems_total: int

    @property
    def is_clean(self) -> bool:
        return self.problems_total == 0


def check(data_dir: Path) -> Report:
    """Check the database of a data directory.

    Raises DataDirectoryError when there is none that can be opened, or when LMDB cannot find its way through it.
    """
    with open_environment(data_dir, readonly=True, limits=Limits()) as environment, damage_named(data_dir):
        return check_environment(environment)


def check_environment(environment: Environment) -> Report:
    """Check an open database, as it is now."""
    with environment.read() as txn:
        return _check(txn)


def _check(txn: ReadTransaction) -> Report:
    walk = Walk(txn)
    # The log comes before what is compared with it, and documents before entries: those that they have found need not
    # be looked at again.
    log, undo = LogCheck(walk), UndoCheck(walk)
    documents = DocumentsCheck(walk, log)
    entries = EntriesCheck(walk, documents.entries)
    for part in (RegistryCheck(walk), log, undo, documents, entries, ScheduledCheck(walk)):
        part.check()
    return Report(
        documents=documents.documents,
        entries=entries.entries,
        blocks=log.blocks,
        undo_records=undo.records,
        problems=walk.problems,
        problems_total=walk.problems_total,
    )
