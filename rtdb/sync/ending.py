"""How a session ends: an optional last message, then a close frame that tells the client how to go on (§9.2, §9.4)."""

from __future__ import annotations

from rtdb.sync.commands import Close, Command, SendText
from rtdb.sync.messages import AuthError, FatalError, encode_message

__all__ = ["REFUSED_WRITES", "auth_error_ending", "ending"]

REFUSED_WRITES = frozenset({"WriteFailed", "DataQuotaExceeded"})
"""Failures of the server that a mutation is answered with, where others end the session.

What was to be written is known not to have been, and until there is space again somebody has to act. A client whose
session ended would come back and send the mutation again, for hours, and its app would never hear of it.
"""

CLOSE_REASON_BYTES_MAX = 123  # RFC 6455 §5.5: a control frame carries 125 bytes, two of them the code


def ending(status: int, code: str, message: str) -> list[Command]:
    """Return the end for a failure of this HTTP status. Clients choose their back-off by the close reason, the code.

    A FatalError tells the npm client never to come back, so only what would fail again in the same way gets one.
    """
    fatal = SendText(encode_message(FatalError(message)))
    reason = code.encode()[:CLOSE_REASON_BYTES_MAX].decode(errors="ignore")
    match status:
        case 400 | 409:
            return [fatal, Close(None)]
        case 403:
            return [fatal, Close(1000, reason)]
        case 404 | 408:
            return [Close(1000, reason)]
        case 425 | 429 | 503:
            return [Close(1013, reason)]
        case _:
            return [Close(1011, "InternalServerError", f"{code}: {message}")]


def auth_error_ending(message: str, base_version: int, *, attempted: bool) -> list[Command]:
    """Return the end for credentials that are no good (``attempted``: those just offered) or no longer are."""
    return [SendText(encode_message(AuthError(message, base_version, attempted))), Close(None)]
