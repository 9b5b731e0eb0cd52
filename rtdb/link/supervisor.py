"""Starting and ending processes: the one place that calls ``Popen``.

``serve`` is the outermost process: it holds the data directory's lock and the listening sockets, starts the hub with
them and starts it again when it ends abnormally (because it crashed, or because the committer did: a hub without a
committer stops itself). Since the sockets outlive the hub, clients that reconnect meanwhile wait in the backlog and
are not refused.

Children are started from the main thread, in a session of their own (Ctrl-C reaches only ``serve``), with a scrubbed
environment, and die with their parent (`child.py`). Secrets and configuration travel over the link, never in arguments.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from rtdb.config import Config, encode_config

__all__ = [
    "EXIT_CONFIGURATION",
    "EXIT_SOFTWARE",
    "CannotListenError",
    "Child",
    "open_listeners",
    "serve",
    "start_child",
]

EXIT_CONFIGURATION = 78
"""Exit code (``EX_CONFIG``) of a hub that cannot start for a reason a restart would not cure."""

EXIT_SOFTWARE = 70
"""Exit code (``EX_SOFTWARE``) of a runner that met a mistake of ours, and not the app's."""

RESTARTS_MAX = 5
RESTART_WINDOW_SECONDS = 60.0
BACKLOG = 4096

_ENVIRONMENT_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPATH", "PYTHONWARNINGS")


class CannotListenError(Exception):
    """The operating system does not let us listen on the port of a setting; the cause is what it says."""

    def __init__(self, setting: str, port: int) -> None:
        super().__init__(f"cannot listen on {setting} {port}")
        self.setting = setting
        self.port = port


class Child:
    """A started process and our end of its link."""

    def __init__(self, process: subprocess.Popen[bytes], link_socket: socket.socket) -> None:
        self.process = process
        self.socket = link_socket

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()

    def wait(self) -> int:
        """Reap the process. Call it once it has been killed or its link has ended: it then returns at once."""
        try:
            return self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def start_child(module: str, descriptors: Sequence[int] = ()) -> Child:
    """Start ``python -m module`` with one end of a fresh socket pair.

    The child's arguments are the descriptor of its end, our process id, and ``descriptors``, which it inherits.
    """
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        # Room for a few large frames, so that neither end waits for the other's scheduling.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    try:
        inherited = [theirs.fileno(), *descriptors]
        process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                module,
                str(theirs.fileno()),
                str(os.getpid()),
                *map(str, descriptors),
            ],
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={name: os.environ[name] for name in _ENVIRONMENT_KEPT if name in os.environ},
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Child(process, ours)


def open_listeners(host: str, port: int, count: int) -> list[socket.socket]:
    """Return ``count`` listening sockets that share one address; port 0 chooses a free one for all of them."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listeners: list[socket.socket] = []
    try:
        for _ in range(count):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((host, port))
            listener.listen(BACKLOG)
            port = listener.getsockname()[1]
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def refuse_taken_port(host: str, port: int) -> None:
    """Raise ``OSError`` if another server listens on this address already.

    SO_REUSEPORT alone would let a second server of the same user share the port silently.
    """
    if port == 0:
        return
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _open_ports(config: Config) -> list[socket.socket]:
    """Return a listening socket of the main port for each gateway, then as many of the site port if there is one."""
    listeners = _open_port(config, "port", config.port)
    site_port = config.site_port
    if site_port is None:
        site_port = config.port + 1 if config.port else 0
    elif site_port == 0:
        return listeners
    try:
        return listeners + _open_port(config, "site_port", site_port)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise


def _open_port(config: Config, setting: str, port: int) -> list[socket.socket]:
    try:
        refuse_taken_port(config.host, port)
        return open_listeners(config.host, port, config.gateways)
    except OSError as error:
        raise CannotListenError(setting, port) from error


def serve(config: Config) -> int:
    """Run the server until it is told to stop; return the process's exit code. Raises :class:`CannotListenError`.

    The caller holds the data directory's lock. SIGTERM and SIGINT drain; a second one ends it at once.
    """
    listeners = _open_ports(config)
    hub: Child | None = None
    stops: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        if hub is not None and hub.process.poll() is None:
            hub.process.send_signal(signal.SIGKILL if stops else signal.SIGTERM)
        stops.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    restarts: deque[float] = deque()
    try:
        while not stops:
            hub = start_child("rtdb.hub.hub", [listener.fileno() for listener in listeners])
            if stops:
                hub.process.send_signal(signal.SIGTERM)
            with hub.socket:
                # A hub that has ended already says so by its exit code.
                with suppress(OSError):
                    hub.socket.sendall(_config_frame(config))
                code = hub.process.wait()
            if stops and code == -signal.SIGTERM:
                # Told to stop before it had come up: there was nothing to drain.
                return 0
            if stops or code in (0, EXIT_CONFIGURATION):
                return code if code >= 0 else 1
            now = time.monotonic()
            restarts.append(now)
            while restarts[0] < now - RESTART_WINDOW_SECONDS:
                restarts.popleft()
            if len(restarts) > RESTARTS_MAX:
                print(
                    f"rtdb: the hub ended {len(restarts)} times within {RESTART_WINDOW_SECONDS:.0f} s (last exit code"
                    f" {code}); not starting it again. Its messages above say why.",
                    file=sys.stderr,
                )
                return 1
        return 0
    finally:
        for listener in listeners:
            listener.close()


def _config_frame(config: Config) -> bytes:
    body = encode_config(config)
    return len(body).to_bytes(4, "big") + body
