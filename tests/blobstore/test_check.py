"""What `rtdb check` says of files, and of each way in which they can be damaged."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rtdb.blobstore.check import BlobReport, check_blobs, check_blobs_of
from rtdb.blobstore.store import BlobStore
from rtdb.clock import SystemRandom
from rtdb.storage.system_tables import (
    BLOB_STATE_ID,
    BLOB_STATE_TABLE,
    BLOBS_TABLE,
    FILE_STORAGE_TABLE,
    STORAGE_TABLE,
    blob_document_id,
)
from rtdb.testing.database import Database, DocumentWrite
from tests.blobstore.test_store import put

CONTENT = b"some content"


class FileDatabase:
    """A database with one file, and its content on the disk."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.database = Database(data_dir)
        self.blobs = BlobStore(data_dir, SystemRandom())
        self.blobs.prepare()
        self.blob = put(self.blobs, CONTENT)
        self.write(*self.file(1), *self.content(references=1))

    def check(self) -> BlobReport:
        return check_blobs_of(self.database.environment, self.blobs)

    def write(self, *writes: DocumentWrite) -> None:
        self.database.write(list(writes))

    def file(self, number: int, **changed: Any) -> list[DocumentWrite]:
        internal = number.to_bytes(16)
        sha256 = b64encode(self.blobs.content(self.blob).sha256).decode()
        shown = {"sha256": sha256, "size": float(len(CONTENT)), "contentType": None, **changed}
        return [
            (STORAGE_TABLE, internal, shown),
            (FILE_STORAGE_TABLE, internal, {"storageId": f"address {number}", "blob": self.blob}),
        ]

    def content(self, references: int, size: int = len(CONTENT), counted: int | None = None) -> list[DocumentWrite]:
        blob = {
            "blob": self.blob,
            "size": float(size),
            "references": float(references),
            "unreferencedSince": None if references else 0.0,
        }
        state = {"bytes": float(size if counted is None else counted), "epoch": 0.0, "condemned": []}
        return [(BLOBS_TABLE, blob_document_id(self.blob), blob), (BLOB_STATE_TABLE, BLOB_STATE_ID, state)]


@pytest.fixture
def files(tmp_path: Path) -> FileDatabase:
    return FileDatabase(tmp_path / "data")


def truncate(files: FileDatabase) -> None:
    files.blobs.path(files.blob).write_bytes(CONTENT[:-1])


def flip(files: FileDatabase) -> None:
    files.blobs.path(files.blob).write_bytes(CONTENT[:-1] + b"?")


def forget_address(files: FileDatabase) -> None:
    files.write((FILE_STORAGE_TABLE, (1).to_bytes(16), None), *files.content(references=0))


def forget_file(files: FileDatabase) -> None:
    files.write((STORAGE_TABLE, (1).to_bytes(16), None), *files.content(references=0))


def share_address(files: FileDatabase) -> None:
    (shown, (table, _, fields)) = files.file(2)
    assert fields is not None
    files.write(shown, (table, (2).to_bytes(16), {**fields, "storageId": "address 1"}), *files.content(references=2))


def test_files_that_are_in_order(files: FileDatabase) -> None:
    report = files.check()
    assert report.problems == []
    assert (report.files, report.blobs, report.bytes, report.unused) == (1, 1, len(CONTENT), 0)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda files: files.blobs.remove([files.blob]), "is missing: "),
        (truncate, "has 11 bytes instead of 12."),
        (flip, "is damaged: its hash is "),
        (lambda files: files.write(*files.content(references=2)), "and its document says 2."),
        (lambda files: files.write(*files.content(references=1, counted=5)), "`_blob_state` says 5."),
        (lambda files: files.write(*files.file(1, sha256="other")), "say that it has another hash or size"),
        (lambda files: files.write((BLOBS_TABLE, blob_document_id(files.blob), None)), "has no document in `_blobs`."),
        (forget_address, "has no document in `_file_storage`."),
        (forget_file, "has no document in `_storage`."),
        (share_address, "2 files have the address address 1."),
    ],
)
def test_each_damage_is_named(files: FileDatabase, damage: Callable[[FileDatabase], None], sentence: str) -> None:
    damage(files)
    report = files.check()
    assert report.problems_total == len(report.problems) >= 1
    assert any(sentence in problem for problem in report.problems), report.problems


def test_content_of_no_file_is_no_damage_and_is_counted(files: FileDatabase) -> None:
    stray = put(files.blobs, b"stray")
    files.write((STORAGE_TABLE, (1).to_bytes(16), None), (FILE_STORAGE_TABLE, (1).to_bytes(16), None))
    files.write(*files.content(references=0))
    report = files.check()
    assert report.problems == []
    assert (report.files, report.blobs, report.unused, report.unused_bytes) == (0, 1, 2, len(CONTENT) + len(b"stray"))
    assert files.blobs.path(stray).exists()


def test_a_database_from_before_there_were_files_is_in_order(tmp_path: Path) -> None:
    Database(tmp_path / "data").close()
    report = check_blobs(tmp_path / "data")
    assert (report.problems, report.files) == ([], 0)


def test_a_copy_without_the_empty_directories_is_in_order(files: FileDatabase) -> None:
    for directory in files.blobs.directory.iterdir():
        if not any(directory.iterdir()):
            directory.rmdir()
    assert files.check().problems == []
