"""The sentence for what came near a limit and stayed below it (data-model §8.4): a warning in the log of the call.

It is part of the result as every log line is, so it depends on nothing but the execution.
"""

from __future__ import annotations

__all__ = ["is_near", "near_limit"]


def is_near(actual: int, limit: int) -> bool:
    """Return whether more than 80 % of a limit is used."""
    return 10 * actual > 8 * limit


def near_limit(text: str, actual: int, limit: int, unit: str = "") -> list[str]:
    """Return the warning for a use that is near its limit, or nothing."""
    return [f"{text} (actual: {actual}{unit}, limit: {limit}{unit})."] if is_near(actual, limit) else []
