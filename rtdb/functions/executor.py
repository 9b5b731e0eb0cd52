"""Executing one query or mutation: from a call to its outcome.

::

    look the function up ─▶ replay? ─▶ decode and check arguments ─▶ run it ─▶ encode and check the result ─▶ outcome

Whatever the app's code does, short of ending the process, :func:`execute` returns an outcome. Nothing has taken
effect then: the outcome's writes wait for the committer, and a failed or read-only execution has none.

Invariants:

* every execution has read the deployment, so that a deploy makes it run again, also when it failed or found no
  function;
* a mutation called over a session has read its own request record and, when it succeeds, writes it: sending it again
  gives the recorded answer, exactly once;
* the same call at the same position with the same seed and time has the same outcome.

It does not know processes, deadlines or memory limits: the runner pool stops what does not end by itself.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from rtdb.clock import Clock, Random
from rtdb.config import Limits
from rtdb.errors import BadRequestError, DeveloperError, RtdbError, ValidationError
from rtdb.functions.app_loader import App
from rtdb.functions.context import Invocation, MutationContext, QueryContext
from rtdb.functions.error_report import is_ours, report_exception
from rtdb.functions.log_lines import LogLines, PrintCapture
from rtdb.functions.query_builder import Query, TableQuery
from rtdb.functions.system_functions import SYSTEM_FUNCTIONS
from rtdb.link.frames import Call, ExecutionError, FunctionKind, Outcome, ReadRange, SessionRequest, Write
from rtdb.storage.system_tables import SESSION_REQUESTS_TABLE, session_request_id
from rtdb.transaction.snapshot import Snapshot
from rtdb.transaction.transaction import Transaction
from rtdb.values.function_path import FunctionPath, parse_function_path
from rtdb.values.json_codec import decode, encode, encode_exact
from rtdb.values.value import UNDEFINED, display
from rtdb.values.violations import display_bytes

__all__ = ["execute"]

GENERIC_MESSAGE = "Your request couldn't be completed. Try again later."

_log = structlog.get_logger("rtdb.functions")


class _Failed(Exception):
    """Ends an execution with this error."""

    def __init__(self, error: ExecutionError) -> None:
        self.error = error


def execute(
    app: App,
    call: Call,
    snapshot: Snapshot,
    *,
    limits: Limits,
    clock: Clock,
    random: Random,
    stopwatch: Callable[[], int] = time.perf_counter_ns,
) -> Outcome:
    """Run one call at the snapshot's position and return its outcome; never raises.

    A call of kind ``action`` does not belong here and fails like any call of the wrong kind. ``pending`` of the outcome
    is 0: numbering is the lane's business.
    """
    started = stopwatch()
    execution = _Execution(app, call, snapshot, limits, clock, random)
    error: ExecutionError | None = None
    result: bytes | None = None
    try:
        result = execution.run()
    except _Failed as failed:
        error = failed.error
    except DeveloperError as failure:
        error = ExecutionError(failure.code, failure.message)
    except RtdbError as failure:
        error = _system_error(call, failure, failure.code, failure.http_status)
    except Exception as failure:
        error = _system_error(call, failure, "InternalServerError", 500)
    return execution.outcome(result, error, (stopwatch() - started) // 1000)


class _Execution:
    """The state of one execution; :meth:`outcome` may be asked for at any point of it."""

    def __init__(self, app: App, call: Call, snapshot: Snapshot, limits: Limits, clock: Clock, random: Random) -> None:
        self._app = app
        self._call = call
        self._snapshot = snapshot
        self._limits = limits
        self._random = random
        # Data-model §3.5: later than everything the snapshot contains, whatever the clock says.
        now_ns = max(snapshot.ts + 1, clock.now_ns())
        self._invocation = Invocation(now_ns, random, call.identity, LogLines(limits))
        self._kind: FunctionKind = "mutation" if call.kind == "mutation" else "query"
        self._transaction = self._begin(writable=self._kind == "mutation")
        self._replayed_ts: int | None = None

    def run(self) -> bytes:
        """Execute the call and return the encoded result."""
        path = self._parse_path()
        if path.is_system:
            return self._run_system(path)
        return self._run_app(path)

    def outcome(self, result: bytes | None, error: ExecutionError | None, micros: int) -> Outcome:
        """Return what the execution amounts to. One that failed has read, but not written."""
        invocation = self._invocation
        reads: list[ReadRange] = self._transaction.reads()
        writes: list[Write] = self._transaction.writes() if error is None and self._replayed_ts is None else []
        return Outcome(
            call=self._call.call,
            kind=self._kind,
            seq=self._snapshot.seq,
            ts=self._snapshot.ts,
            reads=reads,
            writes=writes,
            result=result,
            error=error,
            log_lines=invocation.log_lines.lines,
            read_identity=invocation.read_identity,
            read_time=invocation.read_time,
            journal=None,
            replayed_ts=self._replayed_ts,
            pending=0,
            micros=micros,
        )

    # --- the three kinds of function ----------------------------------------------------------------------------------

    def _run_app(self, path: FunctionPath) -> bytes:
        function = self._app.functions.get(self._call.path) or self._app.functions.get(str(path))
        if function is None or (function.internal and not self._call.internal):
            raise _Failed(self._not_found(path))
        self._check_kind(path, function.kind)
        if function.kind == "mutation":
            replayed = self._replay()
            if replayed is not None:
                return replayed
        transaction = self._transaction
        tables = self._app.tables
        tables.lookup_number = transaction.table_number
        tables.lookup_name = transaction.table_name
        arguments = self._decode_arguments(path)
        try:
            function.check_args(arguments)
        except ValidationError as error:
            raise _failed("ValidationError", f"ArgumentValidationError: {error.message}") from None
        context = (MutationContext if function.kind == "mutation" else QueryContext)(transaction, self._invocation)
        returned = self._call_handler(function.handler, context, arguments)
        exact, result = self._encode_result(path, returned)
        if function.check_returns is not None:
            try:
                function.check_returns(exact)
            except ValidationError as error:
                raise _failed("ValidationError", f"ReturnsValidationError: {error.message}") from None
        self._record(result)
        return result

    def _run_system(self, path: FunctionPath) -> bytes:
        """Run one of the server's own functions, for those who may call anything."""
        if not self._call.internal:
            kind = self._call.kind if self._call.kind in ("query", "mutation") else "query"
            raise _failed("OperationNotPermitted", f"Operation {kind} not permitted")
        function = SYSTEM_FUNCTIONS.get(str(path))
        if function is None:
            raise _Failed(self._not_found(path))
        self._check_kind(path, function.kind)
        arguments = self._decode_arguments(path)
        return encode(function.handler(self._transaction, arguments, self._limits))

    def _call_handler(self, handler: Any, context: QueryContext, arguments: dict[str, Any]) -> Any:
        """Call the app's code, with what it prints captured."""
        stdout = sys.stdout
        capture = PrintCapture(self._invocation.log_lines)
        sys.stdout = capture
        try:
            returned = handler(context, **arguments)
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: it is the app's code that raised them
            if is_ours(error):
                raise
            raise _Failed(report_exception(error, self._app.root, self._limits)) from None
        finally:
            sys.stdout = stdout
            capture.finish()
        return returned

    # --- steps --------------------------------------------------------------------------------------------------------

    def _begin(self, *, writable: bool) -> Transaction:
        transaction = Transaction(
            self._snapshot,
            limits=self._limits,
            now_ns=self._invocation.now_ns,
            random=self._random,
            writable=writable,
            document_check=self._app.check_document,
        )
        transaction.read_deployment()
        return transaction

    def _parse_path(self) -> FunctionPath:
        function = self._app.functions.get(self._call.path)
        if function is not None:
            return function.path
        try:
            return parse_function_path(self._call.path)
        except BadRequestError as error:
            raise _failed(error.code, error.message) from None

    def _not_found(self, path: FunctionPath) -> ExecutionError:
        if self._call.internal:
            message = f"Could not find function for '{path.short}'. Did you forget to run `npx convex dev`?"
        else:
            message = f"Could not find public function for '{path.short}'."
        return ExecutionError("FunctionNotFound", message)

    def _check_kind(self, path: FunctionPath, kind: FunctionKind) -> None:
        wanted = self._call.kind
        if kind != self._kind:
            # The caller did not say, or is wrong; nothing has been read yet.
            self._kind = kind
            self._transaction = self._begin(writable=kind == "mutation")
        if wanted not in (kind, "any"):
            raise _failed(
                "WrongFunctionKind",
                f"Trying to execute {_file_path(path)} as {wanted.title()}, but it is defined as {kind.title()}.",
            )

    def _decode_arguments(self, path: FunctionPath) -> dict[str, Any]:
        data = self._call.args
        limit = self._limits.arguments_bytes_max
        if len(data) > limit:
            raise _failed(
                "ArgumentsTooLarge",
                f"Arguments for {_file_path(path)} are too large "
                f"(actual: {display_bytes(len(data))}, limit: {display_bytes(limit)})",
            )
        try:
            arguments = decode(data)
        except (BadRequestError, DeveloperError) as error:
            raise _failed(error.code, f"Invalid arguments for {_file_path(path)}: {error.message}") from None
        if isinstance(arguments, list):
            if len(arguments) != 1:
                raise _failed(
                    "ValidationError",
                    "ArgumentValidationError: Expected to receive a single object as the function's argument. "
                    f"Instead received {len(arguments)} arguments: {display(arguments)}",
                )
            arguments = arguments[0]
        if not isinstance(arguments, dict):
            raise _failed(
                "ValidationError",
                "ArgumentValidationError: Expected to receive an object as the function's argument. "
                f"Instead received: {display(arguments)}",
            )
        return arguments

    def _encode_result(self, path: FunctionPath, returned: Any) -> tuple[Any, bytes]:
        """Return the result made of exact types, and encoded; UNDEFINED is null (data-model §1.7)."""
        try:
            exact, result = encode_exact(None if returned is UNDEFINED else returned)
        except DeveloperError as error:
            raise _no_result(path, returned, error) from None
        limit = self._limits.result_bytes_max
        if len(result) > limit:
            raise _failed(
                "ReturnValueTooLarge",
                f"Function {_file_path(path)} return value is too large "
                f"(actual: {display_bytes(len(result))}, limit: {display_bytes(limit)})",
            )
        return exact, result

    # --- session requests ---------------------------------------------------------------------------------------------

    def _replay(self) -> bytes | None:
        """Return the recorded result if this request has been committed before (sync-protocol §7.3)."""
        session = self._call.session
        if session is None:
            return None
        stored = self._transaction.get_stored(SESSION_REQUESTS_TABLE, _request_id(session))
        if stored is None:
            return None
        record = msgspec.json.decode(stored.data, type=_SessionRecord)
        self._invocation.log_lines.lines[:] = record.logLines
        self._replayed_ts = stored.ts
        return record.result.encode()

    def _record(self, result: bytes) -> None:
        """Record the result in the mutation's own transaction, so that either both or none is committed."""
        session = self._call.session
        if session is None or self._kind != "mutation":
            return
        fields = {
            "session": session.session,
            "request": float(session.request),
            "result": result.decode(),
            "logLines": self._invocation.log_lines.lines,
        }
        self._transaction.put_system(SESSION_REQUESTS_TABLE, _request_id(session), fields)


