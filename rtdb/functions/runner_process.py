"""The runner process: a runner at the end of a link, as plain blocking code.

Every reply is sent at once. Whatever app code does can at worst end this process.

Exit codes: 0 when told to end, or when the hub is gone; ``EXIT_SOFTWARE`` when something failed that is not the app's
fault, which the log then names.
"""

from __future__ import annotations

import os
import sys

import structlog

from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import decode_config
from rtdb.functions.runner import open_runner
from rtdb.link import frames
from rtdb.link.child import become_child, calm_collector, inherited_socket, limit_memory
from rtdb.link.link import FROM_HUB_BYTES_MAX, BlockingLink, LinkClosed
from rtdb.link.supervisor import EXIT_SOFTWARE
from rtdb.process_log import configure_process_log
from rtdb.storage.environment import open_environment

__all__ = ["main"]

_log = structlog.get_logger("rtdb.runner")


def run(link: BlockingLink) -> None:
    """Be the runner on this link until told to drain."""
    start, *messages = link.receive()
    assert isinstance(start, frames.RunnerStart)
    config = decode_config(start.config)
    configure_process_log("runner", config.log_level)
    environment = open_environment(config.data_dir, readonly=True, limits=config.limits)
    limit_memory(config.limits.runner_memory_bytes_max)
    runner, ready = open_runner(start, environment, clock=SystemClock(), random=SystemRandom())
    calm_collector()
    link.send([ready])
    while runner is not None:
        for reply in runner.receive(messages):
            link.send([reply])
        if runner.drained:
            return
        messages = link.receive()


def main() -> None:
    """``python -m rtdb.functions.runner_process LINK PARENT``, started by the runner pool."""
    descriptor, parent = map(int, sys.argv[1:3])
    become_child(parent, "rtdb-runner")
    # What code of the app writes past `sys.stdout` is not for whoever reads the server's standard output.
    os.dup2(sys.stderr.fileno(), 1)
    try:
        run(BlockingLink(inherited_socket(descriptor), FROM_HUB_BYTES_MAX))
    except LinkClosed:
        return
    except Exception:
        _log.exception("the runner failed")
        sys.exit(EXIT_SOFTWARE)


if __name__ == "__main__":
    main()
