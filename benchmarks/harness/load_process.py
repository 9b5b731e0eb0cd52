"""A process of `benchmarks.load`: it is given a job, is told things, and says things, a line of JSON each."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from types import TracebackType
from typing import Any, Self

from hdrh.histogram import HdrHistogram

from benchmarks.harness.results import ROOT

__all__ = ["LoadProcess", "latencies_ms", "run_load"]

PATIENCE_SECONDS = 120.0
PERCENTILES = (("p50", 50.0), ("p99", 99.0), ("p99.9", 99.9))


class LoadProcess:
    """Starts with its job at once; ends with the block."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        self._received = b""
        self.tell(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self, seconds_max: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Return the next thing it says. Raises RuntimeError when it ends instead, or says nothing for too long."""
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        deadline = time.monotonic() + seconds_max
        while b"\n" not in self._received:
            readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise RuntimeError(f"the load process has said nothing for {seconds_max} s")
            data = os.read(descriptor, 1 << 20)
            if not data:
                raise RuntimeError(f"the load process ended with exit code {self._process.wait()}; see above")
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        said: dict[str, Any] = json.loads(line)
        return said


def run_load(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job that says one thing, its result."""
    with LoadProcess(job) as load:
        return load.hear(PATIENCE_SECONDS + job.get("seconds", 0.0) + job.get("warm_up", 0.0))


def latencies_ms(encoded: str, prefix: str = "") -> dict[str, float]:
    """Return p50, p99 and p99.9 in milliseconds of a histogram as load processes send it."""
    histogram = HdrHistogram.decode(encoded)
    return {f"{prefix}{name}": histogram.get_value_at_percentile(share) / 1000 for name, share in PERCENTILES}
