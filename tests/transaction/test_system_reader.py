"""System tables as apps see them: two can be read, nothing can be written, the rest does not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtdb.errors import DeveloperError
from rtdb.storage.system_tables import (
    SESSION_REQUESTS_TABLE,
    STORAGE_TABLE,
)
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import encode_id
from tests.transaction.desk import MESSAGES, Desk

FILE_ID = encode_id(STORAGE_TABLE, bytes(16))
MESSAGE_ID = encode_id(MESSAGES, bytes(16))
HIDDEN_ID = encode_id(SESSION_REQUESTS_TABLE, bytes(16))


@pytest.fixture
def transaction(tmp_path: Path) -> Iterator[Transaction]:
    """Begun after a file's document was committed."""
    desk = Desk(tmp_path)
    writer = desk.begin()
    writer.platform.put(STORAGE_TABLE, bytes(16), {"size": 3.0})
    writer.platform.put(SESSION_REQUESTS_TABLE, bytes(16), {"secret": True})
    desk.commit(writer)
    yield desk.begin()
    desk.close()


def rows(transaction: Transaction, table: str, index: str | None = None, **options: bool) -> list[dict[str, Any]]:
    return list(transaction.run_query(table, index, [], "asc", [], **options))


def refusal(action: Any) -> str:
    with pytest.raises(DeveloperError) as raised:
        action()
    assert raised.value.code == "SystemTableError"
    return raised.value.message


def test_visible_system_tables_are_read_with_both_built_in_indexes(transaction: Transaction) -> None:
    document = transaction.get(FILE_ID, system=True)
    assert document is not None
    assert document["size"] == 3.0
    assert transaction.get(FILE_ID, "_storage", system=True) == document
    for index in (None, "by_id", "by_creation_time"):
        assert rows(transaction, "_storage", index, system=True) == [document]
        assert rows(transaction, "_scheduled_functions", index, system=True) == []
    with pytest.raises(DeveloperError, match=r"Index _storage\.by_size not found\."):
        rows(transaction, "_storage", "by_size", system=True)
    assert transaction.normalize_id("_storage", FILE_ID, system=True) == FILE_ID
    assert transaction.normalize_id("_scheduled_functions", FILE_ID, system=True) is None


def test_what_is_read_of_them_is_in_the_read_set(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    reader = desk.begin(writable=False)
    assert rows(reader, "_storage", system=True) == []
    assert {read.index for read in reader.reads()} >= {STORAGE_TABLE * 128 + 1}
    desk.close()


def test_the_platforms_own_tables_do_not_exist_for_apps(transaction: Transaction) -> None:
    assert transaction.get(HIDDEN_ID, system=True) is None
    assert rows(transaction, "_session_requests", system=True) == []
    assert transaction.normalize_id("_session_requests", HIDDEN_ID, system=True) is None
    with pytest.raises(DeveloperError, match=r"Index _session_requests\.by_id not found\."):
        rows(transaction, "_session_requests", "by_id", system=True)


def test_each_reader_says_which_one_to_use_instead(transaction: Transaction) -> None:
    messages = {
        refusal(lambda: transaction.get(FILE_ID)),
        refusal(lambda: transaction.get(MESSAGE_ID, system=True)),
        refusal(lambda: rows(transaction, "_storage")),
        refusal(lambda: rows(transaction, "messages", system=True)),
        refusal(lambda: transaction.normalize_id("_storage", FILE_ID)),
        refusal(lambda: transaction.normalize_id("messages", MESSAGE_ID, system=True)),
    }
    assert messages == {
        "System tables can only be accessed with db.system.",
        "User tables cannot be accessed with db.system.",
        "System tables can only be accessed from db.system.query().",
        "User tables can only be accessed from db.query().",
        "System tables can only be accessed from db.system.normalizeId().",
        "User tables can only be accessed from db.normalizeId().",
    }


def test_system_tables_are_read_only(transaction: Transaction) -> None:
    assert refusal(lambda: transaction.insert("_storage", {})) == "System tables (prefixed with `_`) are read-only."
    for write in (
        lambda: transaction.patch(FILE_ID, {"size": 4}),
        lambda: transaction.replace(FILE_ID, {"size": 4}),
        lambda: transaction.delete(FILE_ID),
    ):
        assert refusal(write) == "System tables can only be accessed with db.system."
    assert transaction.writes() == []
