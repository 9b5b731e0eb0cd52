"""The runner process: a runner at the end of a link, as plain blocking code.

Every reply is sent at once. Whatever app code does can at worst end this process.
"""

from __future__ import annotations

import sys

from rtdb.clock import SystemClock, SystemRandom
from rtdb.config import decode_config
from rtdb.functions.runner import open_runner
from rtdb.link import frames
from rtdb.link.child import become_child, calm_collector, inherited_socket, limit_memory
from rtdb.link.link import BlockingLink, LinkClosed
from rtdb.storage.environment import open_environment

__all__ = ["main"]


def run(link: BlockingLink) -> None:
    """Be the runner on this link until told to drain."""
    start, *messages = link.receive()
    assert isinstance(start, frames.RunnerStart)
    config = decode_config(start.config)
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
    try:
        run(BlockingLink(inherited_socket(descriptor), frame_bytes_max=1 << 30))
    except LinkClosed:
        return


if __name__ == "__main__":
    main()
