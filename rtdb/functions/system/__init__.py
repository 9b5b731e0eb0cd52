"""The server's own functions, which administrators and the server itself call by paths that begin with ``_system/``.

They run in ordinary transactions, on whichever runner has room: none of them runs app code. A module holds the
functions of one noun and its table ``FUNCTIONS`` of them; :data:`SYSTEM_FUNCTIONS` is all of them together.

Contents: ``definition`` (what a system function is, and how it reads its arguments), ``deployments`` (the steps of a
deploy that touch data).
"""

from __future__ import annotations

from typing import Final

from rtdb.functions.system import deployments
from rtdb.functions.system.definition import SYSTEM_PATH_PREFIX, SystemFunction

__all__ = ["SYSTEM_FUNCTIONS", "SYSTEM_PATH_PREFIX", "SystemFunction"]

SYSTEM_FUNCTIONS: Final[dict[str, SystemFunction]] = {**deployments.FUNCTIONS}
"""By path."""
