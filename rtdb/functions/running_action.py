"""One action in its process: from being asked for to its outcome. What asks for it is a call here, and an HTTP request
in `http_actions.py`.

::

    look it up ─▶ decode and check arguments ─▶ run it ─▶ give up what it left behind ─▶ encode and check the result

What the action does to the database are calls of their own, which the hub runs; it has no transaction. So it is never
repeated, and what it has done stays done however it ends.

An action that it runs in turn (``ctx.run_action``) is a part of it: same process, same log, same end.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import structlog
import trio

from rtdb.clock import Clock, Random
from rtdb.config import Limits
from rtdb.errors import DeveloperError, RtdbError
from rtdb.functions.action_context import ActionContext
from rtdb.functions.action_files import ActionFiles
from rtdb.functions.action_variables import ActionVariables, Ask
from rtdb.functions.app_loader import App, AppFunction
from rtdb.functions.blob import Blob
from rtdb.functions.call_steps import (
    CallFailed,
    as_exception,
    call_depth_exceeded,
    check_arguments,
    check_arguments_size,
    check_result,
    decode_arguments,
    decode_result,
    encode_arguments,
    encode_result,
    find_function,
    not_found,
    parse_path,
    path_of,
    wrong_kind,
)
from rtdb.functions.context import Invocation
from rtdb.functions.error_report import is_ours, report_exception, sole_error
from rtdb.functions.fetch import Fetcher
from rtdb.functions.log_lines import LogLines, PrintCapture
from rtdb.functions.scheduling import check_job_arguments, find_target
from rtdb.functions.typescript.actions import TypeScriptActions
from rtdb.link.frames import (
    ActionCall,
    ActionOutcome,
    ExecutionError,
    FunctionKind,
    Origin,
)
from rtdb.storage.system_tables import SCHEDULED_FUNCTIONS_TABLE
from rtdb.transaction.near_limit import near_limit
from rtdb.typescript.action_calls import Variables
from rtdb.values.document_id import encode_id
from rtdb.values.function_path import FunctionPath
from rtdb.values.json_codec import decode_canonical, encode
from rtdb.values.value import Value

if TYPE_CHECKING:
    import httpx

__all__ = ["ActionEnvironment", "ActionRun", "CalledAction", "RunningAction", "running_prints"]

GENERIC_MESSAGE = "Your request couldn't be completed. Try again later."

running_prints: ContextVar[PrintCapture | None] = ContextVar("running_prints", default=None)
"""Where a task's prints go."""

Result = TypeVar("Result")

_log = structlog.get_logger("rtdb.actions")


class TableNumbers(Protocol):
    """Numbers and names of tables, remembered; ``asked`` is set when they are looked up."""

    asked: bool

    async def refresh(self) -> None: ...


