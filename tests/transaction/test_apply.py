"""Applying blocks: the state follows from the blocks alone, and is written once per block."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtdb.config import Limits
from rtdb.errors import StorageError
from rtdb.index.registry import Registry, load_registry
from rtdb.link.frames import KeyChange, Write
from rtdb.storage.check import check_environment
from rtdb.storage.documents import read_document
from rtdb.storage.environment import Environment, open_environment
from rtdb.storage.keys import BY_CREATION_TIME, BY_ID, index_number
from rtdb.storage.local_log import LocalLog
from rtdb.storage.meta import START, read_counts, read_deployment, read_log_id, write_log_id
from rtdb.storage.system_tables import (
    CRON_JOB_LOGS_TABLE,
    DEPLOYMENT_INDEX,
    DEPLOYMENTS_TABLE,
    NAMES_INDEX,
    NEXT_TABLE_KEY,
    SESSION_REQUESTS_TABLE,
    index_name_key,
    table_name_key,
)
from rtdb.storage.undo import read_undo
from rtdb.transaction.apply import ACTIVE, apply
from rtdb.values.document_id import encode_id
from rtdb.values.ordering import encode_key
from tests.transaction.workbench import (
    BY_AUTHOR,
    MESSAGES,
    Workbench,
    create_table,
    delete,
    document,
    internal_id,
    put,
    write_index,
)


def dump(environment: Environment) -> dict[str, list[tuple[bytes, bytes]]]:
    """Everything that is stored, but for what a database is called."""
    names = ("meta", "documents", "indexes", "log", "undo")
    with environment.read() as txn:
        content = {name: list(txn.cursor(getattr(txn, name))) for name in names}
    content["meta"] = [entry for entry in content["meta"] if entry[0] not in (b"instance", b"log_id", b"opened")]
    return content


def replay(source: Environment, data_dir: Path) -> Environment:
    """Apply every block of ``source`` to an empty database."""
    target = open_environment(data_dir, readonly=False, limits=Limits())
    with source.read() as txn:
        log_id = read_log_id(txn)
    assert log_id is not None
    with target.write() as txn:
        write_log_id(txn, log_id)
    log = LocalLog(target)
    registry = Registry()
    for block in LocalLog(source).read(START, 1 << 30):
        before = log.head()
        with target.write() as txn, log.within(txn):
            registry = apply(txn, block, registry).registry
            assert log.append(before, block)
    return target


def put_log(number: int, name: str, ts: float) -> Write:
    """A write to a system table that has an index of its own."""
    content = document(CRON_JOB_LOGS_TABLE, internal_id(number), {"name": name, "ts": ts})
    return Write(CRON_JOB_LOGS_TABLE, internal_id(number), content)


numbers = st.integers(1, 6)
fields = st.fixed_dictionaries(
    {},
    optional={
        "author": st.sampled_from(["ann", "bob", "x" * 600, "x" * 600 + "y"]),
        "room": st.sampled_from([None, True, 1.5, ["a", {}]]),
        "text": st.text(max_size=5),
    },
)
writes = st.one_of(
    st.builds(lambda number, content: put(number, **content), numbers, fields),
    st.builds(delete, numbers),
    st.just(write_index("messages", "by_room", BY_AUTHOR + 1, ["room", "author"], "backfilling")),
    st.builds(put_log, numbers, st.sampled_from(["daily", "x" * 600]), st.sampled_from([1.0, 2.0])),
    # Dropped for good: an index never comes back under its number before it has been erased.
    st.just(write_index("messages", "by_author", BY_AUTHOR, ["author"], "dropped")),
)
transactions = st.lists(writes, max_size=4, unique_by=lambda write: (write.table, write.id)).map(
    lambda found: sorted(found, key=lambda write: write.table)
)


@settings(max_examples=15)
@given(st.lists(st.lists(transactions, min_size=1, max_size=3), max_size=6))
def test_replaying_the_log_makes_the_same_database_byte_for_byte(history: list[list[list[Write]]]) -> None:
    with TemporaryDirectory() as directory:
        bench = Workbench(Path(directory) / "original")
        for group in history:
            bench.commit(*(bench.transaction(*transaction) for transaction in group))
        environment = bench.committer.environment
        report = check_environment(environment)
        assert report.is_clean, report
        with replay(environment, Path(directory) / "copy") as copy:
            assert dump(copy) == dump(environment)
            with copy.read() as txn:
                tables = list(load_registry(txn).tables())
        assert tables == list(bench.committer.registry.tables())
        bench.close()


def change(index: int, old: list[bytes] | None, new: list[bytes] | None) -> KeyChange:
    return KeyChange(index, old, new)


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    bench = Workbench(tmp_path)
    yield bench
    report = check_environment(bench.committer.environment)
    assert report.is_clean, report
    bench.close()


def parts_of(number: int, author: str) -> dict[int, list[bytes]]:
    identity = encode_key(encode_id(MESSAGES, internal_id(number)))
    created = encode_key(1_700_000_000_000.0)
    return {
        index_number(MESSAGES, BY_ID): [identity],
        index_number(MESSAGES, BY_CREATION_TIME): [created, identity],
        BY_AUTHOR: [encode_key(author), created, identity],
    }


def test_insert_reports_a_key_in_every_index(bench: Workbench) -> None:
    applied = bench.commit(bench.transaction(put(1, author="ann")))
    assert applied.changes == [KeyChange(index, None, parts) for index, parts in parts_of(1, "ann").items()]


def test_update_reports_keys_that_stayed_the_same_too(bench: Workbench) -> None:
    bench.commit(bench.transaction(put(1, author="ann")))
    applied = bench.commit(bench.transaction(put(1, author="ann", text="edited")))
    # Once, as if they were new: it is said for the sake of who has read them.
    assert applied.changes == [KeyChange(index, None, parts) for index, parts in parts_of(1, "ann").items()]


def test_session_records_are_no_news(bench: Workbench) -> None:
    """Nobody but the transactions that write them reads them, and those are checked here."""
    record = document(SESSION_REQUESTS_TABLE, internal_id(9), {"session": "s", "request": 1.0})
    session = Write(SESSION_REQUESTS_TABLE, internal_id(9), record)
    applied = bench.commit(bench.transaction(put(1, author="ann"), session))
    assert {change.index for change in applied.changes} == set(parts_of(1, "ann"))


def test_deletion_reports_the_old_keys(bench: Workbench) -> None:
    bench.commit(bench.transaction(put(1, author="ann")))
    applied = bench.commit(bench.transaction(delete(1)))
    assert applied.changes == [KeyChange(index, parts, None) for index, parts in parts_of(1, "ann").items()]


def test_document_inserted_and_deleted_by_one_function_leaves_no_trace(bench: Workbench) -> None:
    applied = bench.commit(bench.transaction(delete(1)))
    assert applied.changes == []
    assert read_counts_of_messages(bench) == 0


def read_counts_of_messages(bench: Workbench) -> int:
    with bench.committer.environment.read() as txn:
        return read_counts(txn).get(MESSAGES, 0)


def test_document_written_many_times_in_a_block_is_undone_to_before_the_block(bench: Workbench) -> None:
    bench.commit(bench.transaction(put(1, author="ann")))
    first = bench.seq
    bench.commit(*(bench.transaction(put(1, author=author)) for author in ("bob", "cid", "dan")))
    with bench.committer.environment.read() as txn:
        record = read_undo(txn, first + 1)
        assert record is not None
        (image,) = record.images
        assert image.data == put(1, author="ann").value
        assert image.seq == first
        now = read_document(txn, MESSAGES, internal_id(1))
        assert now is not None
        assert now.data == put(1, author="dan").value
    assert read_counts_of_messages(bench) == 1


def test_new_table_changes_its_name_and_the_next_free_number(bench: Workbench) -> None:
    applied = bench.commit(bench.transaction(create_table("rooms", MESSAGES + 1)))
    names = [change.new for change in applied.changes if change.index == NAMES_INDEX]
    assert sorted(names, key=repr) == sorted([[table_name_key("rooms")], [NEXT_TABLE_KEY]], key=repr)
    assert applied.registry_changed


def test_new_index_changes_its_name_and_is_maintained_from_its_block_on(bench: Workbench) -> None:
    index = write_index("messages", "by_text", BY_AUTHOR + 1, ["text"], "backfilling")
    applied = bench.commit(bench.transaction(index, put(1, text="hello")))
    assert [change.new for change in applied.changes if change.index == NAMES_INDEX] == [
        [index_name_key("messages", "by_text")]
    ]
    assert BY_AUTHOR + 1 in {change.index for change in applied.changes}


def test_ordinary_block_does_not_change_the_registry(bench: Workbench) -> None:
    assert not bench.commit(bench.transaction(put(1))).registry_changed


def deployment(number: int, state: str) -> Write:
    internal = internal_id(number)
    return Write(DEPLOYMENTS_TABLE, internal, document(DEPLOYMENTS_TABLE, internal, {"state": state}))


def active(bench: Workbench) -> str:
    with bench.committer.environment.read() as txn:
        return read_deployment(txn)


def test_switching_deployments_changes_the_deployment_key(bench: Workbench) -> None:
    applied = bench.commit(bench.transaction(deployment(1, ACTIVE)))
    assert DEPLOYMENT_INDEX in {change.index for change in applied.changes}
    assert active(bench) == encode_id(DEPLOYMENTS_TABLE, internal_id(1))
    bench.commit(bench.transaction(deployment(2, ACTIVE), deployment(1, "replaced")))
    assert active(bench) == encode_id(DEPLOYMENTS_TABLE, internal_id(2))


def test_preparing_a_deployment_disturbs_nobody(bench: Workbench) -> None:
    applied = bench.commit(bench.transaction(deployment(1, "prepared")))
    assert DEPLOYMENT_INDEX not in {change.index for change in applied.changes}
    assert active(bench) == ""


def test_block_of_another_history_is_refused(bench: Workbench, tmp_path: Path) -> None:
    bench.commit(bench.transaction(put(1)))
    (last,) = LocalLog(bench.committer.environment).read(START, 1 << 30)[-1:]
    other = open_environment(tmp_path / "other", readonly=False, limits=Limits())
    with other, pytest.raises(StorageError, match="does not follow"), other.write() as txn:
        apply(txn, last, Registry())
