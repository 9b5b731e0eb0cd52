"""Sessions that wait for a message: held by a load process, the same for the server, its floors and its peers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness.load_process import LoadProcess
from benchmarks.load.connection import SYNC_PATH

__all__ = ["Audience", "sync_opening"]

CONNECTING_AT_ONCE = 64


def sync_opening(queries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return how a sync session begins that watches queries (``path`` and ``args`` each)."""
    add = [
        {"type": "Add", "queryId": number, "udfPath": query["path"], "args": [query["args"]]}
        for number, query in enumerate(queries)
    ]
    connect = {"type": "Connect", "sessionId": "{session}", "connectionCount": "CONNECTS"}
    modify = {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": add}
    # A number in the message, which JSON would quote.
    first = json.dumps(connect).replace('"CONNECTS"', "{connects}")
    return [{"send": [first, json.dumps(modify)], "until": "QueryUpdated"}]


class Audience(LoadProcess):
    """``clients`` sessions. ``opening`` empty: WebSocket connections that only listen."""

    def __init__(
        self,
        address: dict[str, Any],
        clients: int,
        opening: list[dict[str, Any]],
        *,
        path: str = SYNC_PATH,
        at_once: int = CONNECTING_AT_ONCE,
        seed: int = 1,
    ) -> None:
        job = {"kind": "sessions", "clients": clients, "opening": opening, "path": path, "at_once": at_once}
        super().__init__({**job, **address, "seed": seed})
        self.connected = self.hear()

    def ask(self, command: str) -> dict[str, Any]:
        """Have it ``drop`` all sessions, ``connect`` those that are not, or count who is ``alive``."""
        self.tell({"do": command})
        return self.hear()

    def delays(self, marker: str, count: int, cause: Callable[[], object]) -> dict[str, float]:
        """Return the milliseconds from the start of ``cause`` until the first, the median and the last of ``count``
        sessions had the marker, and how large the message was. Raises when one of them has not heard in time.
        """
        self.tell({"do": "expect", "marker": marker, "count": count})
        self.hear()
        # Linux's monotonic clock is one for all processes, which is what perf_counter reads.
        started = time.perf_counter()
        cause()
        seen = self.hear()
        if seen["missing"]:
            raise RuntimeError(f"{seen['missing']} of {count} sessions did not hear of {marker}")
        return {name: 1000 * (seen[name] - started) for name in ("first", "median", "last")} | {"bytes": seen["bytes"]}
