"""A real server on a fresh directory, started as an operator would, and what is asked of it outside the load."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.process_costs import ProcessCosts, costs_by_role, processes_below
from benchmarks.harness.results import ROOT
from rtdb.cli.deploy_client import deploy_events
from rtdb.cli.target import Target
from rtdb.config import Limits
from rtdb.functions.bundle import read_bundle

__all__ = ["APP", "ServerProcess", "fresh_directory", "run_server", "start_server"]

APP = ROOT / "benchmarks" / "app"
STOP_SECONDS_MAX = 30.0
ANSWER_SECONDS_MAX = 120.0
REUSE_SECONDS_MAX = 20.0
"""The server closes a connection that is not used for longer (``keep_alive_seconds_max``, and there is time to go)."""


class ServerProcess:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], data_dir: Path, host: str, port: int, started: float) -> None:
        self.process = process
        self.data_dir = data_dir
        self.host = host
        self.port = port
        self.ready_seconds = time.perf_counter() - started
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0

    @property
    def address(self) -> dict[str, Any]:
        """Where it is, as a job of `benchmarks.load` says it."""
        return {"host": self.host, "port": self.port}

    def costs(self) -> dict[str, ProcessCosts]:
        return costs_by_role(self.process.pid)

    def processes(self) -> dict[int, str]:
        return processes_below(self.process.pid)

    def private_bytes(self) -> int:
        """Memory of all its processes together that is nobody else's."""
        return sum(costs.private_bytes for costs in self.costs().values())

    def admin_key(self) -> str:
        return (self.data_dir / "admin.key").read_text().strip()

    def mutation(self, path: str, **args: Any) -> Any:
        return self._call("/api/mutation", path, args)

    def query(self, path: str, **args: Any) -> Any:
        return self._call("/api/query", path, args)

    def function_log(self) -> list[dict[str, Any]]:
        """Return what the server remembers of the newest executions, oldest first."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS_MAX)
        headers = {"Authorization": f"Convex {self.admin_key()}"}
        connection.request("GET", "/api/stream_function_logs?cursor=0", headers=headers)
        entries: list[dict[str, Any]] = json.loads(connection.getresponse().read())["entries"]
        connection.close()
        return entries

    def _call(self, route: str, path: str, args: dict[str, Any]) -> Any:
        if time.monotonic() - self._used > REUSE_SECONDS_MAX:
            self._close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self.host, self.port, timeout=ANSWER_SECONDS_MAX)
        body = json.dumps({"path": path, "args": args, "format": "json"})
        self._connection.request("POST", route, body, {"Content-Type": "application/json"})
        answer = json.loads(self._connection.getresponse().read())
        self._used = time.monotonic()
        if answer.get("status") != "success":
            raise RuntimeError(f"{route} {path}: {answer}")
        return answer["value"]

    def deploy(self, directory: Path) -> None:
        """Make the modules in a directory its app, as ``rtdb deploy`` does."""
        target = Target(f"http://{self.host}:{self.port}", self.admin_key())
        bundle = read_bundle(directory, Limits())
        for _ in deploy_events(target, bundle):
            pass

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and everything below it, if that has not been done."""
        self._close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(timeout=STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def fresh_directory() -> Iterator[Path]:
    """A directory on the disk that results are about (``/tmp`` is often none), removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="rtdb-bench-", dir=ROOT / "benchmarks", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def start_server(
    data_dir: Path,
    functions: Path | None = APP,
    limits: Mapping[str, object] | None = None,
    settings: Mapping[str, object] | None = None,
) -> Iterator[ServerProcess]:
    """Run a server on a data directory and a free port, until the block ends.

    ``settings`` are options of `rtdb serve`.
    """
    arguments = [sys.executable, str(ROOT / "server.py"), "--data-dir", str(data_dir), "--port", "0"]
    arguments += ["--log-level", "warning"]
    if functions is not None:
        arguments += ["--functions", str(functions)]
    for name, value in (settings or {}).items():
        arguments += [f"--{name}", str(value)]
    for name, value in (limits or {}).items():
        arguments += ["--limit", f"{name}={value}"]
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        host, port = "", 0
        for line in process.stdout:
            if "ready on http://" in line:
                host, port_text = line.rsplit("http://", 1)[1].strip().rsplit(":", 1)
                port = int(port_text)
                break
        server = ServerProcess(process, data_dir, host, port, started)
        try:
            if not port:
                raise RuntimeError(f"the server ended with exit code {process.wait()} before it was ready")
            yield server
        finally:
            server.stop()


@contextmanager
def run_server(
    functions: Path = APP, limits: Mapping[str, object] | None = None, settings: Mapping[str, object] | None = None
) -> Iterator[ServerProcess]:
    """Run a server on an empty data directory, which is removed afterwards."""
    with fresh_directory() as directory, start_server(directory, functions, limits, settings) as server:
        yield server
