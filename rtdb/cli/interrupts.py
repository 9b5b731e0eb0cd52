"""Ctrl-C, heard for certain."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from rtdb.cli.output import messages

__all__ = ["until_interrupted"]

AGAIN_SECONDS: Final = 1.0
"""Longer than it takes to end the block, which hears it once."""


@contextmanager
def until_interrupted() -> Iterator[None]:
    """End the block at Ctrl-C.

    Python drops an exception that is raised while it clears something away, such as the rest of a response, and so one
    Ctrl-C in many would not be heard: it is raised again and again until it is.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGALRM):
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        messages.print()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
