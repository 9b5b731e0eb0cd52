"""``ctx.env``: the settings and secrets that an app is given beside its code.

A query depends on the names it has asked for, missing ones included, and on no others; that is why names cannot be
listed here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from rtdb.errors import DeveloperError

__all__ = [
    "CLOUD_URL",
    "SITE_URL",
    "Environment",
    "MissingVariableError",
    "built_in_variables",
    "check_variable_name",
    "unreadable_error",
]

CLOUD_URL: Final = "CONVEX_CLOUD_URL"
SITE_URL: Final = "CONVEX_SITE_URL"

NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


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


def built_in_variables(cloud_url: str, site_url: str) -> dict[str, str]:
    """Return the variables that every server has."""
    return {CLOUD_URL: cloud_url, SITE_URL: site_url}


def check_variable_name(name: str, bytes_max: int) -> None:
    """Raise DeveloperError for what cannot be the name of a variable."""
    if len(name.encode("utf-8", "replace")) > bytes_max:
        raise DeveloperError(
            f"The environment variable name {name[:bytes_max]}… is too long. Environment variable names must be "
            f"at most {bytes_max} bytes.",
            code="EnvironmentVariableNameTooLong",
        )
    if NAME.fullmatch(name) is None:
        raise DeveloperError(
            f"The environment variable name {name} is invalid. Environment variable names must begin with a letter "
            "and may only include characters a-z, A-Z, 0-9, and underscores.",
            code="EnvironmentVariableNameInvalid",
        )


def unreadable_error(name: str) -> DeveloperError:
    return DeveloperError(
        f"The value of the environment variable {name} was sealed with another instance secret. Put the file "
        "instance.secret back that this data belongs to, or set the variable again.",
        code="EnvironmentVariableUnreadable",
    )
