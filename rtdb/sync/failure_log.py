"""Calls that a gateway refuses itself in the server's log, under the request id that their callers were shown.

Clients of a server that redacts see nothing but that id; the operator looks here for what it stands for. Functions that
have run and failed are logged where executions end (`rtdb/application/function_log.py`).
"""

from __future__ import annotations

import structlog

from rtdb.link.frames import ExecutionError

__all__ = ["log_failure"]

MESSAGE_LENGTH_MAX = 4096

_log = structlog.get_logger("rtdb.sync")


def log_failure(request: str, path: str, error: ExecutionError) -> None:
    """Log an error that was told as ``request``. Failures of the server itself are logged where they happen."""
    if error.system:
        return
    _log.info(
        "function failed",
        request_id=request,
        function=path,
        code=error.code,
        error=error.message[:MESSAGE_LENGTH_MAX],
        at=error.frames,
    )
