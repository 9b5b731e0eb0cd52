"""What a function that is called inside a transaction may use of what is left to it (data-model §7.4).

The names are those that the reference has for them, in the app as in TypeScript.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final, TypedDict

__all__ = ["TransactionLimits", "allowance_of", "metrics_of"]


class TransactionLimits(TypedDict, total=False):
    """Bounds of a nested call: so much on top of what has been used when it begins, and never more than there is."""

    documentsRead: float
    bytesRead: float
    databaseQueries: float
    documentsWritten: float
    bytesWritten: float
    functionsScheduled: float
    scheduledFunctionArgsBytes: float


_LIMIT_OF: Final = {
    "documentsRead": "documents_read_max",
    "bytesRead": "bytes_read_max",
    "databaseQueries": "read_ranges_max",
    "documentsWritten": "documents_written_max",
    "bytesWritten": "bytes_written_max",
    "functionsScheduled": "functions_scheduled_max",
    "scheduledFunctionArgsBytes": "scheduled_arguments_bytes_max",
}
"""The limit of a whole execution that each is a part of."""


def allowance_of(limits: object) -> dict[str, int]:
    """Return what an app gave as :class:`TransactionLimits`, by the names of the server's limits; {} for None."""
    if limits is None:
        return {}
    if not isinstance(limits, dict):
        raise TypeError(f"`transaction_limits` is an object, not {type(limits).__name__}")
    for name, value in limits.items():
        if name not in _LIMIT_OF:
            raise TypeError(f"`transaction_limits` has no {name!r}; there are {', '.join(_LIMIT_OF)}")
        if type(value) not in (int, float) or not value >= 0:
            raise TypeError(f"`transaction_limits`: `{name}` must be a non-negative number, got {value!r}")
    return {_LIMIT_OF[name]: int(min(value, sys.maxsize)) for name, value in limits.items()}


def metrics_of(used: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, float]]:
    """Return what has been used, and of how much, by the names of the server's limits, as an app is told it."""
    metrics = {name: used[limit] for name, limit in _LIMIT_OF.items()}
    # The content of files is not read or written in a transaction.
    metrics |= dict.fromkeys(("filesRead", "fileReadBytes", "filesWritten", "fileWriteBytes"), (0, 0))
    return {name: {"used": float(count), "remaining": float(limit - count)} for name, (count, limit) in metrics.items()}
