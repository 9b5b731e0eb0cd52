"""The network of ``ctx.fetch``: connections to addresses that actions may reach, and to no others.

A name is looked up here and the address it has is what is connected to, so that no answer of a name server, however
quickly it changes, leads past the check. A redirect is a connection of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

import httpcore
import httpx
import trio
from trio import socket

from rtdb.errors import DeveloperError
from rtdb.typescript.networks import Reach

__all__ = ["fetch_transport"]

Address = IPv4Address | IPv6Address


def fetch_transport(reach: Reach, limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
    """Return what makes httpx's requests. It loads the certificates of the authorities, which takes long."""
    certificates = httpx.create_ssl_context(trust_env=False)
    transport = httpx.AsyncHTTPTransport(verify=certificates, trust_env=False)
    # httpx has no argument for its pool's network; the pool, which is httpcore's, has.
    transport._pool = _pool(reach, certificates, limits)
    return transport


def _pool(reach: Reach, certificates: ssl.SSLContext, limits: httpx.Limits) -> httpcore.AsyncConnectionPool:
    return httpcore.AsyncConnectionPool(
        ssl_context=certificates,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=_ReachableNetwork(reach),
    )


class _ReachableNetwork(httpcore.AsyncNetworkBackend):
    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._network = httpcore.TrioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that may be reached and answers. Raises DeveloperError."""
        addresses = await _addresses(host, port, ipv6=self._reach.ipv6)
        allowed = [address for address in addresses if self._reach.allows(address)]
        if not allowed:
            raise DeveloperError(
                f"fetch to {host}:{port} was refused: {addresses[0]} is an address of the server's own network. "
                "The operator can allow it with action_networks_allowed.",
                code="FetchAddressRefused",
            )
        for address in allowed[:-1]:
            try:
                return await self._network.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(str(allowed[-1]), port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


async def _addresses(host: str, port: int, *, ipv6: bool) -> list[Address]:
    """Return what a name stands for, at least one address; those of IPv4 first. Raises httpcore.ConnectError."""
    try:
        return [ip_address(host.strip("[]"))]
    except ValueError:
        pass
    family = socket.AF_UNSPEC if ipv6 else socket.AF_INET
    try:
        found = await socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"{host}: {error}") from error
    # A scope, as in fe80::1%eth0, is no part of the address.
    addresses = [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]
    return sorted(addresses, key=lambda address: address.version)
