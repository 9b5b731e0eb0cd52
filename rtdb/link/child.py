"""What every child process does first: tie its life to its parent's.

``PR_SET_PDEATHSIG`` makes the kernel kill the child when the *thread* that started it ends, so children are started
from the parent's main thread only. Between the start and the call the parent may already be gone; hence the check
after it. A watchdog thread would not do: it cannot stop a loop inside a C extension such as ``re``.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import socket
import sys

__all__ = ["become_child", "calm_collector", "inherited_socket", "limit_memory"]

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15

_COLLECTOR_THRESHOLDS = (5_000, 10, 50)
"""Allocations not released before the young are looked at, and how often that before the older ones are: up to 17 and
48 ms while 100,000 queries came in (measured on a busy machine). A look at all of them took 0.5 s there, and is due
only when they have grown by a quarter."""


def become_child(parent_pid: int, name: str) -> None:
    """Make this process die with ``parent_pid`` and call it ``name`` (at most 15 bytes) in process listings.

    Exits at once when the parent is already gone. Signals a terminal sends do not get here: children are started in a
    session of their own; SIGTERM and SIGINT keep their default action.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)
    if os.getppid() != parent_pid:
        sys.exit(0)


def limit_memory(data_bytes_max: int) -> None:
    """Limit private memory. ``RLIMIT_DATA`` and not ``RLIMIT_AS``, which would count the database map.

    It is the soft limit: a process that this one starts has a limit of its own, which may be higher.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes_max, hard))


def calm_collector() -> None:
    """Keep the cyclic garbage collector from walking, again and again, what lives as long as the process.

    Call it once everything is loaded. Nearly all objects here die by reference count; with the default thresholds a
    quarter of the hub's time went into looking for those that do not.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTOR_THRESHOLDS)


def inherited_socket(descriptor: int) -> socket.socket:
    """Return the link's end that the parent passed on."""
    return socket.socket(fileno=descriptor)
