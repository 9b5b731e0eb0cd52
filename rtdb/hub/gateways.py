"""The gateway processes, as the hub keeps them: one for each listening socket, until the server is drained.

A gateway that ends is replaced on the same sockets; its clients reconnect meanwhile, most of them to others. What its
messages mean is the business of `application/` and `deploy/`.
"""

from __future__ import annotations

import structlog
import trio

from rtdb.application import Application
from rtdb.config import Config, encode_config
from rtdb.deploy.deploy_requests import DeployRequests
from rtdb.hub.listeners import Listeners
from rtdb.link import frames
from rtdb.link.link import LinkClosed, SocketLink
from rtdb.link.supervisor import Child, start_child

__all__ = ["Gateways"]

RESTART_SECONDS = 0.2

_log = structlog.get_logger("rtdb.hub")


class Gateways:
    """The gateways of one server, each with a number that its successors take over."""

    def __init__(self, config: Config, listeners: Listeners) -> None:
        self._config = config
        self._listeners = listeners
        self._connected: dict[int, tuple[Child, SocketLink]] = {}
        self._to_come: dict[int, Child] = {}
        """Started ahead, while there is nothing to say to them yet."""
        self._ready = 0
        self._all_ready = trio.Event()
        self._all_ended = trio.Event()

    def start_ahead(self) -> None:
        """Start the processes that :meth:`run` will connect, so that they load their code meanwhile."""
        self._to_come = {number: self._start(number) for number in range(len(self._listeners))}

    def end_unconnected(self) -> None:
        """End what was started ahead and never connected."""
        for child in self._to_come.values():
            child.kill()
            child.wait()

    async def run(self, application: Application, deploys: DeployRequests, admin_secret: bytes) -> None:
        """Have a gateway for every listening socket; return when the last has ended, after a drain."""
        async with trio.open_nursery() as nursery:
            for number in range(len(self._listeners)):
                nursery.start_soon(self._keep, number, application, deploys, admin_secret)
        self._all_ended.set()

    async def wait_ready(self) -> None:
        """Wait until each of them has begun to listen."""
        await self._all_ready.wait()

    async def wait_ended(self) -> None:
        """Wait until each of them has ended, after a drain."""
        await self._all_ended.wait()

    def end_deaf(self) -> None:
        """Kill a gateway that has stopped reading, before what it is to be told fills the memory."""
        for number, (child, link) in self._connected.items():
            if link.unsent_bytes > self._config.limits.frame_bytes_max:
                _log.error("gateway does not read", gateway=number, unsent_bytes=link.unsent_bytes)
                child.kill()

    def _start(self, number: int) -> Child:
        return start_child("rtdb.gateway.gateway", [sock.fileno() for sock in self._listeners.of_gateway(number)])

    async def _keep(self, number: int, application: Application, deploys: DeployRequests, admin_secret: bytes) -> None:
        """Have this gateway until the server is drained."""
        while not application.draining:
            child = self._to_come.pop(number, None) or self._start(number)
            link = SocketLink(child.socket, self._config.limits.frame_bytes_max)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(link.run)
                    seq, ts = application.position
                    link.queue(
                        frames.Begun(
                            config=encode_config(self._config),
                            admin_secret=admin_secret,
                            seq=seq,
                            ts=ts,
                        )
                    )
                    application.add_gateway(number, link)
                    self._connected[number] = child, link
                    application.pump()
                    await self._follow(number, link, application, deploys, nursery)
                    nursery.cancel_scope.cancel()
            finally:
                application.remove_gateway(number)
                self._connected.pop(number, None)
                child.kill()
                code = child.wait()
                link.close()
            if not application.draining:
                _log.warning("gateway ended, starting another", gateway=number, exit_code=code)
                await trio.sleep(RESTART_SECONDS)

    async def _follow(
        self, number: int, link: SocketLink, application: Application, deploys: DeployRequests, nursery: trio.Nursery
    ) -> None:
        """Handle what a gateway says until it ends."""
        try:
            while True:
                for message in await link.receive():
                    if isinstance(message, frames.Ready):
                        self._note_ready()
                    elif not deploys.handle(number, link, message, nursery):
                        application.gateway_message(number, message)
                application.pump()
        except LinkClosed:
            return

    def _note_ready(self) -> None:
        self._ready += 1
        if self._ready >= len(self._listeners):
            self._all_ready.set()
