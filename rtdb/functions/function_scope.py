"""What a query or mutation reaches, whichever language it is written in."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from rtdb.functions.context import Calls, Invocation
from rtdb.functions.environment_context import Environment
from rtdb.functions.pages import Pages
from rtdb.functions.scheduling import TransactionJobs
from rtdb.functions.services import Services
from rtdb.functions.stored_files import TransactionFiles
from rtdb.link.frames import FunctionKind
from rtdb.transaction.transaction import Transaction

__all__ = ["EncodedCalls", "FunctionScope"]


class EncodedCalls(Calls, Protocol):
    """Calls other functions of the app, also for code that holds values as JSON."""

    def run_encoded(
        self, kind: FunctionKind, caller: FunctionKind, path: str, arguments: bytes, *, limits: Any, stale: bool
    ) -> bytes: ...


class FunctionScope(NamedTuple):
    """The world of one call."""

    transaction: Transaction
    pages: Pages
    invocation: Invocation
    environment: Environment
    files: TransactionFiles
    jobs: TransactionJobs
    calls: EncodedCalls
    services: Services
