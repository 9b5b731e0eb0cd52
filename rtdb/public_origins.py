"""Where clients find a server: the addresses it tells apps and operators."""

from __future__ import annotations

from typing import NamedTuple

from rtdb.config import Config

__all__ = ["PublicOrigins", "listening_origin", "public_origins"]

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # read, not bound


class PublicOrigins(NamedTuple):
    """The addresses of the API (``cloud``) and of the app's HTTP actions (``site``), without a slash at their end."""

    cloud: str
    site: str


def listening_origin(host: str, port: int) -> str:
    """Return the address of a socket that listens; one that listens everywhere is shown as it was asked for."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def public_origins(config: Config, host: str, port: int) -> PublicOrigins:
    """Return the addresses of a server that listens on this host and port, unless it is told that they differ."""
    cloud = config.cloud_origin or listening_origin(_ANY_ADDRESS.get(host, host), port)
    # HTTP actions are served under /http of the same origin.
    return PublicOrigins(cloud, config.site_origin or f"{cloud}/http")
