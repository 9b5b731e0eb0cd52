"""The sentence for what came near a limit and stayed below it (data-model §8.4): a warning in the log of the call.

It is part of the result as every log line is, so it depends on nothing but the execution.
"""

from __future__ import annotations

from collections.abc import Callable

from rtdb.config import Limits

__all__ = ["LargeDocuments", "is_near", "near_limit"]


def is_near(actual: int, limit: int) -> bool:
    """Return whether more than 80 % of a limit is used."""
    return 10 * actual > 8 * limit


def near_limit(text: str, actual: int, limit: int, unit: str = "") -> list[str]:
    """Return the warning for a use that is near its limit, or nothing."""
    return [f"{text} (actual: {actual}{unit}, limit: {limit}{unit})."] if is_near(actual, limit) else []


class LargeDocuments:
    """What one execution has written near a limit of documents."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._said: dict[str, tuple[bytes, list[str]]] = {}
        """By id: what was written, and what is to be said of it."""

    def note(self, id: str, data: bytes, size: int, levels: int) -> None:
        """Note a document of ``size`` bytes, nested in so many levels, as it was written (``data``)."""
        limits = self._limits
        if is_near(size, limits.document_bytes_max) or is_near(levels, limits.document_nesting_max):
            self._said[id] = (
                data,
                [
                    *near_limit(f'Large document written with ID "{id}"', size, limits.document_bytes_max, " bytes"),
                    *near_limit(f'Deeply nested document written with ID "{id}"', levels, limits.document_nesting_max),
                ],
            )

    def near_limits(self, holds: Callable[[str, bytes], bool]) -> list[str]:
        """Return the sentences about those that ``holds(id, data)``: not changed since, nor undone."""
        return [sentence for id, (data, said) in self._said.items() if holds(id, data) for sentence in said]
