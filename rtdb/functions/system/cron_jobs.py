"""Cron jobs as administrators look at them, in the form of the reference's dashboard (cli-endpoints §9).

::

    _system/frontend/listCronJobs       each job with its next run and its last one
    _system/frontend/listCronJobRuns    the runs that are remembered, newest first

Times are nanoseconds since the epoch, int64.
"""

from __future__ import annotations

from typing import Any, Final

from rtdb.functions.system.definition import Arguments, SystemFunction
from rtdb.scheduler.work import WAITING
from rtdb.storage.system_tables import CRON_JOB_LOGS_TABLE, CRON_JOBS_TABLE, CRON_NEXT_RUN_TABLE
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id
from rtdb.values.function_path import parse_function_path
from rtdb.values.json_codec import encode
from rtdb.values.value import Int64

__all__ = ["FUNCTIONS", "list_jobs", "list_runs"]

Document = dict[str, Any]


def list_jobs(transaction: Transaction, arguments: Arguments) -> Any:
    """Return every cron job, by name."""
    jobs = transaction.platform.scan(CRON_JOBS_TABLE, "by_creation_time")
    return [_job(transaction, job) for job in sorted(jobs, key=lambda job: str(job["name"]))]


def list_runs(transaction: Transaction, arguments: Arguments) -> Any:
    """Return the remembered runs of all jobs."""
    rows = transaction.platform.scan(CRON_JOB_LOGS_TABLE, "by_creation_time", descending=True)
    return [_run(row) for row in rows]


def _job(transaction: Transaction, job: Document) -> Document:
    internal = decode_id(job["_id"]).internal
    entry = transaction.platform.get(CRON_NEXT_RUN_TABLE, internal)
    assert entry is not None, "a declared job has a next run"
    logs = transaction.platform.scan(CRON_JOB_LOGS_TABLE, "by_name", [("Eq", "name", job["name"])], descending=True)
    last = next(logs, None)
    return {
        "_id": job["_id"],
        "_creationTime": job["_creationTime"],
        "name": job["name"],
        "cronSpec": {
            "udfPath": _udf_path(job["path"]),
            "udfArgs": _udf_args(job["args"]),
            "cronSchedule": {
                name: Int64(int(value)) if isinstance(value, float) else value
                for name, value in job["schedule"].items()
            },
        },
        "lastRun": None if last is None else _run(last),
        "nextRun": {
            "_id": entry["_id"],
            "_creationTime": entry["_creationTime"],
            "cronJobId": job["_id"],
            "state": {"type": "pending" if entry["claim"] == WAITING else "inProgress"},
            "prevTs": None if entry["previous"] is None else _nanoseconds(entry["previous"]),
            "nextTs": _nanoseconds(entry["due"]),
        },
    }


def _run(row: Document) -> Document:
    return {
        "_id": row["_id"],
        "_creationTime": row["_creationTime"],
        "name": row["name"],
        "ts": _nanoseconds(row["ts"]),
        "udfPath": _udf_path(row["path"]),
        "udfArgs": _udf_args(row["args"]),
        "status": row["status"],
        "logLines": row["logLines"],
        "executionTime": row["executionTime"],
    }


def _udf_path(path: str) -> str:
    parsed = parse_function_path(path)
    return f"{parsed.module}.js:{parsed.export}"


def _udf_args(arguments: Any) -> bytes:
    return encode([arguments])


def _nanoseconds(time_ms: float) -> Int64:
    return Int64(round(time_ms * 1000) * 1000)


FUNCTIONS: Final = {
    "_system/frontend/listCronJobs:default": SystemFunction("query", list_jobs),
    "_system/frontend/listCronJobRuns:default": SystemFunction("query", list_runs),
}
