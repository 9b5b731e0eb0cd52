"""The action hosts of one module set: as many as there are actions for, each replaced before it has grown old.

What blocks one of them, or takes all of its memory, ends every action in it, so they share the actions out among
themselves. One of Deno is there from the beginning; Node is started when it is called for the first time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
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
                try:
                    await self._start({})
                except ActionHostDied as died:
                    # The first call tries again, and its caller is told.
                    _log.error("an action host did not start", host=self._kind.name, detail=died.detail)

    async def host(self, variables: Variables) -> ActionHost:
        """Return a process for a call that is to begin at once. Raises ActionHostDied if none can be started."""
        if self._kind.keeps_variables and variables is not self._variables:
            self._variables = variables
            for host in self._hosts:
                host.retire()
        while True:
            found = self._best()
            if found is not None:
                if found.begun + 1 >= self._limits.typescript_action_host_uses_max:
                    found.retire()
                return found
            async with self._starting:
                if self._best() is None:
                    await self._start(variables)

    def _best(self) -> ActionHost | None:
        """Return the process with the fewest calls, None if another is to be started."""
        self._hosts = [host for host in self._hosts if not host.retiring and not host.ended]
        best = min(self._hosts, key=lambda host: host.calls, default=None)
        if best is None:
            return None
        limits = self._limits
        is_full = best.calls >= limits.typescript_action_host_calls_max
        return None if is_full and len(self._hosts) < limits.typescript_action_hosts_max else best

    async def _start(self, variables: Variables) -> None:
        assert self._nursery is not None, "run first"
        kind = self._kind
        host = ActionHost(self._limits, self._maps, kind.start_process, name=kind.name)
        self.started += 1
        await self._nursery.start(partial(host.run, kind.start, kind.payload, variables))
        self._hosts.append(host)
