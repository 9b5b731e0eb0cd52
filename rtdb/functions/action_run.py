"""One run of an action's code: what it is called with, what its ``ctx`` does, and how it ends.

::

    check arguments ─▶ run it ─▶ give up what it left behind ─▶ encode and check the result

The code is Python, in this process, or TypeScript, in another (`functions/typescript/actions.py`). An action that it
runs in turn (``ctx.run_action``) is a run of its own and a part of the same action: same process, same log, same end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import trio

from rtdb.functions.action_context import ActionContext
from rtdb.functions.action_environment import ActionEnvironment
from rtdb.functions.app_loader import AppFunction
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
from rtdb.functions.scheduling import check_job_arguments, find_target
from rtdb.functions.started_operations import StartedOperations
from rtdb.functions.typescript.actions import TypeScriptActions
from rtdb.link.frames import (
    FunctionKind,
    Origin,
)
from rtdb.storage.system_tables import SCHEDULED_FUNCTIONS_TABLE
from rtdb.typescript.action_calls import Variables
from rtdb.values.document_id import encode_id
from rtdb.values.function_path import FunctionPath
from rtdb.values.json_codec import decode_canonical, encode
from rtdb.values.value import Value

if TYPE_CHECKING:
    import httpx

__all__ = ["ActionRun"]

Result = TypeVar("Result")


class ActionRun:
    """One run of an action's code, and the operations it has started: ``ActionOperations``."""

    def __init__(
        self, environment: ActionEnvironment, invocation: Invocation, origin: Origin, *, depth: int = 0
    ) -> None:
        self._environment = environment
        self._origin = origin
        self.invocation = invocation
        self._depth = depth
        self._started = StartedOperations(environment.limits.action_operations_max)

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
            report = report_exception(failure, environment.app.root, environment.limits)
            raise CallFailed(report, out_of_memory=isinstance(failure, MemoryError)) from None
        finally:
            self._started.give_up(self.invocation.log_lines)

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
        return self._started.start(f"run_{kind}", partial(self._run, kind, path, data))

    def schedule(self, function: object, time_ms: float, arguments: dict[str, Any] | None) -> Coroutine[Any, Any, str]:
        path = find_target(self._environment.app, function)
        asked: dict[str, Any] = {"path": str(path), "time": time_ms, "args": check_job_arguments(arguments)}
        if self.invocation.job is not None:
            asked["parent"] = encode_id(SCHEDULED_FUNCTIONS_TABLE, self.invocation.job)
        return self._started.start("scheduler.run_at", partial(self._run_system, "schedule", encode(asked)))

    def cancel_job(self, id: str) -> Coroutine[Any, Any, None]:
        return self._started.start("scheduler.cancel", partial(self._run_system, "cancel", encode({"id": id})))

    def fetch(self, url: str, options: dict[str, Any]) -> Coroutine[Any, Any, httpx.Response]:
        return self._started.start("fetch", partial(self._environment.fetcher.fetch, url, options))

    def file_url(self, id: str) -> Coroutine[Any, Any, str | None]:
        return self._started.start("storage.get_url", partial(self._environment.files.url, id))

    def file_metadata(self, id: str) -> Coroutine[Any, Any, dict[str, Any] | None]:
        return self._started.start("storage.get_metadata", partial(self._environment.files.metadata, id))

    def upload_url(self) -> Coroutine[Any, Any, str]:
        return self._started.start("storage.generate_upload_url", self._environment.files.upload_url)

    def delete_file(self, id: str) -> Coroutine[Any, Any, None]:
        return self._started.start("storage.delete", partial(self._environment.files.delete, id))

    def get_file(self, id: str) -> Coroutine[Any, Any, Blob | None]:
        return self._started.start("storage.get", partial(self._environment.files.get, id))

    def store_file(self, content: object, content_type: str | None, sha256: str | None) -> Coroutine[Any, Any, str]:
        return self._started.start(
            "storage.store", partial(self._environment.files.store, content, content_type, sha256)
        )

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
