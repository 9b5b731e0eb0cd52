"""What there is to know of tables without looking into their documents.

==========================  ==========================================================================================
``_system/tables:numbers``  every table with its number, which is a part of the ids of its documents: action runners
                            open no database, and have to know which table an id belongs to
``_system/cli/tables``      the app's tables, by name; one page holds them all
``_system/cli/tableSize``   how many documents a table has
``_system/cli/queryTable``  a number that is another one after every change of a table: who subscribes to it is woken
==========================  ==========================================================================================

Those under ``cli`` have the names that the official command line calls (cli-endpoints §16.1).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec

from rtdb.functions.system.definition import Arguments, SystemFunction, convert_arguments
from rtdb.index.definition import TableDefinition
from rtdb.storage.system_tables import TABLES_TABLE
from rtdb.transaction.transaction import Transaction

__all__ = ["FUNCTIONS", "NUMBERS_PATH"]

NUMBERS_PATH: Final = "_system/tables:numbers"


class _Named(msgspec.Struct, forbid_unknown_fields=True):
    tableName: str


class _Page(msgspec.Struct):
    numItems: float
    cursor: str | None


class _Paged(msgspec.Struct, forbid_unknown_fields=True):
    paginationOpts: _Page


_convert = partial(convert_arguments, code="InvalidArguments", what="This function for tables")


def numbers(transaction: Transaction, arguments: Arguments) -> list[list[str | int]]:
    """Return ``[name, number]`` of every table, the system's included."""
    return [[table.name, table.number] for table in transaction.registry.tables()]


def names(transaction: Transaction, arguments: Arguments) -> Any:
    """Return ``{page: [{name}], isDone, continueCursor}``, always all of them."""
    _convert(arguments, _Paged)
    rows = transaction.platform.scan(TABLES_TABLE, "by_creation_time")
    page = [{"name": name} for name in sorted(row["name"] for row in rows) if not name.startswith("_")]
    return {"page": page, "isDone": True, "continueCursor": "end"}


def size(transaction: Transaction, arguments: Arguments) -> float:
    """Return the number of documents, 0 if there is no such table."""
    table = _depend_on(transaction, _convert(arguments, _Named).tableName)
    return 0.0 if table is None else float(transaction.platform.count(table))


def change(transaction: Transaction, arguments: Arguments) -> float:
    """Return a number from 0 to 1, by chance; one that is asked again when the table has changed."""
    _depend_on(transaction, _convert(arguments, _Named).tableName)
    return int.from_bytes(transaction.platform.random_bytes(6)) / 2**48


def _depend_on(transaction: Transaction, name: str) -> TableDefinition | None:
    number = transaction.table_number(name)
    table = None if number is None else transaction.registry.table_by_number(number)
    if table is not None:
        transaction.platform.depend_on_table(table)
    return table


FUNCTIONS: Final = {
    NUMBERS_PATH: SystemFunction("query", numbers),
    "_system/cli/tables:default": SystemFunction("query", names),
    "_system/cli/tableSize:default": SystemFunction("query", size),
    "_system/cli/queryTable:default": SystemFunction("query", change),
}
