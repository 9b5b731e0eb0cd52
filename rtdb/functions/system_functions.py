"""The server's own functions, called like an app's but only by those who may call anything.

===============================  =======================================================================================
``_system/deployments:current``  the active deployment, or null
``_system/deployments:…``        the steps of a deploy (`deployments.py`), which only the server itself may take
===============================  =======================================================================================

They run in ordinary transactions, on whichever runner has room: none of them runs app code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from rtdb.functions import deployments
from rtdb.link.frames import FunctionKind
from rtdb.transaction.transaction import Transaction

__all__ = ["SYSTEM_FUNCTIONS", "SYSTEM_PATH_PREFIX", "SystemFunction"]

SYSTEM_PATH_PREFIX = "_system/"
"""What the paths of all functions here begin with; an app has none there."""


class SystemFunction(msgspec.Struct, frozen=True):
    """One of the server's own functions; its handler gets the transaction and the decoded arguments."""

    kind: FunctionKind
    handler: Callable[[Transaction, dict[str, Any]], Any]
    reserved: bool = False
    """Whether only the server itself may call it: out of turn it would do harm."""


SYSTEM_FUNCTIONS = {
    "_system/deployments:current": SystemFunction("query", deployments.current),
    "_system/deployments:prepare": SystemFunction("mutation", deployments.prepare, reserved=True),
    "_system/deployments:check": SystemFunction("query", deployments.check, reserved=True),
    "_system/deployments:check_changes": SystemFunction("query", deployments.check_changes, reserved=True),
    "_system/deployments:progress": SystemFunction("query", deployments.progress, reserved=True),
    "_system/deployments:push": SystemFunction("mutation", deployments.push, reserved=True),
    "_system/deployments:abandon": SystemFunction("mutation", deployments.abandon, reserved=True),
}
