"""Which functions a caller may call at all, before any function is looked up (http-api §5, sync-protocol §9.3).

Whether an internal function is *found* is decided where functions are looked up; this is about system functions and
read-only keys.
"""

from __future__ import annotations

from rtdb.auth.identity import Identity
from rtdb.errors import ForbiddenError
from rtdb.link.frames import RequestKind

__all__ = ["require_call_permitted"]

SYSTEM_PREFIX = "_system/"


def require_call_permitted(identity: Identity, kind: RequestKind, path: str) -> None:
    """Raise ``SystemIdentityRequired`` or ``OperationNotPermitted`` if this caller may not call this function."""
    if path.startswith(SYSTEM_PREFIX) and not identity.is_admin:
        raise ForbiddenError(f"Operation {kind} not permitted", code="SystemIdentityRequired")
    if identity.read_only and kind != "query":
        raise ForbiddenError(f"Operation {kind} not permitted", code="OperationNotPermitted")
