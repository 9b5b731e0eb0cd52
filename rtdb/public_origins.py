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


def public_origins(config: Config, host: str, port: int, site_port: int) -> PublicOrigins:
    """Return the addresses of a server that is reached on this host and port, unless it is told that they differ.

    HTTP actions are on the site port, if there is one (else 0) and nothing says that the server is behind something
    that may not pass it on; they are under ``/http`` of the API in any case.
    """
    host = _ANY_ADDRESS.get(host, host)
    cloud = config.cloud_origin or listening_origin(host, port)
    if config.site_origin is not None:
        return PublicOrigins(cloud, config.site_origin)
    if site_port and config.cloud_origin is None:
        return PublicOrigins(cloud, listening_origin(host, site_port))
    return PublicOrigins(cloud, f"{cloud}/http")
