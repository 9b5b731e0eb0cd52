"""``ctx.env``: the settings and secrets that an app is given beside its code.

A query depends on the names it has asked for, missing ones included, and on no others; that is why names cannot be
listed here.
"""

from __future__ import annotations

from collections.abc import Callable

from rtdb.errors import DeveloperError

__all__ = ["Environment", "MissingVariableError"]


class MissingVariableError(DeveloperError, KeyError):
    """There is no environment variable of the name; a ``KeyError`` for code that treats ``ctx.env`` as a dict."""

    default_code = "EnvironmentVariableNotSet"

    def __str__(self) -> str:
        return self.message


class Environment:
    """The environment variables, by name: ``ctx.env["API_KEY"]``, ``ctx.env.get("MODE", "live")``."""

    __slots__ = ("_lookup",)

    __iter__ = None
    """Else Python would take an object with ``__getitem__`` for a sequence, and ask it for its item 0."""

    def __init__(self, lookup: Callable[[str], str | None]) -> None:
        self._lookup = lookup

    def __getitem__(self, name: str) -> str:
        value = self._lookup(_checked(name))
        if value is None:
            raise MissingVariableError(
                f"Environment variable {name} is not set. Set it with `rtdb env set {name}`, or ask for it with "
                f'`ctx.env.get("{name}")`, which is None while it is not set.'
            )
        return value

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the variable's value, ``default`` if it is not set."""
        value = self._lookup(_checked(name))
        return default if value is None else value

    def __contains__(self, name: object) -> bool:
        return self._lookup(_checked(name)) is not None


def _checked(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"An environment variable is named by a text, not by {type(name).__name__}")
    return name
