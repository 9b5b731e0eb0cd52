"""What has to happen to the data before a deploy's switch, and how far it has come.

::

    prepare   tables made, indexes begun                            ┐
    check     the documents there are, in chunks                    │ functions/system/deployments.py;
    build     wait for the indexes, which the committer builds      │ every few seconds the documents
    (wait)    until the switch is wanted                            ┘ written meanwhile are checked too

A *rehearsal* makes and begins nothing: it only checks the documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import trio

from rtdb.application import ServerCallFailed, ServerCalls, call_by_server
from rtdb.config import Limits
from rtdb.link import frames

__all__ = ["DeployRefused", "Preparation", "Report", "take_step"]

Report = Callable[[dict[str, Any]], None]
"""Told what happens; each event has a ``type``."""

POLL_SECONDS: Final = 0.05
REPORT_SECONDS: Final = 0.25
CATCH_UP_SECONDS: Final = 2.0
"""How often documents written meanwhile are checked: long before ``undo_seconds``, after which nobody knows them."""

FEW_CHANGES: Final = 100
"""Documents that the push may have to check itself: a few milliseconds."""

CATCH_UPS_MAX: Final = 20

_IN_TABLE: Final = re.compile(r'ocument\b[^\n]*? in table "([^"]+)" does not match the schema')


class DeployRefused(Exception):
    """The deploy has failed; the running deployment is what it was."""

    def __init__(self, error: frames.ExecutionError) -> None:
        super().__init__(error.message)
        self.error = error

    @property
    def table(self) -> str | None:
        """The table that holds a document which breaks the schema, None if that is not why."""
        found = _IN_TABLE.search(self.error.message)
        return None if found is None else found[1]


async def take_step(application: ServerCalls, name: str, asked: dict[str, Any]) -> Any:
    """Run one of the functions of a deploy and return its result. Raises :class:`DeployRefused`."""
    try:
        return await call_by_server(application, f"_system/deployments:{name}", asked)
    except ServerCallFailed as failed:
        raise DeployRefused(failed.error) from None


class Preparation:
    """The preparation for one description; ``report`` is told how far it is.

    ``since``             all documents that have to be are checked as they were at this position
    ``documents_checked`` those that were there have been
    ``indexes_complete``  of the indexes that were begun, how many are built …
    ``indexes``           … and how many there are
    """

    def __init__(
        self, application: ServerCalls, limits: Limits, description: str, report: Report, *, rehearsal: bool
    ) -> None:
        self._application = application
        self._limits = limits
        self._description = description
        self._report = report
        self._rehearsal = rehearsal
        self._tables: list[dict[str, Any]] = []
        self._catch_up_at = trio.current_time() + CATCH_UP_SECONDS
        self._report_at = 0.0
        self.since = 0.0
        self.documents_checked = False
        self.indexes_complete = 0
        self.indexes = 0

    async def run(self) -> None:
        """Do all of it. Raises :class:`DeployRefused`; what was begun is then still there."""
        # Not given up in the middle: it would be carried out after what it has begun was abandoned.
        with trio.CancelScope(shield=True):
            asked = {"description": self._description}
            prepared = await self._step("survey" if self._rehearsal else "prepare", asked)
        self._tables = prepared["tables"]
        self.since = prepared["seq"]
        await self._check_documents()
        self.documents_checked = True
        if not self._rehearsal:
            await self._build_indexes()

    async def keep_up(self) -> None:
        """Go on checking what is being written, until cancelled. Raises :class:`DeployRefused`."""
        if not self._tables:
            await trio.sleep_forever()
        while True:
            await trio.sleep(self._catch_up_seconds)
            await self._check_changes()

    async def catch_up(self) -> None:
        """Check what was written meanwhile until little is left for the push."""
        for _ in range(CATCH_UPS_MAX):
            if not self._tables or await self._check_changes() <= FEW_CHANGES:
                return

    async def _check_documents(self) -> None:
        for table in self._tables:
            event = {"type": "checking", "table": table["table"], "documents": 0, "total": table["documents"]}
            after: str | None = ""
            while after is not None:
                asked = {"description": self._description, "table": table["table"], "after": after}
                chunk = await self._check_chunk(asked)
                after = chunk["next"]
                event["documents"] += chunk["checked"]
                await self._meanwhile([event])

    async def _check_chunk(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            chunk: dict[str, Any] = await self._step("check", asked)
        except DeployRefused:
            # If it was written since this deploy began, that is what its developer should hear.
            await self._check_changes()
            raise
        return chunk

    async def _build_indexes(self) -> None:
        while True:
            indexes = await self._step("progress", {})
            self.indexes = len(indexes)
            self.indexes_complete = sum(index["complete"] for index in indexes)
            events = [{"type": "indexing", **index} for index in indexes]
            if self.indexes_complete == self.indexes:
                for event in events:
                    self._report(event)
                return
            await self._meanwhile(events)
            await trio.sleep(POLL_SECONDS)

    async def _meanwhile(self, events: list[dict[str, Any]]) -> None:
        """Say how far it is, and keep up with what is being written, each in its time."""
        now = trio.current_time()
        if now >= self._report_at:
            self._report_at = now + REPORT_SECONDS
            for event in events:
                self._report(event)
        if now >= self._catch_up_at:
            self._catch_up_at = now + self._catch_up_seconds
            await self._check_changes()

    @property
    def _catch_up_seconds(self) -> float:
        return min(CATCH_UP_SECONDS, self._limits.undo_seconds / 4)

    async def _check_changes(self) -> float:
        tables = [table["table"] for table in self._tables]
        asked = {"description": self._description, "tables": tables, "since": self.since}
        changes = await self._step("check_changes", asked)
        self.since = changes["seq"]
        documents: float = changes["checked"]
        return documents

    async def _step(self, name: str, asked: dict[str, Any]) -> Any:
        return await take_step(self._application, name, asked)
