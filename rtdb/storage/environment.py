"""The LMDB environment of one data directory: opening, locking, transactions.

Invariants:

* one process writes (the committer), under the directory's lock; every other process opens it read-only;
* an environment never crosses ``fork``: each process opens its own;
* a read transaction pins the pages of its snapshot, so it is closed as soon as its function or round is over;
* after a failed write or commit nothing is written until :meth:`Environment.recover` has found that the database is
  as it was before: LMDB overwrites no page in use, and writes the page that makes a commit count last. If it was that
  page that failed, what reached the disk is unknown, and the directory must be opened again.

It does not know what is stored; layouts are in keys.py.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import lmdb

from rtdb.config import Limits
from rtdb.errors import AlreadyRunningError, DataDirectoryError, StorageError, WriteFailedError
from rtdb.storage.damage import DAMAGE, damage_named
from rtdb.storage.durable_files import make_directory

__all__ = [
    "FORMAT_VERSION",
    "DataDirectoryLock",
    "Environment",
    "ReadTransaction",
    "WriteTransaction",
    "has_database",
    "lock_data_dir",
    "open_environment",
]

FORMAT_VERSION: Final = 1
"""Version of the layout in keys.py; a directory of another version is refused."""

_FORMAT_KEY: Final = b"format"
_DATABASES: Final = (b"meta", b"documents", b"indexes", b"log", b"undo")

_MAP_BYTES_WANTED: Final = 1 << 40
_MAP_BYTES_MIN: Final = 1 << 30
# Gateways and action runners do not open the database; runners, the hub and tools do, each with a
# handful of snapshots.
_READERS_MAX: Final = 1024


class ReadTransaction:
    """A snapshot of the database. Close it soon; leaving a ``with`` block does.

    ``raw`` is py-lmdb's transaction, for the few paths where a call less is worth it; ``meta``,
    ``documents``, … are the handles of the named databases.
    """

    __slots__ = ("documents", "indexes", "log", "meta", "raw", "undo")

    def __init__(self, raw: Any, databases: tuple[Any, ...]) -> None:
        self.raw = raw
        self.meta, self.documents, self.indexes, self.log, self.undo = databases

    def get(self, database: Any, key: bytes) -> bytes | None:
        """Return the value under ``key``, or None."""
        value: bytes | None = self.raw.get(key, None, database)
        return value

    def cursor(self, database: Any) -> Any:
        """Return a new py-lmdb cursor; it dies with the transaction."""
        return self.raw.cursor(database)

    def bytes_of(self, database: Any) -> int:
        """Return how many bytes of the file a database takes, in whole pages."""
        pages = self.raw.stat(database)
        used: int = (pages["branch_pages"] + pages["leaf_pages"] + pages["overflow_pages"]) * pages["psize"]
        return used

    def close(self) -> None:
        """Release the snapshot. Idempotent."""
        self.raw.abort()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class WriteTransaction(ReadTransaction):
    """The one transaction that may write: durable when the ``with`` block is left, undone if it raises."""

    __slots__ = ("_environment", "_open")

    def __init__(self, raw: Any, databases: tuple[Any, ...], environment: Environment) -> None:
        super().__init__(raw, databases)
        self._environment = environment
        self._open = True

    def put(self, database: Any, key: bytes, value: bytes) -> None:
        """Store ``value`` under ``key``, replacing what was there.

        Raises WriteFailedError when the disk or the map is full.
        """
        try:
            self.raw.put(key, value, db=database)
        except lmdb.Error as error:
            raise self._environment.write_failed("put", error) from error

    def put_all(self, database: Any, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Store many, sorted by key; like :meth:`put` for each, in one call."""
        try:
            self.raw.cursor(database).putmulti(entries)
        except lmdb.Error as error:
            raise self._environment.write_failed("put", error) from error

    def delete(self, database: Any, key: bytes) -> bool:
        """Remove ``key``; return whether it was there."""
        try:
            removed: bool = self.raw.delete(key, db=database)
        except lmdb.Error as error:
            raise self._environment.write_failed("delete", error) from error
        return removed

    def commit(self) -> None:
        """Make everything durable (fsync). Nothing may be told to anyone before this returns."""
        self._open = False
        try:
            self.raw.commit()
        except lmdb.Error as error:
            raise self._environment.write_failed("commit", error) from error

    def close(self) -> None:
        """Undo everything, unless it is committed. Idempotent."""
        if self._open:
            self._open = False
            self.raw.abort()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None and self._open:
            self.commit()
        else:
            self.close()


