"""What actions in TypeScript may connect to: everything but the server's own surroundings.

Whoever writes an app may not be whoever runs the server, and what an action fetches is often what a user of the app has
typed in. So addresses of this machine, of the private networks it is in and of the cloud it runs in (which hands out
credentials to everybody who asks from inside) are denied unless the operator allows them. Deno compares the address
that a connection is made to, so neither a name that resolves to a denied address nor a redirect to one gets through.

Of IPv6 it can only deny single addresses. Therefore actions use IPv4 alone, unless a network of IPv6 is allowed: then
all of it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final, NamedTuple

__all__ = ["Reach", "reach_of"]

DENIED: Final = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # means this machine too
            "10.0.0.0/8",
            "100.64.0.0/10",  # between a carrier and its customers; Alibaba's metadata
            "127.0.0.0/8",
            "168.63.129.16/32",  # Azure's platform
            "169.254.0.0/16",  # link-local: metadata of most clouds
            "172.16.0.0/12",
            "192.0.0.0/24",  # Oracle's metadata
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)


class Reach(NamedTuple):
    """``permissions`` are flags of Deno; ``ipv6``: whether it may be used at all."""

    permissions: tuple[str, ...]
    ipv6: bool


def reach_of(allowed: str | None) -> Reach:
    """Return what actions may reach if these networks, with commas between them, are allowed. Raises ValueError."""
    networks = [ip_network(text.strip()) for text in (allowed or "").split(",") if text.strip()]
    denied: Iterable[IPv4Network] = DENIED
    for network in networks:
        if isinstance(network, IPv4Network):
            denied = [rest for each in denied for rest in _without(each, network)]
    ranges = [str(each) for each in collapse_addresses(denied)]
    permissions = ("--allow-net", f"--deny-net={','.join(ranges)}") if ranges else ("--allow-net",)
    return Reach(permissions, any(isinstance(network, IPv6Network) for network in networks))


def _without(network: IPv4Network, removed: IPv4Network) -> Iterable[IPv4Network]:
    if network.subnet_of(removed):
        return ()
    if removed.subnet_of(network):
        return network.address_exclude(removed)
    return (network,)
