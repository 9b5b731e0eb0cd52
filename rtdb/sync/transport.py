"""What a sync session needs of the connection that carries it.

A contract: :mod:`rtdb.gateway.websocket` is the one over sockets, tests write down what they are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rtdb.sync.commands import SendText

__all__ = ["Transport"]


class Transport(Protocol):
    """Carries text messages of one session to its client, in order, without waiting."""

    def send_texts(self, messages: Sequence[SendText]) -> bool:
        """Send messages (at least one); return whether all of them have left this process already.

        If not, they wait for a slow reader, and the session's worker is told when nothing waits any more.
        Sending into a connection that is closing does nothing and counts as having left.
        """
        ...

    def close(self, code: int | None, reason: str) -> None:
        """Close after what was sent before; ``code`` None closes without one, and without a reason."""
        ...

    def resume(self) -> None:
        """Go on receiving: the session no longer asks for a pause."""
        ...
