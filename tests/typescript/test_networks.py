"""What actions in TypeScript may reach."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from rtdb.typescript.networks import Reach, reach_of


def is_denied(reach: Reach, address: str) -> bool:
    ranges = reach.permissions[1].removeprefix("--deny-net=").split(",")
    return any(ip_address(address) in ip_network(each) for each in ranges)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.100.100.200", "168.63.129.16"],
)
def test_the_servers_surroundings_are_denied(address: str) -> None:
    assert is_denied(reach_of(None), address)


@pytest.mark.parametrize("address", ["1.1.1.1", "172.32.0.1", "193.168.0.1"])
def test_the_rest_of_the_world_is_not(address: str) -> None:
    assert not is_denied(reach_of(None), address)


def test_what_is_allowed_leaves_its_neighbours_denied() -> None:
    reach = reach_of("10.1.2.3, 127.0.0.0/8")
    assert not is_denied(reach, "10.1.2.3")
    assert not is_denied(reach, "127.0.0.1")
    assert is_denied(reach, "10.1.2.2")
    assert is_denied(reach, "10.255.0.0")


def test_everything_may_be_allowed() -> None:
    assert reach_of("0.0.0.0/0").permissions == ("--allow-net",)


def test_a_network_of_version_6_opens_all_of_it() -> None:
    assert not reach_of("10.0.0.0/8").ipv6
    assert reach_of("fd00::/8").ipv6
