"""Which calls a load generator makes, one after the other."""

from __future__ import annotations

import bisect
import random
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["next_call"]

NextCall = Callable[[], tuple[str, dict[str, Any]]]
"""Returns the path and the arguments of the next call."""


def next_call(work: dict[str, Any], seed: int) -> NextCall:
    """Return what makes the calls of a job's ``work``: ``transfers``, ``choice`` or ``numbered``."""
    match work["kind"]:
        case "transfers":
            draw = _Draw(work["accounts"], work["zipf"], seed)
            return lambda: (work["path"], draw.transfer())
        case "choice":
            choose = random.Random(seed).choice
            return lambda: (work["path"], choose(work["choices"]))
        case "numbered":
            numbers = iter(range(seed << 32, (seed + 1) << 32, work["step"]))
            return lambda: (work["path"], {**work["args"], "first": next(numbers)})
    raise ValueError(f"no kind of work is called {work['kind']!r}")


class _Draw:
    """Draws accounts, uniformly or by Zipf's law: then the first ones nearly always."""

    def __init__(self, accounts: Sequence[str], zipf: float, seed: int) -> None:
        self._accounts = accounts
        self._random = random.Random(seed)
        self._cumulative: list[float] = []
        if zipf:
            total = 0.0
            for rank in range(1, len(accounts) + 1):
                total += rank**-zipf
                self._cumulative.append(total)

    def transfer(self) -> dict[str, Any]:
        source = target = self._account()
        while target == source:
            target = self._account()
        return {"amount": 1, "from_id": source, "to_id": target}

    def _account(self) -> str:
        if not self._cumulative:
            return self._random.choice(self._accounts)
        point = self._random.random() * self._cumulative[-1]
        return self._accounts[bisect.bisect_left(self._cumulative, point)]
