"""Does each scheduled function that has not ended wait, or is it claimed, and no other? Has a cron job a next run?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rtdb.storage.check.walk import Walk, document_name, read_fields
from rtdb.storage.keys import document_key, table_prefix
from rtdb.storage.system_tables import (
    CRON_JOBS_TABLE,
    CRON_NEXT_RUN_TABLE,
    SCHEDULED_FUNCTIONS_TABLE,
    SCHEDULED_JOBS_TABLE,
)

__all__ = ["ScheduledCheck"]


class ScheduledCheck:
    """Compares what apps see of scheduled work with what the scheduler goes by."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def check(self) -> None:
        for internal, entry in self._documents(SCHEDULED_JOBS_TABLE):
            self._check_job(internal, entry)
        for internal, shown in self._documents(SCHEDULED_FUNCTIONS_TABLE):
            has_ended = "completedTime" in shown
            if has_ended is (self._stored(SCHEDULED_JOBS_TABLE, internal) is not None):
                says = "has ended and is still to be run" if has_ended else "has not ended and will never be run"
                self._walk.problem(f"{document_name(SCHEDULED_FUNCTIONS_TABLE, internal)} {says}.")
        for table, other, lack in (
            (CRON_JOBS_TABLE, CRON_NEXT_RUN_TABLE, "is a cron job that has no next run"),
            (CRON_NEXT_RUN_TABLE, CRON_JOBS_TABLE, "is the next run of a cron job that does not exist"),
        ):
            for internal, _ in self._documents(table):
                if self._stored(other, internal) is None:
                    self._walk.problem(f"{document_name(table, internal)} {lack}.")

    def _check_job(self, internal: bytes, entry: dict[str, Any]) -> None:
        name = document_name(SCHEDULED_JOBS_TABLE, internal)
        value = self._stored(SCHEDULED_FUNCTIONS_TABLE, internal)
        shown = None if value is None else read_fields(value)
        if shown is None:
            self._walk.problem(f"{name} is to be run, and `_scheduled_functions` does not know it.")
            return
        expected = "inProgress" if entry.get("claim") else "pending"
        state = shown.get("state", {}).get("kind")
        if state != expected:
            self._walk.problem(f"{name} is {expected}, and `_scheduled_functions` says {state}.")

    def _documents(self, table: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
        prefix = table_prefix(table)
        cursor = self._walk.txn.cursor(self._walk.txn.documents)
        if not cursor.set_range(prefix):
            return
        for key, value in cursor.iternext():
            if not key.startswith(prefix):
                return
            fields = read_fields(value)
            # A damaged document is reported as such, once.
            if fields is not None:
                yield key[len(prefix) :], fields

    def _stored(self, table: int, internal: bytes) -> bytes | None:
        return self._walk.txn.get(self._walk.txn.documents, document_key(table, internal))
