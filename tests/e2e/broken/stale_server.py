"""A server whose runners sometimes read a little of the past and say that it is the present."""

from __future__ import annotations

from tests.e2e.broken.swapped import run

if __name__ == "__main__":
    run("tests.e2e.broken.stale_server", {"rtdb.functions.runner_process": "tests.e2e.broken.stale_runner"})
