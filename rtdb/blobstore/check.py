"""`rtdb check` of files: do the documents agree with each other, and the disk with the documents?

What must hold:

* every document of `_storage` has one in `_file_storage` under the same id, and the other way round, and no two files
  have the same address;
* every content that a file refers to is in `_blobs`, with the number of files that do, and its size in theirs;
* `_blob_state` counts the bytes of all content;
* every content in `_blobs` is on the disk and is what its name, its size and the hashes in `_storage` say.

Content on the disk that nothing refers to is no damage: an upload was killed, or files were deleted, and the collector
of a running server removes it in its time. How much there is, and for how long, is reported.

The documents are read in one snapshot, which is let go before the disk is read: that may take long, and would pin the
pages of a server that runs. What that server deletes meanwhile is looked up again before it is reported. It repairs
nothing.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from rtdb.blobstore.store import BLOB_PREFIXES, BlobStore, is_blob_name
from rtdb.clock import SystemRandom
from rtdb.config import Limits
from rtdb.errors import RtdbError
from rtdb.storage.damage import damage_named
from rtdb.storage.documents import is_intact, read_document, unpack_document
from rtdb.storage.environment import Environment, ReadTransaction, open_environment
from rtdb.storage.meta import read_position
from rtdb.storage.system_tables import (
    BLOB_STATE_TABLE,
    BLOBS_TABLE,
    FILE_STORAGE_TABLE,
    STORAGE_TABLE,
    blob_document_id,
)
from rtdb.values.json_codec import decode_canonical

__all__ = ["BlobReport", "check_blobs", "check_blobs_of"]

PROBLEMS_KEPT: Final = 1000


class BlobReport(msgspec.Struct, frozen=True):
    """What there is, and what is wrong with it. The first thousand problems are kept as sentences."""

    files: int
    blobs: int
    bytes: int
    unused: int
    """Contents on the disk that no file has: a running server removes them."""
    unused_bytes: int
    unused_seconds: float
    """How long before the last commit the oldest of them had lost its last file."""
    problems: list[str]
    problems_total: int


def check_blobs(data_dir: Path) -> BlobReport:
    """Check the files of a data directory. Raises DataDirectoryError when its database cannot be read."""
    with open_environment(data_dir, readonly=True, limits=Limits()) as environment, damage_named(data_dir):
        return check_blobs_of(environment, BlobStore(data_dir, SystemRandom()))


def check_blobs_of(environment: Environment, blobs: BlobStore) -> BlobReport:
    """Check the files of an open database."""
    return _Check(environment, blobs).run()


class _Check:
    def __init__(self, environment: Environment, blobs: BlobStore) -> None:
        self._environment = environment
        self._store = blobs
        self._problems: list[str] = []
        self._problems_total = 0
        self._files = 0
        self._blobs: dict[str, dict[str, Any]] = {}
        self._hashes: dict[str, set[tuple[str, float]]] = {}
        """SHA-256 and size that the files with a content say it has, by its name."""
        self._unused = self._unused_bytes = 0
        self._unused_since_ms: float | None = None
        self._last_ms = 0.0

    def run(self) -> BlobReport:
        with self._environment.read() as txn:
            self._last_ms = read_position(txn).ts / 1e6
            self._check_documents(txn)
        self._check_disk()
        since = self._unused_since_ms
        return BlobReport(
            files=self._files,
            blobs=len(self._blobs),
            bytes=int(sum(blob["size"] for blob in self._blobs.values())),
            unused=self._unused,
            unused_bytes=self._unused_bytes,
            unused_seconds=0.0 if since is None else max(0.0, (self._last_ms - since) / 1000),
            problems=self._problems,
            problems_total=self._problems_total,
        )

    def _problem(self, sentence: str) -> None:
        self._problems_total += 1
        if len(self._problems) < PROBLEMS_KEPT:
            self._problems.append(sentence)

    # --- documents ----------------------------------------------------------------------------------------------------

    def _check_documents(self, txn: ReadTransaction) -> None:
        shown = dict(_documents(txn, STORAGE_TABLE))
        references: Counter[str] = Counter()
        addresses: Counter[str] = Counter()
        for internal, fields in _documents(txn, FILE_STORAGE_TABLE):
            file = shown.pop(internal, None)
            if file is None:
                self._problem(f"File {fields['storageId']} has no document in `_storage`.")
                continue
            self._files += 1
            references[fields["blob"]] += 1
            addresses[fields["storageId"]] += 1
            self._hashes.setdefault(fields["blob"], set()).add((file["sha256"], file["size"]))
        for file in shown.values():
            self._problem(f"File {file['_id']} has no document in `_file_storage`.")
        for address, count in addresses.items():
            if count > 1:
                self._problem(f"{count} files have the address {address}.")
        self._check_blob_documents(txn, references)

    def _check_blob_documents(self, txn: ReadTransaction, references: Counter[str]) -> None:
        for internal, fields in _documents(txn, BLOBS_TABLE):
            name = fields["blob"]
            if internal != blob_document_id(name) or not is_blob_name(name):
                self._problem(f"The `_blobs` document of {name!r} is not under the id that belongs to that name.")
                continue
            self._blobs[name] = fields
            if fields["references"] != references[name]:
                self._problem(
                    f"{references[name]} files have content {name}, and its document says {fields['references']:g}."
                )
        for name in references.keys() - self._blobs.keys():
            self._problem(f"{references[name]} files have content {name}, which has no document in `_blobs`.")
        total = sum(blob["size"] for blob in self._blobs.values())
        states = [fields for _, fields in _documents(txn, BLOB_STATE_TABLE)]
        counted = states[0]["bytes"] if states else 0
        if counted != total:
            self._problem(f"All content together has {total:g} bytes, and `_blob_state` says {counted:g}.")

    # --- disk ---------------------------------------------------------------------------------------------------------

    def _check_disk(self) -> None:
        for name, blob in self._blobs.items():
            complaint = self._complaint(name, blob)
            if complaint is not None and self._is_wanted(name):
                self._problem(complaint)
            if not blob["references"]:
                self._note_unused(blob["size"], blob["unreferencedSince"])
        for prefix in BLOB_PREFIXES if self._store.directory.is_dir() else ():
            for name in self._store.names(prefix):
                if name not in self._blobs:
                    self._check_stray(name)

    def _complaint(self, name: str, blob: dict[str, Any]) -> str | None:
        """Return what is wrong with the content of this name, None if nothing is."""
        try:
            content = self._store.content(name)
        except FileNotFoundError:
            return f"Content {name} is missing: {self._store.path(name)} does not exist."
        except OSError as error:
            return f"Content {name} cannot be read: {error}."
        if content.size != blob["size"]:
            return f"Content {name} has {content.size} bytes instead of {blob['size']:g}."
        if content.name != name:
            return f"Content {name} is damaged: its hash is {content.name}."
        described = (b64encode(content.sha256).decode(), float(content.size))
        if self._hashes.get(name, {described}) != {described}:
            return f"Files with content {name} say that it has another hash or size than it has."
        return None

    def _is_wanted(self, name: str) -> bool:
        """Return whether the content is still to be there: a server that runs may have removed it meanwhile."""
        with self._environment.read() as txn:
            return read_document(txn, BLOBS_TABLE, blob_document_id(name)) is not None

    def _check_stray(self, name: str) -> None:
        if self._is_wanted(name):
            return  # uploaded meanwhile
        try:
            status = os.stat(self._store.path(name))
        except FileNotFoundError:
            return
        self._note_unused(status.st_size, status.st_mtime * 1000)

    def _note_unused(self, size: float, since_ms: float) -> None:
        self._unused += 1
        self._unused_bytes += int(size)
        self._unused_since_ms = since_ms if self._unused_since_ms is None else min(self._unused_since_ms, since_ms)


def _documents(txn: ReadTransaction, table: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Yield the documents of a table; what cannot be read is the business of the check of the database."""
    prefix = table.to_bytes(4)
    cursor = txn.cursor(txn.documents)
    if not cursor.set_range(prefix):
        return
    for key, value in cursor.iternext():
        if not key.startswith(prefix):
            return
        if not is_intact(value):
            continue
        try:
            fields: Any = decode_canonical(unpack_document(value).data)
        except (RtdbError, ValueError):
            continue
        yield key[4:], fields
