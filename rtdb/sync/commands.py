"""What a session asks its surroundings to do, and what it needs to be told about a caller.

Every method of :class:`~rtdb.sync.connection.SyncConnection` that may have something to say returns a list of these, to
be carried out in order.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

from rtdb.link.frames import RequestKind, SessionRequest

__all__ = ["Caller", "Close", "Command", "RunFunction", "SendText", "VerifyToken"]


class Caller(Protocol):
    """Who is asking, as far as a session cares; ``rtdb.auth.identity.Identity`` is one."""

    @property
    def attributes(self) -> bytes | None:
        """Encoded JSON of the identity's attributes; None for those without."""

    @property
    def internal(self) -> bool:
        """Whether internal functions may be found."""

    @property
    def is_admin(self) -> bool:
        """Whether component paths may be named."""

    @property
    def expires_ns(self) -> int | None:
        """When the identity ends, nanoseconds since the Unix epoch; None: it does not."""

    def require_permitted(self, kind: RequestKind, path: str) -> None:
        """Raise ``ForbiddenError`` if this caller may not call this function, whether or not it exists."""


class SendText(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Send one text message. Sessions that are told the same share one instance, so a transport may cache by it.

    ``transition``: tell the session with ``transition_written`` once the bytes have been handed to the socket.
    """

    text: bytes
    transition: bool = False


class RunFunction(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Run a mutation or an action and bring the answer back with ``answered(this, answer)``."""

    kind: Literal["mutation", "action"]
    request: int
    path: str
    args: bytes
    identity: bytes | None
    internal: bool
    session: SessionRequest | None
    """The de-duplication key; None for actions and before Connect."""
    request_id: str
    """What the client is told with an error."""


class VerifyToken(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Find out whose token this is; answer with ``identity_verified`` or ``identity_rejected``.

    ``impersonating``: attributes of the user an admin wants to act as, ``tokenIdentifier`` among them.
    """

    token_type: Literal["User", "Admin"]
    value: str
    impersonating: dict[str, Any] | None


class Close(msgspec.Struct, frozen=True, gc=False, eq=False):
    """Close the socket after what was sent before. ``code`` None: a close frame without a code.

    ``detail`` is why, for the log.

    Nothing follows, and the session has already let go of all it held in the watch table.
    """

    code: int | None
    reason: str = ""
    detail: str = ""


Command = SendText | RunFunction | VerifyToken | Close
