"""Pages of the database file that are not what was written: named in a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import lmdb

from rtdb.errors import DataDirectoryError

__all__ = ["DAMAGE", "damage_named"]

DAMAGE: Final = (lmdb.CorruptedError, lmdb.PageNotFoundError, lmdb.BadTxnError)
"""What LMDB raises when it comes to such a page; the last when py-lmdb asks it a second time for one call.

No retry and no restart cures it.
"""


@contextmanager
def damage_named(data_dir: Path) -> Iterator[None]:
    """Raise DataDirectoryError when the body comes to a damaged page."""
    try:
        yield
    except DAMAGE as error:
        raise DataDirectoryError(
            f"The database in {data_dir} is damaged: LMDB came to a page that is not what was written ({error}). "
            "Restore the directory from a backup."
        ) from error
