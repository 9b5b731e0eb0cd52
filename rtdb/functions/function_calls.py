"""Calling functions of an app inside one transaction: the one that was asked for, and those that it calls in turn.

::

    find it ─▶ check its kind ─▶ check arguments ─▶ run it ─▶ encode and check the result

A nested call shares everything with its caller but its arguments, result and seed, which are values of its own: the
transaction with its read set, limits and time, and the log lines. (A stale query has a transaction of its own, at the
same snapshot; the limits are shared nevertheless.) When it fails, the writes it made are undone, also
those of its own nested calls; what it has read stays read, because the caller's decision to go on depends on it.

It does not know sessions, replies or where calls come from: that is the executor's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.app import App, AppFunction
from rtdb.functions.call_steps import (
    CallFailed,
    as_exception,
    call_depth_exceeded,
    check_arguments,
    check_result,
    decode_arguments,
    decode_result,
    encode_arguments,
    encode_result,
    find_function,
    path_of,
    wrong_kind,
)
from rtdb.functions.context import Invocation, MutationContext, QueryContext
from rtdb.functions.environment_context import Environment
from rtdb.functions.error_report import is_ours, report_exception
from rtdb.functions.function_scope import FunctionScope
from rtdb.functions.log_lines import PrintCapture
from rtdb.functions.pages import Pages
from rtdb.functions.scheduler_context import Scheduler
from rtdb.functions.scheduling import TransactionJobs
from rtdb.functions.services import Services
from rtdb.functions.stored_files import TransactionFiles
from rtdb.functions.transaction_limits import allowance_of
from rtdb.functions.typescript.function_run import run_function
from rtdb.link.frames import FunctionKind
from rtdb.transaction.transaction import Transaction
from rtdb.typescript.host import Host
from rtdb.values.function_path import FunctionPath
from rtdb.values.json_codec import decode_canonical
from rtdb.values.value import Value

__all__ = ["FunctionCalls"]


class FunctionCalls:
    """Runs functions in one transaction."""

    __slots__ = (
        "_app",
        "_depth",
        "_environment",
        "_files",
        "_invocation",
        "_jobs",
        "_limits",
        "_services",
        "_transaction",
    )

    def __init__(
        self,
        app: App,
        transaction: Transaction,
        invocation: Invocation,
        services: Services,
        limits: Limits,
    ) -> None:
        self._app = app
        self._transaction = transaction
        self._invocation = invocation
        self._services = services
        self._limits = limits
        self._depth = 0
        """Nested calls under way."""
        self._bind()

    def call(
        self, function: AppFunction, arguments: bytes, journal: str | None, host: Host | None = None
    ) -> tuple[bytes, str | None]:
        """Run a function with encoded arguments and return its encoded result and its journal. Raises CallFailed.

        ``journal`` is that of an earlier execution, whose page it is to read again. ``host`` has a function that is not
        the app's.
        """
        decoded = decode_arguments(function.path, arguments, self._limits)
        check_arguments(function, decoded)
        scope = FunctionScope(
            self._transaction,
            Pages(self._transaction, self._services.cursors, self._limits, journal),
            self._invocation,
            self._environment,
            self._files,
            self._jobs,
            self,
            self._services,
        )
        if function.handler is None:
            host = host or self._app.host
            assert host is not None, "who has functions in TypeScript has a host"
            returned = run_function(host, self._app, function, scope, arguments, self._limits)
            exact, result = decode_result(function.path, returned, self._limits)
        else:
            context = _python_context(function.kind, scope)
            exact, result = encode_result(
                function.path, self._run_handler(function.handler, context, decoded), self._limits
            )
        check_result(function, exact)
        return result, scope.pages.journal

    def run(
        self,
        kind: FunctionKind,
        caller: FunctionKind,
        function: object,
        arguments: object,
        *,
        limits: object = None,
        stale: bool = False,
    ) -> Value:
        """Call a function from inside another one of kind ``caller`` (data-model §7.4).

        ``limits`` are an app's `TransactionLimits`. A ``stale`` query reads what the transaction has begun with.
        """

        def encoded(path: FunctionPath) -> bytes:
            return encode_arguments(path, arguments)

        return decode_canonical(self._nested(kind, caller, function, encoded, limits, stale=stale))

    def run_encoded(
        self, kind: FunctionKind, caller: FunctionKind, path: str, arguments: bytes, *, limits: Any, stale: bool
    ) -> bytes:
        """Do what :meth:`run` does with encoded arguments, and return the encoded result."""
        return self._nested(kind, caller, path, lambda _: arguments, limits, stale=stale)

    def _nested(
        self,
        kind: FunctionKind,
        caller: FunctionKind,
        function: object,
        arguments: Callable[[FunctionPath], bytes],
        limits: object,
        *,
        stale: bool,
    ) -> bytes:
        if kind == "mutation" and caller != "mutation":
            raise DeveloperError("Cannot call a Mutation function from a Query function", code="WrongFunctionKind")
        if stale and caller != "mutation":
            raise DeveloperError(
                "`use_stale_snapshot` is only supported in mutations, not queries.", code="WrongFunctionKind"
            )
        if self._depth >= self._limits.call_depth_max:
            raise call_depth_exceeded()
        path = path_of(self._app, function)
        allowance = allowance_of(limits)
        transaction = self._transaction
        savepoint = transaction.savepoint() if kind == "mutation" else None
        self._depth += 1
        if stale:
            self._transaction = transaction.begin_stale()
            self._bind()
        try:
            found = find_function(self._app, path, internal=True)
            if found.kind != kind:
                raise wrong_kind(found.path, kind, found.kind)
            # Encoded, they are detached from the caller's objects and held to what a client may send.
            encoded = arguments(found.path)
            with self._transaction.restricted(allowance) if allowance else nullcontext():
                result, _ = self.call(found, encoded, None)
        except CallFailed as failed:
            if savepoint is not None:
                transaction.roll_back(savepoint)
            raise as_exception(failed.error) from None
        finally:
            self._depth -= 1
            if stale:
                self._leave_stale(transaction)
        return result

    def _leave_stale(self, transaction: Transaction) -> None:
        """Go on in the transaction that a stale query was called from."""
        stale, self._transaction = self._transaction, transaction
        self._bind()
        stale.end()
        if stale.failure is not None:
            transaction.fail(stale.failure)

    def _bind(self) -> None:
        """Have everything that functions reach read and write in the transaction."""
        self._environment = Environment(partial(self._services.variables.lookup, self._transaction))
        self._files = TransactionFiles(self._transaction, self._services.addresses)
        self._jobs = TransactionJobs(self._app, self._transaction, self._invocation.job)
        self._app.tables.lookup_number = self._transaction.table_number
        self._app.tables.lookup_name = self._transaction.table_name

    def _run_handler(self, handler: Any, context: QueryContext, arguments: dict[str, Any]) -> Any:
        """Call the app's code, with what it prints captured."""
        stdout = sys.stdout
        capture = PrintCapture(self._invocation.log_lines)
        sys.stdout = capture
        try:
            returned = handler(context, **arguments)
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: it is the app's code that raised them
            if is_ours(error):
                self._transaction.fail(error)
                raise
            raise CallFailed(report_exception(error, self._app.root, self._limits)) from None
        finally:
            sys.stdout = stdout
            capture.finish()
        if self._transaction.failure is not None:
            raise self._transaction.failure
        return returned


def _python_context(kind: FunctionKind, scope: FunctionScope) -> QueryContext:
    """Return the ``ctx`` of a function in Python."""
    common = (scope.transaction, scope.pages, scope.invocation, scope.environment, scope.files, scope.calls)
    return MutationContext(*common, Scheduler(scope.jobs)) if kind == "mutation" else QueryContext(*common)
