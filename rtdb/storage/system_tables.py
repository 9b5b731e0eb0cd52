"""The platform's own tables: their fixed numbers, reserved index numbers, and the ids derived from names.

State of the platform is documents like any other, in tables whose names begin with ``_``. Their numbers never change,
so that the registry can be read before it is known. Three kinds of name exist beside documents' own ids:

* a *derived id* makes "is there already one?" a point read: the id of a `_tables` document is a hash of the
  table's name;
* a *name key* in the reserved index :data:`NAMES_INDEX` is what a transaction reads when it looks a table or
  an index up by name (missing ones included), and what applying a block reports as changed when such a
  document is written;
* the *deployment key* in :data:`DEPLOYMENT_INDEX` stands for the active deployment in the same way.

Reserved indexes hold no entries: they exist in read sets and key changes only.

A system table may have indexes beside the built-in ones. They are declared here and nowhere else (`_indexes` does not
list them), are ready from the first block on, and only the platform's own functions find them: for an app a visible
system table has the built-in ones. A number never changes its meaning, and a table that has been in a release gets no
further index without a new format of the database: nothing would build it over the documents that are there.
"""

from __future__ import annotations

from typing import Final

import msgspec
from blake3 import blake3

from rtdb.values.ordering import encode_key

__all__ = [
    "BLOBS_TABLE",
    "BLOB_STATE_ID",
    "BLOB_STATE_TABLE",
    "CRON_JOBS_TABLE",
    "CRON_JOB_LOGS_TABLE",
    "CRON_NEXT_RUN_TABLE",
    "DEPLOYMENTS_TABLE",
    "DEPLOYMENT_INDEX",
    "DEPLOYMENT_KEY",
    "ENVIRONMENT_VARIABLES_TABLE",
    "FILE_STORAGE_TABLE",
    "FIRST_USER_TABLE",
    "INDEXES_TABLE",
    "NAMES_INDEX",
    "NEXT_TABLE_KEY",
    "SCHEDULED_FUNCTIONS_TABLE",
    "SCHEDULED_JOBS_TABLE",
    "SESSION_REQUESTS_TABLE",
    "STORAGE_TABLE",
    "SYSTEM_INDEXES",
    "SYSTEM_TABLES",
    "TABLES_TABLE",
    "VISIBLE_SYSTEM_TABLES",
    "SystemIndex",
    "blob_document_id",
    "cron_job_id",
    "environment_variable_id",
    "index_document_id",
    "index_name_key",
    "session_request_id",
    "table_document_id",
    "table_name_key",
]

TABLES_TABLE: Final = 513
"""``{name, number}``: which tables exist."""
INDEXES_TABLE: Final = 514
"""``{table, name, number, fields, state}``: declared indexes; the two built-in ones of each table are not listed."""
DEPLOYMENTS_TABLE: Final = 515
SESSION_REQUESTS_TABLE: Final = 516
"""``{session, request, result, logLines}``: mutations already committed for a sync session."""
SCHEDULED_JOBS_TABLE: Final = 517
"""``{claim, due, path, failures}``: the unfinished ones of `_scheduled_functions`, under the same internal ids."""
CRON_JOBS_TABLE: Final = 518
"""``{name, path, args, schedule}``: the cron jobs of the active deployment."""
CRON_NEXT_RUN_TABLE: Final = 519
"""``{claim, due, path, failures, previous}``: when each cron job runs next, under the internal id of its document."""
CRON_JOB_LOGS_TABLE: Final = 520
"""``{name, ts, path, args, status, logLines, executionTime}``: the newest runs of each cron job."""
ENVIRONMENT_VARIABLES_TABLE: Final = 521
"""``{name, value}``, the value sealed: what an app is set up with beside its code."""
SCHEDULED_FUNCTIONS_TABLE: Final = 539
"""``{name, args, scheduledTime, completedTime, state}``: what apps see of scheduled functions (data-model §3.4)."""
STORAGE_TABLE: Final = 540
"""539 and 540 are the numbers that clients see in ids (data-model §3.2)."""
FILE_STORAGE_TABLE: Final = 541
"""``{storageId, blob}``: the rest of each document of `_storage`, under its internal id: the UUID in the file's
address, and the name of its content."""
BLOBS_TABLE: Final = 542
"""``{blob, size, references, unreferencedSince}``: the contents there are, and how many files have each."""
BLOB_STATE_TABLE: Final = 543
"""``{bytes, epoch, condemned}``, once: the size of all blobs together, and which are being removed just now."""

