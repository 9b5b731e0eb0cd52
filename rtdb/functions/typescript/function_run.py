"""One call of a query or mutation in TypeScript: the host runs its code, and its syscalls are answered here.

::

    begin ─▶ syscalls ─▶ answers ─▶ syscalls ─▶ … ─▶ a result, or an error

A call inside of a call begins while the outer one waits for its answer, so the executions of a host lie on each other
like the frames of a stack.
"""

from __future__ import annotations

from typing import Final, get_args

import structlog

from rtdb.config import Limits
from rtdb.errors import BadRequestError, DeveloperError, RtdbError
from rtdb.functions.app import App, AppFunction
from rtdb.functions.call_steps import CallFailed, CallTerminated, as_exception
from rtdb.functions.convex_error import ConvexError
from rtdb.functions.error_report import cut_message, is_ours
from rtdb.functions.function_scope import FunctionScope
from rtdb.functions.log_lines import LogLevel
from rtdb.functions.typescript.refusals import Refusals
from rtdb.functions.typescript.transaction_syscalls import ENVIRONMENT_VARIABLE, TransactionSyscalls
from rtdb.link.frames import ExecutionError
from rtdb.typescript.host import Host, HostDied
from rtdb.typescript.steps import (
    Answered,
    Invocation,
    Refused,
    Reply,
    Returned,
    Rows,
    Step,
    SyscallRequest,
    Syscalls,
    Threw,
)
from rtdb.values.json_codec import canonicalize, encode

__all__ = ["run_function"]

SEED_BYTES: Final = 16
UNREADABLE: Final = "EnvironmentVariableUnreadable"
_NS_PER_MS: Final = 1_000_000
_LEVELS: Final[dict[str, LogLevel]] = {level: level for level in get_args(LogLevel)}

_log = structlog.get_logger("rtdb.functions")


def run_function(
    host: Host, app: App, function: AppFunction, scope: FunctionScope, arguments: bytes, limits: Limits
) -> bytes:
    """Run the app's code and return what it says is the JSON of its result.

    Raises CallFailed for what the code has thrown, and CallTerminated when its process came to an end.
    """
    run = _FunctionRun(host, app, function, scope, limits)
    try:
        return run.to_end(arguments)
    except HostDied as died:
        _log.warning("the process of TypeScript functions ended", path=str(function.path), words=died.words)
        terminated = CallTerminated(ExecutionError(died.code, died.message))
        scope.transaction.fail(terminated)
        raise terminated from None


class _FunctionRun:
    def __init__(self, host: Host, app: App, function: AppFunction, scope: FunctionScope, limits: Limits) -> None:
        self._host = host
        self._function = function
        self._scope = scope
        self._limits = limits
        self._syscalls = TransactionSyscalls(app, function, scope)
        self._refusals = Refusals()
        self._failure: Exception | None = None
        """Why the call fails, whatever its code goes on to do."""

    def to_end(self, arguments: bytes) -> bytes:
        step = self._host.begin(self._invocation(arguments))
        while isinstance(step, Syscalls):
            try:
                self._note(step)
                replies = [self._answer(request) for request in step.requests]
            except BaseException:
                self._host.close()  # it may be in the middle of a wait
                raise
            # Code that stands still for its answer has to be given one.
            if self._failure is not None and not any(request.synchronous for request in step.requests):
                self._host.abandon(step.execution)
                break
            step = self._host.resume(step.execution, replies)
        else:
            self._note(step)
        if self._failure is not None:
            raise self._failure
        if isinstance(step, Returned):
            return step.result
        assert isinstance(step, Threw)
        raise CallFailed(self._error(step))

    def _invocation(self, arguments: bytes) -> Invocation:
        path, invocation = self._function.path, self._scope.invocation
        assert self._function.kind != "action", "actions run elsewhere"
        if b"\n" in arguments:
            arguments = canonicalize(arguments)  # a frame has a line for them
        return Invocation(
            module=f"{path.module}.js",
            export=path.export,
            kind=self._function.kind,
            args=arguments if arguments.lstrip().startswith(b"[") else b"[%b]" % arguments,
            now_ms=invocation.now_ns // _NS_PER_MS,
            seed=invocation.entropy.bytes(SEED_BYTES),
        )

    def _note(self, step: Step) -> None:
        """Take in what the code has done by itself."""
        invocation = self._scope.invocation
        for line in step.log_lines:
            invocation.log_lines.add(_LEVELS.get(line.level, "LOG"), line.text)
        invocation.read_time |= step.looked_at_time
        try:
            for use in step.streams:
                if not self._syscalls.has_given(use.query, use.rows):
                    self._host.condemn(f"it has read {use.rows} rows of a query, of which it was not given as many")
                self._syscalls.note_use(use.query, use.rows, ended=use.ended, closed=use.closed)
        except DeveloperError as error:
            # More was read than may be, out of what had been sent ahead. The code cannot be told any more.
            self._fail(error)

    def _fail(self, error: DeveloperError) -> None:
        self._failure = CallFailed(ExecutionError(error.code, f"Uncaught Error: {error.message}"))

    def _answer(self, request: SyscallRequest) -> Reply:
        number = request.number
        if self._failure is not None:
            return Answered(number, b"null")
        try:
            if request.query is not None:
                rows, done = self._syscalls.next_rows(request.query, request.args)
                return Rows(number, rows, done)
            if request.op == ENVIRONMENT_VARIABLE:
                return Answered(number, self._variable(request.args))
            if request.synchronous:
                return Answered(number, self._syscalls.call_synchronous(request.op, request.args))
            return Answered(number, self._syscalls.call(request.op, request.args))
        except ConvexError as error:
            return Refused(number, error.message, encode(error.data))
        except CallFailed as failed:
            # A function that is named and cannot be had.
            return self._refused(number, as_exception(failed.error))
        except RecursionError:
            return Refused(number, f"The arguments of {request.op} are nested too deeply")
        except Exception as error:
            if is_ours(error):
                self._scope.transaction.fail(error)
                self._failure = error
                return Answered(number, b"null")
            if isinstance(error, RtdbError):
                return self._refused(number, error)
            return Refused(number, f"{error}" or type(error).__name__)

    def _refused(self, number: int, error: RtdbError) -> Reply:
        self._refusals.note(error)
        return Refused(number, error.message)

    def _variable(self, args: bytes) -> bytes:
        """Return the JSON of a variable. ``process.env`` knows no errors: the call fails by one that is unreadable."""
        try:
            return self._syscalls.call_synchronous(ENVIRONMENT_VARIABLE, args)
        except DeveloperError as error:
            if error.code != UNREADABLE:
                raise  # not what `process.env` has asked
            self._fail(error)
            return b"null"

    def _error(self, threw: Threw) -> ExecutionError:
        message, data = threw.message, threw.data
        code = self._refusals.code_of(message, threw.code)
        if data is not None:
            try:
                code, data = ConvexError.default_code, canonicalize(data)
            except BadRequestError as invalid:
                message, data = f"Uncaught Error: ConvexError with invalid data: {invalid.message}", None
        return ExecutionError(code, cut_message(message, self._limits), threw.frames, data)
