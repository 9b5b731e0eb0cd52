"""A server that was installed without what TypeScript needs."""

from __future__ import annotations

from tests.e2e.broken.swapped import run

if __name__ == "__main__":
    run("tests.e2e.broken.denoless_server", {"rtdb.functions.runner_process": "tests.e2e.broken.denoless_runner"})
