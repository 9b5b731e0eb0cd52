"""Deploys, and steps of pushes, that clients wait for: each is given up when its client, or the client's gateway, goes.

The messages of gateways that ask for them, and that say that nobody waits any more, are understood here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from rtdb.config import Limits
from rtdb.deploy.deploy_stream import serve_deploy
from rtdb.deploy.deployer import Deployer
from rtdb.deploy.pushes import Pushes
from rtdb.link import frames
from rtdb.link.link import Link, Message

__all__ = ["DeployRequests"]

Scopes = dict[tuple[int, int], trio.CancelScope]
"""Of what is under way, by gateway and the gateway's number."""


class DeployRequests:
    """What gateways ask of ``deployer`` and ``pushes`` for their clients."""

    def __init__(self, deployer: Deployer, pushes: Pushes, limits: Limits) -> None:
        self._deployer = deployer
        self._pushes = pushes
        self._limits = limits
        self._deploys: Scopes = {}
        self._push_steps: Scopes = {}

    def handle(self, gateway: int, link: Link, message: Message, nursery: trio.Nursery) -> bool:
        """Handle a gateway's message if it is about a deploy, and return whether it was.

        What it begins runs in ``nursery``, which is the gateway's: it ends with it.
        """
        match message:
            case frames.DeployRequest():
                nursery.start_soon(self._deploy, gateway, link, message)
            case frames.DeployCancel():
                if (scope := self._deploys.get((gateway, message.deploy))) is not None:
                    scope.cancel()
            case frames.PushStepRequest():
                nursery.start_soon(self._take_step, gateway, link, message)
            case frames.Cancel() if (gateway, message.call) in self._push_steps:
                self._push_steps[gateway, message.call].cancel()
            case _:
                return False
        return True

    async def _deploy(self, gateway: int, link: Link, request: frames.DeployRequest) -> None:
        await _run(
            self._deploys,
            (gateway, request.deploy),
            lambda: serve_deploy(self._deployer, self._limits, request, link.send_nowait),
        )

    async def _take_step(self, gateway: int, link: Link, request: frames.PushStepRequest) -> None:
        await _run(self._push_steps, (gateway, request.call), lambda: self._pushes.serve(request, link.send_nowait))


async def _run(scopes: Scopes, key: tuple[int, int], serve: Callable[[], Awaitable[None]]) -> None:
    with trio.CancelScope() as scopes[key]:
        try:
            await serve()
        finally:
            del scopes[key]
