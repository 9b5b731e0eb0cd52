"""Opening, locking, transactions: what is durable, what is refused, who may write."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import lmdb
import pytest

from rtdb.config import Limits
from rtdb.errors import AlreadyRunningError, DataDirectoryError, StorageError, WriteFailedError
from rtdb.storage.environment import FORMAT_VERSION, Environment, lock_data_dir, open_environment


def opened(path: Path, *, readonly: bool = False) -> Environment:
    return open_environment(path, readonly=readonly, limits=Limits())


def test_leaving_a_write_transaction_commits_it(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        with environment.write() as txn:
            txn.put(txn.meta, b"k", b"v")
            txn.put(txn.documents, b"k", b"w")
        with environment.read() as snapshot:
            assert snapshot.get(snapshot.meta, b"k") == b"v"
            assert snapshot.get(snapshot.documents, b"k") == b"w"
            assert snapshot.get(snapshot.undo, b"k") is None
    with opened(tmp_path, readonly=True) as environment, environment.read() as snapshot:
        assert snapshot.get(snapshot.meta, b"k") == b"v"


def test_an_exception_undoes_a_write_transaction(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        with contextlib.suppress(KeyError), environment.write() as txn:
            txn.put(txn.meta, b"k", b"v")
            raise KeyError
        with environment.read() as snapshot:
            assert snapshot.get(snapshot.meta, b"k") is None


def test_a_snapshot_stays_as_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        with environment.read() as before:
            with environment.write() as txn:
                txn.put(txn.meta, b"k", b"v")
                assert txn.delete(txn.meta, b"k")
                assert not txn.delete(txn.meta, b"k")
                txn.put(txn.meta, b"k", b"v")
            assert before.get(before.meta, b"k") is None
        before.close()


def test_nothing_is_written_after_a_failed_write_until_it_is_known_to_have_changed_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        with environment.write() as txn:
            txn.put(txn.meta, b"instance", b"v")
            with pytest.raises(WriteFailedError, match="put"):
                txn.put(txn.meta, b"k" * 600, b"v")
            txn.close()
        with pytest.raises(StorageError, match="Writing stopped"):
            environment.write()
        environment.recover()
        with environment.write() as txn:
            assert txn.get(txn.meta, b"instance") is None
            txn.put(txn.meta, b"instance", b"w")
        with environment.read() as snapshot:
            assert snapshot.get(snapshot.meta, b"instance") == b"w"


def test_reading_where_no_database_is_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryError, match="Start the server there first"):
        opened(tmp_path, readonly=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("version", "age"), [(FORMAT_VERSION + 1, "newer"), (0, "older")])
def test_a_database_of_another_format_is_refused(tmp_path: Path, version: int, age: str) -> None:
    with opened(tmp_path) as environment, environment.write() as txn:
        txn.put(txn.meta, b"format", version.to_bytes(4))
    for readonly in (False, True):
        with pytest.raises(DataDirectoryError, match=f"is {age} than this server's"):
            opened(tmp_path, readonly=readonly)


def test_a_database_without_format_is_refused(tmp_path: Path) -> None:
    with opened(tmp_path) as environment, environment.write() as txn:
        txn.delete(txn.meta, b"format")
        txn.put(txn.meta, b"other", b"")
    with pytest.raises(DataDirectoryError, match="no format version"):
        opened(tmp_path)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    with lmdb.open(str(tmp_path / "db")) as raw, raw.begin(write=True) as txn:
        txn.put(b"k", b"v")
    with pytest.raises(DataDirectoryError, match="incomplete"):
        opened(tmp_path, readonly=True)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "data.mdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(DataDirectoryError, match="cannot be opened"):
        opened(tmp_path)


@pytest.mark.slow
def test_one_process_holds_a_data_directory(tmp_path: Path) -> None:
    claim = f"""
import sys
from pathlib import Path
from rtdb.errors import AlreadyRunningError
from rtdb.storage.environment import lock_data_dir
try:
    lock_data_dir(Path({str(tmp_path)!r}))
except AlreadyRunningError as error:
    print(error.message)
"""

    def other_process() -> str:
        return subprocess.run(
            [sys.executable, "-c", claim], capture_output=True, text=True, check=True, timeout=60
        ).stdout

    with lock_data_dir(tmp_path):
        assert "Another server is using" in other_process()
        with pytest.raises(AlreadyRunningError):
            lock_data_dir(tmp_path)
    assert other_process() == ""


@pytest.mark.slow
def test_the_readers_of_a_dead_process_are_cleared(tmp_path: Path) -> None:
    with opened(tmp_path) as environment:
        reader = f"""
import os
from pathlib import Path
from rtdb.config import Limits
from rtdb.storage.environment import open_environment
snapshot = open_environment(Path({str(tmp_path)!r}), readonly=True, limits=Limits()).read()
os._exit(0)
"""
        subprocess.run([sys.executable, "-c", reader], check=True, timeout=60)
        assert environment.reader_check() == 1
        assert environment.reader_check() == 0
        assert environment.file_bytes() > 0
