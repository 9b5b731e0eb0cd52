"""Registries follow the documents of `_tables` and `_indexes`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rtdb.errors import StorageError
from rtdb.index.registry import Registry
from rtdb.storage.system_tables import (
    FIRST_USER_TABLE,
    INDEXES_TABLE,
    NAMES_INDEX,
    NEXT_TABLE_KEY,
    SYSTEM_INDEXES,
    SYSTEM_TABLES,
    TABLES_TABLE,
    index_document_id,
    index_name_key,
    session_request_id,
    table_document_id,
    table_name_key,
)
from rtdb.testing.database import Database
from rtdb.values.json_codec import encode

T1 = (TABLES_TABLE, b"1" * 16, encode({"name": "players", "number": 10001.0}))
T2 = (TABLES_TABLE, b"2" * 16, encode({"name": "teams", "number": 10002.0}))
FIRST_INDEX = 10001 * 128 + 2


def index_write(position: int, name: str, state: str, internal: bytes) -> tuple[int, bytes, bytes]:
    entry = {
        "table": 10001.0,
        "name": name,
        "number": float(10001 * 128 + position),
        "fields": ["a", "b.c"],
        "state": state,
    }
    return (INDEXES_TABLE, internal, encode(entry))  # type: ignore[arg-type]  # values all the same


I2 = index_write(2, "by_a", "ready", b"3" * 16)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path) as opened:
        yield opened


def test_system_tables_are_always_there_with_their_built_in_indexes() -> None:
    registry = Registry()
    for name, number in SYSTEM_TABLES.items():
        table = registry.table(name)
        assert table is not None
        assert table.number == number
        own = [index for index in SYSTEM_INDEXES if index.table == number]
        assert set(table.indexes) == {"by_id", "by_creation_time", *(index.name for index in own)}
        assert len(table.stored) == 1 + len(own)
        assert registry.table_by_number(number) is table
        assert registry.index_by_number(number * 128 + 1) == table.by_creation_time
    assert registry.index_by_number(NAMES_INDEX) is None
    assert registry.next_table_number() == FIRST_USER_TABLE


def test_the_indexes_of_system_tables_are_ready_have_fixed_numbers_and_are_nobodys_to_build_or_drop() -> None:
    registry = Registry()
    numbers = [index.table * 128 + index.position for index in SYSTEM_INDEXES]
    assert len(set(numbers)) == len(numbers)
    for index, number in zip(SYSTEM_INDEXES, numbers, strict=True):
        assert index.position >= 2
        assert number < FIRST_USER_TABLE * 128
        definition = registry.index_by_number(number)
        assert definition is not None
        assert (definition.name, definition.fields, definition.state) == (index.name, index.fields, "ready")
        table = registry.table_by_number(index.table)
        assert table is not None
        assert table.is_system
        assert definition in table.stored
        assert registry.index_document(number) is None
    assert registry.indexes_in_state("ready") == []


def test_tables_and_indexes_are_found_by_name_and_by_number() -> None:
    registry = Registry().with_writes([T1, T2, I2])
    index = registry.index("players", "by_a")
    assert index is not None
    assert (index.number, index.table, index.fields, index.state) == (FIRST_INDEX, 10001, ("a", "b.c"), "ready")
    assert registry.index_by_number(FIRST_INDEX) is index
    assert registry.index_document(FIRST_INDEX) == b"3" * 16
    assert registry.index_document(FIRST_INDEX + 1) is None
    assert registry.index("players", "by_b") is None
    assert registry.index("nobody", "by_id") is None
    players = registry.table("players")
    assert players is not None
    assert players.stored == (players.by_creation_time, index)
    assert [table.number for table in registry.tables()][-2:] == [10001, 10002]


def test_a_registry_does_not_change() -> None:
    before = Registry().with_writes([T1])
    after = before.with_writes([(TABLES_TABLE, b"1" * 16, None), T2])
    assert before.table("players") is not None
    assert before.table("teams") is None
    assert after.table("players") is None
    assert after.table("teams") is not None
    assert after.with_writes([(10001, b"1" * 16, b"{}")]) is after


def test_the_lowest_free_numbers_are_given_next() -> None:
    registry = Registry().with_writes([T2])
    assert registry.next_table_number() == 10001
    assert registry.with_writes([T1]).next_table_number() == 10003
    registry = registry.with_writes([T1, index_write(3, "by_b", "dropped", b"4" * 16)])
    assert registry.next_index_number(10001) == FIRST_INDEX
    assert registry.next_index_number(10001, taken=[FIRST_INDEX]) == FIRST_INDEX + 2
    with pytest.raises(StorageError, match="too many indexes"):
        registry.next_index_number(10001, taken=range(FIRST_INDEX, FIRST_INDEX + 126))


def test_a_ready_index_is_found_before_its_successor_of_the_same_name_and_both_are_maintained() -> None:
    successor = index_write(3, "by_a", "backfilling", b"4" * 16)
    for writes in ([T1, I2, successor], [T1, successor, I2]):
        registry = Registry().with_writes(writes)
        found = registry.index("players", "by_a")
        assert found is not None
        assert found.number == FIRST_INDEX
        players = registry.table("players")
        assert players is not None
        assert [index.number for index in players.stored] == [FIRST_INDEX - 1, FIRST_INDEX, FIRST_INDEX + 1]
        assert [index.number for index in registry.indexes_in_state("backfilling")] == [FIRST_INDEX + 1]


def test_a_dropped_index_is_neither_found_by_name_nor_maintained() -> None:
    registry = Registry().with_writes([T1, index_write(2, "by_a", "dropped", b"3" * 16)])
    assert registry.index("players", "by_a") is None
    players = registry.table("players")
    assert players is not None
    assert players.stored == (players.by_creation_time,)
    dropped = registry.index_by_number(FIRST_INDEX)
    assert dropped is not None
    assert dropped.state == "dropped"


def test_the_names_a_write_changes_are_the_old_and_the_new_one() -> None:
    empty = Registry()
    one = empty.with_writes([T1])
    both = one.with_writes([I2])
    assert empty.name_keys_of(T1, one) == [NEXT_TABLE_KEY, table_name_key("players")]
    renamed = (TABLES_TABLE, b"1" * 16, encode({"name": "people", "number": 10001.0}))
    assert one.name_keys_of(renamed, one.with_writes([renamed])) == [
        table_name_key("players"),
        table_name_key("people"),
    ]
    gone = (TABLES_TABLE, b"1" * 16, None)
    assert one.name_keys_of(gone, empty) == [NEXT_TABLE_KEY, table_name_key("players")]
    assert empty.name_keys_of(I2, both) == [index_name_key("players", "by_a")]
    assert both.name_keys_of((INDEXES_TABLE, b"3" * 16, None), one) == [index_name_key("players", "by_a")]
    assert one.name_keys_of((10001, b"1" * 16, b"{}"), one) == []


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        ((TABLES_TABLE, b"1" * 16, b"{}"), "describes no table"),
        ((TABLES_TABLE, b"1" * 16, b'{"name":"x","number":1.5}'), "impossible number 1.5"),
        ((INDEXES_TABLE, b"1" * 16, b"[]"), "describes no index"),
        (index_write(0, "by_a", "ready", b"1" * 16), "impossible number"),
        (index_write(128, "by_a", "ready", b"1" * 16), "impossible number"),
    ],
)
def test_a_document_that_describes_nothing_is_an_error(write: tuple[int, bytes, bytes], problem: str) -> None:
    with pytest.raises(StorageError, match=problem):
        Registry().with_writes([write])


def test_a_loaded_registry_is_the_one_after_all_writes(database: Database) -> None:
    index = database.index("players", "by_name", ("name",))
    database.table("teams")
    registry = database.registry
    assert registry.index("players", "by_name") == index
    assert registry.table("teams") is not None


def test_derived_ids_and_names_tell_everything_apart() -> None:
    derived = [
        table_document_id("a"),
        table_document_id("b"),
        index_document_id("a", "b", 5),
        index_document_id("a", "b", 6),
        session_request_id("a", 1),
        session_request_id("a", 11),
    ]
    assert len(set(derived)) == len(derived)
    assert {len(internal) for internal in derived} == {16}
    names = [table_name_key("a"), index_name_key("a", "b"), NEXT_TABLE_KEY]
    assert len(set(names)) == len(names)
