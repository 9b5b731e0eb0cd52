"""Records of the mutations that sessions have asked for: what makes one that is sent again run once.

The record is written by the mutation's own transaction, so that either both or none is committed, and looked for by
that transaction before the function runs (sync-protocol §7.3): of two executions of one request at most one commits.
"""

from __future__ import annotations

import msgspec

from rtdb.config import Limits
from rtdb.link.frames import SessionRequest
from rtdb.storage.system_tables import SESSION_REQUESTS_TABLE, session_request_id
from rtdb.transaction.transaction import Transaction

__all__ = ["Recorded", "SessionRecords"]


class Recorded(msgspec.Struct, frozen=True):
    """What a request came to: the encoded result, the lines of its log, and the timestamp it was committed at."""

    result: bytes
    log_lines: list[str]
    ts: int


class _Stored(msgspec.Struct):
    result: str
    logLines: list[str]


class SessionRecords:
    """The records of the session that ``request`` belongs to, in one transaction."""

    def __init__(self, transaction: Transaction, request: SessionRequest, limits: Limits) -> None:
        self._transaction = transaction
        self._request = request
        self._limits = limits

    def find(self) -> Recorded | None:
        """Return what is recorded if this request has been committed before."""
        request = self._request
        identifier = session_request_id(request.session, request.request)
        stored = self._transaction.platform.get_stored(SESSION_REQUESTS_TABLE, identifier)
        if stored is None:
            return None
        record = msgspec.json.decode(stored.data, type=_Stored)
        return Recorded(record.result.encode(), record.logLines, stored.ts)

    def add(self, result: bytes, log_lines: list[str]) -> None:
        """Record the result of this request, which has been looked for and not found."""
        request = self._request
        fields = {
            "session": request.session,
            "request": float(request.request),
            "result": result.decode(),
            "logLines": log_lines,
        }
        identifier = session_request_id(request.session, request.request)
        self._transaction.platform.insert(SESSION_REQUESTS_TABLE, identifier, fields)
        self._forget_oldest()

    def _forget_oldest(self) -> None:
        """Delete the record that this one pushes out of the session's newest ``session_requests_max``.

        A session numbers its mutations and actions together, and only mutations have records: one whose successor by
        that distance is an action stays until it is too old by days.
        """
        number = self._request.request - self._limits.session_requests_max
        if number < 0:
            return
        pushed_out = session_request_id(self._request.session, number)
        if self._transaction.platform.get_stored(SESSION_REQUESTS_TABLE, pushed_out) is not None:
            self._transaction.platform.delete(SESSION_REQUESTS_TABLE, pushed_out)
