"""``ctx.meta``: what a query or mutation may know of its own execution."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rtdb.functions.transaction_limits import metrics_of

__all__ = ["Meta", "Metered"]


class Metered(Protocol):
    """What counts what is used."""

    def metrics(self) -> Mapping[str, tuple[int, int]]: ...


class Meta:
    """``ctx.meta``."""

    __slots__ = ("_metered",)

    def __init__(self, metered: Metered) -> None:
        self._metered = metered

    def get_transaction_metrics(self) -> dict[str, dict[str, float]]:
        """Return what the transaction has used, and what is left to it, by the names of ``TransactionLimits``:
        ``{"documentsRead": {"used": 3.0, "remaining": 31997.0}, …}``."""
        return metrics_of(self._metered.metrics())
