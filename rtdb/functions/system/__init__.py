"""The server's own functions, which administrators and the server itself call by paths that begin with ``_system/``.

They run in ordinary transactions, on whichever runner has room: none of them runs app code. A module holds the
functions of one noun and its table ``FUNCTIONS`` of them, or a function that returns it; :func:`system_functions` is
all of them together.

Contents: ``definition`` (what a system function is, and how it reads its arguments), ``cron_jobs`` (what
administrators see of them), ``deployments`` (the steps of a deploy that touch data), ``documents`` (as administrators
look at them), ``environment_variables`` (what administrators see and change of them), ``files`` (what the server does
to the documents of files), ``modules`` (which functions there are), ``scheduler`` (what becomes of scheduled functions
and cron jobs), ``snapshots`` (imports, of which there are none), ``tables`` (their names, numbers and sizes).
"""

from __future__ import annotations

from typing import Final

from rtdb.functions.environment_variables import EnvironmentVariables
from rtdb.functions.system import (
    cron_jobs,
    deployments,
    documents,
    environment_variables,
    files,
    modules,
    scheduler,
    snapshots,
    tables,
)
from rtdb.functions.system.definition import SystemFunction
from rtdb.transaction.cursor import CursorCodec

__all__ = ["SystemFunction", "system_functions"]

_EVERYWHERE: Final[dict[str, SystemFunction]] = {
    **cron_jobs.FUNCTIONS,
    **deployments.FUNCTIONS,
    **files.FUNCTIONS,
    **modules.FUNCTIONS,
    **scheduler.FUNCTIONS,
    **snapshots.FUNCTIONS,
    **tables.FUNCTIONS,
}
"""Those that are the same on every server, by path."""


def system_functions(variables: EnvironmentVariables, cursors: CursorCodec) -> dict[str, SystemFunction]:
    """Return those of the server with these environment variables and cursors, by path."""
    return {
        **_EVERYWHERE,
        **environment_variables.functions(variables),
        **documents.functions(cursors, variables.limits),
    }
