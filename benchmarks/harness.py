"""What every benchmark needs: a real server on a fresh directory, its cost, figures, and a result file.

The server is started as an operator would start it. Load comes from other processes (`load.py`), so that the clients'
work is not counted as the server's; on two cores they still take turns, which is why every result carries its floor.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rtdb.config import Config

__all__ = ["ServerProcess", "machine", "percentile", "post", "report", "run_server"]

ROOT = Path(__file__).parent.parent
APP = Path(__file__).parent / "app"
RESULTS = ROOT / "benchmarks" / "results"


class ServerProcess:
    """A running server and what it has cost so far."""

    def __init__(self, process: subprocess.Popen[str], host: str, port: int) -> None:
        self.process = process
        self.host = host
        self.port = port

    def processes(self) -> dict[int, str]:
        """Process id → name of ``serve`` and everything below it."""
        found = {self.process.pid: "serve"}
        grown = True
        while grown:
            grown = False
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit() or int(entry.name) in found:
                    continue
                try:
                    name, rest = (entry / "stat").read_text().split("(", 1)[1].rsplit(") ", 1)
                except (OSError, IndexError):
                    continue
                if int(rest.split()[1]) in found:
                    found[int(entry.name)] = name
                    grown = True
        return found

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds (user and system) per process name; runners that were replaced still count."""
        ticks = os.sysconf("SC_CLK_TCK")
        totals: dict[str, float] = {}
        for pid, name in self.processes().items():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            except OSError:
                continue
            totals[name] = totals.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / ticks
            if name == "rtdb-hub":
                ended = (int(fields[13]) + int(fields[14])) / ticks
                totals["rtdb-runner"] = totals.get("rtdb-runner", 0.0) + ended
        return totals

    def private_bytes(self) -> dict[str, int]:
        """RssAnon per process name: private memory; RSS would count the shared database map."""
        totals: dict[str, int] = {}
        for pid, name in self.processes().items():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            for line in status.splitlines():
                if line.startswith("RssAnon:"):
                    totals[name] = totals.get(name, 0) + int(line.split()[1]) * 1024
        return totals


@contextmanager
def run_server(functions: Path = APP, **settings: object) -> Iterator[ServerProcess]:
    """Run a server on an empty data directory and a free port; stop it and remove the directory afterwards."""
    with tempfile.TemporaryDirectory(prefix="rtdb-bench-", dir=ROOT / "benchmarks") as directory:
        arguments = [sys.executable, str(ROOT / "server.py"), "--data-dir", directory, "--port", "0"]
        arguments += ["--functions", str(functions), "--log-level", "warning"]
        for name, value in settings.items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if "ready on http://" in line:
                    host, port = line.rsplit("http://", 1)[1].strip().rsplit(":", 1)
                    break
            else:
                raise RuntimeError(f"the server ended with exit code {process.wait()} before it was ready")
            yield ServerProcess(process, host, int(port))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def post(server: ServerProcess, route: str, body: dict[str, Any]) -> Any:
    """Call a function over HTTP and return its value; raises when it fails."""
    payload = json.dumps(body).encode()
    with socket.create_connection((server.host, server.port)) as connection:
        head = (
            f"POST {route} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(payload)}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode() + payload)
        data = b""
        while part := connection.recv(1 << 16):
            data += part
    head_bytes, content = data.split(b"\r\n\r\n", 1)
    if b"chunked" in head_bytes.lower():
        raise RuntimeError("unexpected chunked answer")
    answer = json.loads(content)
    if answer.get("status") != "success":
        raise RuntimeError(f"{route} {body.get('path')}: {answer}")
    return answer["value"]


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest-rank percentile of unsorted values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, round(share * len(ordered) + 0.5) - 1))]


def machine() -> dict[str, Any]:
    """What a reader needs to know of where the numbers come from."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "load_average": os.getloadavg()[0],
        "gateways": Config(data_dir=Path()).gateways,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def report(name: str, rows: list[dict[str, Any]]) -> None:
    """Print the rows as a table and write them with the machine's facts to ``benchmarks/results/NAME.json``."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[index]) for row in cells)) for index, column in enumerate(columns)]
    print("  ".join(column.ljust(width) for column, width in zip(columns, widths, strict=True)))
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"benchmark": name, "machine": machine(), "rows": rows}, indent=2) + "\n")
    print(f"written to {path.relative_to(ROOT)}")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return "" if value is None else str(value)


def spread(values: Sequence[float]) -> str:
    """Median with the lowest and highest of several runs."""
    return f"{statistics.median(values):,.0f} ({min(values):,.0f}-{max(values):,.0f})"
