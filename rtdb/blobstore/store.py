"""Where the server keeps the content of files: a file each, named by the BLAKE3 hash of what is in it.

::

    <data_dir>/blobs/incoming/<random>     being written, or published and not yet described: locked by its writer
    <data_dir>/blobs/<xx>/<hash>           whole and durable; <xx> are the first two digits of the hash

Invariants:

* a file appears under its hash whole and durable, or not at all;
* what a killed writer leaves in `incoming` is known to be nobody's, because the kernel has taken its lock away;
* a name is given and taken without knowing what refers to it: that is the caller's (docs/design/files.md).

Everything here blocks for the disk; none of it knows documents.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

from rtdb.clock import Random
from rtdb.storage.durable_files import make_directory, sync_directory

__all__ = ["BLOB_PREFIXES", "BlobContent", "BlobStore", "IncomingBlob", "is_blob_name", "is_disk_full"]

BLOB_PREFIXES: Final = tuple(f"{number:02x}" for number in range(256))
"""The directories of blobs, by the first digits of their hashes: what is gone through one after the other."""

UNSYNCED_BYTES_MAX: Final = 16 * 1024 * 1024
"""What is written before it is synced. Without that a large file fills the page cache with what the disk has yet to
take, and a commit's fsync waits behind all of it."""

READ_BYTES: Final = 1024 * 1024

_NAME: Final = re.compile(r"[0-9a-f]{64}")


def is_blob_name(text: str) -> bool:
    """Return whether this is how a blob is named."""
    return _NAME.fullmatch(text) is not None


class BlobContent(msgspec.Struct, frozen=True):
    """What the bytes of a blob are: ``name`` is their BLAKE3 hash in hexadecimal, ``sha256`` for those who ask."""

    name: str
    sha256: bytes
    size: int


class IncomingBlob:
    """Bytes on their way in. Made by :meth:`BlobStore.begin`; whoever began it ends it with :meth:`discard`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._blake3 = blake3()
        self._sha256 = sha256()
        self._unsynced = 0
        self.size = 0
        """Bytes written so far."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Raises OSError, for a full disk too."""
        self._blake3.update(data)
        self._sha256.update(data)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self.size += len(data)
        self._unsynced += len(data)
        if self._unsynced >= UNSYNCED_BYTES_MAX:
            os.fdatasync(self._descriptor)
            self._unsynced = 0

    def finish(self) -> BlobContent:
        """Make durable what has been written and say what it is."""
        os.fsync(self._descriptor)
        return BlobContent(self._blake3.hexdigest(), self._sha256.digest(), self.size)

    def discard(self) -> None:
        """Forget it. What has been published stays."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


class BlobStore:
    """The blobs of one data directory."""

    def __init__(self, data_dir: Path, random: Random) -> None:
        self.directory = data_dir / "blobs"
        self._incoming = self.directory / "incoming"
        self._random = random

    def prepare(self) -> None:
        """Make the directories, durably, and clear away what was left half written. For once at start.

        They are all made at once: a writer that finds its directory could not know whether it is durable yet.
        """
        make_directory(self.directory)
        for name in ("incoming", *BLOB_PREFIXES):
            (self.directory / name).mkdir(exist_ok=True)
        sync_directory(self.directory)
        self.sweep()

    def path(self, name: str) -> Path:
        """Return where a blob lies if there is one of this name."""
        assert is_blob_name(name)
        return self.directory / name[:2] / name

    # --- in ---------------------------------------------------------------------------------------

    def begin(self) -> IncomingBlob:
        """Return a new blob to write to."""
        while True:
            path = self._incoming / self._random.bytes(16).hex()
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # A sweep came between the two lines and is about to clear it away.
                os.close(descriptor)
                continue
            if os.fstat(descriptor).st_nlink:
                return IncomingBlob(path, descriptor)
            os.close(descriptor)

    def publish(self, incoming: IncomingBlob, name: str) -> None:
        """Have a finished blob under its name, durably. It may be there already."""
        target = self.path(name)
        with suppress(FileExistsError):
            os.link(incoming.path, target)
        # Also when it was there: whoever put it there may not have come to this line yet.
        sync_directory(target.parent)

    def sweep(self) -> int:
        """Clear away what writers that are gone have left half written; return how many there were."""
        swept = 0
        for path in self._incoming.iterdir():
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)
                swept += 1
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)
        return swept

    # --- out --------------------------------------------------------------------------------------

    def open(self, name: str) -> int:
        """Return a descriptor to read a blob with; it stays good when the blob is removed.

        Raises FileNotFoundError when there is none.
        """
        return os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC)

    def names(self, prefix: str) -> list[str]:
        """Return the blobs in one of the :data:`BLOB_PREFIXES`; its directory may be missing, as in some copies."""
        try:
            found = os.listdir(self.directory / prefix)
        except FileNotFoundError:
            return []
        return sorted(filter(is_blob_name, found))

    def content(self, name: str) -> BlobContent:
        """Read a blob to its end and say what it is; its name may turn out to be another. Raises OSError."""
        digest, other_digest, size = blake3(), sha256(), 0
        with open(self.open(name), "rb", buffering=0) as file:
            while data := file.read(READ_BYTES):
                digest.update(data)
                other_digest.update(data)
                size += len(data)
        return BlobContent(digest.hexdigest(), other_digest.digest(), size)

    def remove(self, names: Iterable[str]) -> None:
        """Remove blobs, durably; some may be gone already."""
        parents = set()
        for name in names:
            path = self.path(name)
            parents.add(path.parent)
            path.unlink(missing_ok=True)
        for parent in parents:
            sync_directory(parent)


def is_disk_full(error: OSError) -> bool:
    """Return whether this is the answer of a disk, or of a quota or limit on it, that has no room for this."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
