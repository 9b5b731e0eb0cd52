"""``ctx.storage``: files, which are too large for documents, by their ids in the table `_storage`.

===========================  ==========================================================================================
``get_url(id)``              where the file is read, None if there is none; for everybody who knows the address
``get_metadata(id)``         its size, type and hash; ``ctx.db.system.get(id)`` is the way to go
``generate_upload_url()``    in mutations: where files can be uploaded to for an hour
``delete(id)``               in mutations: remove the file, in the mutation's transaction
===========================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from rtdb.functions.missing_attribute import FOR_ACTIONS, FOR_MUTATIONS, Explained

__all__ = ["Files", "StorageReader", "StorageWriter"]


class Files(Protocol):
    """What ``ctx.storage`` stands on."""

    def url(self, id: str) -> str | None: ...

    def metadata(self, id: str) -> dict[str, Any] | None: ...

    def upload_url(self) -> str: ...

    def delete(self, id: str) -> None: ...


class StorageReader(Explained):
    """``ctx.storage`` of a query. What it says is read in the query's transaction: the result follows the file."""

    __slots__ = ("_files",)

    _name = "ctx.storage"
    _place = "in a query"
    _missing: ClassVar[Mapping[str, str]] = {
        "generate_upload_url": FOR_MUTATIONS,
        "delete": FOR_MUTATIONS,
        "get": FOR_ACTIONS,
        "store": FOR_ACTIONS,
    }

    def __init__(self, files: Files) -> None:
        self._files = files

    def get_url(self, id: str) -> str | None:
        """Return the address that the file is read from, None if there is no such file.

        Whoever knows the address can read the file, as long as there is one.
        """
        return self._files.url(id)

    def get_metadata(self, id: str) -> dict[str, Any] | None:
        """Return ``{storageId, sha256, size, contentType}``, None if there is no such file.

        ``sha256`` is hexadecimal here. New code reads the document: ``ctx.db.system.get(id)``.
        """
        return self._files.metadata(id)


class StorageWriter(StorageReader):
    """``ctx.storage`` of a mutation."""

    __slots__ = ()

    _place = "in a mutation"

    def generate_upload_url(self) -> str:
        """Return an address that takes files by POST for an hour, any number of them.

        Whoever has it can upload; nothing is stored to give one out.
        """
        return self._files.upload_url()

    def delete(self, id: str) -> None:
        """Remove a file in this transaction. Its address then leads nowhere. Raises if there is none."""
        self._files.delete(id)
