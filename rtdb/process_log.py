"""What a process of the server logs on standard error, set up once in its ``main``: one JSON object per line, or, when
that is a terminal, what a person reads.

Below a warning, lines are bounded: clients can make functions fail as fast as they can call, and the disk that holds
the log must not fill at that rate. What was left out is counted in the next line that is written.

Standard output belongs to ``serve``, which says there where it can be reached and nothing else.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

__all__ = ["FloodGate", "configure_process_log"]

LINES_PER_SECOND_MAX = 100


class FloodGate:
    """Lets only so many debug and info lines of each second through."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._second = 0
        self._lines = 0
        self._left_out = 0

    def __call__(self, _logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        second = int(self._monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        if method in {"debug", "info"}:
            self._lines += 1
            if self._lines > LINES_PER_SECOND_MAX:
                self._left_out += 1
                raise structlog.DropEvent
        if self._left_out:
            event["lines_left_out"], self._left_out = self._left_out, 0
        return event


def configure_process_log(process: str, level: str) -> None:
    """Log from here on as ``process`` (``hub``, ``runner`` …), at ``level`` and above."""

    def add_process(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    structlog.configure(
        processors=[
            FloodGate(),
            structlog.processors.add_log_level,
            add_process,
            *(_for_a_person() if sys.stderr.isatty() else _for_programs()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(_LossyStream()),  # type: ignore[arg-type]  # it writes and flushes, no more is asked,
    )


def _for_programs() -> list[structlog.typing.Processor]:
    return [
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ]


def _for_a_person() -> list[structlog.typing.Processor]:
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _lines_below,
        structlog.dev.ConsoleRenderer(pad_event_to=0, exception_formatter=structlog.dev.plain_traceback),
    ]


def _lines_below(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put what a function printed, and where it failed, on lines of its own below the event."""
    below = [*event.pop("lines", ()), *event.pop("at", "").splitlines()]
    if below:
        event["stack"] = "\n".join(f"    {_harmless(line)}" for line in below)
    return {
        name: _harmless(value) if isinstance(value, str) and name != "stack" else value for name, value in event.items()
    }


def _harmless(text: str) -> str:
    """Return a text that cannot do anything to a terminal: clients choose what functions print."""
    return "".join(character if character.isprintable() or character == "\t" else " " for character in text)


class _LossyStream(io.TextIOBase):
    """Standard error as far as there is room for it: a full disk must not end the process that wants to tell of it."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()