SYSTEM_TABLES: Final[dict[str, int]] = {
    "_tables": TABLES_TABLE,
    "_indexes": INDEXES_TABLE,
    "_deployments": DEPLOYMENTS_TABLE,
    "_session_requests": SESSION_REQUESTS_TABLE,
    "_scheduled_jobs": SCHEDULED_JOBS_TABLE,
    "_cron_jobs": CRON_JOBS_TABLE,
    "_cron_next_run": CRON_NEXT_RUN_TABLE,
    "_cron_job_logs": CRON_JOB_LOGS_TABLE,
    "_environment_variables": ENVIRONMENT_VARIABLES_TABLE,
    "_scheduled_functions": SCHEDULED_FUNCTIONS_TABLE,
    "_storage": STORAGE_TABLE,
    "_file_storage": FILE_STORAGE_TABLE,
    "_blobs": BLOBS_TABLE,
    "_blob_state": BLOB_STATE_TABLE,
}


class SystemIndex(msgspec.Struct, frozen=True):
    """One index of a system table. ``position`` is its place among the table's indexes, 2 or higher: with the table it
    makes the index's number (keys.py)."""

    table: int
    position: int
    name: str
    fields: tuple[str, ...]


SYSTEM_INDEXES: Final = (
    SystemIndex(SCHEDULED_FUNCTIONS_TABLE, 2, "by_completed_time", ("completedTime",)),
    SystemIndex(SCHEDULED_JOBS_TABLE, 2, "by_due", ("claim", "due", "path")),
    SystemIndex(CRON_NEXT_RUN_TABLE, 2, "by_due", ("claim", "due", "path")),
    SystemIndex(CRON_JOB_LOGS_TABLE, 2, "by_name", ("name", "ts")),
    SystemIndex(FILE_STORAGE_TABLE, 2, "by_storage_id", ("storageId",)),
)

VISIBLE_SYSTEM_TABLES: Final = frozenset({"_scheduled_functions", "_storage"})
"""Those that an app may read, with ``ctx.db.system`` (data-model §3.4); for it the others do not exist."""

FIRST_USER_TABLE: Final = 10001

# Index numbers of tables start at 513 * 128, far above these.
NAMES_INDEX: Final = 1
DEPLOYMENT_INDEX: Final = 2

NEXT_TABLE_KEY: Final = encode_key("next-table")
"""Read by whoever takes the next free table number; changed by every insert into `_tables`."""
DEPLOYMENT_KEY: Final = encode_key("deployment")


def table_name_key(name: str) -> bytes:
    """Return the key in :data:`NAMES_INDEX` that a lookup of table ``name`` reads."""
    return encode_key(f"table:{name}")


def index_name_key(table_name: str, index_name: str) -> bytes:
    """Return the key in :data:`NAMES_INDEX` that a lookup of ``table.index`` reads."""
    return encode_key(f"index:{table_name}.{index_name}")


def _derived_id(text: str) -> bytes:
    return blake3(text.encode()).digest()[:16]


def table_document_id(name: str) -> bytes:
    """Return the internal id of the `_tables` document of table ``name``."""
    return _derived_id(f"table:{name}")


def index_document_id(table_name: str, index_name: str, number: int) -> bytes:
    """Return the internal id of an `_indexes` document.

    The number is part of it because a changed index is built under its old name, beside the one still in use.
    """
    return _derived_id(f"index:{table_name}.{index_name}:{number}")


def cron_job_id(name: str) -> bytes:
    """Return the internal id of the documents of a cron job."""
    return _derived_id(f"cron:{name}")


def session_request_id(session: str, request: int) -> bytes:
    """Return the internal id of the record of one mutation sent over a sync session."""
    return _derived_id(f"{session}|{request}")


def environment_variable_id(name: str) -> bytes:
    """Return the internal id of the document of the environment variable ``name``."""
    return _derived_id(f"environment variable:{name}")


def blob_document_id(blob: str) -> bytes:
    """Return the internal id of the `_blobs` document of the content with this hash."""
    return _derived_id(f"blob:{blob}")


BLOB_STATE_ID: Final = _derived_id("blob state")
"""The internal id of the one document of `_blob_state`."""
