"""Environment variables as an action runner knows them: asked for when an action needs them and they may have changed.

An action sees the values there are when it starts, and keeps them. The hub says when a variable has changed, before
anything that is begun after it, so what has been read once is current until then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec
import trio

from rtdb.config import Limits
from rtdb.errors import DeveloperError
from rtdb.functions.environment_context import Environment, check_variable_name, unreadable_error
from rtdb.link.frames import BY_SERVER, Answer, ExecutionError, Origin, RequestKind

__all__ = ["VALUES_PATH", "ActionVariables", "KnownVariables"]

VALUES_PATH: Final = "_system/environment_variables:values"


class Ask(Protocol):
    """Have the hub run a function."""

    async def __call__(
        self, kind: RequestKind, path: str, args: bytes, identity: bytes | None, *, internal: bool, origin: Origin
    ) -> Answer: ...


class KnownVariables:
    """All variables at one moment; a value of None cannot be read. ``error``: why they are not known at all."""

    def __init__(
        self,
        values: Mapping[str, str | None],
        built_in: Mapping[str, str],
        name_bytes_max: int,
        error: ExecutionError | None = None,
    ) -> None:
        self.all: Mapping[str, str | None] = {**values, **built_in}
        """With those that are built in."""
        self.error = error
        self._name_bytes_max = name_bytes_max
        self.environment = Environment(self._lookup)

    def _lookup(self, name: str) -> str | None:
        value = self.all.get(name)
        if value is not None:
            return value
        check_variable_name(name, self._name_bytes_max)
        if self.error is not None:
            raise DeveloperError(
                f"The environment variables could not be read when the action started: {self.error.message}",
                code=self.error.code,
            )
        if name in self.all:
            raise unreadable_error(name)
        return None


class ActionVariables:
    """The variables of the server that an action runner belongs to."""

    def __init__(self, ask: Ask, built_in: Mapping[str, str], limits: Limits) -> None:
        self._ask = ask
        self._built_in = built_in
        self._name_bytes_max = limits.environment_name_bytes_max
        self._changes = 0
        self._known: KnownVariables | None = None
        self._asking = trio.Lock()

    def changed(self) -> None:
        """Note that what is known is out of date."""
        self._changes += 1
        self._known = None

    async def current(self) -> KnownVariables:
        """Return the variables as they are now."""
        known = self._known
        if known is not None:
            return known
        async with self._asking:
            known = self._known
            if known is not None:
                return known  # somebody has asked meanwhile
            changes = self._changes
            answer = await self._ask("query", VALUES_PATH, b"{}", None, internal=True, origin=BY_SERVER)
            if answer.result is None:
                # Of use to this action only: the next one asks again.
                return KnownVariables({}, self._built_in, self._name_bytes_max, answer.error)
            values = dict(msgspec.json.decode(answer.result, type=list[tuple[str, str | None]]))
            known = KnownVariables(values, self._built_in, self._name_bytes_max)
            if changes == self._changes:
                self._known = known
            return known
