"""Handles: texts that stand for functions of an app, which an app may store and hand around (``function://…``).

A handle follows from the function's path alone. Whoever has one may call what is at that path at the time, so a handle
outlives deployments, and nothing has to be kept for it.
"""

from __future__ import annotations

from typing import Final

from blake3 import blake3

__all__ = ["HANDLE_PREFIX", "function_handle"]

HANDLE_PREFIX: Final = "function://"


def function_handle(path: str) -> str:
    """Return the handle of the function with this canonical path."""
    return HANDLE_PREFIX + blake3(path.encode()).hexdigest(16)
