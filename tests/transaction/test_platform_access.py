"""The platform's own documents: uncounted and unchecked, and as durable and serializable as an app's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rtdb.errors import DeveloperError
from rtdb.link.frames import Write
from rtdb.storage.check import check_environment
from rtdb.storage.keys import index_number
from rtdb.storage.system_tables import (
    SCHEDULED_FUNCTIONS_TABLE,
    SCHEDULED_JOBS_TABLE,
    SESSION_REQUESTS_TABLE,
)
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id, encode_id
from rtdb.values.json_codec import decode_canonical
from rtdb.values.ordering import encode_key, prefix_stop
from tests.transaction.desk import (
    Desk,
)
from tests.transaction.workbench import internal_id


def test_system_documents_are_written_with_system_fields_and_read_back(desk: Desk) -> None:
    internal = bytes(range(16))
    transaction = desk.begin()
    transaction.platform.put(SESSION_REQUESTS_TABLE, internal, {"request": 1.0})
    own = transaction.platform.get_stored(SESSION_REQUESTS_TABLE, internal)
    assert own is not None
    assert own.ts == 0
    desk.commit(transaction)
    later = desk.begin()
    stored = later.platform.get_stored(SESSION_REQUESTS_TABLE, internal)
    assert stored is not None
    assert stored.ts > 0
    document = decode_canonical(stored.data)
    assert isinstance(document, dict)
    assert (document["_id"], document["request"]) == (encode_id(SESSION_REQUESTS_TABLE, internal), 1.0)
    later.platform.delete(SESSION_REQUESTS_TABLE, internal)
    assert later.platform.get_stored(SESSION_REQUESTS_TABLE, internal) is None
    desk.commit(later)
    assert desk.begin().platform.get_stored(SESSION_REQUESTS_TABLE, internal) is None


def test_a_system_document_deleted_written_and_deleted_again_is_buried(desk: Desk) -> None:
    """The second deletion once left no write, as if the document had been new in this transaction."""
    transaction = desk.begin()
    transaction.platform.put(SESSION_REQUESTS_TABLE, bytes(16), {"a": 1})
    desk.commit(transaction)
    transaction = desk.begin()
    transaction.platform.delete(SESSION_REQUESTS_TABLE, bytes(16))
    transaction.platform.put(SESSION_REQUESTS_TABLE, bytes(16), {"a": 2})
    transaction.platform.delete(SESSION_REQUESTS_TABLE, bytes(16))
    assert transaction.writes() == [Write(SESSION_REQUESTS_TABLE, bytes(16), None)]


def test_the_platform_reads_system_tables_by_their_own_indexes_and_apps_do_not_find_those(desk: Desk) -> None:
    writer = desk.begin()
    for number, due in enumerate([3.0, 1.0, 2.0]):
        fields = {"claim": "server" if due == 2.0 else "", "due": due, "path": "jobs:run"}
        writer.platform.put(SCHEDULED_JOBS_TABLE, internal_id(number), fields)
        state = {"kind": "inProgress" if due == 2.0 else "pending"}
        writer.platform.put(SCHEDULED_FUNCTIONS_TABLE, internal_id(number), {"state": state})
    # What it wrote itself is found, as in any table.
    assert [job["due"] for job in jobs(writer)] == [1.0, 3.0]
    applied = desk.commit(writer)
    by_due = index_number(SCHEDULED_JOBS_TABLE, 2)
    assert [change.new[:2] for change in applied.changes if change.index == by_due and change.new] == [
        [encode_key(""), encode_key(3.0)],
        [encode_key(""), encode_key(1.0)],
        [encode_key("server"), encode_key(2.0)],
    ]

    reader = desk.begin(writable=False)
    assert [job["due"] for job in jobs(reader)] == [1.0, 3.0]
    assert [job["due"] for job in jobs(reader, ("Lt", "due", 3.0))] == [1.0]
    first = next(iter(jobs(reader, descending=True)))
    assert first["due"] == 3.0
    assert reader.platform.get(SCHEDULED_JOBS_TABLE, decode_id(first["_id"]).internal) == first
    assert reader.platform.get(SCHEDULED_JOBS_TABLE, internal_id(9)) is None
    # The whole claim "" is read and nothing of the other claim.
    ranges = [read for read in reader.reads() if read.index == by_due]
    assert [(read.start, read.stop) for read in ranges] == [(encode_key(""), prefix_stop(encode_key("")))]
    with pytest.raises(DeveloperError, match=r"Index _scheduled_functions\.by_completed_time not found\."):
        reader.run_query("_scheduled_functions", "by_completed_time", [], "asc", [], system=True)

    remover = desk.begin()
    remover.platform.delete(SCHEDULED_JOBS_TABLE, internal_id(1))
    remover.platform.delete(SCHEDULED_FUNCTIONS_TABLE, internal_id(1))
    assert [job["due"] for job in jobs(remover)] == [3.0]
    desk.commit(remover)
    report = check_environment(desk.workbench.committer.environment)
    assert report.is_clean, report.problems


def jobs(transaction: Transaction, *bounds: Any, descending: bool = False) -> Iterator[dict[str, Any]]:
    return transaction.platform.scan(
        SCHEDULED_JOBS_TABLE, "by_due", [("Eq", "claim", ""), *bounds], descending=descending
    )
