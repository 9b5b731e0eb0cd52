"""Bundles: the source of an app, from a developer's directory to the server.

A bundle is the app's files by their paths below the functions directory: ``.py`` files are its Python part, all others
its TypeScript part (`typescript/module_set.py`). Each part is replaced without the other. Its **hash** (BLAKE3 over
names and contents) identifies the deployment. Packed for transport the Python part is an *archive*::

    zlib( msgpack( [[path, content], …] in order of path ) )

Equal bundles have equal hashes wherever they were packed, whatever the files' dates and owners are. An archive comes
from outside: it is unpacked under its limits and every path is checked, so that what is written below a directory
stays there.

This module does not know where bundles are kept (`bundle_store.py`) or what a module contains.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec
from blake3 import blake3

from rtdb.config import Limits
from rtdb.errors import BadRequestError

__all__ = [
    "EMPTY",
    "GENERATED",
    "Bundle",
    "is_bundled",
    "pack",
    "read_bundle",
    "replace_python",
    "replace_typescript",
    "unpack",
]

GENERATED: Final = "_generated"
"""The directory of what `rtdb codegen` writes. Its modules travel with the app, whose functions may import them."""

_NAME: Final = re.compile(r"[^/\\\x00-\x1f]+")
_NAME_BYTES_MAX: Final = 255
_PATH_CHARACTERS_MAX: Final = 1024
_HASH_CHARACTERS: Final = 32
_PER_FILE_BYTES: Final = _PATH_CHARACTERS_MAX * 4 + 16
"""What a file adds to an archive besides its content: its path in UTF-8 and the framing."""

_decoder = msgspec.msgpack.Decoder(list[tuple[str, bytes]])


class Bundle(msgspec.Struct, frozen=True):
    """An app's source: content by path, in order of path."""

    files: dict[str, bytes]

    @property
    def hash(self) -> str:
        """What the source is, in 32 hexadecimal digits."""
        return blake3(_encode(self.files.items())).hexdigest()[:_HASH_CHARACTERS]


EMPTY: Final = Bundle({})
"""An app without any module."""


def read_bundle(functions: Path, limits: Limits) -> Bundle:
    """Collect the modules below a directory.

    Hidden files and directories and ``__pycache__`` are left out. Raises ``BundleTooLarge``.
    """
    files: dict[str, bytes] = {}
    for folder, folders, names in os.walk(functions):
        folders[:] = [name for name in folders if is_bundled(Path(name))]
        for name in names:
            path = Path(folder, name).relative_to(functions)
            if path.suffix == ".py" and is_bundled(path):
                files[path.as_posix()] = Path(folder, name).read_bytes()
    return _checked(files, limits, str(functions))


def is_bundled(path: Path) -> bool:
    """Whether a path below the functions directory lies where modules are."""
    return not any(map(_is_left_out, path.parts))


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__"


def pack(bundle: Bundle) -> bytes:
    """Return the bundle as an archive."""
    return zlib.compress(_encode(bundle.files.items()), level=6)


def unpack(archive: bytes, limits: Limits) -> Bundle:
    """Return the bundle in an archive. Raises ``BundleTooLarge`` or ``InvalidBundle``."""
    # Enough for every bundle within the limits: a small archive of a huge one is refused before it fills the memory.
    encoded_bytes_max = limits.bundle_bytes_max + limits.bundle_files_max * _PER_FILE_BYTES
    decompressor = zlib.decompressobj()
    try:
        encoded = decompressor.decompress(archive, encoded_bytes_max)
        if decompressor.unconsumed_tail:
            raise _too_large("The archive", "more", f"more than {encoded_bytes_max}", limits)
        pairs = _decoder.decode(encoded)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise BadRequestError(f"The archive cannot be unpacked: {error}", code="InvalidBundle") from error
    if not decompressor.eof or decompressor.unused_data:
        raise BadRequestError("The archive is not one whole archive.", code="InvalidBundle")
    files = dict(pairs)
    if len(files) != len(pairs):
        raise BadRequestError("The archive holds a file twice.", code="InvalidBundle")
    for path in files:
        _check_path(path)
    return _checked(files, limits, "The archive")


def replace_python(bundle: Bundle, python: Bundle) -> Bundle:
    """Return the bundle with another Python part. Raises ``InvalidBundle``."""
    return _join(python.files, {path: content for path, content in bundle.files.items() if not _is_python(path)})


def replace_typescript(bundle: Bundle, files: Mapping[str, bytes], limits: Limits) -> Bundle:
    """Return the bundle with another TypeScript part. Raises ``BundleTooLarge`` or ``InvalidBundle``."""
    _checked(dict(files), limits, "What is pushed")
    return _join(files, {path: content for path, content in bundle.files.items() if _is_python(path)})


def _is_python(path: str) -> bool:
    return path.endswith(".py")


def _join(part: Mapping[str, bytes], other: Mapping[str, bytes]) -> Bundle:
    """Return the bundle of two parts, if they can lie in one directory."""
    files = {**part, **other}
    folders = {str(folder) for path in files for folder in PurePosixPath(path).parents}
    for path in sorted(folders & files.keys()):
        raise BadRequestError(f"The app has a module and a folder of the same name: {path}", code="InvalidBundle")
    return Bundle(dict(sorted(files.items())))


def _check_path(path: str) -> None:
    *folders, name = path.split("/")
    is_plain = all(
        _NAME.fullmatch(part) and not _is_left_out(part) and len(part.encode()) <= _NAME_BYTES_MAX
        for part in (*folders, name)
    )
    is_module = name.endswith(".py") and not any(folder.endswith(".py") for folder in folders)
    if not is_plain or not is_module or len(path) > _PATH_CHARACTERS_MAX:
        raise BadRequestError(f"The archive holds {path!r}, which is not the path of a module.", code="InvalidBundle")


def _checked(files: dict[str, bytes], limits: Limits, where: str) -> Bundle:
    total = sum(map(len, files.values()))
    if len(files) > limits.bundle_files_max or total > limits.bundle_bytes_max:
        raise _too_large(where, str(len(files)), str(total), limits)
    return Bundle(dict(sorted(files.items())))


def _too_large(where: str, files: str, total: str, limits: Limits) -> BadRequestError:
    return BadRequestError(
        f"{where} holds {files} modules of {total} bytes together; an app may have {limits.bundle_files_max} modules "
        f"(bundle_files_max) of {limits.bundle_bytes_max} bytes (bundle_bytes_max). Is it the right directory?",
        code="BundleTooLarge",
    )


def _encode(files: Iterable[tuple[str, bytes]]) -> bytes:
    return msgspec.msgpack.encode(list(files))
