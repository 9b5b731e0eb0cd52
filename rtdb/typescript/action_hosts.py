"""The action hosts of one module set: as many as there are actions for, each replaced before it has grown old.

What blocks one of them, or takes all of its memory, ends every action in it, so they share the actions out among
themselves. One of Deno is there from the beginning; Node is started when it is called for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
import trio

from rtdb.config import Limits
from rtdb.typescript.action_calls import ActionHostDied, HostProcess, Variables
from rtdb.typescript.action_host import ActionHost
from rtdb.typescript.stack import SourceMaps

__all__ = ["ActionHosts", "HostKind"]


_log = structlog.get_logger("rtdb.actions")


class HostKind(NamedTuple):
    """How a process is started, and what it is told first."""

    name: str
    start_process: Callable[[], HostProcess]
    start: Mapping[str, Any]
    payload: bytes
    keeps_variables: bool
    """Whether a process has the environment variables it began with to its end."""


class ActionHosts:
    """Processes of one kind. Both methods are for tasks of one loop; :meth:`run` is the processes' life."""

    def __init__(self, kind: HostKind, maps: SourceMaps, limits: Limits) -> None:
        self._kind = kind
        self._maps = maps
        self._limits = limits
        self._hosts: list[ActionHost] = []
        """Those that take calls."""
        self._alive = 0
        """Processes there are, with those that only end their last calls."""
        self._one_ended = trio.Event()
        self.started = 0
        """Processes that were ever started."""
        self._variables: Variables = {}
        self._starting = trio.Lock()
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the processes alive until cancelled; then they are dead."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            if not self._kind.keeps_variables:
                await self._start_first()
            await trio.sleep_forever()

    async def _start_first(self) -> None:
        """Have a process ready for the first call, whose variables it will be told."""
        async with self._starting:
            if self._best() is None:
                with suppress(ActionHostDied):  # The first call tries again, and its caller is told.
                    await self._start({})

    async def host(self, variables: Variables) -> ActionHost:
        """Return a process for a call that is to begin at once. Raises ActionHostDied if none can be started."""
        if self._kind.keeps_variables and variables is not self._variables:
            self._variables = variables
            for host in self._hosts:
                host.retire()
        patience_ends = trio.current_time() + self._limits.typescript_start_seconds_max
        while True:
            found = self._best()
            if found is not None:
                if found.begun + 1 >= self._limits.typescript_action_host_uses_max:
                    found.retire()
                return found
            if not self._has_room:
                await self._wait_for_room(patience_ends)
                continue
            async with self._starting:
                if self._best() is None and self._has_room:
                    await self._start(variables)

    @property
    def _has_room(self) -> bool:
        """Whether one more may be started: there are never more than twice those that take calls."""
        return self._alive < 2 * self._limits.typescript_action_hosts_max

    async def _wait_for_room(self, patience_ends: float) -> None:
        """Wait for the end of a process. Not for as long as an action may take: it may itself wait for this call."""
        with trio.move_on_at(patience_ends):
            await self._one_ended.wait()
            return
        detail = (
            f"{self._alive} processes still run actions that began before their processes were to be replaced, because "
            "environment variables changed or their memory was filled, and more there must not be "
            "(twice typescript_action_hosts_max). Call it again later"
        )
        _log.error("no action host may be started", host=self._kind.name, detail=detail)
        raise ActionHostDied("unavailable", detail, 0)

    def _best(self) -> ActionHost | None:
        """Return the process with the fewest calls, None if another is to be started."""
        self._hosts = [host for host in self._hosts if not host.retiring and not host.ended]
        best = min(self._hosts, key=lambda host: host.calls, default=None)
        if best is None:
            return None
        limits = self._limits
        is_full = best.calls >= limits.typescript_action_host_calls_max
        may_have_more = len(self._hosts) < limits.typescript_action_hosts_max and self._has_room
        return None if is_full and may_have_more else best

    async def _start(self, variables: Variables) -> None:
        assert self._nursery is not None, "run first"
        kind = self._kind
        if kind.keeps_variables:
            variables = self._variables  # They may have changed while others were started.
        host = ActionHost(self._limits, self._maps, kind.start_process, name=kind.name)
        self.started += 1
        try:
            await self._nursery.start(self._run_host, host, variables)
        except ActionHostDied as died:
            _log.error("an action host did not start", host=kind.name, detail=died.detail)
            raise
        self._hosts.append(host)
        if kind.keeps_variables and variables is not self._variables:
            host.retire()

    async def _run_host(
        self, host: ActionHost, variables: Variables, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self._alive += 1
        try:
            await host.run(self._kind.start, self._kind.payload, variables, task_status=task_status)
        finally:
            self._alive -= 1
            self._one_ended.set()
            self._one_ended = trio.Event()
