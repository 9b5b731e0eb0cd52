"""One action in its process: from being asked for to its outcome. What asks for it is a call here, and an HTTP request
in `http_actions.py`.

::

    look it up ─▶ decode arguments ─▶ run its code (`action_run.py`) ─▶ outcome

What the action does to the database are calls of their own, which the hub runs; it has no transaction. So it is never
repeated, and what it has done stays done however it ends.
"""

from __future__ import annotations

from contextvars import ContextVar

import structlog
import trio

from rtdb.errors import DeveloperError, RtdbError
from rtdb.functions.action_environment import ActionEnvironment
from rtdb.functions.action_run import ActionRun
from rtdb.functions.call_steps import CallFailed, decode_arguments, find_function, wrong_kind
from rtdb.functions.context import Invocation
from rtdb.functions.log_lines import LogLines, PrintCapture
from rtdb.link.frames import ActionCall, ActionOutcome, ExecutionError, Origin
from rtdb.transaction.near_limit import near_limit

__all__ = ["CalledAction", "RunningAction", "running_prints"]

GENERIC_MESSAGE = "Your request couldn't be completed. Try again later."

running_prints: ContextVar[PrintCapture | None] = ContextVar("running_prints", default=None)
"""Where a task's prints go."""

_log = structlog.get_logger("rtdb.actions")


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
        out_of_memory = False
        with self._scope:
            try:
                result = await self.execute()
            except CallFailed as failed:
                error, out_of_memory = failed.error, failed.out_of_memory
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
        return ActionOutcome(self.number, result, error, self.log_lines.lines, micros, out_of_memory)

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
