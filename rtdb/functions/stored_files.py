"""The documents of files in one transaction: what a file is, and what its content still has to be kept for.

Three documents describe a file: the one in `_storage` that apps see, the one in `_file_storage` beside it, and the one
in `_blobs` that all files with the same content share. They change together or not at all.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any, NamedTuple

from rtdb.blobstore.addresses import FileAddresses, parse_uuid
from rtdb.errors import DeveloperError
from rtdb.storage.system_tables import BLOBS_TABLE, FILE_STORAGE_TABLE, STORAGE_TABLE, blob_document_id
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import decode_id

__all__ = ["StoredFile", "TransactionFiles", "delete_file", "file_by_uuid", "find_file"]


class StoredFile(NamedTuple):
    """One file; ``sha256`` is base64, ``blob`` the name of its content."""

    internal: bytes
    uuid: str
    blob: str
    sha256: str
    size: float
    content_type: str | None

    def metadata(self) -> dict[str, Any]:
        """Return what ``ctx.storage.get_metadata`` does."""
        return {
            "storageId": self.uuid,
            "sha256": b64decode(self.sha256).hex(),
            "size": self.size,
            "contentType": self.content_type,
        }


def file_by_uuid(transaction: Transaction, uuid: str) -> StoredFile | None:
    """Return the file with this address."""
    found = next(transaction.platform.scan(FILE_STORAGE_TABLE, "by_storage_id", [("Eq", "storageId", uuid)]), None)
    return None if found is None else _describe(transaction, decode_id(found["_id"]).internal, found)


def _file_by_internal_id(transaction: Transaction, internal: bytes) -> StoredFile | None:
    found = transaction.platform.get(FILE_STORAGE_TABLE, internal)
    return None if found is None else _describe(transaction, internal, found)


def _describe(transaction: Transaction, internal: bytes, found: dict[str, Any]) -> StoredFile:
    shown = transaction.platform.get(STORAGE_TABLE, internal)
    assert shown is not None, "the documents of a file change together"
    return StoredFile(internal, found["storageId"], found["blob"], shown["sha256"], shown["size"], shown["contentType"])


def find_file(transaction: Transaction, id: object, method: str) -> StoredFile | None:
    """Return the file with this id or UUID, which ``ctx.storage``'s ``method`` was given; None if there is none."""
    if not isinstance(id, str):
        raise _invalid(method, f'Invalid storage ID: "{id}". {_EXPECTED}')
    try:
        table, internal = decode_id(id)
    except DeveloperError:
        uuid = parse_uuid(id)
        if uuid is None:
            raise _invalid(method, f'Invalid storage ID: "{id[:200]}". {_EXPECTED}') from None
        return file_by_uuid(transaction, uuid)
    if table != STORAGE_TABLE:
        raise _invalid(method, "Invalid storage ID. Storage ID cannot be an ID on any table other than '_storage'.")
    return _file_by_internal_id(transaction, internal)


def delete_file(transaction: Transaction, id: str, file: StoredFile | None) -> None:
    """Remove the file that was found under ``id``. Its content, if no other file has it, goes later."""
    if file is None:
        raise DeveloperError(f"storage id {id} not found", code="StorageIdNotFound")
    transaction.platform.delete(STORAGE_TABLE, file.internal)
    transaction.platform.delete(FILE_STORAGE_TABLE, file.internal)
    blob = transaction.platform.get(BLOBS_TABLE, blob_document_id(file.blob))
    assert blob is not None, "what a file refers to is there"
    references = blob["references"] - 1
    now_ms = float(transaction.now_ns // 1_000_000)
    fields = {
        "blob": file.blob,
        "size": blob["size"],
        "references": references,
        "unreferencedSince": None if references else now_ms,
    }
    transaction.platform.put(BLOBS_TABLE, blob_document_id(file.blob), fields)


class TransactionFiles:
    """What ``ctx.storage`` of a query or mutation stands on. Errors name the functions as clients know them."""

    __slots__ = ("_addresses", "_transaction")

    def __init__(self, transaction: Transaction, addresses: FileAddresses) -> None:
        self._transaction = transaction
        self._addresses = addresses

    def url(self, id: str) -> str | None:
        """Return where a file is read, None if there is none."""
        file = self._find(id, "getUrl")
        return None if file is None else self._addresses.file_url(file.uuid)

    def metadata(self, id: str) -> dict[str, Any] | None:
        """Return ``{storageId, sha256, size, contentType}`` of a file with its UUID and the hash in hexadecimal."""
        file = self._find(id, "getMetadata")
        return None if file is None else file.metadata()

    def upload_url(self) -> str:
        """Return where files can be uploaded to."""
        return self._addresses.upload_url(self._transaction.now_ns)

    def delete(self, id: str) -> None:
        """Remove a file."""
        delete_file(self._transaction, id, self._find(id, "delete"))

    def _find(self, id: str, method: str) -> StoredFile | None:
        self._transaction.require_open()
        return find_file(self._transaction, id, method)


_EXPECTED = "Storage ID should be an Id of '_storage' table, or a UUID string."


def _invalid(method: str, cause: str) -> DeveloperError:
    return DeveloperError(f"Invalid argument `storageId` for `storage.{method}`: {cause}", code="InvalidArgument")
