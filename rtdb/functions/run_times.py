"""How long functions have taken of late: what is queued behind what, and who may use the serial lane."""

from __future__ import annotations

import math

__all__ = ["UNKNOWN_MICROS", "RunTimes"]

UNKNOWN_MICROS = 5000.0
"""Expected run time of a function that has not run yet: long enough that nothing is queued behind it."""

WEIGHT = 0.1
"""Of the newest run in the mean."""


class RunTimes:
    """A moving mean per function, in microseconds. The empty name stands for a function that does not exist.

    There are as many entries as the app has functions: :meth:`clear` at a deploy.
    """

    def __init__(self) -> None:
        self._micros: dict[str, float] = {}

    def expected(self, source: str) -> float:
        return self._micros.get(source, UNKNOWN_MICROS)

    def is_known_below(self, source: str, micros: float) -> bool:
        """Whether the function has run, and takes less than this."""
        return self._micros.get(source, math.inf) < micros

    def learn(self, source: str, micros: float) -> None:
        if source:
            known = self._micros.get(source)
            self._micros[source] = micros if known is None else known + (micros - known) * WEIGHT

    def learn_at_least(self, source: str, micros: float) -> None:
        """Take note of a run that was stopped at this time: the mean is not below it from now on."""
        if source:
            self._micros[source] = max(self._micros.get(source, 0.0), micros)

    def clear(self) -> None:
        self._micros.clear()

    def __len__(self) -> int:
        return len(self._micros)
