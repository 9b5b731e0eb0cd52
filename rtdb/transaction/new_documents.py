"""What the documents that one execution inserts are born with: their ids and creation times.

Both come from the time it began and from its random bytes, so that an execution that is repeated gives the same.
"""

from __future__ import annotations

import math

from rtdb.clock import Random
from rtdb.values.document_id import new_internal_id

__all__ = ["NewDocuments"]


class NewDocuments:
    """Ids and creation times for an execution that began at ``now_ns``, nanoseconds since the epoch."""

    def __init__(self, now_ns: int, random: Random) -> None:
        self.now_ns = now_ns
        self.random = random
        self.creation_time = now_ns // 1_000_000 + now_ns % 1_000_000 * 1e-6
        """What the next insert gets, milliseconds since the epoch."""

    def internal_id(self) -> bytes:
        """Return a new internal id."""
        return new_internal_id(self.random, self.now_ns)

    def inserted(self) -> None:
        """Go on to the next representable creation time (data-model §3.5): no two documents share one."""
        self.creation_time = math.nextafter(self.creation_time, math.inf)
