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
* a scheduled mutation that is still to be run has been ended by its outcome, whether it succeeded or failed;
* the same call at the same position with the same seed and time has the same outcome.

It does not know processes, deadlines or memory limits: the runner pool stops what does not end by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from rtdb.clock import Clock, Random
from rtdb.config import Limits
from rtdb.errors import DeveloperError, RtdbError
from rtdb.functions.app_loader import App
from rtdb.functions.call_steps import (
    CallFailed,
    CallTerminated,
    decode_arguments,
    file_path,
    find_function,
    not_found,
    parse_path,
    wrong_kind,
)
from rtdb.functions.context import Invocation
from rtdb.functions.function_calls import FunctionCalls
from rtdb.functions.inline_query import INLINE_QUERY_PATH, evaluate
from rtdb.functions.log_lines import LogLines
from rtdb.functions.services import Services
from rtdb.functions.session_records import SessionRecords
from rtdb.link.frames import (
    Call,
    ExecutionError,
    FunctionKind,
    Outcome,
    ReadRange,
    ScheduledRun,
    Write,
)
from rtdb.scheduler.work import Ending, Work
from rtdb.scheduler.works import WORKS
from rtdb.transaction.near_limit import is_near, near_limit
from rtdb.transaction.snapshot import Snapshot
from rtdb.transaction.transaction import Transaction
from rtdb.values.function_path import FunctionPath
from rtdb.values.json_codec import encode

__all__ = ["execute"]

GENERIC_MESSAGE = "Your request couldn't be completed. Try again later."

_log = structlog.get_logger("rtdb.functions")


def execute(
    app: App,
    call: Call,
    snapshot: Snapshot,
    *,
    limits: Limits,
    clock: Clock,
    random: Random,
    services: Services,
    stopwatch: Callable[[], int] = time.perf_counter_ns,
) -> Outcome:
    """Run one call at the snapshot's position and return its outcome; never raises.

    A call that finds an action fails with an outcome of that kind: actions run elsewhere. ``pending`` of the outcome is
    0: numbering is the lane's business.
    """
    execution = _Execution(app, call, snapshot, limits, clock, random, services, stopwatch)
    error: ExecutionError | None = None
    result: bytes | None = None
    try:
        result = execution.run()
    except (CallFailed, CallTerminated) as failed:
        error = failed.error
    except DeveloperError as failure:
        error = ExecutionError(failure.code, failure.message)
    except RtdbError as failure:
        error = _system_error(call, failure, failure.code, failure.http_status)
    except Exception as failure:
        error = _system_error(call, failure, "InternalServerError", 500)
    return execution.outcome(result, error)


