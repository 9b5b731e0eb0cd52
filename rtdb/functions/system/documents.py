"""Documents as administrators look at them: ``_system/cli/tableData``, a page of a table in order of creation.

It has the name that the official command line calls (cli-endpoints §16.1). Beside the app's tables it shows those of
the system that apps may read, such as ``_storage``; a table that does not exist is one without documents.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, Literal

import msgspec

from rtdb.config import Limits
from rtdb.functions.pages import Pages
from rtdb.functions.system.definition import Arguments, SystemFunction, convert_arguments
from rtdb.transaction.cursor import CursorCodec
from rtdb.transaction.transaction import Transaction

__all__ = ["functions"]

ROWS_READ_MAX: Final = 10_000
BYTES_READ_MAX: Final = 5 * 1024 * 1024
"""A page stops there, as the reference's does; its reader asks for the next one."""


class _Page(msgspec.Struct):
    numItems: float
    cursor: str | None


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    table: str
    order: Literal["asc", "desc"]
    paginationOpts: _Page


def functions(cursors: CursorCodec, limits: Limits) -> dict[str, SystemFunction]:
    """Return them, by path."""
    return {"_system/cli/tableData:default": SystemFunction("query", partial(_page, cursors, limits))}


def _page(cursors: CursorCodec, limits: Limits, transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``{page, isDone, continueCursor, …}``."""
    asked = convert_arguments(arguments, _Asked, code="InvalidArguments", what="This function for documents")
    options = {
        # Whoever asks for more than one page can hold is content with several.
        "numItems": min(
            asked.paginationOpts.numItems, ROWS_READ_MAX, limits.documents_read_max, limits.array_elements_max
        ),
        "cursor": asked.paginationOpts.cursor,
        "maximumRowsRead": ROWS_READ_MAX,
        "maximumBytesRead": BYTES_READ_MAX,
    }
    pages = Pages(transaction, cursors, limits, None)
    return pages.paginate(asked.table, None, [], asked.order, [], options, system=asked.table.startswith("_"))
