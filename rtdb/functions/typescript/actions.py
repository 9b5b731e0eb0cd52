"""Actions and HTTP actions of an app that are written in TypeScript: the code of an ActionRun, in action hosts.

What an action may do, for how long, and what becomes of it is decided where it is decided for actions in Python
(`action_run.py`, `http_actions.py`). Here its code is run, and an end that it comes to is told in the words for it.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from rtdb.config import MIB, Config, Limits
from rtdb.errors import DeveloperError
from rtdb.functions.action_context import ActionOperations
from rtdb.functions.app import App
from rtdb.functions.call_steps import CallFailed, result_too_large
from rtdb.functions.context import Invocation
from rtdb.functions.convex_error import ConvexError
from rtdb.functions.error_report import cut_message
from rtdb.functions.http_message import Body, Request, Response
from rtdb.functions.typescript.action_syscalls import ActionSyscalls, Pieces
from rtdb.functions.typescript.refusals import Refusals
from rtdb.link.frames import ExecutionError
from rtdb.typescript.action_calls import (
    ActionHostDied,
    ActionThrew,
    HttpHead,
    HttpRequest,
    Read,
    ResultTooLarge,
    Variables,
)
from rtdb.typescript.action_hosts import ActionHosts, HostKind
from rtdb.typescript.deno import Deno
from rtdb.typescript.module_set import ModuleSet
from rtdb.typescript.networks import reach_of
from rtdb.typescript.node import NodeProcess
from rtdb.typescript.node_analysis import node_header
from rtdb.typescript.node_app import NodeApp, node_app_of, node_modules_of
from rtdb.typescript.stack import SourceMaps
from rtdb.values.function_path import FunctionPath
from rtdb.values.json_codec import canonicalize

__all__ = ["TypeScriptActions"]

HTTP_MODULE: Final = "http.js"


class TypeScriptActions:
    """The TypeScript actions of one app. :meth:`run` is the life of its processes."""

    def __init__(self, app: App, modules: ModuleSet, config: Config) -> None:
        """``app`` has these modules; those for Node are prepared."""
        self._app = app
        self._modules = modules
        self._instance_name = config.instance_name
        self._limits = config.limits
        maps = SourceMaps(modules)
        self.hosts = {"isolate": ActionHosts(_deno(modules, config), maps, config.limits)}
        if node_modules_of(modules):
            self.hosts["node"] = ActionHosts(_node(node_app_of(app.root, modules), config.limits), maps, config.limits)

    @property
    def has_routes(self) -> bool:
        """Whether HTTP requests are answered here."""
        return HTTP_MODULE in self._modules.by_path

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the processes alive until cancelled."""
        async with trio.open_nursery() as nursery:
            for hosts in self.hosts.values():
                await nursery.start(hosts.run)
            task_status.started()

    async def call(
        self,
        path: FunctionPath,
        arguments: bytes,
        variables: Variables,
        operations: ActionOperations,
        invocation: Invocation,
    ) -> bytes:
        """Run an action with the JSON of its one object of arguments; return what it says is the JSON of its result.

        Raises CallFailed.
        """
        syscalls = ActionSyscalls(self._app, path.short, operations, invocation, self._instance_name)
        try:
            module = f"{path.module}.js"
            host = await self.hosts[self._modules.by_path[module].environment].host(variables)
            return await host.invoke(module, path.export, b"[%b]" % arguments, variables, syscalls)
        except ResultTooLarge as large:
            raise result_too_large(path, large.result_bytes, self._limits) from None
        except (ActionThrew, ActionHostDied) as ended:
            raise self._failed(path.short, ended, syscalls) from None

    async def answer(
        self,
        request: Request,
        body: Read | None,
        disconnected: Callable[[], Awaitable[None]],
        respond: Callable[[Response], Awaitable[None]],
        variables: Variables,
        operations: ActionOperations,
        invocation: Invocation,
    ) -> None:
        """Have an HTTP action answer a request. ``body`` reads the request's, ``respond`` sends what is answered, and
        ``disconnected`` returns when the client has gone away. Raises CallFailed."""
        syscalls = ActionSyscalls(self._app, "http", operations, invocation, self._instance_name)
        asked = HttpRequest(request.url, request.method, request.headers.multi_items(), body)

        async def respond_to(head: HttpHead) -> None:
            await respond(Response(_body_of(head), head.status, head.headers))

        try:
            host = await self.hosts["isolate"].host(variables)
            await host.answer(HTTP_MODULE, asked, variables, syscalls, disconnected, respond_to)
        except (ActionThrew, ActionHostDied) as ended:
            raise self._failed(f"{request.method} {request.path}", ended, syscalls) from None

    def _failed(self, name: str, ended: ActionThrew | ActionHostDied, syscalls: ActionSyscalls) -> CallFailed:
        if isinstance(ended, ActionThrew):
            return CallFailed(_thrown_error(ended, syscalls.refusals, self._limits))
        return CallFailed(_death_error(name, ended, self._limits))


def _body_of(head: HttpHead) -> Body:
    if isinstance(head.body, bytes):
        return head.body or None
    return Pieces(head.body)


def _deno(modules: ModuleSet, config: Config) -> HostKind:
    limits = config.limits
    reach = reach_of(config.action_networks_allowed)
    sources = [(module.path, module.source) for module in modules.modules if module.environment == "isolate"]

    def start() -> Deno:
        return Deno(
            "action_host.js",
            heap_bytes_max=limits.typescript_action_heap_bytes_max,
            permissions=reach.permissions,
        )

    return HostKind("deno", start, {"ipv6": reach.ipv6}, json.dumps(sources).encode(), keeps_variables=False)


def _node(app: NodeApp, limits: Limits) -> HostKind:
    def start() -> NodeProcess:
        return NodeProcess(app.executable(), app.directory, heap_bytes_max=limits.typescript_action_heap_bytes_max)

    return HostKind("node", start, node_header(app), b"", keeps_variables=True)


def _thrown_error(threw: ActionThrew, refusals: Refusals, limits: Limits) -> ExecutionError:
    message, data = threw.message, threw.data
    code = refusals.code_of(message, "FunctionError")
    if data is not None:
        try:
            code, data = ConvexError.default_code, canonicalize(data)
        except DeveloperError as invalid:
            message, data = f"Uncaught Error: ConvexError with invalid data: {invalid.message}", None
    return ExecutionError(code, cut_message(message, limits), threw.frames, data)


def _death_error(name: str, died: ActionHostDied, limits: Limits) -> ExecutionError:
    """Say why an action has ended with its process: as its own doing if it was alone there."""
    if died.why == "unavailable":
        return ExecutionError(
            "ActionHostUnavailable",
            f"Function {name} was not run, because no process could be started for it: {died.detail}",
        )
    if died.calls == 1 and died.why == "blocked":
        return ExecutionError(
            "ActionBlocked",
            f"Function {name} was stopped: for {limits.action_blocked_seconds_max:g} s (action_blocked_seconds_max) "
            "its code has not let anything else of its process go on. Wait with `await`, and compute in parts.",
        )
    if died.calls == 1 and died.why == "memory":
        megabytes = limits.typescript_action_heap_bytes_max // MIB
        return ExecutionError(
            "OutOfMemory",
            f"JavaScript execution ran out of memory (maximum memory usage: {megabytes} MB)",
        )
    company = ", as others did," if died.calls > 1 else ""
    return ExecutionError(
        "ActionInterrupted",
        f"Transient error while executing action: the process it ran in{company} has ended "
        f"({died.detail}). What it had done by then stays done, and it is not run again.",
    )
