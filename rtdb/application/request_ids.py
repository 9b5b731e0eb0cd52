"""The ids of executions that no client's request stands behind: those of rounds, jobs and the server itself."""

from __future__ import annotations

from blake3 import blake3

from rtdb.clock import Clock

__all__ = ["RequestIds"]


class RequestIds:
    """Makes an id, 16 hex digits, from the number of a call; others after every start of the server."""

    def __init__(self, clock: Clock) -> None:
        self._key = blake3(clock.now_ns().to_bytes(8, "big")).digest()

    def __call__(self, call: int) -> str:
        return blake3(call.to_bytes(8, "big"), key=self._key).hexdigest(8)
