"""``ctx`` of an action: the outside world, and the app's other functions.

====================  =================================================================================================
``ctx.run_query``     a query, at the newest state, in a transaction of its own
``ctx.run_mutation``  a mutation, committed when it returns
``ctx.run_action``    another action, in the same process
``ctx.scheduler``     functions to be called later
``ctx.storage``       files: stored and read, however large
``ctx.fetch``         an HTTP request
``ctx.auth``          who is calling; the functions it runs are called by the same
``ctx.env``           environment variables, as they were when it started
``ctx.log``           ``ctx.log("text")``, ``ctx.log.warn("text")``; ``print`` does the same as ``ctx.log``
``ctx.now()``         the time, whole milliseconds since the epoch
``ctx.random``        unpredictable numbers
====================  =================================================================================================

Everything that waits is awaited, and may be started many at a time in a nursery. What is not awaited may not happen:
it is given up when the action returns, which its log then says.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterable, Coroutine, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from rtdb.clock import Clock
from rtdb.functions.blob import Blob
from rtdb.functions.context import Auth, FunctionReference, Invocation, Logger
from rtdb.functions.environment_context import Environment
from rtdb.functions.missing_attribute import Explained
from rtdb.functions.scheduler_context import time_after, time_at
from rtdb.link.frames import FunctionKind
from rtdb.values.value import Value

if TYPE_CHECKING:
    import httpx

__all__ = ["ActionContext", "ActionOperations", "ActionScheduler", "ActionStorage"]


class ActionOperations(Protocol):
    """What an action waits for. Each method returns at once what is then to be awaited."""

    def run(self, kind: FunctionKind, function: object, arguments: object) -> Coroutine[Any, Any, Value]: ...

    def schedule(
        self, function: object, time_ms: float, arguments: dict[str, Any] | None
    ) -> Coroutine[Any, Any, str]: ...

    def cancel_job(self, id: str) -> Coroutine[Any, Any, None]: ...

    def fetch(self, url: str, options: dict[str, Any]) -> Coroutine[Any, Any, httpx.Response]: ...

    def file_url(self, id: str) -> Coroutine[Any, Any, str | None]: ...

    def file_metadata(self, id: str) -> Coroutine[Any, Any, dict[str, Any] | None]: ...

    def upload_url(self) -> Coroutine[Any, Any, str]: ...

    def delete_file(self, id: str) -> Coroutine[Any, Any, None]: ...

    def get_file(self, id: str) -> Coroutine[Any, Any, Blob | None]: ...

    def store_file(self, content: object, content_type: str | None, sha256: str | None) -> Coroutine[Any, Any, str]: ...


class ActionStorage:
    """``ctx.storage`` of an action. Each call takes effect by itself, whatever the action does afterwards."""

    __slots__ = ("_operations",)

    def __init__(self, operations: ActionOperations) -> None:
        self._operations = operations

    def get_url(self, id: str) -> Coroutine[Any, Any, str | None]:
        """Return the address that the file is read from, None if there is no such file."""
        return self._operations.file_url(id)

    def get_metadata(self, id: str) -> Coroutine[Any, Any, dict[str, Any] | None]:
        """Return ``{storageId, sha256, size, contentType}``, None if there is no such file."""
        return self._operations.file_metadata(id)

    def generate_upload_url(self) -> Coroutine[Any, Any, str]:
        """Return an address that takes files by POST for an hour, any number of them."""
        return self._operations.upload_url()

    def delete(self, id: str) -> Coroutine[Any, Any, None]:
        """Remove a file. Raises if there is none."""
        return self._operations.delete_file(id)

    def get(self, id: str) -> Coroutine[Any, Any, Blob | None]:
        """Return a file's content, None if there is no such file: ``await (await ctx.storage.get(id)).read()``."""
        return self._operations.get_file(id)

    def store(
        self,
        content: bytes | Blob | AsyncIterable[bytes],
        content_type: str | None = None,
        *,
        sha256: str | None = None,
    ) -> Coroutine[Any, Any, str]:
        """Store content and return the id of its file: ``await ctx.storage.store(data, "image/png")``.

        An asynchronous iterable is stored as it comes, however much it is. ``sha256``, in base64, is what the content
        is expected to be: if it is not, nothing is stored.
        """
        return self._operations.store_file(content, content_type, sha256)


