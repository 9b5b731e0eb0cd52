"""Snapshot imports, of which there are none: ``_system/cli/queryImport:list``.

The official command line looks here before it uploads anything; the upload is then refused with the reason
(``http/refused_routes.py``).
"""

from __future__ import annotations

from typing import Any, Final

from rtdb.functions.system.definition import Arguments, SystemFunction
from rtdb.transaction.transaction import Transaction

__all__ = ["FUNCTIONS"]


def list_imports(transaction: Transaction, arguments: Arguments) -> Any:
    """Return no import."""
    return []


FUNCTIONS: Final = {"_system/cli/queryImport:list": SystemFunction("query", list_imports)}
