"""What every test shares: how hard Hypothesis looks, and what a failure tells of the servers that the test started.

In CI the examples are the same on every run, so that a change is judged by itself and not by the luck of the draw; new
examples are looked for on developers' machines and by ``make soak``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, settings

from tests.e2e.server_process import ServerProcess
from tests.waiting import SECONDS_MAX

# No deadline: a shared machine may stall any single example, and that says nothing about the code.
settings.register_profile("default", deadline=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True, database=None)
settings.register_profile(
    "soak",
    parent=settings.get_profile("default"),
    max_examples=5000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

# httpx gives up after 5 s, and one fsync may take as long beside a neighbour that writes. All its functions and clients
# have this one object as their default.
_patience: httpx.Timeout = inspect.signature(httpx.get).parameters["timeout"].default
_patience.connect = _patience.read = _patience.write = _patience.pool = SECONDS_MAX


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        report.sections += [(f"server on {server.url}", server.describe()) for server in ServerProcess.running()]
    return report
