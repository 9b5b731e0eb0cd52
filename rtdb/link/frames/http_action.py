"""Gateway ⇄ hub ⇄ action runner: HTTP actions, whose bodies pass in pieces under credit."""

from __future__ import annotations

import msgspec

from rtdb.link.frames.common import BY_SERVER, ExecutionError, Origin

__all__ = ["BodyChunk", "BodyCredit", "HttpActionHead", "HttpActionRequest"]


class HttpActionRequest(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="http_request"):
    """Have one of the app's HTTP actions answer a request. ``call`` is numbered as in :class:`CallRequest`.

    The address is ``base`` followed by ``target``; ``target`` begins with the path that is routed, as received.
    ``body``: chunks follow as far as the action gives credit for them. The answer is a head and chunks, for which there
    is a window of credit, and in the end an :class:`Answer` (of the runner: an :class:`ActionOutcome`), which is all
    there is when the action fails before it has a head. A :class:`Cancel` says that the client has gone away.
    """

    call: int
    method: str
    base: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bool
    identity: bytes | None
    identity_error: ExecutionError | None = None
    """What was wrong with the credentials: asking for the identity raises it."""
    origin: Origin = BY_SERVER

    @property
    def path(self) -> str:
        """What it is called where functions have paths; the query is left out, which may hold secrets."""
        return f"{self.method} {self.target.partition('?')[0]}"


class HttpActionHead(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="http_head"):
    """How the answer begins."""

    call: int
    status: int
    headers: list[tuple[bytes, bytes]]


class BodyChunk(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="body"):
    """A piece of a request's or response's body, which is complete with the ``last`` one and not without it.

    Nobody sends more than the other end has given credit for.
    """

    call: int
    data: bytes
    last: bool


class BodyCredit(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="body_credit"):
    """So many more bytes of the body may be sent that comes the other way."""

    call: int
    bytes: int
