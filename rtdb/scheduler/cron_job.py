"""Cron jobs as documents: what the active deployment has declared, when each runs next, and how its last runs ended.

    _cron_jobs        name, path, args, schedule        switched by a deploy, with the deployment itself
    _cron_next_run    the entry of the next run         work.py; beside it ``previous``, when it was last due
    _cron_job_logs    the newest runs                   one document for each

The first two have the same internal id, which follows from the job's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import msgspec
import structlog

from rtdb.functions.description import CronDescription
from rtdb.scheduler.schedule import Schedule, first_run, next_run, schedule_from_json
from rtdb.scheduler.work import WAITING, Ending, Work
from rtdb.storage.system_tables import CRON_JOB_LOGS_TABLE, CRON_JOBS_TABLE, CRON_NEXT_RUN_TABLE, cron_job_id
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id
from rtdb.values.json_codec import decode_canonical
from rtdb.values.value import Value

__all__ = ["LOGS_KEPT", "CronChange", "CronJob", "remembered_lines", "remembered_result", "switch_crons"]

LOGS_KEPT: Final = 5
"""Runs of each cron job that are remembered."""

SHOWN_CHARACTERS_MAX: Final = 1000
"""Of a remembered result, and of the log lines of a run together."""

SOON_MS: Final = 30_000
"""A schedule whose next run but one is this near is kept for its next run, although another one was deployed."""

_log = structlog.get_logger("rtdb.scheduler")


class CronChange(msgspec.Struct, frozen=True):
    """What a deploy did to the cron jobs, by name."""

    added: list[str]
    updated: list[str]
    deleted: list[str]


class CronJob(Work):
    """The next run of a cron job."""

    table: ClassVar[int] = CRON_NEXT_RUN_TABLE

    def arguments(self) -> dict[str, Value]:
        arguments: dict[str, Value] = self._declared()["args"]
        return arguments

    def begin(self) -> None:
        """Nobody is shown."""

    def end(self, ending: Ending) -> None:
        declared, due = self._declared(), self._entry["due"]
        self._remember(declared, due, _status(ending), ending.log_lines, ending.seconds)
        now_ms = int(self._transaction.now_ms)
        following = next_run(schedule_from_json(declared["schedule"]), declared["name"], int(due), now_ms)
        if following.skipped:
            _log.error(
                f"Skipping {following.skipped} run(s) of job {declared['name']} because multiple scheduled runs are in "
                "the past",
                code="SkippingPastScheduledRuns",
            )
            missed = {"type": "canceled", "num_canceled": float(following.skipped)}
            self._remember(declared, due, missed, [], 0.0)
        self._put(claim=WAITING, previous=due, due=float(following.time_ms), failures=0.0)

    def _declared(self) -> dict[str, Any]:
        declared = self._transaction.platform.get(CRON_JOBS_TABLE, self.internal)
        assert declared is not None, "a job that is not declared has no next run"
        return declared

    def _remember(
        self, declared: dict[str, Any], ts: float, status: dict[str, Any], log_lines: list[str], seconds: float
    ) -> None:
        lines, is_truncated = _cut_lines(log_lines)
        row = {
            "name": declared["name"],
            "ts": ts,
            "path": self.path,
            "args": declared["args"],
            "status": status,
            "logLines": {"logLines": lines, "isTruncated": is_truncated},
            "executionTime": seconds,
        }
        self._transaction.platform.add(CRON_JOB_LOGS_TABLE, row)
        for old in _logs(self._transaction, declared["name"])[LOGS_KEPT:]:
            self._transaction.platform.delete(CRON_JOB_LOGS_TABLE, old)


def switch_crons(transaction: Transaction, crons: Sequence[CronDescription]) -> CronChange:
    """Make these the cron jobs there are.

    An unchanged schedule goes on as it was. A changed one begins anew, unless it ran so often that its next run is
    left to come first. A run that is under way is not disturbed.
    """
    now_ms = int(transaction.now_ms)
    before = {job["name"]: job for job in transaction.platform.scan(CRON_JOBS_TABLE, "by_creation_time")}
    change = CronChange([], [], [])
    for cron in crons:
        arguments = decode_canonical(msgspec.json.encode(cron.args, order="sorted"))
        declared = {"name": cron.name, "path": cron.path, "args": arguments, "schedule": _stored(cron.schedule)}
        old = before.pop(cron.name, None)
        internal = cron_job_id(cron.name)
        schedule = schedule_from_json(cron.schedule)
        if old is None:
            first = float(first_run(schedule, cron.name, now_ms))
            entry = {"claim": WAITING, "due": first, "path": cron.path, "failures": 0.0, "previous": None}
            transaction.platform.put(CRON_NEXT_RUN_TABLE, internal, entry)
            change.added.append(cron.name)
        elif any(old[field] != value for field, value in declared.items()):
            _change_next_run(transaction, internal, cron, schedule_from_json(old["schedule"]), now_ms)
            change.updated.append(cron.name)
        else:
            continue
        transaction.platform.put(CRON_JOBS_TABLE, internal, declared)
    for name in before:
        transaction.platform.delete(CRON_JOBS_TABLE, cron_job_id(name))
        transaction.platform.delete(CRON_NEXT_RUN_TABLE, cron_job_id(name))
        for row in _logs(transaction, name):
            transaction.platform.delete(CRON_JOB_LOGS_TABLE, row)
        change.deleted.append(name)
    return change


def _change_next_run(
    transaction: Transaction, internal: bytes, cron: CronDescription, old: Schedule, now_ms: int
) -> None:
    entry = transaction.platform.get(CRON_NEXT_RUN_TABLE, internal)
    assert entry is not None, "a declared job has a next run"
    entry["path"] = cron.path
    schedule = schedule_from_json(cron.schedule)
    if schedule != old and entry["claim"] == WAITING:
        due = int(entry["due"])
        if next_run(old, cron.name, due, due).time_ms > now_ms + SOON_MS:
            entry["due"] = float(first_run(schedule, cron.name, now_ms))
    transaction.platform.put(CRON_NEXT_RUN_TABLE, internal, entry)


def _stored(schedule: dict[str, Any]) -> dict[str, Any]:
    """Return a schedule as a document holds it: its numbers are floats."""
    return {name: float(value) if isinstance(value, int) else value for name, value in schedule.items()}


def _logs(transaction: Transaction, name: str) -> list[bytes]:
    """Return the internal ids of the remembered runs of a job, newest first."""
    rows = transaction.platform.scan(CRON_JOB_LOGS_TABLE, "by_name", [("Eq", "name", name)], descending=True)
    return [decode_id(row["_id"]).internal for row in rows]


def remembered_result(result: bytes) -> str:
    """Return as much of an encoded result as :class:`CronJob` makes a difference of: a character too many, at most."""
    return result[: 4 * (SHOWN_CHARACTERS_MAX + 1)].decode(errors="ignore")[: SHOWN_CHARACTERS_MAX + 1]


def remembered_lines(log_lines: list[str]) -> list[str]:
    """Return as many of the lines, and as much of each, as :class:`CronJob` makes a difference of."""
    kept: list[str] = []
    left = SHOWN_CHARACTERS_MAX
    for line in log_lines:
        kept.append(line[: SHOWN_CHARACTERS_MAX + 1])
        left -= len(line)
        if left < 0:
            break
    return kept


def _status(ending: Ending) -> dict[str, Any]:
    if ending.error is not None:
        return {"type": "err", "error": ending.error}
    if len(ending.result) > SHOWN_CHARACTERS_MAX:
        return {
            "type": "success",
            "result": {"type": "truncated", "truncated_log": ending.result[:SHOWN_CHARACTERS_MAX]},
        }
    return {"type": "success", "result": {"type": "default", "value": ending.result}}


def _cut_lines(log_lines: list[str]) -> tuple[list[str], bool]:
    kept: list[str] = []
    left = SHOWN_CHARACTERS_MAX
    for line in log_lines:
        if len(line) > left:
            return kept, True
        kept.append(line)
        left -= len(line)
    return kept, False