class ActionEnvironment:
    """What all actions of a process share."""

    def __init__(
        self,
        app: App,
        limits: Limits,
        *,
        clock: Clock,
        random: Random,
        ask: Ask,
        tables: TableNumbers,
        variables: ActionVariables,
        fetcher: Fetcher,
        files: ActionFiles,
        typescript: TypeScriptActions | None = None,
        stopwatch: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.app = app
        self.limits = limits
        self.clock = clock
        self.random = random
        self.ask = ask
        self.tables = tables
        self.variables = variables
        self.fetcher = fetcher
        self.files = files
        self.typescript = typescript
        """None for an app without modules in TypeScript."""
        self.stopwatch = stopwatch


class RunningAction:
    """An action that was asked for, under the number of its call."""

    def __init__(self, environment: ActionEnvironment, number: int, path: str, origin: Origin) -> None:
        self.environment = environment
        self.number = number
        self.path = path
        self.origin = origin
        self.log_lines = LogLines(environment.limits)
        self._scope = trio.CancelScope()
        self._cancelled_because: ExecutionError | None = None
        self._said = 0

    async def execute(self) -> bytes:
        """Run the app's code; return the encoded result. Raises CallFailed."""
        raise NotImplementedError

    def unsaid(self) -> list[str]:
        """Return the lines of its log that have come since this was last asked."""
        lines = self.log_lines.lines[self._said :]
        self._said += len(lines)
        return lines

    def cancel(self, because: ExecutionError) -> None:
        """Stop it where it waits; ``because`` becomes its outcome."""
        self._cancelled_because = because
        self._scope.cancel()

    async def run(self) -> ActionOutcome:
        """Run it to its end; raises nothing but the cancellation of the process."""
        environment = self.environment
        prints = PrintCapture(self.log_lines)
        running_prints.set(prints)
        started = environment.stopwatch()
        error: ExecutionError | None = None
        result: bytes | None = None
        with self._scope:
            try:
                result = await self.execute()
            except CallFailed as failed:
                error = failed.error
            except DeveloperError as failure:
                error = ExecutionError(failure.code, failure.message)
            except RtdbError as failure:
                error = self._system_error(failure, failure.code, failure.http_status)
            except Exception as failure:
                error = self._system_error(failure, "InternalServerError", 500)
        prints.finish()
        if result is None and self._cancelled_because is not None:
            error = self._cancelled_because
        micros = (environment.stopwatch() - started) // 1000
        seconds_max, seconds = environment.limits.action_seconds_max, micros / 1e6
        if result is not None and seconds > 0.8 * seconds_max:
            self.log_lines.add(
                "WARN",
                "Function execution took a long time. "
                f"(maximum duration: {seconds_max:g}s, actual duration: {seconds:.3f}s).",
            )
        return ActionOutcome(self.number, result, error, self.log_lines.lines, micros)

    def _system_error(self, error: Exception, code: str, status: int) -> ExecutionError:
        _log.error("action failed", request_id=self.origin.request, path=self.path, code=code, exc_info=error)
        return ExecutionError(code, GENERIC_MESSAGE, system=status)


class CalledAction(RunningAction):
    """An action that was called."""

    def __init__(self, environment: ActionEnvironment, call: ActionCall) -> None:
        super().__init__(environment, call.call, call.path, call.origin)
        self._call = call

    async def execute(self) -> bytes:
        environment, call = self.environment, self._call
        function = find_function(environment.app, call.path, internal=call.internal)
        if function.kind != "action":
            raise wrong_kind(function.path, "action", function.kind)
        arguments = decode_arguments(function.path, call.args, environment.limits)
        # Identity and log are those of the whole action.
        invocation = Invocation(
            environment.clock.now_ns(), environment.random, call.identity, self.log_lines, call.scheduled
        )
        invocation.request = call.origin.request
        result = await ActionRun(environment, invocation, call.origin).call(function, arguments)
        limits = environment.limits
        for sentence in [
            *near_limit("Large size of the function arguments", len(call.args), limits.arguments_bytes_max, " bytes"),
            *near_limit("Large size of the function return value", len(result), limits.result_bytes_max, " bytes"),
        ]:
            self.log_lines.add("WARN", sentence)
        return result


class _Operation:
    """Something that an action has started: what is to be awaited for it, and how to stop it."""

    __slots__ = ("coroutine", "name", "scope")

    def __init__(self, name: str) -> None:
        self.name = name
        self.scope = trio.CancelScope()
        self.coroutine: Coroutine[Any, Any, Any]


class ActionRun:
    """One run of an action's code, and the operations it has started: ``ActionOperations``."""

    def __init__(
        self, environment: ActionEnvironment, invocation: Invocation, origin: Origin, *, depth: int = 0
    ) -> None:
        self._environment = environment
        self._origin = origin
        self.invocation = invocation
        self._depth = depth
        self._operations: set[_Operation] = set()
        """Those that are not over, or have not begun."""
        self._room = trio.Semaphore(environment.limits.action_operations_max)
        self._is_over = False

    async def call(self, function: AppFunction, arguments: dict[str, Any]) -> bytes:
        """Run an action and return its encoded result. Raises CallFailed."""
        await self._check(check_arguments, function, arguments)
        limits = self._environment.limits
        handler = function.handler
        if handler is None:
            encoded = encode(arguments)
            returned_json = await self.run_typescript(
                lambda actions, variables: actions.call(function.path, encoded, variables, self, self.invocation)
            )
            exact, result = decode_result(function.path, returned_json, limits)
        else:
            returned = await self.run_python(lambda context: handler(context, **arguments))
            exact, result = encode_result(function.path, returned, limits)
        await self._check(check_result, function, exact)
        return result

    async def run_python(self, code: Callable[[ActionContext], Awaitable[Result]]) -> Result:
        """Run code of the app in this process, and end what it has left behind. Raises CallFailed."""
        environment = self._environment
        variables = (await environment.variables.current()).environment
        return await self._run_code(code(ActionContext(self, self.invocation, variables, environment.clock)))

    async def run_typescript(self, code: Callable[[TypeScriptActions, Variables], Awaitable[Result]]) -> Result:
        """Run code of the app in a process for TypeScript, in the way of :meth:`run_python`."""
        known = await self._environment.variables.current()
        if known.error is not None:
            raise CallFailed(known.error)
        assert self._environment.typescript is not None, "an app with such functions has it"
        return await self._run_code(code(self._environment.typescript, known.all))

    async def _run_code(self, code: Awaitable[Result]) -> Result:
        environment = self._environment
        try:
            return await code
        except trio.Cancelled:
            raise
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: it is the app's code that raised them
            failure = sole_error(error)
            if is_ours(failure):
                raise failure from None
            raise CallFailed(report_exception(failure, environment.app.root, environment.limits)) from None
        finally:
            self._give_up_operations()

    async def _check(self, check: Callable[[AppFunction, Any], None], function: AppFunction, value: Any) -> None:
        """Check a value. If there are ids in it that do not fit, that may be because tables have come or gone."""
        tables = self._environment.tables
        tables.asked = False
        try:
            check(function, value)
        except CallFailed:
            if not tables.asked:
                raise
            await tables.refresh()
            check(function, value)

    # --- ActionOperations ---------------------------------------------------------------------------------------------

    def run(self, kind: FunctionKind, function: object, arguments: object) -> Coroutine[Any, Any, Value]:
        app = self._environment.app
        try:
            path = parse_path(app, path_of(app, function))
            if path.is_system:
                # Those are the server's own, also for an app that means well.
                raise not_found(path, internal=True)
            # At once: what the caller does with its objects from here on is its own business.
            data = encode_arguments(path, arguments)
            check_arguments_size(path, data, self._environment.limits)
        except CallFailed as failed:
            raise as_exception(failed.error) from None
        return self._start(f"run_{kind}", partial(self._run, kind, path, data))

    def schedule(self, function: object, time_ms: float, arguments: dict[str, Any] | None) -> Coroutine[Any, Any, str]:
        path = find_target(self._environment.app, function)
        asked: dict[str, Any] = {"path": str(path), "time": time_ms, "args": check_job_arguments(arguments)}
        if self.invocation.job is not None:
            asked["parent"] = encode_id(SCHEDULED_FUNCTIONS_TABLE, self.invocation.job)
        return self._start("scheduler.run_at", partial(self._run_system, "schedule", encode(asked)))

    def cancel_job(self, id: str) -> Coroutine[Any, Any, None]:
        return self._start("scheduler.cancel", partial(self._run_system, "cancel", encode({"id": id})))

    def fetch(self, url: str, options: dict[str, Any]) -> Coroutine[Any, Any, httpx.Response]:
        return self._start("fetch", partial(self._environment.fetcher.fetch, url, options))

    def file_url(self, id: str) -> Coroutine[Any, Any, str | None]:
        return self._start("storage.get_url", partial(self._environment.files.url, id))

    def file_metadata(self, id: str) -> Coroutine[Any, Any, dict[str, Any] | None]:
        return self._start("storage.get_metadata", partial(self._environment.files.metadata, id))

    def upload_url(self) -> Coroutine[Any, Any, str]:
        return self._start("storage.generate_upload_url", self._environment.files.upload_url)

    def delete_file(self, id: str) -> Coroutine[Any, Any, None]:
        return self._start("storage.delete", partial(self._environment.files.delete, id))

    def get_file(self, id: str) -> Coroutine[Any, Any, Blob | None]:
        return self._start("storage.get", partial(self._environment.files.get, id))

    def store_file(self, content: object, content_type: str | None, sha256: str | None) -> Coroutine[Any, Any, str]:
        return self._start("storage.store", partial(self._environment.files.store, content, content_type, sha256))

    def _start(self, name: str, operate: Callable[[], Awaitable[Result]]) -> Coroutine[Any, Any, Result]:
        """Return an operation that is to be awaited, and remember it until it is over."""
        if self._is_over:
            raise DeveloperError(f"`ctx.{name}` was called after its action had ended", code="ActionEnded")
        operation = _Operation(name)
        operation.coroutine = coroutine = self._operate(operation, operate)
        self._operations.add(operation)
        return coroutine

    async def _operate(self, operation: _Operation, operate: Callable[[], Awaitable[Result]]) -> Result:
        try:
            with operation.scope:
                async with self._room:
                    return await operate()
        finally:
            self._operations.discard(operation)
        # Only reached in a task that the action has left behind.
        raise DeveloperError(f"`ctx.{operation.name}` was given up: its action has ended", code="ActionEnded")

    async def _run(self, kind: FunctionKind, path: FunctionPath, data: bytes) -> Value:
        try:
            if kind == "action":
                return decode_canonical(await self._run_action(path, data))
            answer = await self._environment.ask(
                kind, str(path), data, self.invocation.identity, internal=True, origin=self._origin
            )
            if answer.error is not None:
                raise CallFailed(answer.error)
        except CallFailed as failed:
            raise as_exception(failed.error) from None
        assert answer.result is not None, "an answer has a result or an error"
        return decode_canonical(answer.result)

    async def _run_system(self, name: str, args: bytes) -> Any:
        answer = await self._environment.ask(
            "mutation", f"_system/scheduler:{name}", args, None, internal=True, origin=self._origin
        )
        if answer.error is not None:
            raise as_exception(answer.error) from None
        assert answer.result is not None, "an answer has a result or an error"
        return decode_canonical(answer.result)

    async def _run_action(self, path: FunctionPath, data: bytes) -> bytes:
        environment = self._environment
        if self._depth >= environment.limits.call_depth_max:
            raise call_depth_exceeded()
        function = find_function(environment.app, str(path), internal=True)
        if function.kind != "action":
            raise wrong_kind(function.path, "action", function.kind)
        arguments = decode_arguments(function.path, data, environment.limits)
        return await ActionRun(environment, self.invocation, self._origin, depth=self._depth + 1).call(
            function, arguments
        )

    def _give_up_operations(self) -> None:
        """End what the action has not waited for, and say so in its log."""
        self._is_over = True
        left = [*self._operations]
        for operation in left:
            if inspect.getcoroutinestate(operation.coroutine) == inspect.CORO_CREATED:
                operation.coroutine.close()
                self._operations.discard(operation)
            else:
                operation.scope.cancel()
        if left:
            names = ", ".join(sorted(operation.name for operation in left))
            self.invocation.log_lines.add(
                "WARN",
                f"{len(left)} unawaited operation{'s' if len(left) > 1 else ''}: [{names}]. Async operations should be "
                "awaited or they might not run. "
                "See https://docs.convex.dev/functions/actions#dangling-promises for more information.",
            )
