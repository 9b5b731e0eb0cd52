"""Ports for servers of tests that are stopped and started again on the same one.

A port that the system chooses may be taken by any connection of another test while the server is down: those come from
the range of `ip_local_port_range`. So these lie below it, and every pytest worker has some of its own.
"""

from __future__ import annotations

import os
import random
import socket
from itertools import count

__all__ = ["free_port"]

_FIRST = 10_000
_PER_WORKER = 2_500
_WORKERS = 9
"""More than these share: 10000 to 32499, below what Linux chooses from (32768 and up)."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
# Another run of the tests on this machine begins elsewhere.
_numbers = count(random.randrange(_PER_WORKER // 2) * 2, 2)


def free_port() -> int:
    """Return a port that nobody listens on, and neither on the next one, which is the server's for HTTP actions."""
    for number in _numbers:
        port = _FIRST + _worker * _PER_WORKER + number % _PER_WORKER
        if _is_free(port) and _is_free(port + 1):
            return port
    raise AssertionError("there is always another number")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
