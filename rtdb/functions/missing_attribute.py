"""What ``ctx`` says when it is asked for what only the ``ctx`` of another kind of function has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final, NoReturn

from rtdb.errors import DeveloperError

__all__ = ["FOR_ACTIONS", "FOR_MUTATIONS", "Explained", "MissingAttributeError"]

FOR_MUTATIONS: Final = (
    "queries only read. Define the function with @mutation instead of @query, or have a mutation do the writing."
)
FOR_ACTIONS: Final = (
    "queries and mutations cannot wait for others. Define the function with @action, or have a mutation call an action "
    "with `ctx.scheduler.run_after(0, …)`."
)


class MissingAttributeError(DeveloperError, AttributeError):
    """The app's code asked an object of ``ctx`` for what it does not have."""


class Explained:
    """Has attributes that are missing here and exist elsewhere: each name has the reason beside it."""

    __slots__ = ()

    _name: ClassVar[str]
    """What the app calls it: ``ctx``, ``ctx.storage``."""
    _place: ClassVar[str]
    """Where the names are missing: ``in a query``."""
    _missing: ClassVar[Mapping[str, str]]

    if not TYPE_CHECKING:  # type checkers know by the classes what is there

        def __getattr__(self, name: str) -> NoReturn:
            """Say where it would be, where Python would only say that there is no such attribute."""
            reason = self._missing.get(name)
            if reason is not None:
                raise MissingAttributeError(
                    f"`{self._name}.{name}` does not exist {self._place}: {reason}", code="OperationNotPermitted"
                )
            raise MissingAttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