class _Execution:
    """The state of one execution; :meth:`outcome` may be asked for at any point of it."""

    def __init__(
        self,
        app: App,
        call: Call,
        snapshot: Snapshot,
        limits: Limits,
        clock: Clock,
        random: Random,
        services: Services,
        stopwatch: Callable[[], int],
    ) -> None:
        self._app = app
        self._call = call
        self._snapshot = snapshot
        self._limits = limits
        self._random = random
        self._services = services
        self._stopwatch = stopwatch
        self._started = stopwatch()
        self._journal = call.journal
        """Where a page ended. One that failed goes on as it began: its page is still to end there."""
        # Data-model §3.5: later than everything the snapshot contains, whatever the clock says.
        now_ns = max(snapshot.ts + 1, clock.now_ns())
        self._invocation = Invocation(now_ns, random, call.identity, LogLines(limits), call.scheduled)
        self._invocation.request = call.origin.request
        self._kind: FunctionKind = "mutation" if call.kind == "mutation" else "query"
        self._transaction = self._begin(writable=self._kind == "mutation")
        self._replayed_ts: int | None = None
        self._has_ended_work = False
        """Whether what has failed is a scheduled run, and the failure is to be committed."""

    def run(self) -> bytes:
        """Execute the call and return the encoded result."""
        path = parse_path(self._app, self._call.path)
        if path.is_system:
            return self._run_system(path)
        if self._call.scheduled is not None and self._call.kind == "mutation":
            return self._run_scheduled(self._call.scheduled)
        return self._run_app()

    def outcome(self, result: bytes | None, error: ExecutionError | None) -> Outcome:
        """Return what the execution amounts to. One that failed has read, but not written, unless it was scheduled."""
        invocation = self._invocation
        self._transaction.end()
        reads: list[ReadRange] = self._transaction.reads()
        has_effect = (error is None or self._has_ended_work) and self._replayed_ts is None
        writes: list[Write] = self._transaction.writes() if has_effect else []
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
            journal=self._journal,
            replayed_ts=self._replayed_ts,
            pending=0,
            micros=(self._stopwatch() - self._started) // 1000,
            usage=self._transaction.usage(),
        )

    # --- the three kinds of function ----------------------------------------------------------------------------------

    def _run_app(self) -> bytes:
        function = find_function(self._app, self._call.path, internal=self._call.internal)
        self._check_kind(function.path, function.kind)
        records: SessionRecords | None = None
        if function.kind == "mutation" and self._call.session is not None:
            records = SessionRecords(self._transaction, self._call.session, self._limits)
            if (recorded := records.find()) is not None:
                self._invocation.log_lines.lines[:] = recorded.log_lines
                self._replayed_ts = recorded.ts
                return recorded.result
        calls = FunctionCalls(self._app, self._transaction, self._invocation, self._services, self._limits)
        result, self._journal = calls.call(function, self._call.args, self._call.journal)
        self._warn(len(self._call.args), len(result))
        if records is not None:
            records.add(result, self._invocation.log_lines.lines)
        return result

    def _run_scheduled(self, run: ScheduledRun) -> bytes:
        """Run a mutation that was scheduled, unless that has been done, and end it in the same transaction."""
        work = WORKS[run.kind].find_waiting(self._transaction, run.id, run.due)
        if work is None:
            return b"null"  # Run before this, cancelled, or not there any more.
        work.begin()
        savepoint = self._transaction.savepoint()
        try:
            result = self._run_work(work)
        except (CallFailed, CallTerminated) as failed:
            error = failed.error
            if error.system:
                raise
        except DeveloperError as failure:
            error = ExecutionError(failure.code, failure.message)
        else:
            work.end(self._ending(result=result.decode()))
            return result
        self._transaction.roll_back(savepoint)
        work.end(self._ending(error=error.message))
        self._has_ended_work = True
        raise CallFailed(error)

    def _run_work(self, work: Work) -> bytes:
        function = find_function(self._app, work.path, internal=True)
        if function.kind == "query":
            raise CallFailed(
                ExecutionError(
                    "UnsupportedScheduledFunctionType",
                    f"Unsupported function type. {file_path(function.path)} is a query, and only mutations and actions "
                    "can be scheduled.",
                )
            )
        if function.kind != "mutation":
            # The hub has not heard of the deploy that made it an action.
            raise CallFailed(ExecutionError("DeploymentChanged", GENERIC_MESSAGE, system=503))
        calls = FunctionCalls(self._app, self._transaction, self._invocation, self._services, self._limits)
        result, _ = calls.call(function, encode(work.arguments()), None)
        self._warn(0, len(result))
        return result

    def _ending(self, *, result: str = "null", error: str | None = None) -> Ending:
        seconds = (self._stopwatch() - self._started) / 1e9
        return Ending(error=error, result=result, log_lines=self._invocation.log_lines.lines, seconds=seconds)

    def _run_system(self, path: FunctionPath) -> bytes:
        """Run one of the server's own functions, for those who may call anything."""
        if not self._call.internal:
            kind = self._call.kind if self._call.kind in ("query", "mutation") else "query"
            raise CallFailed(ExecutionError("OperationNotPermitted", f"Operation {kind} not permitted"))
        if str(path) == INLINE_QUERY_PATH:
            return self._run_inline_query(path)
        function = self._services.system_functions.get(str(path))
        if function is None:
            raise not_found(path, internal=True)
        if function.reserved and not self._call.by_server:
            message = f"{path.short} is a step that only the server itself may take."
            raise CallFailed(ExecutionError("OperationNotPermitted", message))
        self._check_kind(path, function.kind)
        arguments = decode_arguments(path, self._call.args, self._limits)
        return encode(function.handler(self._transaction, arguments))

    def _run_inline_query(self, path: FunctionPath) -> bytes:
        self._check_kind(path, "query")
        arguments = decode_arguments(path, self._call.args, self._limits)
        calls = FunctionCalls(self._app, self._transaction, self._invocation, self._services, self._limits)
        return evaluate(self._app, calls, arguments, self._limits)

    def _warn(self, arguments_bytes: int, result_bytes: int) -> None:
        """Say in the log what came near a limit. It is said before the result is recorded, which includes the log."""
        limits = self._limits
        sentences = self._transaction.near_limits()
        if is_near(arguments_bytes, limits.arguments_bytes_max) or is_near(result_bytes, limits.result_bytes_max):
            sentences = [
                *near_limit(
                    "Large size of the function arguments", arguments_bytes, limits.arguments_bytes_max, " bytes"
                ),
                *near_limit("Large size of the function return value", result_bytes, limits.result_bytes_max, " bytes"),
                *sentences,
            ]
        seconds_max = limits.mutation_seconds_max if self._kind == "mutation" else limits.query_seconds_max
        seconds = (self._stopwatch() - self._started) / 1e9
        if seconds > 0.8 * seconds_max:
            sentences.append(
                "Function execution took a long time. "
                f"(maximum duration: {seconds_max:g}s, actual duration: {seconds:.3f}s)."
            )
        for sentence in sentences:
            self._invocation.log_lines.add("WARN", sentence)

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

    def _check_kind(self, path: FunctionPath, kind: FunctionKind) -> None:
        wanted = self._call.kind
        if kind != self._kind:
            # The caller did not say, or is wrong; nothing has been read yet.
            self._kind = kind
            self._transaction = self._begin(writable=kind == "mutation")
        if wanted not in (kind, "any") or kind == "action":
            raise wrong_kind(path, wanted, kind)


def _system_error(call: Call, error: Exception, code: str, status: int) -> ExecutionError:
    """Log what is not the app's fault in full, and tell the client nothing about it."""
    _log.error("execution failed", request_id=call.origin.request, path=call.path, code=code, exc_info=error)
    return ExecutionError(code, GENERIC_MESSAGE, system=status)
