"""Seeds to simulate with: new ones on a developer's machine, the same ones in CI (`tests/conftest.py`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

__all__ = ["APPS", "LEDGER", "with_seeds"]

APPS = Path(__file__).parent / "apps"
LEDGER = APPS / "ledger"


def with_seeds(count: int) -> Callable[[Callable[[int], None]], Any]:
    """Run a test with this many seeds. A smaller seed is no simpler, so nothing is shrunk: take the one reported."""

    def decorate(test: Callable[[int], None]) -> Any:
        seeded = given(seed=st.integers(0, 2**32 - 1))(test)
        return settings(
            max_examples=count,
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow],
        )(seeded)

    return decorate
