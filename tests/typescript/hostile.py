"""JavaScript that looks for a way out of its context: what it could reach, and what it could make others call.

``hostile/*.js`` are pieces of modules, to be put before a function that uses what they declare.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["REACHABLE", "SPY"]


def _read(name: str) -> str:
    return (Path(__file__).parent / "hostile" / name).read_text("utf-8")


REACHABLE = _read("origin.js") + _read("reachable.js")
SPY = _read("origin.js") + _read("spy.js")
