"""The listening sockets that ``serve`` has opened: each gateway gets its own, which outlives any process behind it."""

from __future__ import annotations

import socket

from rtdb.config import Config
from rtdb.public_origins import PublicOrigins, listening_origin, public_origins

__all__ = ["Listeners"]


class Listeners:
    """Sockets on the main port, one a gateway, and then as many on the port of HTTP actions if they have their own."""

    def __init__(self, config: Config, sockets: list[socket.socket]) -> None:
        self._config = config
        self._main = sockets[: config.gateways]
        self._site = sockets[config.gateways :]

    def __len__(self) -> int:
        """For how many gateways there are sockets."""
        return len(self._main)

    def of_gateway(self, number: int) -> list[socket.socket]:
        """Return the socket on the main port and, if there is one, that on the site port."""
        return [self._main[number], *self._site[number : number + 1]]

    def announcement(self) -> str:
        """Return what whoever started the server reads when it is ready."""
        host, port = self._address()
        lines = [f"rtdb is ready on {listening_origin(host, port)}\n"]
        if self._site:
            lines.append(f"HTTP actions are on {listening_origin(host, self._site_port())}\n")
        return "".join(lines)

    def origins(self) -> PublicOrigins:
        """Return where clients reach the server."""
        return public_origins(self._config, *self._address(), self._site_port())

    def _address(self) -> tuple[str, int]:
        """Return host and port."""
        host, port = self._main[0].getsockname()[:2]
        return host, port

    def _site_port(self) -> int:
        """Return the port of HTTP actions, 0 if they have none of their own."""
        port: int = self._site[0].getsockname()[1] if self._site else 0
        return port
