from __future__ import annotations

from rtdb.link.frames import Write
from rtdb.storage.system_tables import TABLES_TABLE
from rtdb.transaction.write_set import UNTOUCHED, WriteSet

USERS = 10001


def test_only_the_last_state_of_each_document_is_written_in_order_of_first_touch() -> None:
    writes = WriteSet()
    writes.insert(USERS, b"a", b"1")
    writes.update(USERS, b"b", b"2")
    writes.update(USERS, b"a", b"3")
    assert writes.writes() == [Write(USERS, b"a", b"3"), Write(USERS, b"b", b"2")]


def test_system_tables_come_first() -> None:
    writes = WriteSet()
    writes.insert(USERS, b"a", b"1")
    writes.insert(TABLES_TABLE, b"t", b"2")
    assert [write.table for write in writes.writes()] == [TABLES_TABLE, USERS]


def test_a_document_deleted_again_is_not_written_but_known_to_be_gone() -> None:
    writes = WriteSet()
    writes.insert(USERS, b"a", b"1")
    writes.update(USERS, b"a", None)
    writes.update(USERS, b"b", None)
    assert writes.writes() == [Write(USERS, b"b", None)]
    assert writes.get(USERS, b"a") is None


def test_what_was_not_touched_is_told_from_what_was_deleted() -> None:
    writes = WriteSet()
    assert writes.get(USERS, b"a") is UNTOUCHED
    writes.update(USERS, b"a", None)
    assert writes.get(USERS, b"a") is None