class ActionScheduler:
    """``ctx.scheduler`` of an action. Each call takes effect by itself, whatever the action does afterwards."""

    __slots__ = ("_clock", "_operations")

    def __init__(self, operations: ActionOperations, clock: Clock) -> None:
        self._operations = operations
        self._clock = clock

    def run_after(
        self, delay_ms: float, function: FunctionReference, arguments: dict[str, Any] | None = None
    ) -> Coroutine[Any, Any, str]:
        """Have a mutation or action called so many milliseconds from now, and return its id:
        ``await ctx.scheduler.run_after(1000, "messages:send", {"text": "hi"})``."""
        return self._operations.schedule(function, time_after(self._clock.now_ns() / 1_000_000, delay_ms), arguments)

    def run_at(
        self, time: float | datetime, function: FunctionReference, arguments: dict[str, Any] | None = None
    ) -> Coroutine[Any, Any, str]:
        """Like :meth:`run_after`, at a time: milliseconds since the epoch, or a ``datetime`` with a time zone."""
        return self._operations.schedule(function, time_at(time), arguments)

    def cancel(self, id: str) -> Coroutine[Any, Any, None]:
        """Take back what has not begun; an action that has goes on, and its end counts for nothing."""
        return self._operations.cancel_job(id)


class ActionContext(Explained):
    """The context of an action."""

    __slots__ = ("_clock", "_operations", "auth", "env", "log", "random", "scheduler", "storage")

    _name = "ctx"
    _place = "in an action"
    _missing: ClassVar[Mapping[str, str]] = {
        "db": "it is no transaction. Read with `await ctx.run_query(…)` and write with `await ctx.run_mutation(…)`.",
        "meta": "it is no transaction, and has no such limits.",
    }

    def __init__(
        self, operations: ActionOperations, invocation: Invocation, environment: Environment, clock: Clock
    ) -> None:
        self._operations = operations
        self._clock = clock
        self.log = Logger(invocation.log_lines)
        self.auth = Auth(invocation)
        self.env = environment
        self.random = random.SystemRandom()
        self.scheduler = ActionScheduler(operations, clock)
        self.storage = ActionStorage(operations)

    def now(self) -> int:
        """Return the time in whole milliseconds since the epoch."""
        return self._clock.now_ns() // 1_000_000

    def run_query(
        self, function: FunctionReference, arguments: dict[str, Any] | None = None
    ) -> Coroutine[Any, Any, Value]:
        """Run a query and return its result: ``await ctx.run_query("users:find", {"name": "ada"})``.

        The function may be named by its path or given itself; internal ones can be run too. Two queries may see
        different states of the database: read together what belongs together. What the function raises arrives as a
        ``ConvexError`` with its data, or as an error with its printed form.
        """
        return self._operations.run("query", function, arguments)

    def run_mutation(
        self, function: FunctionReference, arguments: dict[str, Any] | None = None
    ) -> Coroutine[Any, Any, Value]:
        """Run a mutation, in the way of :meth:`run_query`. It is committed when this returns, whatever the action does
        afterwards."""
        return self._operations.run("mutation", function, arguments)

    def run_action(
        self, function: FunctionReference, arguments: dict[str, Any] | None = None
    ) -> Coroutine[Any, Any, Value]:
        """Run another action as a part of this one: same process, same deadline, one log."""
        return self._operations.run("action", function, arguments)

    def fetch(self, url: str, **options: Any) -> Coroutine[Any, Any, httpx.Response]:
        """Make an HTTP request and return its response with the whole body read:
        ``await ctx.fetch("https://…", method="POST", json={"a": 1})``.

        ``options``: ``method`` ("GET"), ``headers``, ``params``, ``content``, ``data``, ``json``, ``files``, ``auth``
        as httpx has them, ``timeout`` (seconds until the body is complete, ``fetch_seconds_max``) and
        ``follow_redirects`` (true). Cookies are not kept between requests.
        """
        return self._operations.fetch(url, options)
