"""The deploys that clients of this gateway wait for."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from rtdb.link.frames import DeployCancel, DeployEvent, DeployRequest
from rtdb.link.link import Link

__all__ = ["DeployTable"]

EVENTS_MAX: Final = 100
"""Events kept for a client that is slow to read them. One more and the oldest is dropped: later ones say more."""


class _Deploy:
    """What has been heard of one deploy and not been reported yet."""

    def __init__(self) -> None:
        self.events: deque[DeployEvent] = deque(maxlen=EVENTS_MAX)
        self.heard = trio.Event()


class DeployTable:
    """Numbers deploys, sends them to the hub, and hands what it says of each to who asked."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._next_number = 0
        self._deploys: dict[int, _Deploy] = {}

    async def deploy(self, archive: bytes, *, dry_run: bool, report: Callable[[bytes], Awaitable[None]]) -> None:
        """Have a bundle deployed and report every event through the last. If cancelled, the hub is told."""
        self._next_number += 1
        number = self._next_number
        deploy = self._deploys[number] = _Deploy()
        self._link.send_nowait(DeployRequest(number, archive, dry_run))
        ended = False
        try:
            while not ended:
                await deploy.heard.wait()
                deploy.heard = trio.Event()
                while deploy.events:
                    event = deploy.events.popleft()
                    ended = event.last
                    await report(event.event)
        finally:
            del self._deploys[number]
            if not ended:
                self._link.send_nowait(DeployCancel(number))

    def event(self, event: DeployEvent) -> None:
        """Take in what the hub says; nobody may wait for it any more."""
        deploy = self._deploys.get(event.deploy)
        if deploy is not None:
            deploy.events.append(event)
            deploy.heard.set()
