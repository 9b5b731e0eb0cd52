"""What all actions of one process share: the app, what they ask for through, and what they remember together."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from rtdb.clock import Clock, Random
from rtdb.config import Limits
from rtdb.functions.action_files import ActionFiles
from rtdb.functions.action_variables import ActionVariables, Ask
from rtdb.functions.app_loader import App
from rtdb.functions.fetch import Fetcher
from rtdb.functions.typescript.actions import TypeScriptActions

__all__ = ["ActionEnvironment"]


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