class _SessionRecord(msgspec.Struct):
    result: str
    logLines: list[str]


def _request_id(session: SessionRequest) -> bytes:
    return session_request_id(session.session, session.request)


def _file_path(path: FunctionPath) -> str:
    return f"{path.module}.js:{path.export}"


def _no_result(path: FunctionPath, returned: Any, error: DeveloperError) -> _Failed:
    """Say why this cannot be a result, with advice for the usual mistakes."""
    if isinstance(returned, Query | TableQuery):
        return _failed(
            "InvalidReturnValue",
            "Return value is a Query. Results must be retrieved with `.collect()`, `.take(n), `.unique()`, or "
            "`.first()`.",
        )
    if inspect.isgenerator(returned) or inspect.isawaitable(returned) or inspect.isasyncgen(returned):
        if inspect.iscoroutine(returned):
            returned.close()  # it will never be awaited, and that is said here
        return _failed(
            "InvalidReturnValue",
            f"Function {_file_path(path)} returned a {type(returned).__name__}: queries and mutations are plain "
            "functions that return a value; use a list instead of a generator, and `def` instead of `async def`.",
        )
    return _failed(error.code, f"Function {_file_path(path)} return value invalid: {error.message}")


def _failed(code: str, message: str) -> _Failed:
    return _Failed(ExecutionError(code, message))


def _system_error(call: Call, error: Exception, code: str, status: int) -> ExecutionError:
    """Log what is not the app's fault in full, and tell the client nothing about it."""
    _log.error("execution failed", path=call.path, code=code, exc_info=error)
    return ExecutionError(code, GENERIC_MESSAGE, system=status)
