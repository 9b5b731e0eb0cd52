"""What actions may connect to: everything but the server's own surroundings.

Whoever writes an app may not be whoever runs the server, and what an action fetches is often what a user of the app has
typed in. So addresses of this machine, of the private networks it is in and of the cloud it runs in (which hands out
credentials to everybody who asks from inside) are denied unless the operator allows them. Deno, and ``ctx.fetch`` of
actions in Python, compare the address that a connection is made to, so neither a name that resolves to a denied address
nor a redirect to one gets through.

Of IPv6 Deno can only deny single addresses. Therefore actions use IPv4 alone, unless a network of IPv6 is allowed: then
all of it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses, ip_network
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
    """``denied`` are networks of IPv4; ``ipv6``: whether it may be used at all."""

    denied: tuple[IPv4Network, ...]
    ipv6: bool

    @property
    def permissions(self) -> tuple[str, ...]:
        """The flags of Deno."""
        if not self.denied:
            return ("--allow-net",)
        return ("--allow-net", f"--deny-net={','.join(map(str, self.denied))}")

    def allows(self, address: IPv4Address | IPv6Address) -> bool:
        """Return whether an action may connect to an address."""
        if isinstance(address, IPv6Address):
            mapped = address.ipv4_mapped
            return self.ipv6 and (mapped is None or self.allows(mapped))
        return not any(address in network for network in self.denied)


def reach_of(allowed: str | None) -> Reach:
    """Return what actions may reach if these networks, with commas between them, are allowed. Raises ValueError."""
    networks = [ip_network(text.strip()) for text in (allowed or "").split(",") if text.strip()]
    denied: Iterable[IPv4Network] = DENIED
    for network in networks:
        if isinstance(network, IPv4Network):
            denied = [rest for each in denied for rest in _without(each, network)]
    return Reach(tuple(collapse_addresses(denied)), any(isinstance(network, IPv6Network) for network in networks))


def _without(network: IPv4Network, removed: IPv4Network) -> Iterable[IPv4Network]:
    if network.subnet_of(removed):
        return ()
    if removed.subnet_of(network):
        return network.address_exclude(removed)
    return (network,)
