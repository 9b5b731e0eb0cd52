"""What there is to know of tables without looking into them.

``numbers`` lists every table with its number, which is a part of the ids of its documents. Action runners ask for it:
they open no database, and have to know which table an id belongs to.
"""

from __future__ import annotations

from typing import Final

from rtdb.functions.system.definition import Arguments, SystemFunction
from rtdb.transaction.transaction import Transaction

__all__ = ["FUNCTIONS", "NUMBERS_PATH"]

NUMBERS_PATH: Final = "_system/tables:numbers"


def numbers(transaction: Transaction, arguments: Arguments) -> list[list[str | int]]:
    """Return ``[name, number]`` of every table, the system's included."""
    return [[table.name, table.number] for table in transaction.registry.tables()]


FUNCTIONS: Final = {NUMBERS_PATH: SystemFunction("query", numbers)}
