"""What an action has started and not waited for: ``ctx.run_query(…)`` and the like, each a coroutine to be awaited.

The end of an action's code is the end of all of it. Nothing that it left behind goes on afterwards, and its log says
what that was.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import trio

from rtdb.errors import DeveloperError
from rtdb.functions.log_lines import LogLines

__all__ = ["StartedOperations"]

Result = TypeVar("Result")


class _Operation:
    """Something that an action has started: what is to be awaited for it, and how to stop it."""

    __slots__ = ("coroutine", "name", "scope")

    def __init__(self, name: str) -> None:
        self.name = name
        self.scope = trio.CancelScope()
        self.coroutine: Coroutine[Any, Any, Any]


class StartedOperations:
    """The operations that one run of an action's code has started and that are not over, or have not begun.

    At most ``at_once_max`` of them are under way at a time; the others wait.
    """

    def __init__(self, at_once_max: int) -> None:
        self._operations: set[_Operation] = set()
        self._room = trio.Semaphore(at_once_max)
        self._is_over = False

    def start(self, name: str, operate: Callable[[], Awaitable[Result]]) -> Coroutine[Any, Any, Result]:
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

    def give_up(self, log_lines: LogLines) -> None:
        """End what the action has not waited for, say so in its log, and let it start no more."""
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
            log_lines.add(
                "WARN",
                f"{len(left)} unawaited operation{'s' if len(left) > 1 else ''}: [{names}]. Async operations should be "
                "awaited or they might not run. "
                "See https://docs.convex.dev/functions/actions#dangling-promises for more information.",
            )
