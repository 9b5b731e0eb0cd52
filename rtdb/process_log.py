"""What a process of the server logs: one JSON object per line on standard error, set up once in its ``main``.

Standard output belongs to ``serve``, which says there where it can be reached and nothing else.
"""

from __future__ import annotations

import io
import logging
import sys
from contextlib import suppress

import structlog

__all__ = ["configure_process_log"]


def configure_process_log(process: str, level: str) -> None:
    """Log from here on as ``process`` (``hub``, ``runner`` …), at ``level`` and above."""

    def add_process(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            add_process,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(_LossyStream()),  # type: ignore[arg-type]  # it writes and flushes, no more is asked,
    )


class _LossyStream(io.TextIOBase):
    """Standard error as far as there is room for it: a full disk must not end the process that wants to tell of it."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()
