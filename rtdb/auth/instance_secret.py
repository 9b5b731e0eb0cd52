"""The instance secret: the 32 bytes that admin keys are sealed with, in a file of their own.

The file holds 64 hexadecimal digits and is readable by its owner only. It lies beside the database and not in it, so
that a copy of the data gives nobody a key. Whoever deletes it ends every admin key; the next start makes a new one.
"""

from __future__ import annotations

from pathlib import Path

from rtdb.auth.admin_key import SECRET_BYTES
from rtdb.clock import Random
from rtdb.errors import DataDirectoryError
from rtdb.storage.durable_files import sync_directory, write_file

__all__ = ["SECRET_FILE", "load_instance_secret", "write_private"]

SECRET_FILE = "instance.secret"  # noqa: S105  # a name, not a secret


def load_instance_secret(data_dir: Path, random: Random) -> bytes:
    """Return the secret of this data directory, making it if there is none.

    Raises ``DataDirectoryError`` when the file holds anything else.
    """
    path = data_dir / SECRET_FILE
    if not path.exists():
        write_private(path, random.bytes(SECRET_BYTES).hex() + "\n")
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (ValueError, OSError) as error:
        raise DataDirectoryError(f"{path} cannot be read as an instance secret: {error}") from error
    if len(secret) != SECRET_BYTES:
        raise DataDirectoryError(
            f"{path} holds {len(secret)} bytes where an instance secret has {SECRET_BYTES}; put the original back, "
            "or delete the file to make a new secret (all admin keys end)"
        )
    return secret


def write_private(path: Path, text: str) -> None:
    """Put ``text`` into a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(path.name + ".new")
    write_file(temporary, text.encode("ascii"), mode=0o600)
    temporary.rename(path)
    sync_directory(path.parent)
