"""How much a gateway holds of what clients have begun to send.

A request body and a message that comes in pieces are held until they are whole. Each has a bound of its own, but a
thousand clients may come with the largest there is: this is the bound of all together.
"""

from __future__ import annotations

__all__ = ["ReceiveBudget"]


class ReceiveBudget:
    """Bytes held now, at most ``bytes_max``. Whoever takes gives back."""

    __slots__ = ("_bytes_max", "held")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.held = 0

    def take(self, count: int) -> bool:
        """Note that this many more are held; False if there is no room, and nothing is taken."""
        if self.held + count > self._bytes_max:
            return False
        self.held += count
        return True

    def give(self, count: int) -> None:
        """Note that this many are no longer held."""
        assert count <= self.held, "given back is what was taken"
        self.held -= count
