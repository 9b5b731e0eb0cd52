"""Scheduled functions as documents: put down with the mutation that schedules them, run once, kept for a while.

Each has a document in `_scheduled_functions`, which apps can read, and until it has ended an entry in `_scheduled_jobs`
under the same internal id (work.py)::

    pending ──▶ (inProgress, seen by the mutation itself) ──▶ success, failed        a mutation: one transaction
       │  └───▶  inProgress ────────────────────────────────▶ success, failed        an action: two
       └──────▶     └───────────────────────────────────────▶ canceled
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from rtdb.errors import DeveloperError
from rtdb.scheduler.work import WAITING, Ending, Work
from rtdb.storage.system_tables import SCHEDULED_FUNCTIONS_TABLE, SCHEDULED_JOBS_TABLE
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.function_path import FunctionPath
from rtdb.values.json_codec import encode_exact
from rtdb.values.value import Value

__all__ = ["ScheduledJob", "cancel_job", "schedule_job"]

DAYS_MAX: Final = 5 * 366
_DAY_MS: Final = 86_400_000


class ScheduledJob(Work):
    """A scheduled function that has not ended."""

    table: ClassVar[int] = SCHEDULED_JOBS_TABLE

    def arguments(self) -> dict[str, Value]:
        arguments: dict[str, Value] = self._shown()["args"][0]
        return arguments

    @property
    def shown_bytes(self) -> int:
        """The size of what apps see of it, arguments included."""
        stored = self._transaction.platform.get_stored(SCHEDULED_FUNCTIONS_TABLE, self.internal)
        return 0 if stored is None else len(stored.data)

    def begin(self) -> None:
        self._show(state={"kind": "inProgress"})

    def claim(self, incarnation: str) -> None:
        super().claim(incarnation)
        self.begin()

    def postpone(self, due: float) -> None:
        super().postpone(due)
        self._show(state={"kind": "pending"})

    def end(self, ending: Ending) -> None:
        state = {"kind": "success"} if ending.error is None else {"kind": "failed", "error": ending.error}
        self._end(state)

    def cancel(self) -> None:
        """End it without a result; if it is running, its result will count for nothing."""
        self._end({"kind": "canceled"})

    def _end(self, state: dict[str, Any]) -> None:
        self._transaction.platform.delete(SCHEDULED_JOBS_TABLE, self.internal)
        self._show(state=state, completedTime=self._transaction.now_ms)

    def _show(self, **fields: Any) -> None:
        self._transaction.platform.put(SCHEDULED_FUNCTIONS_TABLE, self.internal, self._shown() | fields)

    def _shown(self) -> dict[str, Any]:
        shown = self._transaction.platform.get(SCHEDULED_FUNCTIONS_TABLE, self.internal)
        assert shown is not None, "a job that has not ended is in both tables"
        return shown


def schedule_job(
    transaction: Transaction, path: FunctionPath, arguments: Value, time_ms: float, *, parent: bytes | None = None
) -> str:
    """Have a function called at a time, or at once if that has passed, and return the job's id.

    ``parent`` is the job that schedules it: what one does that has been cancelled is cancelled from the beginning.
    Raises DeveloperError for a time too far away, LimitError for too much.
    """
    _check_time(time_ms, transaction.now_ms)
    exact, data = encode_exact(arguments)
    transaction.count_scheduled(len(data))
    shown: dict[str, Any] = {
        "name": f"{path.module}.js:{path.export}",
        "args": [exact],
        "scheduledTime": time_ms,
        "state": {"kind": "pending"},
    }
    if parent is not None and _is_cancelled(transaction, parent):
        shown |= {"state": {"kind": "canceled"}, "completedTime": transaction.now_ms}
        internal = transaction.platform.add(SCHEDULED_FUNCTIONS_TABLE, shown)
    else:
        internal = transaction.platform.add(SCHEDULED_FUNCTIONS_TABLE, shown)
        due = max(time_ms, transaction.now_ms)
        entry = {"claim": WAITING, "due": due, "path": str(path), "failures": 0.0}
        transaction.platform.insert(SCHEDULED_JOBS_TABLE, internal, entry)
    return encode_id(SCHEDULED_FUNCTIONS_TABLE, internal)


def cancel_job(transaction: Transaction, id: object, *, running: bytes | None = None) -> None:
    """Cancel a job that has not ended; one that has, or is no longer known, is left alone.

    ``running`` is the job whose mutation this is. Raises DeveloperError for anything but the id of a job.
    """
    internal = _job_of(id)
    if internal == running:
        raise DeveloperError("A mutation cannot cancel itself", code="ScheduledFunctionCancelingItself")
    entry = transaction.platform.get(SCHEDULED_JOBS_TABLE, internal)
    if entry is not None:
        ScheduledJob(transaction, internal, entry).cancel()


def _job_of(id: object) -> bytes:
    try:
        if not isinstance(id, str):
            raise DeveloperError(f"got {type(id).__name__}")
        table, internal = decode_id(id)
    except DeveloperError as error:
        raise DeveloperError(
            f"Invalid argument `id` for `scheduler.cancel`: {error.message}", code="InvalidArgument"
        ) from error
    if table != SCHEDULED_FUNCTIONS_TABLE:
        raise DeveloperError(
            "Invalid scheduled function ID. The ID must be an ID on the '_scheduled_functions' table.",
            code="InvalidArgument",
        )
    return internal


def _is_cancelled(transaction: Transaction, job: bytes) -> bool:
    shown = transaction.platform.get(SCHEDULED_FUNCTIONS_TABLE, job)
    return shown is not None and shown["state"]["kind"] == "canceled"


def _check_time(time_ms: float, now_ms: float) -> None:
    if time_ms < 0:
        raise DeveloperError(
            f"Invalid arguments for `ts`: {time_ms} ms is before the epoch (1970)", code="InvalidArgument"
        )
    if abs(time_ms - now_ms) > DAYS_MAX * _DAY_MS:
        side = "future" if time_ms > now_ms else "past"
        raise DeveloperError(
            f"{_display(time_ms)} is more than 5 years in the {side}", code="InvalidScheduledFunctionDelay"
        )


def _display(time_ms: float) -> str:
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    except OverflowError:
        return f"{time_ms} ms"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