class Environment:
    """An open database. Made by :func:`open_environment`."""

    def __init__(self, raw: Any, databases: tuple[Any, ...], path: Path, *, readonly: bool) -> None:
        self._raw = raw
        self._databases = databases
        self._readonly = readonly
        self._failure: str | None = None
        self.path = path

    def read(self) -> ReadTransaction:
        """Open a snapshot of the newest committed state; use it in ``with`` or close it."""
        try:
            return ReadTransaction(self._raw.begin(), self._databases)
        except lmdb.Error as error:
            raise StorageError(f"The database at {self.path} cannot be read: {error}") from error

    def write(self) -> WriteTransaction:
        """Open the write transaction (the committer's alone); leaving its ``with`` block commits."""
        assert not self._readonly, "only the committer writes"
        if self._failure is not None:
            raise StorageError(f"Writing stopped after a failure: {self._failure}.")
        try:
            return WriteTransaction(self._raw.begin(write=True), self._databases, self)
        except lmdb.Error as error:
            raise self.write_failed("begin", error) from error

    def write_failed(self, what: str, error: lmdb.Error) -> Exception:
        """Remember that writing failed and return the error to raise: damage stays what it is."""
        if isinstance(error, DAMAGE):
            return error
        self._failure = f"{what}: {error}"
        return WriteFailedError(
            f"The database could not be written ({self._failure}). Nothing was changed; reads go on."
        )

    def recover(self) -> None:
        """Go on after a failed write, whose transaction must have ended.

        Raises StorageError when it is not known whether the transaction happened.
        """
        try:
            # LMDB itself refuses to write once the last page of a commit has failed.
            self._raw.begin(write=True).abort()
        except lmdb.Error as error:
            raise StorageError(
                f"Whether the last commit to the database at {self.path} happened is not known ({self._failure})."
            ) from error
        self._failure = None

    def reader_check(self) -> int:
        """Free the slots of readers whose process is gone (they go on pinning pages until then); return how many."""
        cleared: int = self._raw.reader_check()
        return cleared

    def file_bytes(self) -> int:
        """Return the size of the database file. LMDB never shrinks it; freed pages are used again."""
        return os.stat(self.path / "data.mdb").st_size

    def close(self) -> None:
        """Release the map. No transaction may be open."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def has_database(data_dir: Path) -> bool:
    """Whether a database was begun in this directory."""
    return (data_dir / "db").exists()


def open_environment(data_dir: Path, *, readonly: bool, limits: Limits) -> Environment:
    """Open the database of ``data_dir``, creating an empty one unless ``readonly``.

    Raises DataDirectoryError when there is none to read, when it is damaged, or when it was written in another format.
    """
    path = data_dir / "db"
    if readonly and not (path / "data.mdb").exists():
        raise DataDirectoryError(f"There is no database in {data_dir}. Start the server there first.")
    if not readonly:
        path.mkdir(parents=True, exist_ok=True)
    raw = _open_largest_map(path, readonly=readonly, bytes_min=max(_MAP_BYTES_MIN, limits.data_bytes_max // 8))
    try:
        with damage_named(data_dir):
            databases = _open_databases(raw, path, readonly=readonly)
    except BaseException:
        raw.close()
        raise
    return Environment(raw, databases, path, readonly=readonly)


def _open_largest_map(path: Path, *, readonly: bool, bytes_min: int) -> Any:
    """Open with a sparse map as large as the machine allows; the quota is enforced by the committer, not by LMDB."""
    map_bytes = _MAP_BYTES_WANTED
    while True:
        try:
            return lmdb.open(
                str(path),
                map_size=map_bytes,
                subdir=True,
                readonly=readonly,
                create=not readonly,
                max_readers=_READERS_MAX,
                max_dbs=len(_DATABASES),
                # Closed read transactions kept for reuse; a runner opens one per call, seldom more at once.
                max_spare_txns=4,
                mode=0o600,
            )
        except (lmdb.MemoryError, lmdb.InvalidParameterError, OSError) as error:
            if map_bytes <= bytes_min:
                raise DataDirectoryError(f"The database at {path} cannot be mapped: {error}") from error
            map_bytes //= 4
        except lmdb.Error as error:
            raise DataDirectoryError(f"The database at {path} cannot be opened: {error}") from error


def _open_databases(raw: Any, path: Path, *, readonly: bool) -> tuple[Any, ...]:
    try:
        databases = tuple(raw.open_db(name, create=not readonly) for name in _DATABASES)
    except DAMAGE:
        raise
    except lmdb.Error as error:
        raise DataDirectoryError(f"The database at {path} is incomplete: {error}") from error
    meta = databases[0]
    with raw.begin() as txn:
        stored = txn.get(_FORMAT_KEY, db=meta)
        empty = txn.stat(meta)["entries"] == 0
    if stored is None and empty and not readonly:
        with raw.begin(write=True) as txn:
            txn.put(_FORMAT_KEY, FORMAT_VERSION.to_bytes(4, "big"), db=meta)
        return databases
    _require_format(stored, path)
    return databases


def _require_format(stored: bytes | None, path: Path) -> None:
    version = None if stored is None else int.from_bytes(stored, "big")
    if version == FORMAT_VERSION:
        return
    if version is None:
        raise DataDirectoryError(f"The database at {path} has no format version; it is not one of this server's.")
    age = "newer" if version > FORMAT_VERSION else "older"
    raise DataDirectoryError(
        f"The database at {path} has format {version}, which is {age} than this server's {FORMAT_VERSION}. "
        "Use the server version that wrote it."
    )


class DataDirectoryLock:
    """The exclusive claim of one server on a data directory; released by :meth:`close` or when the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def close(self) -> None:
        """Release the claim. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def lock_data_dir(data_dir: Path) -> DataDirectoryLock:
    """Claim ``data_dir`` (created if missing) for this process.

    Raises AlreadyRunningError when another process holds it.
    """
    make_directory(data_dir)
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise AlreadyRunningError(f"Another server is using {data_dir}. Stop it first, or use another one.") from error
    return DataDirectoryLock(descriptor)
