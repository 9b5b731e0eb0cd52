"""What the server does to the documents of files: for uploads and downloads, and for the collector.

::

    find      the file with an address                                      query      a download
    room      how much is stored, and the epoch                             query      before and during an upload
    keep      a new file, whose content has been published                  mutation   the end of an upload
    condemn   which of these blobs may go: nothing refers to them           mutation   ┐ the collector, which removes
    absolve   those condemned are gone                                      mutation   ┘ the content in between
    describe  a file, by its id                                             query      ┐ ctx.storage of an action, and
    delete    a file, by its id                                             mutation   ┘ administrators

The *epoch* is the number of times that anything has been condemned or absolved. Who uploads reads it, then publishes
the content, and `keep` insists that it is still the same and that the content is not condemned: so whatever has been
removed, it was not that. If it is not the same, the upload publishes again and asks again. No lock, no clock and no
process that must not die is part of that (docs/design/files.md).

All but the last two are the server's own steps: no client can take one, not even an administrator.
"""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any, Final

import msgspec

from rtdb.functions.stored_files import delete_file, file_by_uuid, find_file
from rtdb.functions.system.definition import Arguments, SystemFunction, convert_arguments
from rtdb.storage.system_tables import (
    BLOB_STATE_ID,
    BLOB_STATE_TABLE,
    BLOBS_TABLE,
    FILE_STORAGE_TABLE,
    STORAGE_TABLE,
    blob_document_id,
)
from rtdb.transaction.transaction import Transaction
from rtdb.values.document_id import encode_id

__all__ = ["FUNCTIONS", "absolve", "condemn", "delete", "describe", "find", "keep", "room"]


class _Find(msgspec.Struct):
    uuid: str


class _Room(msgspec.Struct):
    blob: str = ""


class _Keep(msgspec.Struct):
    blob: str
    sha256: str
    """Base64."""
    size: int
    contentType: str | None
    epoch: int
    bytesMax: int
    """What all blobs together may have."""


class _Describe(msgspec.Struct):
    id: Any
    method: str = "getMetadata"
    """Of ``ctx.storage``, for the sentence that says that the id is none."""


class _Delete(msgspec.Struct):
    id: Any


class _Condemn(msgspec.Struct):
    blobs: list[str]
    before: int
    """Milliseconds since 1970: what was given up later is left alone."""


_convert = partial(convert_arguments, code="InvalidFileStep", what="This step of file storage")


class _State:
    """The one document of `_blob_state`."""

    def __init__(self, transaction: Transaction) -> None:
        fields = transaction.platform.get(BLOB_STATE_TABLE, BLOB_STATE_ID)
        self._transaction = transaction
        self.bytes: float = 0.0 if fields is None else fields["bytes"]
        self.epoch: float = 0.0 if fields is None else fields["epoch"]
        self.condemned: list[str] = [] if fields is None else fields["condemned"]

    def write(self) -> None:
        fields = {"bytes": self.bytes, "epoch": self.epoch, "condemned": self.condemned}
        self._transaction.platform.put(BLOB_STATE_TABLE, BLOB_STATE_ID, fields)


def find(transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``{blob, sha256, size, contentType}`` of the file with this UUID, or null."""
    file = file_by_uuid(transaction, _convert(arguments, _Find).uuid)
    if file is None:
        return None
    return {"blob": file.blob, "sha256": file.sha256, "size": file.size, "contentType": file.content_type}


def room(transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``{bytes, epoch, known}``: the size of all blobs together, the epoch, whether ``blob`` is one of them."""
    asked = _convert(arguments, _Room)
    state = _State(transaction)
    known = bool(asked.blob) and transaction.platform.get(BLOBS_TABLE, blob_document_id(asked.blob)) is not None
    return {"bytes": state.bytes, "epoch": state.epoch, "known": known}


def keep(transaction: Transaction, arguments: Arguments) -> Any:
    """Make a file of published content.

    Return ``{storageId}``; or ``{again: true}`` when the content may be gone by now; or ``{full: true}`` when it is
    more than ``bytesMax`` allows.
    """
    asked = _convert(arguments, _Keep)
    state = _State(transaction)
    if asked.epoch != state.epoch or asked.blob in state.condemned:
        return {"again": True}
    blob = transaction.platform.get(BLOBS_TABLE, blob_document_id(asked.blob))
    if blob is None:
        state.bytes += asked.size
        if state.bytes > asked.bytesMax:
            return {"full": True}
        state.write()
    references = 1.0 if blob is None else blob["references"] + 1
    fields = {"blob": asked.blob, "size": float(asked.size), "references": references, "unreferencedSince": None}
    transaction.platform.put(BLOBS_TABLE, blob_document_id(asked.blob), fields)
    internal = transaction.platform.new_id()
    shown = {"sha256": asked.sha256, "size": float(asked.size), "contentType": asked.contentType}
    transaction.platform.insert(STORAGE_TABLE, internal, shown)
    address = str(uuid.UUID(bytes=transaction.platform.random_bytes(16), version=4))
    transaction.platform.insert(FILE_STORAGE_TABLE, internal, {"storageId": address, "blob": asked.blob})
    return {"storageId": encode_id(STORAGE_TABLE, internal)}


def condemn(transaction: Transaction, arguments: Arguments) -> Any:
    """Condemn those of the blobs that no file has, and has had since ``before``; return them.

    Content without a document belongs to an upload that never came to its end, or has yet to. While some are condemned
    no others are: those are returned, so that after a crash between the two steps a collector goes on with the second.
    """
    asked = _convert(arguments, _Condemn)
    state = _State(transaction)
    if state.condemned:
        return state.condemned
    for name in asked.blobs:
        blob = transaction.platform.get(BLOBS_TABLE, blob_document_id(name))
        if blob is None:
            state.condemned.append(name)
        elif not blob["references"] and blob["unreferencedSince"] <= asked.before:
            transaction.platform.delete(BLOBS_TABLE, blob_document_id(name))
            state.bytes -= blob["size"]
            state.condemned.append(name)
    if state.condemned:
        state.epoch += 1
        state.write()
    return state.condemned


def absolve(transaction: Transaction, arguments: Arguments) -> Any:
    """Note that those condemned are gone."""
    state = _State(transaction)
    if state.condemned:
        state.condemned = []
        state.epoch += 1
        state.write()
    return None


def describe(transaction: Transaction, arguments: Arguments) -> Any:
    """Return the metadata of the file with this id, and the name of its content as ``blob``; null if there is none."""
    asked = _convert(arguments, _Describe)
    file = find_file(transaction, asked.id, asked.method)
    return None if file is None else {**file.metadata(), "blob": file.blob}


def delete(transaction: Transaction, arguments: Arguments) -> Any:
    """Delete the file with this id."""
    asked = _convert(arguments, _Delete)
    delete_file(transaction, asked.id, find_file(transaction, asked.id, "delete"))
    return None


FUNCTIONS: Final = {
    "_system/files:find": SystemFunction("query", find, reserved=True),
    "_system/files:room": SystemFunction("query", room, reserved=True),
    "_system/files:keep": SystemFunction("mutation", keep, reserved=True),
    "_system/files:condemn": SystemFunction("mutation", condemn, reserved=True),
    "_system/files:absolve": SystemFunction("mutation", absolve, reserved=True),
    "_system/files:describe": SystemFunction("query", describe),
    "_system/files:delete": SystemFunction("mutation", delete),
}
