"""Who one session asks as, and how that changes.

An Authenticate names the version of the identity it replaces. A token is verified by the surroundings, and until they
have answered the session stands still, so that every message is handled as the caller it was sent as.
"""

from __future__ import annotations

from typing import Any

from rtdb.errors import InternalError
from rtdb.sync.commands import Caller, VerifyToken
from rtdb.sync.messages import Authenticate, ProtocolError

__all__ = ["SessionIdentity"]


class SessionIdentity:
    """The identity of one session.

    ``caller`` is who it asks as now, ``version`` how often that was changed. ``_verifying``: the Authenticate whose
    token is being verified.
    """

    __slots__ = ("_anonymous", "_verifying", "caller", "version")

    def __init__(self, anonymous: Caller) -> None:
        self._anonymous = anonymous
        self._verifying: Authenticate | None = None
        self.caller = anonymous
        self.version = 0

    @property
    def verifying(self) -> bool:
        """Whether a token is being verified."""
        return self._verifying is not None

    def authenticate(self, message: Authenticate) -> VerifyToken | None:
        """Begin to become whoever the message names; None: it is nobody, and the caller is that already."""
        if message.tokenType == "None":
            self._change(message, self._anonymous)
            return None
        if message.value is None:
            raise ProtocolError("Received Invalid JSON on websocket: Object missing required field `value`")
        impersonating = message.impersonating if message.impersonating is not None else message.acting_as
        attributes = _complete_attributes(impersonating)
        self._verifying = message
        return VerifyToken(message.tokenType, message.value, attributes)

    def verified(self, caller: Caller) -> None:
        """Become the one whose token it was."""
        message, self._verifying = self._verifying, None
        assert message is not None, "only an asked question is answered"
        self._change(message, caller)

    def give_up(self) -> None:
        """Stay who it is: the token is no good, or the session is over."""
        self._verifying = None

    def is_expired(self, now_ns: int) -> bool:
        """Whether the caller's token has ended."""
        return self.caller.expires_ns is not None and now_ns >= self.caller.expires_ns

    def _change(self, message: Authenticate, caller: Caller) -> None:
        if message.baseVersion != self.version:
            raise InternalError(f"identity version {message.baseVersion} is not {self.version}")
        self.caller = caller
        self.version += 1


def _complete_attributes(attributes: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the attributes of a user to act as, ``tokenIdentifier`` among them (sync-protocol §3.2)."""
    if attributes is None or isinstance(attributes.get("tokenIdentifier"), str):
        return attributes
    issuer, subject = attributes.get("issuer"), attributes.get("subject")
    if isinstance(issuer, str) and isinstance(subject, str):
        return {**attributes, "tokenIdentifier": f"{issuer}|{subject}"}
    raise ProtocolError(
        'Received Invalid JSON on websocket: Either "tokenIdentifier" or "issuer" and "subject" must be set'
    )
